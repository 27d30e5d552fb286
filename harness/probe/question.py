"""The vocabulary of questions and answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.probe.look import Look
from harness.probe.words import NOTHING, ODD, REASONS, UNREADABLE, UnshownError, magnitude


@dataclass(frozen=True)
class Answer:
    """What an account shows of a question.

    Attributes:
        value: one of the question's `values`; "" where the account does not show it.
        why: of an answer that is not there, one of `REASONS`.
        cases: how many cases it rests on.
        names: some of the question's `names`, those that the answer is about.
    """

    value: str = ""
    why: str = ""
    cases: int = 0
    names: tuple[str, ...] = ()

    @property
    def magnitude(self) -> str:
        return magnitude(self.cases)


@dataclass(frozen=True)
class Question:
    """One thing that is not known of Aha!'s API, and what this project assumes of it.

    Attributes:
        name: of the answer in files.
        asks: the question, in words.
        judge: looks at the account and answers; raises UnshownError where it does not show it.
        values: answer → what follows from it for who runs the connector.
        assumed: what the connector assumes.
        rests: what rests on that.
        fails: what happens where it is false.
        guard: what notices it at run time, or makes it harmless.
        names: words that an answer may hold beside its value.
        switch: of the sandbox, that the answer sets; "" for none.
        part: of a switch that is a list, the entry that the answer puts in or takes out.
        sets: answer → the switch's value; of a part, whether it is in. Other answers set nothing.
        option: of the connector, that it bears on; "" for none.
        advise: answer and account → a sentence for whoever asks, or None.
    """

    name: str
    asks: str
    judge: Callable[[Look], Answer]
    values: Mapping[str, str]
    assumed: str
    rests: str
    fails: str
    guard: str
    names: tuple[str, ...] = ()
    switch: str = ""
    part: str = ""
    sets: Mapping[str, Any] = field(default_factory=dict)
    option: str = ""
    advise: Callable[[Answer, Look], str | None] = lambda *_: None

    def advice(self, answer: Answer, look: Look) -> str | None:
        """What else there is to say to whoever asks."""
        try:
            return self.advise(answer, look)
        except (UnshownError, *ODD):
            return None

    def ask(self, look: Look) -> Answer:
        """What the account shows.

        Raises:
            ValueError: an answer in other words than the question's own.
        """
        try:
            answer = self.judge(look)
        except UnshownError as error:
            # Where nothing more is asked, nothing is seen of the account.
            answer = Answer(why=look.shut if look.shut and error.why == NOTHING else error.why)
        except ODD:
            answer = Answer(why=UNREADABLE)
        if (answer.value or answer.why) not in {*self.values, *REASONS} or set(answer.names) - set(
            self.names
        ):
            raise ValueError(f"{self.name} was answered in words that it does not declare")
        return answer
