"""What a person sees of a probe."""

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from harness.probe.findings import Findings
from harness.probe.look import MOST_REQUESTS
from harness.probe.question import Answer, Question
from harness.probe.questions import QUESTIONS

NOT_SHOWN = "not shown by this account"
# Where there is no terminal.
WIDTH = 140
CASES = {"one": "one case", "a few": "a few cases"}


class Display:
    """One line that says what is asked, on a terminal; elsewhere only what somebody has to wait for."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = console.status("Asking who the key is")
        self._asked = 0

    def __enter__(self) -> "Display":
        if self._console.is_terminal:
            self._status.start()
        else:
            self._console.print(f"Asking {len(QUESTIONS)} questions, with at most {MOST_REQUESTS} requests.")
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()

    def begin(self, question: Question) -> None:
        self._asked += 1
        self._status.update(f"{self._asked} of {len(QUESTIONS)}: {question.asks}")

    def tell(self, said: str) -> None:
        self._console.print(said)


def print_answers(console: Console, answers: Mapping[str, Answer]) -> None:
    """The table: question, answer, how certain it is, and what follows from it."""
    table = Table("question", "answer", "seen in, or why not", "what follows")
    for question in QUESTIONS:
        answer = answers[question.name]
        table.add_row(question.asks, said(answer), certainty(answer), follows(question, answer))
    console.print(table)


def said(answer: Answer) -> str:
    """An answer in words."""
    names = f" ({', '.join(answer.names)})" if answer.names else ""
    return f"{answer.value}{names}" if answer.value else NOT_SHOWN


def certainty(answer: Answer) -> str:
    """What an answer rests on, or why it is not there."""
    if not answer.value:
        return answer.why
    return CASES.get(answer.magnitude, f"{answer.magnitude} of cases")


def follows(question: Question, answer: Answer) -> str:
    """What follows from an answer."""
    if answer.value:
        return question.values[answer.value]
    return "the sandbox keeps its default" if question.switch else "nothing is known"


def told(findings: Findings) -> str:
    """How much was answered."""
    shown = sum(1 for answer in findings.answers.values() if answer.value)
    return f"{shown} of {len(findings.answers)} questions answered"
