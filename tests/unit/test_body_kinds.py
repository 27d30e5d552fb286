"""Bodies of every form: recorded whole, scrubbed as the form allows, replayed as they were, or refused."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strict_cassettes.bodies import BINARY, CSV, FORM, JSON, NDJSON, TEXT, XML, Body, UnkeptError, read_body
from strict_cassettes.cassettes import body_of, dump, entry_of, matching_key, parse
from strict_cassettes.leaks import Gate
from strict_cassettes.rules import Rules, RulesError, load_rules
from strict_cassettes.scrub import Scrubber, find_lost
from vcr.request import Request

RULES = """
version = 1
origin = "https://tracker.example.com"
account_hosts = ["*.tracker.example.net"]
[headers]
request = []
response = ["content-type", "link", "location", "etag", "x-total"]
[headers.forms]
x-total = '[0-9]{1,9}'
[asked]
keep = ["page", "per_page", "state"]
[paths]
id = "count"
made_at = "date"
owner = "name"
mail = "email"
[choices]
[routes]
words = ["issues", "export", "search"]
"""
# Content type → a body that names somebody.
BODIES: dict[str, tuple[str, str]] = {
    "application/json": (JSON, '{"id": 7, "owner": "Ada Bell", "mail": "ada.bell@lovelace.org"}'),
    "application/json; charset=latin-1": (JSON, '{"id": 7, "owner": "Ada Böll"}'),
    "application/x-ndjson": (NDJSON, '{"id": 7, "owner": "Ada Bell"}\n{"id": 8, "owner": "Bob Cane"}\n'),
    "text/csv": (CSV, 'id,owner,made_at\r\n7,Ada Bell,2025-01-02\r\n8,"Bob, Cane",2025-01-03\r\n'),
    "text/csv; header=present": (CSV, "owner;id\r\nAda Bell;7\r\n"),
    "application/xml": (
        XML,
        '<issues count="2"><issue id="7" owner="Ada Bell"><mail>ada.bell@lovelace.org</mail></issue>'
        '<issue id="8">Bob <b>Cane</b> again</issue></issues>',
    ),
    "text/plain": (TEXT, "Ada Bell was here"),
    "text/html; charset=utf-8": (TEXT, "<html><p>Ada Bell</p></html>"),
    "application/x-www-form-urlencoded": (FORM, "owner=Ada+Bell&page=2"),
}
NAMES = re.compile(r"Ada|Bell|Böll|Bob|Cane|lovelace")


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Rules:
    file = tmp_path_factory.mktemp("rules") / "rules.toml"
    file.write_text(RULES)
    return load_rules(file)


def answer(content: bytes, content_type: str, **headers: str) -> dict[str, Any]:
    given = {"Content-Type": content_type} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    return {
        "status": {"code": 200, "message": "OK"},
        "headers": {name: [value] for name, value in given.items()},
        "body": {"string": content},
    }


def ask(content: bytes | None = None, query: str = "page=1") -> Request:
    method = "POST" if content else "GET"
    return Request(method, f"https://acme.tracker.example.net/issues?{query}", content, {})


@pytest.mark.parametrize("content_type", BODIES)
def test_a_body_is_recorded_in_its_form_without_what_it_said_and_replays_in_the_same_form(
    content_type: str, rules: Rules
) -> None:
    kind, text = BODIES[content_type]
    content = text.encode("latin-1" if "latin" in content_type else "utf-8")
    scrubber = Scrubber(rules, "key")
    request, response = ask(), answer(content, content_type)
    assert find_lost(request, response, scrubber) is None
    scrubber.learn([(request, response)])
    cassette = dump([entry_of(scrubber.rewrite(request), scrubber.response(response))])
    assert not NAMES.search(cassette)
    assert Gate(rules, scrubber.pseudonyms.issued).find(cassette.encode()) == []
    assert Gate(rules).find(cassette.encode()) == []
    [entry] = parse(cassette)
    played = body_of(entry["response"]).decode()
    made, was = read_body(played.encode(), content_type), read_body(content, content_type)
    assert made is not None
    assert was is not None
    assert made.kind == was.kind == kind
    assert len(made.plain) == len(was.plain) or kind == TEXT
    assert [len(line) > 0 for line in played.splitlines()] == [len(line) > 0 for line in text.splitlines()]
    if "charset" in content_type:
        assert entry["response"]["headers"]["content-type"].endswith("charset=utf-8")


@pytest.mark.parametrize(
    ("content_type", "content", "says"),
    [
        ("application/xml", b"<!DOCTYPE a [<!ENTITY b 'Ada'>]><a>&b;</a>", "XML with a DOCTYPE"),
        ("application/xml", b"<issues><owner>Ada Bell</issues>", "XML that cannot be read"),
        ("application/x-ndjson", b'{"id": 1}\n{"id": ', "one is no JSON"),
        ("text/csv", b"id,owner\r\n7\r\n", "not all of its columns"),
        ("text/csv", b"id,id\r\n7,8\r\n", "not all of its columns"),
    ],
)
def test_what_cannot_be_judged_is_refused_and_named_when_it_is_recorded(
    content_type: str, content: bytes, says: str, rules: Rules
) -> None:
    told = find_lost(ask(), answer(content, content_type), Scrubber(rules, "key"))
    assert told is not None
    assert says in told
    assert "Ada" not in told


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("image/png", b"\x89PNG\r\n\x1a\n" + bytes(range(256))),
        ("application/pdf", b"%PDF-1.4 Ada Bell was here"),
        ("application/octet-stream", b"\x00Ada"),
        ("application/json", b"\xff\xfe\x00Ada"),
    ],
)
def test_bytes_are_replaced_by_as_many_bytes_that_say_nothing_of_them(
    content_type: str, content: bytes, rules: Rules
) -> None:
    scrubber = Scrubber(rules, "key")
    request, response = ask(), answer(content, content_type)
    assert find_lost(request, response, scrubber) is None
    scrubber.learn([(request, response)])
    cassette = dump([entry_of(scrubber.rewrite(request), scrubber.response(response))])
    assert Gate(rules, scrubber.pseudonyms.issued).find(cassette.encode()) == []
    [entry] = parse(cassette)
    played = body_of(entry["response"])
    assert len(played) == max(len(content), 14)
    assert not {content[i : i + 4] for i in range(len(content) - 3)} & {
        played[i : i + 4] for i in range(len(played) - 3)
    }
    again = read_body(played, content_type)
    assert again is not None
    assert (again.kind, again.write()) == (BINARY, played)


def test_of_xml_the_rules_see_tags_and_attributes_as_they_see_fields(rules: Rules) -> None:
    text = '<issue id="7"><made_at>2025-01-02</made_at><owner>Ada Bell</owner></issue>'
    made = Scrubber(rules, "key").body(read_body(text, "application/xml")).decode()
    assert re.search(r"<issue id=\"7\">|id=\"7\"", made)
    assert "<made_at>2025-01-02</made_at>" in made
    assert re.search("<owner>[A-Z][a-z]+ [A-Z][a-z]+</owner>", made)
    assert "Ada" not in made


def test_the_json_null_is_not_the_same_as_no_body(rules: Rules) -> None:
    scrubber = Scrubber(rules, "key")
    for content, played in ((b"null", b"null"), (b"", b"")):
        [entry] = parse(dump([entry_of(ask(), scrubber.response(answer(content, "application/json")))]))
        assert body_of(entry["response"]) == played


def test_links_lead_to_the_recorded_requests_and_a_listed_header_is_kept_or_refused(rules: Rules) -> None:
    scrubber = Scrubber(rules, "key")
    link = (
        '<https://acme.tracker.example.net/issues?page=2&owner=Ada+Bell>; rel="next", '
        '</issues?page=9>; rel="last"; title="Ada"'
    )
    given = answer(b"{}", "application/json", Link=link, ETag='W/"Ada-7"', X_Total="12", Location="/export/7")
    made = scrubber.response(given)["headers"]
    asked = scrubber.rewrite(ask(query="page=2&owner=Ada+Bell"))
    [[first], [second]] = [re.findall(r"<([^>]*)>", part) for part in made["link"][0].split(", ")]
    assert first == asked.uri
    assert second == "/issues?page=9"
    assert 'rel="next"' in made["link"][0]
    assert made["x-total"] == ["12"]
    cassette = dump([entry_of(asked, scrubber.response(given))])
    assert not NAMES.search(cassette)
    assert Gate(rules, scrubber.pseudonyms.issued).find(cassette.encode()) == []
    assert Gate(rules).find(cassette.encode()) == []
    told = find_lost(ask(), answer(b"{}", "application/json", X_Total="Ada"), scrubber)
    assert told is not None
    assert "`x-total` has not the form" in told


def test_a_header_that_is_to_be_kept_and_has_no_form_is_refused_when_the_rules_are_read(
    tmp_path: Path,
) -> None:
    (tmp_path / "rules.toml").write_text(RULES.replace('"x-total"]', '"x-total", "x-owner"]'))
    with pytest.raises(RulesError, match="names `x-owner`, of which no form is known"):
        load_rules(tmp_path / "rules.toml")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("state=open&page=2", "page=3&state=open"),
        ('{"state": "open"}', '{"state": "closed"}'),
        ("state open", "state closed"),
    ],
)
def test_requests_with_other_bodies_are_other_requests(one: str, other: str, rules: Rules) -> None:
    def key(text: str) -> Any:
        return matching_key(entry_of(ask(text.encode()), answer(b"{}", "application/json"))["request"])

    assert key(one) == key(one)
    assert key(one) != key(other)


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8"))))
def test_a_form_is_read_and_written_without_a_change(value: dict[str, str]) -> None:
    written = Body(FORM, value).write().decode()
    assert dict(parse_qsl(written, keep_blank_values=True)) == value


COLUMNS = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), min_size=1),
    min_size=1,
    max_size=4,
    unique=True,
)


@given(COLUMNS, st.data())
def test_a_table_is_read_and_written_without_a_change(columns: list[str], data: st.DataObject) -> None:
    cell = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"))
    rows = [
        dict(zip(columns, row, strict=True))
        for row in data.draw(st.lists(st.tuples(*[cell] * len(columns)), min_size=1, max_size=3))
    ]
    body = Body(CSV, {"columns": columns, "rows": rows, "delimiter": ","})
    try:
        again = read_body(body.write(), "text/csv")
    except UnkeptError:
        return
    assert again is not None
    if again.kind == CSV and again.value["delimiter"] == ",":
        assert again.value == body.value


def test_an_opaque_cursor_is_the_same_in_an_answer_and_in_the_request_that_follows_it(
    rules: Rules, tmp_path: Path
) -> None:
    told = RULES.replace('owner = "name"', 'owner = "name"\nnext_cursor = "id"')
    told = told.replace("[paths]", 'like = { cursor = "next_cursor" }\n[paths]')
    (tmp_path / "rules.toml").write_text(told)
    scrubber = Scrubber(load_rules(tmp_path / "rules.toml"), "key")
    given = answer(b'{"next_cursor": "YWRhLWJlbGw6Nw=="}', "application/json")
    made = json.loads(scrubber.response(given)["body"]["string"])
    asked = scrubber.rewrite(ask(query="cursor=YWRhLWJlbGw6Nw%3D%3D"))
    assert parse_qsl(asked.uri.partition("?")[2]) == [("cursor", made["next_cursor"])]
    assert "YWRh" not in asked.uri
