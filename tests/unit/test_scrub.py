"""What may stand in a cassette: only what a rule keeps."""

import itertools
import json
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from strict_cassettes.bodies import read_body
from strict_cassettes.rules import KINDS, RulesError, load_rules
from strict_cassettes.scenarios import load_matrix
from strict_cassettes.scrub import Scrubber
from vcr.request import Request

from sandbox.server import Sandbox
from tests.places import ROOT

RULES = load_matrix().rules
DATE = "Mon, 06 Oct 2025 09:00:00 GMT"
KEY = "s3cret-key-of-nobody"
SCRUBBER = Scrubber(RULES, "pseudonyms", (KEY,))

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**19) | st.text() | st.emails(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


def scrubbed(value: Any) -> Any:
    return json.loads(SCRUBBER.body(read_body(json.dumps(value))))


def response(body: Any, **headers: str) -> dict[str, Any]:
    return {
        "status": {"code": 200, "message": "OK"},
        "headers": {name.replace("_", "-"): [value] for name, value in headers.items()},
        "body": {"string": json.dumps(body).encode()},
    }


def request(uri: str, **headers: str) -> Any:
    return Request("GET", uri, None, {name.replace("_", "-"): value for name, value in headers.items()})


@given(st.dictionaries(st.sampled_from(["id", "name", "url", "created_at", "new", "value"]), JSON))
def test_scrubbing_what_was_scrubbed_changes_nothing(body: dict[str, Any]) -> None:
    once = SCRUBBER.response(response(body, Date="now", Set_Cookie="session=1"))
    assert SCRUBBER.response(once) == once
    asked = SCRUBBER.request(request("https://customer.aha.io/api/v1/ideas/7210000000000010001?q=x&token=y"))
    uri = asked.uri
    assert SCRUBBER.request(asked).uri == uri


@given(
    st.text(min_size=4),
    st.sampled_from(["a_field_of_tomorrow", "name", "body", "id", "created_at", "visibility"]),
)
def test_a_text_is_replaced_unless_a_rule_keeps_exactly_its_form(text: str, key: str) -> None:
    [made] = scrubbed({key: {"name": [text]}}).values()
    assert made["name"] != [text]
    [made] = scrubbed({key: text}).values()
    assert made != text or RULES.keeps(RULES.rule_of((key,)), (key,), text)


def test_a_field_that_aha_adds_tomorrow_is_replaced_text_number_and_name_alike() -> None:
    made = scrubbed(
        {"customer_mood": "angry", "revenue_2027": 125000, "Ada": True, "by_id": {"721000001": 1}}
    )
    text = json.dumps(made)
    assert not [told for told in ("mood", "angry", "revenue", "125000", "Ada", "721000001") if told in text]


def test_what_a_rule_keeps_must_have_exactly_its_form() -> None:
    body = {"votes": 4915112345678, "workspace_type": "lovelace_workspace", "created_at": "2025-01-11 Ada"}
    made = scrubbed(body)
    assert all(made[name] != value for name, value in body.items())
    address = scrubbed(
        {"url": "https://acme.aha.io/ideas?q=Ada+Lovelace&fields=ada@x.test&page=SSN-1&per_page=5"}
    )["url"]
    assert not [told for told in ("Ada", "Lovelace", "x.test", "SSN") if told in address]
    assert "per_page=5" in address


@pytest.mark.parametrize("number", [1e22, 1e-7, 12.25, 10**30, -37, 0.1234])
def test_every_number_is_scrubbed_to_a_number(number: float) -> None:
    made = scrubbed({"estimate": number})
    [value] = made.values()
    assert type(value) is type(number)
    assert value != number


@pytest.mark.parametrize(
    "text", ['{"x": NaN}', '{"x": Infinity}', "[" * 100_000, '{"url": "https://x.y/?q=\\ud83d"}']
)
def test_odd_json_is_no_error(text: str) -> None:
    assert b"NaN" not in SCRUBBER.body(read_body(text))


def test_a_reason_and_a_header_say_no_more_than_the_standard() -> None:
    answer = response({}, Content_Type="application/json; owner=Ada", Retry_After="acme-host", Date="Ada")
    answer["status"] = {"code": 403, "message": "Forbidden for Ada Lovelace"}
    made = SCRUBBER.response(answer)
    assert made["status"] == {"code": 403, "message": "Forbidden"}
    assert made["headers"].keys() - {"x-scrubbed"} == {"content-type"}
    assert made["headers"]["content-type"] == ["application/json; charset=utf-8"]


def test_times_counts_enumerations_flags_and_nulls_are_kept() -> None:
    kept = {
        "created_at": "2025-01-11T03:14:15.101Z",
        "updatedAt": "2025-01-11T03:14:15Z",
        "start_date": "2025-01-11",
        "votes": 14,
        "comments_count": 3,
        "visibility": "Visible to all ideas portal users",
        "workflow_status": {"name": "Shipped", "complete": True, "color": "#b0d66e", "position": 4},
        "assigned_to_user": None,
        "description": {"body": ""},
    }
    assert scrubbed(kept) == kept


def test_an_enumerations_value_that_no_rule_knows_is_replaced() -> None:
    assert (
        scrubbed({"workflow_status": {"name": "Waiting for Globex"}})["workflow_status"]["name"]
        != "Waiting for Globex"
    )
    longer = "Visible to all ideas portal users, said Ada"
    assert scrubbed({"visibility": longer})["visibility"] != longer
    assert scrubbed({"created_at": "when Ada asked"})["created_at"] != "when Ada asked"


def test_people_texts_and_hosts_are_replaced() -> None:
    body = {
        "id": "7210000000000010001",
        "name": "Ada Bell",
        "email": "ada@customer.test",
        "body": "<p>secret plan</p>",
        "url": "https://customer.aha.io/ideas/ideas/DEMO-I-1",
        "value": "123.45",
    }
    made = scrubbed(body)
    assert all(made[name] != body[name] for name in body)
    assert made["email"].endswith("@example.com")
    assert made["body"].startswith("<p>")
    assert made["url"].startswith("https://company.aha.io/ideas/ideas/")
    text = json.dumps(made)
    assert not [word for word in ("Ada", "Bell", "customer", "secret", "DEMO", "123.45") if word in text]


def test_only_listed_headers_are_kept() -> None:
    made = SCRUBBER.response(response({}, Set_Cookie="session=1", DATE=DATE, X_New="1", Content_Length="2"))
    assert {name: value for name, value in made["headers"].items() if name != "x-scrubbed"} == {
        "date": [DATE]
    }
    asked = SCRUBBER.request(request("https://customer.aha.io/", Authorization=f"Bearer {KEY}", Accept="*/*"))
    assert {name.lower() for name in asked.headers} == {"accept"}


def test_a_server_cannot_pass_its_answer_off_as_scrubbed() -> None:
    made = SCRUBBER.response(response({"name": "Ada Bell"}, x_scrubbed="true"))
    assert b"Ada Bell" not in made["body"]["string"]


def test_a_request_is_scrubbed_by_the_same_rules_as_answers() -> None:
    identity = "7210000000000010001"
    asked = SCRUBBER.request(request(f"http://127.0.0.1:81/api/v1/ideas/{identity}/comments?page=2&note=Ada"))
    parts = urlsplit(asked.uri)
    assert (parts.scheme, parts.netloc) == ("https", "company.aha.io")
    assert parts.path == f"/api/v1/ideas/{scrubbed({'id': identity})['id']}/comments"
    assert "page=2" in parts.query
    assert "Ada" not in parts.query


def values_by_path(value: Any, path: str, out: dict[str, Counter[str]]) -> None:
    if isinstance(value, dict):
        for name, item in value.items():
            values_by_path(item, f"{path}.{name}", out)
    elif isinstance(value, list):
        for item in value:
            values_by_path(item, path, out)
    elif isinstance(value, str | int) and not isinstance(value, bool):
        out.setdefault(path, Counter())[str(value)] += 1


def test_every_join_of_two_fields_counts_the_same_before_and_after(sandbox: Sandbox) -> None:
    headers = {"Authorization": f"Bearer {sandbox.api_key}"}
    before: dict[str, Counter[str]] = {}
    after: dict[str, Counter[str]] = {}
    for path in (
        "/ideas",
        "/ideas/endorsements",
        "/users",
        "/idea_users",
        "/features",
        "/audits",
        "/products",
    ):
        answer = requests.get(
            f"{sandbox.url}/api/v1{path}?fields=*&per_page=200", headers=headers, timeout=10
        )
        values_by_path(answer.json(), path, before)
        values_by_path(scrubbed(answer.json()), path, after)
    joined = [path for path in before if path.endswith(("id", "_num", "email", "url", "resource"))]
    assert len(joined) > 40
    for one, other in itertools.combinations_with_replacement(joined, 2):
        counts = [
            sum(found[one][value] * found[other][value] for value in found[one].keys() & found[other].keys())
            for found in (before, after)
        ]
        assert counts[0] == counts[1], (one, other)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('[paths]\nid = "idd"', "'idd' is no rule"),
        ('[paths]\nmood = "choice"', "mood is a choice"),
        ("[paths", "cannot be read"),
        ("version = 'x'", "scrub_rules"),
        ("", "lacks"),
    ],
)
def test_unusable_rules_are_named_with_the_line_to_change(line: str, says: str, tmp_path: Any) -> None:
    file = tmp_path / "scrub_rules.toml"
    base = 'version = 1\norigin = "https://company.aha.io"\n' if "version" not in line and line else ""
    rest = "\n[headers]\nrequest = []\nresponse = []\n[query]\nkeep = []\n[choices]\n[routes]\nwords = []\n"
    file.write_text(f"{base}{rest if line else ''}{line}\n")
    with pytest.raises(RulesError, match=r"scrub_rules\.toml") as caught:
        load_rules(file)
    assert says in str(caught.value)


def test_every_kind_of_rule_is_explained_in_the_rules_file() -> None:
    text = (ROOT / "configs" / "scrub_rules.toml").read_text()
    head = text[: text.index("version")]
    assert not [kind for kind in KINDS if kind not in head]
