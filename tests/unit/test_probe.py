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
from functools import partial
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

from connector.aha import AhaLakeflowConnect
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
from sandbox.clock import timestamp
from sandbox.faults import Scheduled
from sandbox.server import Sandbox, open_world, running
from sandbox.store import Condition
from sandbox.world import World
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


def answering(
    route: str, body: Any, status: int = 200, *, after: int = 0, headers: dict[str, str] | None = None
) -> Scheduled:
    """A route that answers always the same."""
    details = {"status": status, "body": body, "headers": headers or {}}
    return Scheduled("answer", route, ALWAYS, after, details)


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
    # A deleted portal comment may have been spam.
    spam = {"moves_idea_idea_comment_destroy"} - {f"moves_idea_{event}" for event in behaviour.moves_idea}
    if behaviour.audits_name_ideas == "as documented":
        assert unknown == expected | spam
    else:
        assert expected <= unknown <= expected | BY_AUDITS
    assert len(asked) == look.sent <= MOST_REQUESTS


KINDS_AND_ACTIONS = (
    st.sampled_from(("vote", "comment", "idea_comment")),
    st.sampled_from(("create", "update", "destroy")),
    st.integers(0, 30),
)
Histories = st.lists(
    st.tuples(
        *KINDS_AND_ACTIONS,
        # What happens at one moment nobody can tell apart.
        st.sampled_from((3, 30, 4000, 90000)),
    ),
    max_size=25,
)


def happen(world: World, kind: str, action: str, idea: int, apart: float) -> None:
    """One event, and what must come before it; time passes after each."""
    made = world.create(kind, idea)
    world.clock.advance(apart)
    if action == "update":
        world.change(kind, made.id, **({"weight": 2} if kind == "vote" else {"body": "<p>Edited</p>"}))
    elif action == "destroy":
        world.delete(kind, made.id)
    world.clock.advance(apart)


@settings(max_examples=60)
@given(
    switches=st.fixed_dictionaries({name: st.sampled_from(some) for name, some in SWITCHES.items()}),
    ideas=st.integers(0, 40),
    history=Histories,
    hidden=st.sampled_from(("", "/audits", "/ideas/[0-9]+/idea_comments", "/endorsements", "^/ideas$")),
    meanwhile=st.lists(st.tuples(st.integers(0, 90), *KINDS_AND_ACTIONS), max_size=4),
)
def test_what_an_account_does_not_show_is_never_guessed(
    switches: dict[str, Any],
    ideas: int,
    history: list[tuple[str, str, int, int]],
    hidden: str,
    meanwhile: list[tuple[int, str, str, int]],
) -> None:
    behaviour = behaviour_of(switches | {"commit_lag": 0.0})
    world = open_world(ideas=ideas, behaviour=behaviour)
    there = [record.id for record in world.store.page([Condition("kind = 'idea'")])]
    world.clock.set(world.clock.now())
    for kind, action, number, apart in history if there else ():
        happen(world, kind, action, there[number % len(there)], apart)
    world.clock.advance(3600)
    with running(world) as box:
        if hidden:
            box.traffic.faults.append(Scheduled("403", hidden, ALWAYS))
        box.traffic.between = [None] * 120
        for at, kind, action, number in meanwhile if there else ():
            idea = there[number % len(there)]
            box.traffic.between[at] = partial(happen, world, kind, action, idea, 3)
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
        box.clock.advance(3600)
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


IDEAS = [Condition("kind = 'idea' AND hidden = 0 AND id > 1000000")]


def test_what_happens_while_the_probe_asks_is_no_evidence() -> None:
    with trying() as box:
        ideas = [record.id for record in box.world.store.page(IDEAS)]

        def meanwhile(question: Question) -> None:
            if question.name in ("comments_counted", "portal_counts", "audits_readable"):
                box.clock.advance(5)
                for kind in ("vote", "comment", "idea_comment"):
                    for idea in ideas[1:4]:
                        box.world.create(kind, idea)

        answers = ask_all(look_at(box), meanwhile)
    assert find_wrong(answers, Behaviour()) == []
    assert answers["comments_counted"].value == "internal"
    assert answers["portal_counts"].value == "right"
    assert answers["moves_idea_vote_create"].value == "yes"


