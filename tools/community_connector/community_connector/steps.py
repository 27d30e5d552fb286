"""What a command makes, step by step, each with what removes it again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import click

from community_connector.errors import NotThereError, ServiceError
from community_connector.service import Service


@dataclass
class Steps:
    """What a command makes, each thing noted before it is made, with what removes it again."""

    service: Service
    keep: bool
    made: list[tuple[str, Callable[[], Any]]] = field(default_factory=list)

    def add(self, what: str, remove: Callable[[], Any]) -> None:
        self.made.append((what, remove))
        if not self.service.dry_run:
            click.echo(f"making {what}", err=True)

    @contextmanager
    def undone_on_failure(self) -> Iterator[None]:
        """Take back what was made if a later step fails, or is stopped, or say that it stays."""
        try:
            yield
        except BaseException:
            for what, remove in reversed(self.made):
                click.echo(f"{what}: {'stays (--keep)' if self.keep else self._removed(remove)}", err=True)
            raise

    def _removed(self, remove: Callable[[], Any]) -> str:
        try:
            remove()
        except NotThereError:
            return "was not made"
        except ServiceError as error:
            return f"may still be there, remove it by hand ({error.message})"
        return "removed again"
