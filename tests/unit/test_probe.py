"""The probe: what it finds on the sandbox under every behaviour, what it never guesses, and never tells."""

import io
import json
import logging
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from allpairspy import AllPairs
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from strict_cassettes.credentials import ONLY
from strict_cassettes.rules import load_rules
from strict_cassettes.scenarios import load_matrix

from connector.options import OPTIONS, parse_options
from harness.probe.asking import advices, ask_all
from harness.probe.command import SHUT, ask, probe
from harness.probe.findings import Findings, FindingsError, adopt, check, read, write
from harness.probe.look import MOST_REQUESTS, Look
from harness.probe.question import Answer, Question
from harness.probe.questions import QUESTIONS
from harness.probe.report import WIDTH
from harness.probe.trying import trying
from harness.probe.words import (
    AMBIGUOUS,
    KEY_REFUSED,
    LIMITED,
    NOTHING,
    REASONS,
    SPENT,
    UNANSWERED,
    UNREADABLE,
)
from sandbox.behaviour import CHOICES, EVENTS, Behaviour, BehaviourError, adopted
from sandbox.faults import Scheduled
from sandbox.server import Sandbox, open_world, running
from sandbox.store import Condition
from tests.accounts import ALWAYS, change, every
from tests.conftest import FakeClock
from tests.places import ROOT

RULES = load_rules(ROOT / "configs" / "scrub_rules.toml")
DECIDING = [question for question in QUESTIONS if question.sets]
SWITCHES: dict[str, list[Any]] = {
    **{name: list(choices) for name, choices in CHOICES.items()},
    "workspace_comments": [True, False],
    "graphql_per": [10, 37, 200],
    "commit_lag": [0.0, 40.0],
    **{event: [True, False] for event in EVENTS},
}
# Answers that only audits that name their idea give; without them, what happened is seen in part.
BY_AUDITS = {question.name for question in QUESTIONS if question.part}
BY_GRAPHQL = {"portal_counts", "graphql_per"}


def behaviour_of(switches: dict[str, Any]) -> Behaviour:
    moving = tuple(event for event in EVENTS if switches[event])
    return Behaviour(**{name: switches[name] for name in switches if name not in EVENTS}, moves_idea=moving)


def look_at(box: Sandbox, **options: str) -> Look:
    given = {"api_key": box.api_key, "subdomain": "company", "base_url": box.url, **options}
    return Look(parse_options(given), clock=FakeClock())


def truth_of(question: Question, behaviour: Behaviour) -> Any:
    value = getattr(behaviour, question.switch)
    return question.part in value if question.part else value


def find_wrong(answers: dict[str, Answer], behaviour: Behaviour) -> list[str]:
    """Questions that are answered, and not as the sandbox behaves."""
    return [
        question.name
        for question in DECIDING
        if (value := answers[question.name].value)
        and question.sets.get(value, "no value of the switch") != truth_of(question, behaviour)
    ]


@pytest.mark.parametrize("values", list(AllPairs(list(SWITCHES.values()))))
def test_the_switches_of_the_sandbox_are_found_whatever_two_of_them_are(values: list[Any]) -> None:
    behaviour = behaviour_of(dict(zip(SWITCHES, values, strict=True)))
    with trying(behaviour) as box:
        box.traffic.faults.append(Scheduled(f"429_{behaviour.rate_limit}", after=9))
        look = look_at(box)
        answers = ask_all(look)
        asked = [(entry["path"], entry["status"]) for entry in box.traffic.log]
    assert find_wrong(answers, behaviour) == []
    unknown = {question.name for question in DECIDING if not answers[question.name].value}
    expected = set() if behaviour.graphql == "answers" else BY_GRAPHQL
    if behaviour.audits_name_ideas == "as documented":
        assert unknown == expected
    else:
        assert expected <= unknown <= expected | BY_AUDITS
    assert len(asked) == look.sent <= MOST_REQUESTS


