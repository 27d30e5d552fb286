"""What may stand in a cassette."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from harness.scrub import Scrubber

KEY = "s3cret-key-of-nobody"
SCRUBBER = Scrubber("pseudonyms", (KEY,))

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.emails(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


def scrubbed(value: Any) -> Any:
    return json.loads(SCRUBBER.body(json.dumps(value).encode()))


@given(st.dictionaries(st.sampled_from(["id", "name", "url", "created_at", "new", "value"]), JSON))
def test_scrubbing_what_was_scrubbed_changes_nothing(body: dict[str, Any]) -> None:
    assert scrubbed(scrubbed(body)) == scrubbed(body)


@given(st.text(min_size=4))
def test_a_text_under_a_key_that_no_rule_names_is_replaced(text: str) -> None:
    assert scrubbed({"a_field_of_tomorrow": {"deeper": [text]}})["a_field_of_tomorrow"]["deeper"] != [text]


def test_people_texts_and_hosts_are_replaced_and_shapes_are_kept() -> None:
    body = scrubbed(
        {
            "id": "7210000000000010001",
            "name": "Ada Bell",
            "email": "ada@customer.test",
            "body": "<p>secret plan</p>",
            "url": "https://customer.aha.io/ideas/ideas/DEMO-I-1",
            "created_at": "2025-01-11T03:14:15.101Z",
            "value": "123.45",
            "votes": 14,
            "workflow_status": {"name": "Shipped", "complete": True},
        }
    )
    assert body["id"] == "7210000000000010001"
    assert body["created_at"] == "2025-01-11T03:14:15.101Z"
    assert body["url"] == "https://company.aha.io/ideas/ideas/DEMO-I-1"
    assert body["email"].endswith("@example.com")
    assert float(body["value"]) != 123.45
    assert body["votes"] == 14
    assert body["workflow_status"] == {"name": "Shipped", "complete": True}
    assert not {"Ada", "secret", "customer"} & set(json.dumps(body).replace('"', " ").split())


def test_the_same_value_gets_the_same_pseudonym_under_one_key_and_another_under_another() -> None:
    other = Scrubber("another key")
    body = json.dumps({"name": "Ada Bell"}).encode()
    assert SCRUBBER.body(body) == SCRUBBER.body(body) != other.body(body)


def test_a_key_is_hidden_even_where_texts_are_kept() -> None:
    assert KEY not in json.dumps(scrubbed({"type": f"x{KEY}y", "id": KEY}))


def test_only_listed_headers_are_kept() -> None:
    response = {
        "status": {"code": 200, "message": "OK"},
        "headers": {"Set-Cookie": ["session=1"], "DATE": ["now"], "X-New": ["1"], "Content-Length": ["2"]},
        "body": {"string": b"{}"},
    }
    assert SCRUBBER.response(response)["headers"] == {"date": ["now"]}


def test_a_body_that_is_not_json_is_not_kept() -> None:
    assert SCRUBBER.body(b"<html>Ada Bell</html>") == b""
