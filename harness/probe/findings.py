"""What a probe found, in files: `build/probe.json`, and what is kept of it, `configs/behaviour.json`.

Both hold words of the questions' own and a date, and the leak gate judges them before they are written.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from strict_cassettes.leaks import Gate
from strict_cassettes.rules import Rules
from strict_cassettes.sets import ORIGINS

from harness.probe.question import Answer, Question
from harness.probe.questions import QUESTIONS
from harness.probe.words import MAGNITUDES, ODD, REASONS
from sandbox.behaviour import EVENTS, Behaviour, BehaviourError

FORMAT = 1
# No probe is older.
EARLIEST = 2026
ANSWER_KEYS = ("value", "why", "cases", "names")
KEYS = ("response", "body", "format", "from", "when", "answers", "switches", *ANSWER_KEYS)


class FindingsError(Exception):
    """A file that cannot be used, or may not be written; says why, and nothing of what it holds."""


@dataclass(frozen=True)
class Findings:
    """What a probe found.

    Attributes:
        origin: `live` or `sandbox`.
        when: the day, UTC, `2026-11-27`.
        answers: by the question's name.
    """

    origin: str
    when: str
    answers: Mapping[str, Answer]

    def document(self) -> dict[str, Any]:
        """As JSON: no number of the account is in it."""
        shown = {
            name: {"value": answer.value, "cases": answer.magnitude, "names": list(answer.names)}
            if answer.value
            else {"why": answer.why}
            for name, answer in self.answers.items()
        }
        return {"format": FORMAT, "from": self.origin, "when": self.when, "answers": shown}

    def switches(self) -> dict[str, Any]:
        """The sandbox's switches that are answered, and their values."""
        found: dict[str, Any] = {}
        moving = set(Behaviour().moves_idea)
        for question in QUESTIONS:
            answer = self.answers.get(question.name, Answer())
            if not question.switch or answer.value not in question.sets:
                continue
            value = question.sets[answer.value]
            if question.part:
                moving = moving | {question.part} if value else moving - {question.part}
                value = [event for event in EVENTS if event in moving]
            found[question.switch] = value
        return found


def today(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d")


def gate_of(rules: Rules, secrets: Iterable[str] = ()) -> Gate:
    """The cassettes' gate, for which the questions' words are published, and nothing stands for anything."""
    texts: list[str] = [*REASONS, *(word for _, word in MAGNITUDES), *ORIGINS, *KEYS]
    for question in QUESTIONS:
        texts += [question.name, question.switch, question.part, *question.values, *question.names]
        texts += [str(value) for value in question.sets.values()]
    published = frozenset(texts) | {word for text in texts for word in re.findall(r"\w+", text)}
    paths: dict[tuple[str, ...], str] = {("when",): "date", ("format",): "count"}
    return Gate(replace(rules, names=rules.names | published, paths=paths), issued=(), secrets=secrets)


def check(document: Mapping[str, Any], rules: Rules, secrets: Iterable[str] = ()) -> str:
    """The document's text, if the gate finds nothing in it.

    Raises:
        FindingsError: it does.
    """
    text = json.dumps(document, indent=2) + "\n"
    # Judged as the body of an answer is, in whose place its rules hold.
    found = gate_of(rules, secrets).find(json.dumps({"response": {"body": document}}).encode())
    if found:
        raise FindingsError(f"The answers hold {found[0]}, so they are not written. Please report this.")
    return text


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def read(path: Path, shown: str) -> Findings:
    """What a probe wrote.

    Raises:
        FindingsError: there is nothing, or it is not of this version's questions.
    """
    if not path.exists():
        raise FindingsError(f"There is no {shown}. Run a probe first: nox -s probe")
    try:
        return found_in(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, *ODD):
        raise FindingsError(f"{shown} is not what this version writes. Run the probe again.") from None


def found_in(document: dict[str, Any]) -> Findings:
    """What a document says that was written by this version.

    Raises:
        ValueError, KeyError, TypeError: it was not.
    """
    answers = {
        question.name: answer_of(question, document["answers"][question.name]) for question in QUESTIONS
    }
    findings = Findings(document["from"], document["when"], answers)
    day = datetime.strptime(findings.when, "%Y-%m-%d")
    written = {name: value for name, value in document.items() if name != "switches"}
    if (
        json.dumps(findings.document(), sort_keys=True) != json.dumps(written, sort_keys=True)
        or findings.origin not in ORIGINS
        or day.year < EARLIEST
    ):
        raise ValueError("other words")
    return findings


def answer_of(question: Question, one: Mapping[str, Any]) -> Answer:
    """An answer, if it is in the question's words.

    Raises:
        ValueError, KeyError, TypeError: it is not.
    """
    least = {word: number for number, word in MAGNITUDES}
    if "why" in one:
        answer = Answer(why=one["why"])
        fits = answer.why in REASONS
    else:
        answer = Answer(one["value"], cases=least[one["cases"]], names=tuple(one["names"]))
        fits = answer.value in question.values and set(answer.names) <= set(question.names)
    if not fits:
        raise ValueError(question.name)
    return answer


def adopt(findings: Findings) -> dict[str, Any]:
    """What is kept of findings, for the sandbox's defaults and the list of assumptions.

    Raises:
        FindingsError: the sandbox has no such switch any more.
    """
    switches = findings.switches()
    try:
        Behaviour().changed(switches)
    except BehaviourError as error:
        raise FindingsError(
            f"The sandbox does not take what was found: {error}. Run the probe again."
        ) from None
    return {**findings.document(), "switches": switches}