Histories = st.lists(
    st.tuples(
        st.sampled_from(("vote", "comment", "idea_comment")),
        st.sampled_from(("create", "update", "destroy")),
        st.integers(0, 30),
        # What happens at one moment nobody can tell apart.
        st.sampled_from((3, 30, 4000, 90000)),
    ),
    max_size=25,
)


@settings(max_examples=60)
@given(
    switches=st.fixed_dictionaries({name: st.sampled_from(some) for name, some in SWITCHES.items()}),
    ideas=st.integers(0, 40),
    history=Histories,
    hidden=st.sampled_from(("", "/audits", "/ideas/[0-9]+/idea_comments", "/endorsements", "^/ideas$")),
)
def test_what_an_account_does_not_show_is_never_guessed(
    switches: dict[str, Any], ideas: int, history: list[tuple[str, str, int, int]], hidden: str
) -> None:
    behaviour = behaviour_of(switches | {"commit_lag": 0.0})
    world = open_world(ideas=ideas, behaviour=behaviour)
    there = [record.id for record in world.store.page([Condition("kind = 'idea'")])]
    world.clock.set(world.clock.now())
    for kind, action, number, apart in history if there else ():
        made = world.create(kind, there[number % len(there)])
        world.clock.advance(apart)
        if action == "update":
            world.change(kind, made.id, **({"weight": 2} if kind == "vote" else {"body": "<p>Edited</p>"}))
        elif action == "destroy":
            world.delete(kind, made.id)
        world.clock.advance(apart)
    with running(world) as box:
        if hidden:
            box.traffic.faults.append(Scheduled("403", hidden, ALWAYS))
        answers = ask_all(look_at(box))
    assert find_wrong(answers, behaviour) == []
    assert all(answer.value or answer.why in REASONS for answer in answers.values())


def test_one_idea_that_moved_at_the_same_moment_may_be_chance_and_proves_nothing() -> None:
    with running(open_world(ideas=5, behaviour=Behaviour(moves_idea=()))) as box:
        # Audits would tell of the other change.
        box.traffic.faults.append(Scheduled("403", "^/audits", ALWAYS))
        ideas = [record.id for record in box.world.store.page([Condition("kind = 'idea'")])]
        box.clock.advance(0)
        box.world.create("comment", ideas[0])
        box.world.change("idea", ideas[0], score=7)
        answers = ask_all(look_at(box))
    assert answers["moves_idea_comment_create"] == Answer(why=AMBIGUOUS)


def test_a_few_right_counts_do_not_speak_for_all() -> None:
    with running(open_world(ideas=5)) as box:
        first = box.world.store.page([Condition("kind = 'idea' AND hidden = 0")])[0]
        box.world.create("idea_comment", first.id)
        answers = ask_all(look_at(box))
    assert answers["portal_counts"] == Answer(why=AMBIGUOUS)


def test_a_workspace_whose_first_comments_are_on_other_records_is_looked_through() -> None:
    with trying() as box:
        comments = [Condition("kind = 'comment' AND body LIKE '%\"type\":\"Feature\"%'")]
        (other, *_) = box.world.store.page(comments)
        home = box.world.store.page([Condition("kind = 'idea'")])[5].parent
        put = [
            replace(
                other, id=number, parent=home, body=other.body | {"id": str(number), "updated_at": LATEST}
            )
            for number in range(1, 420)
        ]
        box.world.store.put(put)
        answers = ask_all(look_at(box))
        asked = [entry for entry in box.traffic.log if entry["route"] == "/products/{parent}/comments"]
    assert answers["workspace_comments"].value == "yes"
    assert len(asked) == 3


def test_every_switch_of_the_sandbox_has_a_question_and_each_of_its_values_is_an_answer() -> None:
    asked: dict[str, set[Any]] = {}
    for question in QUESTIONS:
        asked.setdefault(question.switch, set()).update(question.sets.values())
    assert {field.name for field in fields(Behaviour)} <= set(asked)
    assert all(set(choices) == asked[name] for name, choices in CHOICES.items())
    assert {question.part for question in QUESTIONS if question.switch == "moves_idea"} == set(EVENTS)
    assert set(range(10, 201)) == asked["graphql_per"]


