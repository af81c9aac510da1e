"""The exception hierarchy: where an exception is caught decides how much fails with it.

    IterableError               fails a stream, unless caught further down; str() is for the user
    ├── ConfigError             the configuration, catalog or state must change
    ├── Stopped                 the sync is being terminated
    ├── Unreachable             no complete response: refused, reset, timed out
    ├── TimedOut                a streamed response did not begin in time
    ├── BrokenResponse          a response began but did not arrive whole, or is malformed
    ├── TooLarge                a response exceeds its size limit
    ├── WindowFailed            a window could not be read whole; its halves may be
    │   └── JobFailed           ... because its export job failed; another job may not
    └── ApiError                Iterable returned an error status
        ├── BadKey              401
        ├── Forbidden           403
        ├── NotFound            404
        ├── BadRequest          every other status below 500
        └── ServerError         5xx

api/retry.py says which of them are retried, and how often.
"""

from __future__ import annotations

from typing import Literal

FailureKind = Literal["config_error", "system_error", "transient_error"]


class IterableError(Exception):
    """Anything that fails a stream. str() is whole sentences for the user and never contains a key or a record.

    `failure` is the protocol's failure type: whether the user, nobody or a later sync can fix it. `attempts` is how often
    the operation was tried.
    """

    failure: FailureKind = "system_error"
    attempts = 1

    def __str__(self) -> str:
        message = super().__str__()
        return message if self.attempts == 1 else f"{message.rstrip('.')} (tried {self.attempts} times)."


class ConfigError(IterableError):
    """The configuration, catalog or state must change."""

    failure = "config_error"


class Stopped(IterableError):
    """The sync is being terminated; nothing new is started."""

    failure = "transient_error"


class Unreachable(IterableError):
    """No complete response: connection refused, reset or timed out."""

    failure = "transient_error"


class TimedOut(IterableError):
    """A streamed response did not begin in time. Not retried as it is: the caller retries a smaller window."""

    failure = "transient_error"


class BrokenResponse(IterableError):
    """A response that did not arrive whole, or is not what was requested; str() says how."""

    failure = "transient_error"


class TooLarge(IterableError):
    """A response over its size limit."""


class WindowFailed(IterableError):
    """A window could not be read whole; none of its parts was yielded. At least `at_least` bytes of it exist."""

    failure = "transient_error"

    def __init__(self, message: str, at_least: int = 0) -> None:
        super().__init__(message)
        self.at_least = at_least


class JobFailed(WindowFailed):
    """An export job failed, was cancelled or got stuck. A second job of the same window may succeed."""


class ApiError(IterableError):
    """An error response from Iterable: HTTP `status`, and `code` and `msg` of its JSON body (empty without one)."""

    def __init__(self, message: str, status: int, code: str = "", msg: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.msg = msg


class BadKey(ApiError):
    """401: this data center does not know the key, or keys of its kind may not do this."""

    failure = "config_error"


class Forbidden(ApiError):
    """403: the key lacks a permission."""

    failure = "config_error"


class NotFound(ApiError):
    """404: the resource does not exist, or no longer does."""


class BadRequest(ApiError):
    """400 and every other status below 500."""


class ServerError(ApiError):
    """5xx."""

    failure = "transient_error"
