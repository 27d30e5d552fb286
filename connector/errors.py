"""The errors this connector raises.

AhaError
├── AhaOptionError        an option, table name or offset that cannot be used (no request was sent)
├── AhaConnectionError    no usable answer arrived: refused, reset, timed out
├── AhaStatusError        Aha! answered with an error status
│   ├── AhaAuthError          401
│   ├── AhaPermissionError    403
│   ├── AhaNotFoundError      404
│   ├── AhaRateLimitError     429
│   └── AhaServerError        408, 425, 5xx
├── AhaResponseError      the answer is not what the API documents
├── AhaUnstableListError  a list kept changing while it was read
└── AhaDataError          a value that cannot be converted without corrupting it
"""


class AhaError(Exception):
    """Base of every error here. Messages say what was wrong, where, and what to do; never the key, and what
    they quote of a server is printable."""

    def __str__(self) -> str:
        return printable(str(self.args[0])) if self.args else ""


class AhaOptionError(AhaError, ValueError):
    """An option, a table name or an offset cannot be used. Raised before any request, but for names of
    workspaces, which only Aha! knows."""


class AhaConnectionError(AhaError):
    """No complete answer arrived, after all attempts."""


class AhaOrphanedError(AhaError):
    """What drives this read is gone: nobody waits for its rows."""


class AhaStatusError(AhaError):
    """Aha! answered with an error status.

    Attributes:
        status: the HTTP status code.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message, status)
        self.status = status


class AhaAuthError(AhaStatusError):
    """401: the key is wrong or was revoked."""


class AhaPermissionError(AhaStatusError):
    """403: the key's user may not read this."""


class AhaNotFoundError(AhaStatusError):
    """404: the record does not exist, or the key may not see it.

    Attributes:
        own: whether Aha! itself says so, in its own form; a proxy or a router may say it too.
    """

    own: bool = True


class AhaRateLimitError(AhaStatusError):
    """429, still after all attempts."""


class AhaServerError(AhaStatusError):
    """408, 425 or 5xx, still after all attempts."""


class AhaResponseError(AhaError):
    """A successful answer whose body is not what the API documents."""


class AhaUnstableListError(AhaError):
    """Rows left a list in every attempt to read it, so that no attempt is known to be complete."""


class AhaDataError(AhaError):
    """A value cannot be converted to its column's type without corrupting it."""


# Passing faults: the same request may succeed later. 520 to 530 are a CDN's words for a server that it did
# not reach.
RETRIED_STATUSES = frozenset((408, 425, 429, 500, 502, 503, 504, *range(520, 531)))
# status → (class, what to do about it)
STATUS_ERRORS: dict[int, tuple[type[AhaStatusError], str]] = {
    401: (
        AhaAuthError,
        "The API key (or token) was refused. Check `api_key`, and that `subdomain` names its account.",
    ),
    403: (
        AhaPermissionError,
        "The API key's user may not read this. Ask an Aha! administrator for access, or leave the table out.",
    ),
    404: (
        AhaNotFoundError,
        "There is no such record or route, or the key may not see it. Check `subdomain`.",
    ),
    429: (
        AhaRateLimitError,
        "Still rate limited after all attempts. Lower `requests_per_minute`: Aha! counts all jobs together.",
    ),
}


def printable(text: str) -> str:
    """A text without signs that a terminal obeys: each is written as its escape, but for ends of lines."""
    return "".join(sign if sign.isprintable() or sign == "\n" else repr(sign)[1:-1] for sign in text)


def status_error(status: int, message: str) -> AhaStatusError:
    """The error for an HTTP `status`; `message` says where it happened, advice is added here."""
    if status in RETRIED_STATUSES and status != 429:
        return AhaServerError(f"{message} Aha! kept failing; nothing was lost, run again later.", status)
    error, advice = STATUS_ERRORS.get(status, (AhaStatusError, "This status is not expected of a read."))
    return error(f"{message} {advice}", status)


def refusal_of(table: str, requires: str, error: AhaStatusError) -> AhaStatusError:
    """The same error, saying which table cannot be read, and what may be missing."""
    missing = f" ({requires})" if requires else ""
    told = type(error)(
        f"Table `{table}` cannot be read: {error} The account's plan may lack it, or the key's user the "
        f"role{missing}. Other tables are not affected.",
        error.status,
    )
    told.__dict__.update(error.__dict__)
    return told
