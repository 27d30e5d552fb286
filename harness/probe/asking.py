"""Asking all questions of one account."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from harness.probe.look import Look
from harness.probe.question import Answer, Question
from harness.probe.questions import QUESTIONS


def ask_all(look: Look, begin: Callable[[Question], None] = lambda _: None) -> dict[str, Answer]:
    """The answer to every question, by its name.

    Args:
        begin: is told of each question before it is asked.
    """
    with unlogged():
        look.open()
        answers = {}
        for question in QUESTIONS:
            begin(question)
            answers[question.name] = question.ask(look)
    return answers


@contextmanager
def unlogged() -> Iterator[None]:
    """No log of anybody: the connector's warnings quote what Aha! says, and a library's log has addresses."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def advices(look: Look, answers: Mapping[str, Answer]) -> list[str]:
    """What follows for whoever asked, one sentence each."""
    with unlogged():
        said = [question.advice(answers[question.name], look) for question in QUESTIONS]
    return [sentence for sentence in said if sentence]
