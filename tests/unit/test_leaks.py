"""The leak gate finds what does not belong into a cassette, in whatever form, and refuses nothing else."""

import base64
import gzip
import html
import json
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strict_cassettes.bodies import read_body
from strict_cassettes.cassettes import dump, entry_of
from strict_cassettes.leaks import Gate, find_strangers, find_unreplaced
from strict_cassettes.scenarios import load_matrix
from strict_cassettes.scrub import Scrubber

from tests.accounts import HOSTILE, INNOCENT
from tests.places import SANDBOX_SET

RULES = load_matrix().rules
CANARY = 'Zoë & "Söhne" 😀\n<zoe@customer.test> C:\\new'

FORMS: dict[str, Callable[[str], str]] = {
    "plain": lambda text: text,
    "within a text": lambda text: f"before{text}after",
    "within a pseudonym": lambda text: f"bcdfghj {text}klmnpqr",
    "JSON-escaped": lambda text: json.dumps(text)[1:-1],
    "JSON-escaped twice": lambda text: json.dumps(json.dumps(text)),
    "percent-encoded": quote,
    "percent-encoded with plus": quote_plus,
    "HTML-escaped": html.escape,
    "HTML in percent": lambda text: quote(html.escape(text)),
    "backwards": lambda text: text[::-1],
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64, cut at its start": lambda text: base64.b64encode(b"some more " + text.encode()).decode()[1:],
    "base64, url-safe and bare": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base64 in an address": lambda text: (
        f"https://company.aha.io/?t={base64.urlsafe_b64encode(text.encode()).decode()}"
    ),
    "base32": lambda text: base64.b32encode(text.encode()).decode(),
    "hexadecimal": lambda text: text.encode().hex(),
    "hexadecimal, upper case": lambda text: text.encode().hex().upper(),
    "gzip in base64": lambda text: base64.b64encode(gzip.compress(text.encode())).decode(),
    "gzip in hexadecimal": lambda text: gzip.compress(text.encode()).hex(),
    "zlib in base64": lambda text: base64.b64encode(zlib.compress(text.encode())).decode(),
}
GATES = {"while it is recorded": Gate(RULES, ["bcdfghj", "klmnpqr", "1"]), "once committed": Gate(RULES)}


def cassette(value: object, key: str = "body") -> bytes:
    body = {"ideas": [{"id": "1"}, {key: value}]}
    return json.dumps({"format": 2, "interactions": [{"response": {"body": body}}]}).encode()


@pytest.mark.parametrize("when", GATES)
@pytest.mark.parametrize("form", FORMS)
def test_what_was_not_replaced_is_found_in_every_form_and_told_by_its_place_alone(
    form: str, when: str
) -> None:
    planted = FORMS[form](CANARY)
    [finding] = GATES[when].find(cassette(planted))
    assert str(finding) == (
        "what is neither published nor a pseudonym at "
        ".interactions[0].response.body.ideas[1].body (rule `html`)"
    )


@pytest.mark.parametrize("when", GATES)
def test_it_is_found_as_a_field_name_and_outside_of_all_values(when: str) -> None:
    assert GATES[when].find(cassette("bcdfghj", key=CANARY))
    assert GATES[when].find(cassette("bcdfghj") + CANARY.encode())


def test_a_number_that_is_no_pseudonym_of_this_recording_is_found() -> None:
    assert GATES["while it is recorded"].find(cassette(7210000000000010001))
    assert GATES["while it is recorded"].find(cassette("12.5"))


