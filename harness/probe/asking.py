"""Asking all questions of one account."""

from collections.abc import Callable, Mapping

from strict_cassettes.taking import quietly

from harness.probe.look import Look
from harness.probe.question import Answer, Question
from harness.probe.questions import QUESTIONS


def ask_all(look: Look, begin: Callable[[Question], None] = lambda _: None) -> dict[str, Answer]:
    """The answer to every question, by its name.

    Args:
        begin: is told of each question before it is asked.
    """
    with quietly():
        look.open()
        answers = {}
        for question in QUESTIONS:
            begin(question)
            answers[question.name] = question.ask(look)
    return answers


def advices(look: Look, answers: Mapping[str, Answer]) -> list[str]:
    """What follows for whoever asked, one sentence each."""
    with quietly():
        said = [question.advice(answers[question.name], look) for question in QUESTIONS]
    return [sentence for sentence in said if sentence]