@pytest.mark.parametrize("events", ["spam", "imported", "jittered", "late audits"])
def test_what_no_person_did_to_an_idea_does_not_say_whether_people_move_it(events: str) -> None:
    world = open_world(ideas=40)
    ideas = [record.id for record in world.store.page(IDEAS)][:8]
    quiet, world.behaviour = world.behaviour, Behaviour(moves_idea=())
    if events == "late audits":
        world.behaviour = quiet
    for idea in ideas:
        kind = "idea_comment" if events == "spam" else "vote"
        made = world.create(kind, idea)
        if events == "spam":
            world.mark_spam(kind, made.id, moving=False)
        if events == "jittered":
            world.clock.advance(0.004)
            world.change(kind, made.id, weight=3)
        if events == "late audits":
            world.clock.advance(7200)
            world.delete(kind, made.id)
            last = world.store.page([Condition("kind = 'audit'")])[-1]
            late = timestamp(world.clock.now() + timedelta(minutes=40))
            world.store.put([replace(last, body=last.body | {"created_at": late})])
        world.clock.advance(1 if events == "imported" else 7200)
    world.behaviour = quiet
    world.clock.advance(7200)
    with running(world) as box:
        answers = ask_all(look_at(box))
    silent = {
        "spam": "moves_idea_idea_comment_create",
        "imported": "moves_idea_vote_create",
        "jittered": "moves_idea_vote_update",
        "late audits": "moves_idea_vote_destroy",
    }[events]
    assert answers[silent].value == ""


def test_a_workspaces_comments_on_ideas_are_known_whatever_their_type_is_called() -> None:
    with trying() as box:
        for record in box.world.store.page([Condition("kind = 'comment'")]):
            of = record.body["commentable"] | {"type": "Idea2"}
            box.world.store.put([replace(record, body=record.body | {"commentable": of})])
        assert ask_all(look_at(box))["workspace_comments"].value == "yes"


def test_counts_that_are_all_0_say_nothing_of_what_they_count() -> None:
    with running(open_world(ideas=12)) as box:
        comments = box.world.store.page([Condition("kind = 'comment'")])
        box.world.store.put((), comments)
        for record in box.world.store.page(IDEAS):
            box.world.create("idea_comment", record.id)
        answers = ask_all(look_at(box))
    assert answers["comments_counted"] == Answer(why=AMBIGUOUS)


GRAPHQL = ("graphql", "graphql_per")
NODES = {"nodes": [{"id": "1", "portalCommentsCount": 0}] * 131}


@pytest.mark.parametrize(
    ("body", "names", "why"),
    [
        ({"data": {"ideas": NODES}}, ("graphql", "graphql_per"), UNREADABLE),
        ({"data": {"ideas": NODES | {"isLastPage": False}}, "errors": [{}]}, ("graphql_per",), UNREADABLE),
        (
            {"data": {"ideas": {"nodes": [None] * 9 + [{"id": "1"}], "isLastPage": False}}},
            GRAPHQL,
            UNREADABLE,
        ),
        ({"data": None, "errors": [{"message": "Timeout on validation of query"}]}, ("graphql",), UNANSWERED),
    ],
)
def test_an_odd_answer_of_graphql_decides_nothing(body: Any, names: tuple[str, ...], why: str) -> None:
    with running(ideas=12) as box:
        box.traffic.faults.append(answering("graphql", body))
        answers = ask_all(look_at(box))
    assert {answers[name].why for name in names} == {why}


ONE, LONG = {"total_records": 1}, {"total_records": 10**400}
ODD_BODIES: list[Any] = [
    {"ideas": [{"id": "1"}]},
    {
        "ideas": [{"id": "1", "updated_at": "0001-01-01T00:00:00.500Z"}],
        "pagination": {"total_records": 10**400},
    },
    {
        "ideas": [{"id": "9" * 5000, "comments_count": [], "product_id": {}}],
        "pagination": {"total_records": 1},
    },
    {"ideas": [None, 7, [], {"id": None}], "audits": {}, "pagination": [{"total_records": "x"}]},
    {"audits": [{"created_at": "0001-01-01T00:00:00.000Z", "auditable_type": []}], "pagination": None},
    {"comments": [{"created_at": 1e308, "commentable": 4}], "pagination": ONE},
    [],
    "NaN",
]


@pytest.mark.parametrize("route", ["^/me", "^/ideas$", "^/audits", "comments", "graphql", "^/(?!me)"])
@pytest.mark.parametrize("number", range(len(ODD_BODIES)))
def test_whatever_an_account_answers_is_no_traceback(route: str, number: int) -> None:
    with running(ideas=12) as box:
        box.traffic.faults.append(answering(route, ODD_BODIES[number]))
        look = look_at(box)
        answers = ask_all(look)
        assert isinstance(advices(look, answers), list)
    assert check(Findings("live", "2026-11-27", answers).document(), RULES)


@pytest.mark.parametrize("place", ["http://[zqcanaryzq", "http://zqcanaryzq\u2100.example.com/"])
def test_where_a_redirect_leads_is_in_no_answer(place: str) -> None:
    headers = {"Location": place.encode().decode("latin-1")}
    for route, why in (("^/me", UNREADABLE), ("^/audits", UNREADABLE)):
        with running(ideas=3) as box:
            box.traffic.faults.append(answering(route, "", 302, headers=headers))
            answers = ask_all(look_at(box))
        assert answers["audits_name_ideas"] == Answer(why=why)


