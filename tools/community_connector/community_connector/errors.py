"""The ways in which a command fails."""

import click


class InputError(click.ClickException):
    """What was given cannot be used; nothing was sent."""

    exit_code = 2


class ServiceError(click.ClickException):
    """The workspace, or the way to it, refused."""


class NotThereError(ServiceError):
    """What a request names does not exist."""


class ExistsError(ServiceError):
    """What a request would make is there already."""


class PassingError(ServiceError):
    """The workspace failed in a way that may pass."""


def printable(text: str) -> str:
    """A text that every terminal takes: JSON may hold halves of characters."""
    return text.encode("utf-8", "replace").decode()
