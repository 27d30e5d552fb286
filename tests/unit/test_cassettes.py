"""The form of cassettes: canonical, versioned, quick to load."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strict_cassettes.cassettes import (
    FORMAT,
    CassetteError,
    JsonSerializer,
    dump,
    load_interactions,
    matching_key,
    migrate,
    parse,
    request_of,
    uri_of,
)

from tests.effort import times_the_work
from tests.places import ROOT, SANDBOX_SET

TEXT = st.text("abc &=/%ü", max_size=6)
BODIES = st.dictionaries(TEXT, st.lists(st.integers() | TEXT, max_size=3), max_size=3)
ENTRIES = st.builds(
    lambda path, query, body: {
        "request": request_of("GET", f"https://company.aha.io/{path}") | {"query": query},
        "response": {"status": 200, "reason": "OK", "headers": {"date": "now"}, "body": body},
    },
    st.from_regex(r"[a-z/]{1,8}", fullmatch=True),
    st.dictionaries(TEXT.filter(bool), TEXT, max_size=3),
    BODIES,
)
OLD = {
    "format": 1,
    "interactions": [
        {
            "request": {
                "method": "GET",
                "uri": "https://company.aha.io/api/v1/ideas?page=1&fields=id%2Cname",
            },
            "response": {"status": 200, "reason": "OK", "headers": {"date": ["now"]}, "body": {"ideas": []}},
        }
    ],
}


@given(st.lists(ENTRIES, max_size=5), st.randoms())
def test_what_is_written_is_read_back_and_its_order_does_not_matter(entries: list[Any], random: Any) -> None:
    text = dump(entries)
    assert sorted(map(json.dumps, parse(text))) == sorted(map(json.dumps, sorted_keys(entries)))
    # Equal requests keep their order: these are told apart by what they ask.
    different = list({json.dumps(matching_key(entry["request"])): entry for entry in entries}.values())
    shuffled = different[:]
    random.shuffle(shuffled)
    assert dump(shuffled) == dump(different)


def sorted_keys(entries: list[Any]) -> list[Any]:
    return [json.loads(json.dumps(entry, sort_keys=True)) for entry in entries]


@given(st.lists(ENTRIES, max_size=4))
def test_loading_and_saving_again_changes_no_byte(entries: list[Any]) -> None:
    text = dump(entries)
    assert JsonSerializer.serialize(JsonSerializer.deserialize(text)) == text


@given(st.lists(st.tuples(TEXT.filter(bool), TEXT), max_size=5))
def test_a_request_is_matched_whatever_the_order_of_its_parameters(pairs: list[tuple[str, str]]) -> None:
    requests = [
        request_of("get", uri_of({"origin": "https://x", "path": "/p", "query": dict(order)}))
        for order in (pairs, pairs[::-1])
    ]
    if len(dict(pairs)) == len(pairs):
        assert matching_key(requests[0]) == matching_key(requests[1])


def test_an_older_format_is_refused_with_the_command_that_migrates_it(tmp_path: Path) -> None:
    file = tmp_path / "ideas" / "empty.json"
    file.parent.mkdir()
    file.write_text(json.dumps(OLD))
    with pytest.raises(CassetteError, match=r"format 1, older than 2; run: nox -s cassettes -- --migrate"):
        load_interactions(file)


def test_migrating_keeps_every_interaction_and_is_done_once(tmp_path: Path) -> None:
    text = migrate(json.dumps(OLD))
    assert text is not None
    [entry] = parse(text)
    assert entry["request"] == {
        "method": "GET",
        "origin": "https://company.aha.io",
        "path": "/api/v1/ideas",
        "query": {"fields": "id,name", "page": "1"},
    }
    assert entry["response"] == OLD["interactions"][0]["response"] | {"headers": {"date": "now"}}  # type: ignore[index]
    assert migrate(text) is None


def test_the_command_migrates_what_is_old_and_leaves_the_rest(tmp_path: Path) -> None:
    place = tmp_path / "sandbox" / "ideas"
    place.mkdir(parents=True)
    old, new = place / "empty.json", place / "one_page.json"
    old.write_text(json.dumps(OLD))
    new.write_bytes((SANDBOX_SET / "ideas" / "one_page.json").read_bytes())
    command = [sys.executable, "-m", "harness", "cassettes", "--migrate", "--cassettes", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert "migrated sandbox/ideas/empty" in done.stdout
    assert load_interactions(old)
    assert new.read_bytes() == (SANDBOX_SET / "ideas" / "one_page.json").read_bytes()


@pytest.mark.parametrize("text", ["[]", '{"format": 99, "interactions": []}', "no JSON"])
def test_what_is_no_cassette_is_not_migrated(text: str) -> None:
    with pytest.raises(ValueError, match=r"no cassette|Expecting value"):
        migrate(text)


def test_loading_all_committed_cassettes_takes_at_most_five_times_what_their_json_takes() -> None:
    paths = sorted(SANDBOX_SET.glob("*/*.json"))
    assert len(paths) > 20

    def load() -> None:
        assert sum(len(load_interactions(path)) for path in paths) > 100

    assert times_the_work(load, lambda: [json.loads(path.read_bytes()) for path in paths]) < 5


def test_all_committed_cassettes_are_canonical() -> None:
    for path in SANDBOX_SET.glob("*/*.json"):
        text = path.read_text()
        assert dump(parse(text)) == text
        assert json.loads(text)["format"] == FORMAT