@pytest.mark.parametrize(
    ("headers", "text", "value"),
    [
        ({}, "Try again in 3 seconds.", "message"),
        ({"RateLimit-Reset": "3"}, "", "nothing"),
        ({"Retry-After": "soon"}, "", "nothing"),
        ({}, "20 requests per second", "nothing"),
        ({"Retry-After": "2"}, "", "retry_after"),
        ({"X-Ratelimit-Reset": "3"}, "", "reset"),
    ],
)
def test_what_a_429_tells_is_what_the_connector_reads_in_it(
    headers: dict[str, str], text: str, value: str
) -> None:
    with running(ideas=3) as box:
        details = {"status": 429, "headers": headers, "body": text}
        box.traffic.faults.append(Scheduled("answer", "^/users", 1, 0, details))
        assert ask_all(look_at(box))["rate_limit"].value == value


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
    # What else happened to those ideas, audits alone would tell.
    assert answers["moves_idea_vote_create"] == {"why": AMBIGUOUS}
    assert answers["forbidden"]["value"] == "json"
    assert "- Your key may not read audits: deletions show only in snapshots" in done.output


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
    assert "1 of " in done.output
    assert KEY_REFUSED in done.output
    assert "another-key" not in done.output


def test_a_probe_that_fails_leaves_what_an_earlier_one_found(place: Path) -> None:
    with running(ideas=3) as box:
        run_probe(place, url=box.url)
        found = (place / "probe.json").read_text()
        done = run_probe(place, url=box.url, key="another-key-0123456789")
    assert done.exit_code == 1
    assert "Nothing was written." in done.output
    assert (place / "probe.json").read_text() == found


def test_a_key_that_is_refused_halfway_ends_the_probe_and_one_route_that_answers_401_does_not() -> None:
    with trying() as box:
        box.traffic.faults.append(answering("", {"error": "Unauthorized"}, 401, after=5))
        look = look_at(box)
        answers = ask_all(look)
    assert look.shut == KEY_REFUSED
    assert {answers[name].value for name in ("graphql", "audits_readable", "users_readable")} == {""}
    with trying() as box:
        box.traffic.faults.append(answering("^/audits", {"error": "Unauthorized"}, 401))
        answers = ask_all(look_at(box))
    assert answers["audits_readable"].value == "no"
    assert answers["updated_since"].value == "exclusive"


def test_an_account_on_this_machine_confirms_nothing_of_aha(place: Path) -> None:
    with running(ideas=3) as box:
        done = run_probe(place, url=box.url)
    assert "Asking an account on this machine" in done.output
    assert json.loads((place / "probe.json").read_text())["from"] == "sandbox"


def test_what_cannot_be_written_is_said_before_anything_is_asked(place: Path) -> None:
    (place / "file").write_text("")
    with running(ideas=3) as box:
        name_account(place, box.url)
        done = CliRunner().invoke(probe, ["--file", str(place / "file" / "probe.json")])
        assert box.traffic.log == []
    assert done.exit_code == 2
    assert "Traceback" not in done.output


def test_the_advice_in_calls_is_what_a_first_sync_makes() -> None:
    with running(ideas=500) as box:
        look = look_at(box)
        said = " ".join(advices(look, ask_all(look)))
        for table, words in (
            ("idea_comments", "Internal comments"),
            ("idea_portal_comments", "portal comments"),
        ):
            box.traffic.log.clear()
            given = {"api_key": box.api_key, "subdomain": "company", "base_url": box.url}
            connector = AhaLakeflowConnect(given | {"requests_per_minute": "60000"})
            offset: dict[str, Any] | None = None
            while True:
                rows, end = connector.read_table(table, offset, {})
                list(rows)
                if end == offset:
                    break
                offset = end
            (told,) = re.findall(rf"{words}[^.]*?about (\d+) calls", said)
            # One more that finds nothing new.
            assert abs(int(told) - len(box.traffic.log)) <= 0.1 * len(box.traffic.log)


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
        moves_idea=(*EVENTS[:4], EVENTS[-1]),
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


@pytest.mark.parametrize(
    "text", ["{", "[]", "[" * 200_000, '{"format": 1}', '{"format": 1, "from": "x", "when": "y"}']
)
def test_a_file_that_is_no_probes_is_one_sentence(text: str, place: Path) -> None:
    (place / "probe.json").write_text(text)
    done = run_probe(place, "--adopt")
    assert done.exit_code == 2
    assert "is not what this version writes. Run the probe again." in done.output
    with pytest.raises(BehaviourError, match="Delete it, or adopt"):
        adopted(place / "probe.json")