def test_every_question_is_whole_and_names_options_that_are_there() -> None:
    assert len({question.name for question in QUESTIONS}) == len(QUESTIONS)
    options = {option.name for option in OPTIONS} | {""}
    for question in QUESTIONS:
        texts = (question.asks, question.assumed, question.rests, question.fails, question.guard)
        assert all(texts), question.name
        assert question.option in options
        assert set(question.sets) <= set(question.values)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ONLY, str(tmp_path))
        patch.chdir(ROOT)
        yield tmp_path


def run_probe(place: Path, *arguments: str, url: str = "", key: str = "sandbox-key") -> Result:
    """The command over an account, with its answers in `place`."""
    if url:
        name_account(place, url, key)
    return CliRunner().invoke(probe, ["--file", str(place / "probe.json"), *arguments])


def name_account(place: Path, url: str, key: str = "sandbox-key") -> None:
    given = {"api_key": key, "subdomain": "company", "base_url": url, "requests_per_minute": "60000"}
    (place / "dev_config.json").write_text(json.dumps(given))


def answers_in(place: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((place / "probe.json").read_text())["answers"]
    return found


def test_an_empty_account_is_asked_to_the_end(place: Path) -> None:
    with running(ideas=0) as box:
        done = run_probe(place, url=box.url)
    assert done.exit_code == 0
    answers = answers_in(place)
    assert answers["updated_since"] == answers["comments_counted"] == {"why": NOTHING}
    assert answers["graphql"]["value"] == "answers"
    assert answers["refusal"]["value"] == "html"
    assert "not shown by this account" in done.output


def test_where_audits_are_forbidden_the_rest_is_answered_and_the_advice_says_so(place: Path) -> None:
    with trying() as box:
        box.traffic.faults.append(Scheduled("403", "^/audits", ALWAYS))
        done = run_probe(place, url=box.url)
    assert done.exit_code == 0
    answers = answers_in(place)
    assert answers["audits_readable"]["value"] == "no"
    assert answers["audits_name_ideas"] == {"why": "the key may not read it"}
    assert answers["updated_since"]["value"] == "exclusive"
    assert answers["moves_idea_vote_create"]["value"] == "yes"
    assert answers["forbidden"]["value"] == "json"
    assert "- Your key may not read audits: deletions show only in snapshots" in done.output


def test_advice_tells_what_graphql_saves_in_calls() -> None:
    with trying() as box:
        look = look_at(box)
        said = advices(look, ask_all(look))
    (sentence,) = [one for one in said if one.startswith("GraphQL answered")]
    fewer, all_of_them = (int(word) for word in sentence.rstrip(".").split() if word.isdigit())
    assert 0 < fewer < all_of_them / 2


@pytest.mark.parametrize(
    ("fault", "why", "says"),
    [
        ("login_page", UNREADABLE, "a login page looks like this"),
        ("reset", UNANSWERED, "The account gave no answer"),
        ("429_retry_after", LIMITED, "The rate limit did not let go"),
    ],
)
def test_an_account_that_cannot_be_asked_ends_with_one_sentence(fault: str, why: str, says: str) -> None:
    with running(ideas=3) as box:
        box.traffic.faults.append(Scheduled(fault, "", ALWAYS))
        look = look_at(box)
        answers = ask_all(look)
    assert look.shut == why
    # Three attempts to ask who the key is, and to ask without one.
    assert look.sent <= 6
    assert {answer.why for name, answer in answers.items() if name not in ("rate_limit", "refusal")} <= {
        *(why, "no answer of this probe was one"),
        "reading alone does not show it",
    }
    assert says in SHUT[look.shut]


def test_with_a_wrong_key_only_the_refusal_is_known(place: Path) -> None:
    with running(ideas=3) as box:
        done = run_probe(place, url=box.url, key="another-key-0123456789")
    assert done.exit_code == 1
    assert "Aha! answered 401: the key is wrong or was revoked" in done.output
    answers = answers_in(place)
    assert answers["refusal"]["value"] == "html"
    assert answers["ideas_fields"] == {"why": KEY_REFUSED}
    assert "another-key" not in done.output + (place / "probe.json").read_text()


def test_without_credentials_both_ways_are_named(place: Path) -> None:
    done = run_probe(place)
    assert done.exit_code == 2
    assert "AHA_API_KEY" in done.output
    assert not (place / "probe.json").exists()


def test_an_account_that_fails_at_everything_is_not_asked_without_end() -> None:
    with trying() as box:
        box.traffic.faults.append(Scheduled("500", "^/(?!me)", ALWAYS))
        look = look_at(box)
        answers = ask_all(look)
    assert look.sent <= MOST_REQUESTS
    assert {answer.why for answer in answers.values()} >= {UNANSWERED}
    assert not any(answers[question.name].value for question in DECIDING if question.name != "refusal")


def test_all_requests_are_spent_at_120(monkeypatch: pytest.MonkeyPatch) -> None:
    with trying() as box:
        look = look_at(box)
        look.sent = MOST_REQUESTS - 20
        answers = ask_all(look)
        assert len(box.traffic.log) == 20
    assert SPENT in {answer.why for answer in answers.values()}


CANARY = "zqcanaryzq"
SECRETS = ("dev_config.json", "pseudonym_key")
LATEST = "2099-01-01T00:00:00.000Z"
# Kinds of which every text is a canary, as are names of fields.
KINDS = ("idea", "vote", "comment", "idea_comment", "audit", "deletion", "product", "me", "user", "feature")


def spoil(_: int, body: dict[str, Any]) -> dict[str, Any]:
    """Every text of a record that is no id and no time, and one more field."""
    texts = {
        name: f"{CANARY} {value}"
        for name, value in body.items()
        if isinstance(value, str) and not value.isdecimal() and not name.endswith(("_at", "_action", "_type"))
    }
    return texts | {f"{CANARY}_field": CANARY, "weight": 1.5, "score": 4711}


@pytest.mark.parametrize("fault", ["", "403", "429", "500"])
def test_nothing_of_an_account_is_in_output_file_or_log(
    fault: str, place: Path, caplog: pytest.LogCaptureFixture
) -> None:
    said = {"error": CANARY, "errors": [{"message": f"{CANARY} Try again in 3 seconds."}]}
    with caplog.at_level(logging.DEBUG), trying() as box:
        every(*(change(kind, spoil) for kind in KINDS))(box)
        if fault:
            details = {"status": int(fault), "headers": {"Retry-After": "0", CANARY: CANARY}, "body": said}
            times = {"429": 2}.get(fault, ALWAYS)
            box.traffic.faults.append(Scheduled("answer", "^/(audits|users|.*comments)", times, 0, details))
        name_account(place, box.url)
        said_to = io.StringIO()
        console = Console(file=said_to, width=WIDTH)
        code = ask(console, load_matrix(), place / "probe.json", sandbox=False, clock=FakeClock())
        logged = [record.getMessage() for record in caplog.records if record.name != "asyncio"]
    written = (place / "probe.json").read_text()
    assert code == 0
    assert not logged
    for text in (said_to.getvalue(), written):
        assert CANARY not in text.lower()
        assert "4711" not in text
        assert "sandbox-key" not in text
        # Nor is an id.
        assert not re.search(r"[0-9]{10}", text)


@pytest.mark.parametrize(
    "planted",
    [
        {"value": "Ada Bell"},
        {"why": CANARY},
        {"value": "yes", "cases": "4711"},
        {"value": "yes", "names": ["x-request-from-ada"]},
        {"value": "yes", CANARY: True},
        {"value": 7300000000000001001},
    ],
)
def test_the_leak_gate_refuses_what_no_question_declares(planted: dict[str, Any]) -> None:
    document = Findings("live", "2026-11-27", {}).document()
    assert check(document, RULES)
    with pytest.raises(FindingsError, match="so they are not written"):
        check(document | {"answers": {"refusal": planted}}, RULES)


def test_an_answer_in_other_words_than_its_questions_own_is_refused() -> None:
    with running(ideas=3) as box:
        look = look_at(box)
        for answer in (Answer(CANARY), Answer("yes", names=(CANARY,)), Answer(why=CANARY)):
            texts = ("It is asked?", lambda _, given=answer: given, {"yes": "nothing"})
            with pytest.raises(ValueError, match="in words that it does not declare"):
                Question("planted", *texts, "a", "b", "c", "d").ask(look)


def test_what_is_adopted_is_what_the_sandbox_does_from_then_on(tmp_path: Path) -> None:
    behaviour = Behaviour(
        updated_since="seconds",
        comments_counted="both",
        workspace_comments=False,
        graphql_per=37,
        moves_idea=EVENTS[:4],
        audits_name_ideas="as documented",
    )
    with trying(behaviour) as box:
        answers = ask_all(look_at(box))
    findings = Findings("live", "2026-11-27", answers)
    write(tmp_path / "behaviour.json", check(adopt(findings), RULES))
    assert adopted(tmp_path / "behaviour.json") == behaviour
    kept = read(tmp_path / "behaviour.json", "behaviour.json")
    assert (kept.origin, kept.when, kept.document()) == ("live", "2026-11-27", findings.document())
    # A switch without an answer keeps its default.
    silent = Findings("live", "2026-11-27", dict.fromkeys(answers, Answer(why=NOTHING)))
    write(tmp_path / "silent.json", check(adopt(silent), RULES))
    assert adopted(tmp_path / "silent.json") == adopted(tmp_path / "none.json") == Behaviour()


def test_adopting_says_which_committed_cassettes_are_no_longer_what_the_sandbox_answers(
    tmp_path: Path,
) -> None:
    for name in ("connector", "harness", "sandbox", "configs", "cassettes"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", *SECRETS))
    (tmp_path / "configs" / "behaviour.json").unlink(missing_ok=True)
    with trying(Behaviour(comments_counted="portal")) as box:
        findings = Findings("sandbox", "2026-11-27", ask_all(look_at(box)))
    write(tmp_path / "build" / "probe.json", check(findings.document(), RULES))
    command = [sys.executable, "-m", "harness.probe", "--adopt"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    changed = re.findall(r"^  changed: (.*)$", done.stdout, re.MULTILINE)
    # Those in which an idea says how many comments it has; and those that ask below others now.
    assert {"ideas/first_sync", "idea_comments/first_sync"} <= set(changed)
    assert "idea_votes/first_sync" not in changed
    assert f"{len(changed)} cassette(s) must be recorded again: nox -s record -- --sandbox" in done.stdout
    assert adopted(tmp_path / "configs" / "behaviour.json").comments_counted == "portal"


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 1}', '{"format": 1, "from": "x", "when": "y"}'])
def test_a_file_that_is_no_probes_is_one_sentence(text: str, place: Path) -> None:
    (place / "probe.json").write_text(text)
    done = run_probe(place, "--adopt")
    assert done.exit_code == 2
    assert "is not what this version writes. Run the probe again." in done.output
    with pytest.raises(BehaviourError, match="Delete it, or adopt"):
        adopted(place / "probe.json")


def test_there_is_nothing_to_adopt_before_a_probe(place: Path) -> None:
    done = run_probe(place, "--adopt")
    assert done.exit_code == 2
    assert "Run a probe first: nox -s probe" in done.output
    assert run_probe(place, "--adopt", "--sandbox").exit_code == 2


def test_waits_are_told_and_are_no_more_than_those_of_the_client() -> None:
    told: list[str] = []
    with running(ideas=3) as box:
        box.traffic.faults.append(Scheduled("429_retry_after", "^/features"))
        clock = FakeClock()
        options = {"api_key": box.api_key, "subdomain": "company", "base_url": box.url}
        look = Look(parse_options(options), clock=clock, tell=told.append)
        answers = ask_all(look)
    assert answers["rate_limit"].value == "retry_after"
    assert told == ["waiting 7 s, as Aha! or the limit per minute asks"]
    assert timedelta(seconds=sum(clock.waits)) < timedelta(minutes=1)