@pytest.mark.parametrize(
    "original",
    [
        "ada@customer.test",
        "ada@example.com",
        "https://acme.aha.io/ideas/ideas/ADA-I-1",
        "https://customer.test",
        "//customer.aha.io/ideas",
        "wss://feed.customer.test/x",
        "My ideas portal, by Ada Lovelace",
        "Meeting 2025-01-01 with Ada",
        "sk-v1-9f8e7d6c5b4a",
        "Basic dXNlcjpwYXNzd29yZA",
        "eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0",
        "0123456789abcdef" * 4,
        "SECRET",
        "٠٥٥١٢٣٤٥٦٧",
        "gdpr",
    ],
)
def test_a_committed_cassette_that_holds_something_else_is_told_without_the_originals(
    original: str, tmp_path: Path
) -> None:
    (tmp_path / "ideas").mkdir()
    file = tmp_path / "ideas" / "one_page.json"
    file.write_bytes(cassette(f"bcdfghj {original} klmnpqr"))
    [told] = find_strangers([file], RULES)
    assert told.startswith("ideas/one_page: what is neither published nor a pseudonym at ")
    file.write_bytes(
        cassette("bcdfghj@example.com at https://company.aha.io/ and".replace("at", "").replace("and", ""))
    )
    assert find_strangers([file], RULES) == []


def test_a_secret_is_found_whatever_it_is_and_wherever_it_stands() -> None:
    for secret in ("ideas", "12345678", "2025-01-11T03:14:15.101Z"):
        found = Gate(RULES, None, (secret,)).find(cassette(secret, key="created_at"))
        assert [finding.what for finding in found] == ["a secret"]
    long = "a-key-that-is-long"
    assert Gate(RULES, ["x"], (long,)).find(cassette(f"x{long}x"))


def test_a_short_secret_that_is_a_published_word_refuses_no_field_of_that_name() -> None:
    assert Gate(RULES, None, ("key", "name")).find(cassette("bcdfghj", key="key")) == []


KEPT: list[Any] = [
    {"workflow_status": {"name": "Planned"}},
    {"content_type": "image/png"},
    {"created_at": "2025-01-11T03:14:15.101Z"},
    {"url": "https://company.aha.io/ideas/ideas/BCD-I-1"},
    {"body": "<p><strong>bcdfghj</strong>&nbsp;<br/></p>"},
    {"complete": True, "color": "#ff0000", "ideas": [], "visibility": None},
    {"votes": 12, "total_pages": 3},
]


@pytest.mark.parametrize("body", KEPT)
def test_what_a_rule_keeps_is_no_finding(body: Any) -> None:
    headers = {"content-type": "application/json; charset=utf-8"}
    response = {"status": 200, "reason": "OK", "headers": headers, "body": body}
    data = {"format": 2, "interactions": [{"response": response}]}
    assert Gate(RULES).find(json.dumps(data).encode()) == []


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ({"name": "Ada Bell"}, ".name"),
        ({"ideas": [{"description": {"body": "a plan"}}]}, ".ideas.description.body"),
        ({"id": "7210000000000010001"}, ".id"),
        ({"score": 12.5}, ".score"),
        ({"customer_mood": True}, "."),
        ({"customer_mood": {"deep": "angry"}}, ".(a name).(a name)"),
    ],
)
def test_a_value_that_stands_as_it_was_at_its_place_is_told_with_the_rule_that_was_to_replace_it(
    raw: Any, path: str
) -> None:
    found = [str(finding) for finding in find_unreplaced(raw, raw, RULES)]
    assert any(f"was not replaced at {path} (rule `" in finding for finding in found)
    assert not [finding for finding in found if "Ada" in finding or "angry" in finding or "mood" in finding]


def test_what_identifies_nobody_may_stand_as_it_was() -> None:
    raw = {"id": "7", "value": "0.00", "body": "", "link": None, "complete": True, "votes": 3, "tags": ["--"]}
    assert list(find_unreplaced(raw, raw, RULES)) == []


