"""Options are refused before any request, with a message that says what to do."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import AhaOptionError
from connector.options import OPTIONS, parse_options

GOOD = {"api_key": "k3y", "subdomain": "company"}


def test_a_key_and_a_subdomain_are_enough() -> None:
    settings = parse_options(GOOD)
    assert (settings.origin, settings.page_size, settings.requests_per_minute) == (
        "https://company.aha.io",
        200,
        300,
    )


@pytest.mark.parametrize("given", ["company", "company.aha.io", "https://company.aha.io/", " Company "])
def test_a_subdomain_may_be_pasted_as_a_host_or_an_address(given: str) -> None:
    assert parse_options(GOOD | {"subdomain": given}).subdomain == "company"


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"api_key": None}, "`api_key` is missing"),
        ({"api_key": "  "}, "`api_key` is missing"),
        ({"api_key": "two words"}, "`api_key`: expected the key alone"),
        ({"subdomain": None}, "`subdomain` is missing"),
        ({"subdomain": "a.b"}, "`subdomain`: expected the first part"),
        ({"subdomain": "http://company.aha.io"}, "expected the first part"),
        ({"subdomain": "-company"}, "expected the first part"),
        ({"max_ideas": "many"}, "`max_ideas` is 'many': expected a whole number"),
        ({"max_ideas": "0"}, "at least 1"),
        ({"max_ideas": "1.5"}, "whole number"),
        ({"page_size": "201"}, "from 1 to 200"),
        ({"lookback_seconds": "-1"}, "from 0 to 999999"),
        ({"sync_mode": "snapshots"}, "expected cdc or snapshot"),
        ({"trust_counts": "maybe"}, "expected true or false"),
        ({"max_idea": "3"}, "Did you mean `max_ideas`?"),
        ({"apikey": "x"}, "Did you mean `api_key`?"),
    ],
)
def test_a_bad_option_is_named_with_what_was_expected(changed: dict[str, str | None], says: str) -> None:
    options = {key: value for key, value in (GOOD | changed).items() if value is not None}
    with pytest.raises(AhaOptionError, match=re.escape(says)):
        parse_options(options)


@pytest.mark.parametrize(
    "address",
    [
        "http://company.aha.io",
        "https://aha.io",
        "https://evil.example.com",
        "https://company.aha.io.example.com",
        "https://company.aha.io@example.com",
        "http://127.0.0.1@example.com",
        "https://company.aha.io/api/v1",
        "https://a.b.aha.io",
        "http://127.0.0.1:80/\\example.com",
        "ftp://127.0.0.1",
        "http://[::1",
        "http://127.0.0.1:99999",
        "http://evil.example.com[::1]",
        "http://[::1]evil.example.com",
        "http://[::1].evil.example.com:80",
    ],
)
def test_a_key_is_never_sent_to_another_host_than_aha_or_this_machine(address: str) -> None:
    with pytest.raises(AhaOptionError, match="`base_url`"):
        parse_options(GOOD | {"base_url": address})


@pytest.mark.parametrize(
    "address", ["https://other.aha.io", "http://127.0.0.1:8080", "http://localhost", "http://[::1]:9"]
)
def test_only_this_machine_counts_as_local(address: str) -> None:
    settings = parse_options(GOOD | {"base_url": address})
    assert settings.is_local is not address.endswith("aha.io")
    assert not parse_options(GOOD | {"subdomain": "localhost"}).is_local


@pytest.mark.parametrize("option", ["subdomain", "base_url", "api_key"])
def test_a_key_in_the_wrong_option_is_not_quoted(option: str) -> None:
    with pytest.raises(AhaOptionError) as caught:
        parse_options(GOOD | {option: "https://s3cret key@company.aha.io"})
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["https://other.aha.io", "http://127.0.0.1:8080", "http://localhost", "http://[::1]:9"]
)
def test_another_account_or_this_machine_may_be_the_base_url(address: str) -> None:
    assert parse_options(GOOD | {"base_url": address}).origin == address


def test_option_keys_are_read_in_any_case_and_a_platforms_own_keys_are_tolerated() -> None:
    options = {"API_KEY": "k", "SubDomain": "company", "tableName": "ideas", "sourcename": "aha", "path": ""}
    assert parse_options(options, {"MAX_IDEAS": "5"}).max_ideas == 5


def test_a_tables_option_wins_over_the_connections() -> None:
    assert parse_options(GOOD | {"max_ideas": "5"}, {"max_ideas": "7"}).max_ideas == 7
    assert parse_options(GOOD | {"max_ideas": "5"}, {}).max_ideas == 5


@given(st.text(min_size=4))
def test_no_message_and_no_repr_ever_shows_the_key(secret: str) -> None:
    key = f"<{secret}>"
    try:
        shown = repr(parse_options({"api_key": key, "subdomain": "company"}))
    except AhaOptionError as error:
        shown = str(error)
    assert key not in shown


def test_the_documented_table_of_options_is_the_declaration() -> None:
    text = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    for option in OPTIONS:
        assert f"| `{option.name}` |" in text
        assert option.description.replace("docs/tables.md", "tables.md") in text