@pytest.mark.parametrize(
    "change",
    [
        {"refusal": {"value": "nothing in the account shows it", "cases": "one", "names": []}},
        {"refusal": {"why": "html"}},
        {"refusal": {"value": "html", "cases": "one", "names": ["spam"]}},
        {"refusal": {"value": "html", "cases": "4711", "names": []}},
        {"refusal": {"value": "html", "cases": "one", "names": [], "more": "html"}},
        {"another": {"why": NOTHING}},
    ],
)
def test_a_probe_that_somebody_changed_is_not_adopted(change: dict[str, Any], place: Path) -> None:
    with running(ideas=3) as box:
        run_probe(place, url=box.url)
    found = json.loads((place / "probe.json").read_text())
    for other in ({"answers": found["answers"] | change}, {"format": True}, {"when": "0001-01-01"}, {"x": 1}):
        (place / "probe.json").write_text(json.dumps(found | other))
        with pytest.raises(FindingsError, match="is not what this version writes"):
            read(place / "probe.json", "probe.json")


def test_what_the_sandbox_showed_takes_no_live_accounts_place(tmp_path: Path) -> None:
    for name in ("connector", "harness", "sandbox", "configs"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", *SECRETS))
    with running(ideas=3) as box:
        answers = ask_all(look_at(box))
    live, tried = (Findings(origin, "2026-11-27", answers) for origin in ("live", "sandbox"))
    kept = check(adopt(live), RULES)
    write(tmp_path / "configs" / "behaviour.json", kept)
    write(tmp_path / "build" / "probe.sandbox.json", check(tried.document(), RULES))
    command = [sys.executable, "-m", "harness.probe", "--sandbox", "--adopt"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, "holds what a live account showed" in done.stderr) == (2, True)
    assert (tmp_path / "configs" / "behaviour.json").read_text() == kept


MIDDLE = [Condition("kind = 'feature'")]


@pytest.mark.parametrize("hidden", ["among many audits", "as a note", "as one act"])
def test_what_audits_may_hide_proves_nothing(hidden: str) -> None:
    world = open_world(ideas=60, behaviour=Behaviour(moves_idea=()))
    ideas = [record.id for record in world.store.page(IDEAS)][20:24]
    (feature, *_) = world.store.page(MIDDLE)

    def fill() -> None:
        for _ in range(250 if hidden == "among many audits" else 0):
            world.change("feature", feature.id, name="renamed")

    fill()
    if hidden == "as one act":
        votes = [world.create("vote", idea) for idea in ideas[:2]]
        world.clock.advance(7200)
        for vote in votes:
            world.delete("vote", vote.id)
    for idea in [] if hidden == "as one act" else ideas:
        world.create("comment", idea)
        world.change("idea", idea, score=7)
        if hidden == "as a note":
            last = world.store.page([Condition("kind = 'audit'")])[-1]
            note = {"auditable_type": "note", "associated_type": "ideas/idea", "associated_id": str(idea)}
            world.store.put([replace(last, body=last.body | note)])
        world.clock.advance(7200)
    world.clock.advance(7200)
    fill()
    with running(world) as box:
        answers = ask_all(look_at(box))
    name = "moves_idea_vote_destroy" if hidden == "as one act" else "moves_idea_comment_create"
    assert answers[name].value == ""


def test_votes_are_said_to_move_ideas_only_where_plain_and_proxy_ones_do() -> None:
    world = open_world(ideas=60, behaviour=Behaviour(moves_idea=()))
    world.store.put((), world.store.page([Condition("kind = 'vote'")]))
    for idea in [record.id for record in world.store.page(IDEAS)][20:25]:
        world.create("vote", idea, proxy=False)
        world.clock.advance(7200)
    with running(world) as box:
        answers = ask_all(look_at(box))
    assert answers["moves_idea_plain_vote_create"].value == "no"
    assert answers["moves_idea_vote_create"].value == ""


def test_waits_have_an_end_and_so_has_silence() -> None:
    with running(ideas=12) as box:
        details = {"status": 429, "headers": {"Retry-After": "110"}, "body": ""}
        box.traffic.faults += [Scheduled("answer", "", 1, after, details) for after in range(2, 80, 2)]
        look = look_at(box)
        ask_all(look)
    assert look.shut == LIMITED
    with running(ideas=12) as box:
        box.traffic.faults.append(Scheduled("reset", "^/(?!me)", ALWAYS))
        look = look_at(box)
        ask_all(look)
    assert look.shut == UNANSWERED
    assert look.sent < 20


def test_there_is_nothing_to_adopt_before_a_probe(place: Path) -> None:
    done = run_probe(place, "--adopt")
    assert done.exit_code == 2
    assert "Run a probe first: nox -s probe" in done.output


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