WORDS = st.sampled_from((*INNOCENT, *HOSTILE)) | st.text(max_size=20) | st.emails() | st.integers().map(str)
WORDS |= st.text("bcdfghjklmnpqrst", min_size=1, max_size=8) | st.from_regex(
    r"[A-Z]{1,4}-[A-Z]{1,3}-[0-9]{1,4}"
)
WORDS |= st.decimals(allow_nan=False, allow_infinity=False, places=2).map(str) | st.uuids().map(str)
WORDS |= st.builds(
    "https://{}.test/{}?q={}".format, st.text("abc", min_size=1), st.text("xyz/", max_size=9), st.text()
)
MARKUP = st.lists(st.sampled_from(["<p>", "</p>", "<br/>", "&nbsp;", "<li>", " ", "-", "\u00a0"]), max_size=4)
WORDS |= (
    MARKUP.map("".join)
    | st.integers(0, 99).map("{:03d}".format)
    | st.emails().map("https://x.test/?a={}".format)
)
WORDS |= st.integers(1, 99).map("https://acme.aha.io/ideas?page={}&per_page=7".format)
TEXTS = WORDS | st.lists(WORDS, max_size=4).map(" ".join) | WORDS.map("<p>{}</p>".format)
NAMES = st.sampled_from(
    [*sorted(RULES.names)[:40], *sorted("/".join(path) for path in RULES.paths if len(path) == 1)]
)
BODIES = st.dictionaries(
    NAMES | WORDS,
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.integers(10**40, 10**46) | TEXTS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | WORDS, inner, max_size=3),
        max_leaves=12,
    ),
    min_size=1,
    max_size=5,
)


def words_of(value: Any) -> set[str]:
    """All words that somebody wrote in a JSON value, long enough to be somebody's."""
    if isinstance(value, dict):
        return {word for item in value.items() for part in item for word in words_of(part)}
    if isinstance(value, list):
        return {word for item in value for word in words_of(item)}
    return (
        {word for word in re.findall(r"[^\W_]+", value) if len(word) >= 5}
        if isinstance(value, str)
        else set()
    )


@given(BODIES, st.text("0123456789abcdef", min_size=8, max_size=8))
@settings(max_examples=300)
def test_whatever_an_account_holds_nothing_is_refused_by_coincidence_and_no_original_comes_through(
    body: dict[str, Any], key: str
) -> None:
    scrubber = Scrubber(RULES, key, ("the api key of the account",))
    try:
        content = json.dumps({"ideas": [body]}).encode(errors="surrogatepass")
    except UnicodeEncodeError:
        assume(False)
    raw = json.loads(content, parse_constant=str)

    class Request:
        method, uri = "GET", "https://company.aha.io/api/v1/ideas?page=1"
        body = None
        headers: ClassVar[dict[str, str]] = {}

    response: dict[str, Any] = {"status": {"code": 200, "message": "OK"}, "headers": {}}
    scrubber.learn([(Request, response | {"body": {"string": content}})])
    made = json.loads(scrubber.body(read_body(content)))
    response |= {"body": {"string": json.dumps(made)}}

    text = dump([entry_of(Request, response)])
    assert list(find_unreplaced(raw, made, RULES)) == []
    assert Gate(RULES, scrubber.pseudonyms.issued, scrubber.secrets).find(text.encode()) == []
    # What is recorded passes in the repository too: the gates share one judgement.
    assert Gate(RULES).find(text.encode()) == []
    published = {word for name in RULES.published for word in re.findall(r"[^\W_]+", name)}
    kept = words_of([value for value in _kept(raw) if isinstance(value, str)])
    digits = {word for word in words_of(made) if word.isdecimal()}
    assert words_of(raw) & words_of(made) - published - kept - digits == set()


def _kept(value: Any, path: tuple[str, ...] = ()) -> list[Any]:
    """Values that a rule keeps at their place."""
    if isinstance(value, dict):
        return [found for name, item in value.items() for found in _kept(item, (*path, name))]
    if isinstance(value, list):
        return [found for item in value for found in _kept(item, path)]
    return [value] if isinstance(value, str) and RULES.keeps(RULES.rule_of(path), path, value) else []


def test_committed_cassettes_hold_nothing_strange() -> None:
    assert find_strangers(sorted(SANDBOX_SET.glob("*/*.json")), RULES) == []


def test_a_gate_that_scanned_no_file_fails(tmp_path: Path) -> None:
    assert find_strangers(sorted(tmp_path.glob("*/*.json")), RULES) == [
        "No cassette was scanned: is the directory right?"
    ]
