"""The leak gate: what it must find, it finds, in whatever form."""

import base64
import gzip
import html
import json
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.leaks import Gate, find_telltales
from harness.scenarios import CASSETTES, load_matrix

RULES = load_matrix().rules
CANARY = 'Zoë & "Söhne" 😀\n<zoe@customer.test> C:\\new'

FORMS: dict[str, Callable[[str], str]] = {
    "plain": lambda text: text,
    "within a text": lambda text: f"before{text}after",
    "JSON-escaped": lambda text: json.dumps(text)[1:-1],
    "JSON-escaped twice": lambda text: json.dumps(json.dumps(text)),
    "percent-encoded": quote,
    "percent-encoded with plus": quote_plus,
    "HTML-escaped": html.escape,
    "HTML in percent": lambda text: quote(html.escape(text)),
    "base64, first alignment": lambda text: base64.b64encode(text.encode()).decode(),
    "base64, second alignment": lambda text: base64.b64encode(b"x" + text.encode()).decode(),
    "base64, third alignment": lambda text: base64.b64encode(b"xy" + text.encode()).decode(),
    "base64, cut at its start": lambda text: base64.b64encode(b"some more " + text.encode()).decode()[1:],
    "base64, url-safe and bare": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base64 in an address": lambda text: (
        f"https://company.aha.io/?t={base64.urlsafe_b64encode(text.encode()).decode()}"
    ),
    "hexadecimal": lambda text: text.encode().hex(),
    "hexadecimal, upper case": lambda text: text.encode().hex().upper(),
    "gzip in base64": lambda text: base64.b64encode(gzip.compress(text.encode())).decode(),
    "gzip in hexadecimal": lambda text: gzip.compress(text.encode()).hex(),
    "gzip behind something else": lambda text: base64.b64encode(b"x" + gzip.compress(text.encode())).decode(),
    "gzip before something else": lambda text: gzip.compress(text.encode()).hex() + "00ff",
    "hexadecimal after a letter": lambda text: "a" + text.encode().hex(),
    "base64 in lines": lambda text: base64.encodebytes(text.encode() * 3).decode(),
    "zlib in base64": lambda text: base64.b64encode(zlib.compress(text.encode())).decode(),
}


def cassette(value: object, key: str = "new_field") -> bytes:
    body = {"ideas": [{"id": "1"}, {key: value}]}
    return json.dumps({"format": 2, "interactions": [{"response": {"body": body}}]}).encode()


def gate(*originals: str) -> Gate:
    return Gate(RULES, originals)


@pytest.mark.parametrize("form", FORMS)
def test_a_canary_is_found_in_every_form_and_told_by_its_place_alone(form: str) -> None:
    planted = FORMS[form](CANARY)
    [place] = gate(CANARY).find(cassette(planted))
    assert place == ".interactions[0].response.body.ideas[1].new_field"
    assert CANARY not in place


def test_a_canary_is_found_as_a_field_name_as_a_number_and_outside_of_all_values() -> None:
    assert gate(CANARY).find(cassette("x", key=CANARY))
    assert gate("7210000000000010001").find(cassette(7210000000000010001))
    assert gate(CANARY).find(cassette("x") + CANARY.encode())


@given(st.text(min_size=4, max_size=30).filter(lambda text: re.search(r"\w", text) and not text.isdecimal()))
def test_any_original_of_four_characters_is_found(original: str) -> None:
    assert gate(original).find(cassette(f"x {original} y")) or original in RULES.published


@pytest.mark.parametrize(
    "original",
    [
        "ada@company.com",
        "https://acme.aha.io/ideas/ideas/ADA-I-1",
        "My ideas portal, by Ada Lovelace",
        "Meeting 2025-01-01 with Ada",
        "sk-v1-9f8e7d6c5b4a",
    ],
)
def test_an_original_that_holds_published_words_is_found(original: str) -> None:
    assert gate(original).find(cassette(f"before {original} after"))


def test_a_secret_is_found_whatever_it_is_and_wherever_it_stands() -> None:
    for secret in ("ideas", "12345678", "2025-01-11T03:14:15.101Z"):
        found = Gate(RULES, (), (secret,)).find(cassette(secret, key="created_at"))
        assert found


KEPT: list[tuple[str, Any]] = [
    ("Planned", {"workflow_status": {"name": "Planned"}}),
    ("application/json", {"content_type": "image/png"}),
    ("2025", {"created_at": "2025-01-11T03:14:15.101Z"}),
    ("https", {"url": "https://company.aha.io/ideas/ideas/BCD-I-1"}),
    ("company", {"url": "https://company.aha.io/ideas/ideas/BCD-I-1"}),
    ("strong", {"body": "<p><strong>bcdfghj</strong></p>"}),
    ("true", {"complete": True}),
    ("#ff0000", {"color": "#ff0000"}),
    ("ideas", {"ideas": []}),
    ("----", {"visibility": None}),
    ("1234567890123", {"id": "9912345678901234567"}),
]


@pytest.mark.parametrize(("original", "body"), KEPT)
def test_what_a_rule_keeps_is_no_finding_though_it_was_replaced_elsewhere(original: str, body: Any) -> None:
    headers = {"content-type": "application/json; charset=utf-8"}
    response = {"status": 200, "reason": "OK", "headers": headers, "body": body}
    data = {"format": 2, "interactions": [{"response": response}]}
    assert gate(original).find(json.dumps(data).encode()) == []


TELLTALES = {
    "an e-mail address": "ada@customer.test",
    "an e-mail address in base64": base64.b64encode(b"mail ada@customer.test").decode(),
    "a foreign host": "https://customer.aha.io/ideas",
    "a host without a scheme": "//customer.aha.io/ideas",
    "a host of another scheme": "wss://feed.customer.test/x",
    "a basic token": "Basic dXNlcjpwYXNzd29yZA",
    "a bearer token": "Authorization: Bearer abcdefgh1234",
    "a web token": "eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0",
    "a key": "0123456789abcdef" * 4,
}


@pytest.mark.parametrize("what", TELLTALES)
def test_committed_cassettes_are_searched_for_telltales_without_the_originals(
    what: str, tmp_path: Path
) -> None:
    (tmp_path / "ideas").mkdir()
    file = tmp_path / "ideas" / "one_page.json"
    file.write_bytes(cassette(TELLTALES[what]))
    found = find_telltales([file], RULES)
    assert found
    assert all(fault.startswith("ideas/one_page: ") for fault in found)
    file.write_bytes(cassette("somebody@example.com at https://company.aha.io/ and https://crm.example.com/"))
    assert find_telltales([file], RULES) == []


def test_committed_cassettes_hold_no_telltale() -> None:
    assert find_telltales(sorted(CASSETTES.glob("*/*.json")), RULES) == []


def test_a_gate_that_scanned_no_file_fails(tmp_path: Path) -> None:
    assert find_telltales(sorted(tmp_path.glob("*/*.json")), RULES) == [
        "No cassette was scanned: is the directory right?"
    ]
