"""What a command makes, step by step, each with what takes it back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import click

from community_connector.errors import ExistsError, NotThereError, ServiceError
from community_connector.service import Service

FOREIGN = "left alone: somebody made it meanwhile"


@dataclass
class Step:
    """One thing that is made: what it is, what takes it back (None: it may stay), and how that is told."""

    what: str
    undo: Callable[[], Any] | None
    undone: str


@dataclass
class Steps:
    """What a command makes, each thing noted before it is made, with what takes it back."""

    service: Service
    keep: bool
    made: list[Step] = field(default_factory=list)

    def add(self, what: str, undo: Callable[[], Any] | None, undone: str = "removed again") -> None:
        """Note what is about to be made: also what was made while its answer was lost is taken back."""
        self.made.append(Step(what, undo, undone))
        if not self.service.dry_run:
            click.echo(f"making {what}", err=True)

    def make(self, what: str, send: Callable[[], Any], undo: Callable[[], Any], *, inside: int = 0) -> Any:
        """Note and make one thing, which is somebody else's where the workspace says that it is there.

        Args:
            inside: how many of the steps before hold it: they are then somebody else's, too.
        """
        self.add(what, undo)
        try:
            return send()
        except NotThereError:
            # What it would be in is not there: nothing was made.
            self.made.pop()
            raise
        except ExistsError:
            for step in self.made[-1 - inside :]:
                step.undo, step.undone = None, FOREIGN
            raise

    @contextmanager
    def undone_on_failure(self) -> Iterator[None]:
        """Take back what was made if a later step fails, or is stopped, or say that it stays."""
        try:
            yield
        except BaseException as error:
            stopped = False
            for step in reversed(self.made):
                try:
                    told = self._stays(stopped) or self._undo(step)
                except KeyboardInterrupt:
                    stopped, told = True, "may still be there, remove it by hand (stopped)"
                click.echo(f"{step.what}: {told}", err=True)
            if isinstance(error, KeyboardInterrupt) and self.made:
                last = self.made[-1].what
                click.echo(f"A request was under way: look once more whether {last} appears later.", err=True)
            raise

    def _stays(self, stopped: bool) -> str:
        if stopped:
            return "may still be there, remove it by hand (stopped)"
        return "stays (--keep)" if self.keep else ""

    def _undo(self, step: Step) -> str:
        if step.undo is None:
            return step.undone
        try:
            step.undo()
        except NotThereError:
            return "was not made"
        except ServiceError as error:
            return f"may still be there, remove it by hand ({error.message})"
        return step.undone
