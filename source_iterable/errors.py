"""The exception hierarchy: where an exception is caught decides how much fails with it.

    IterableError                   fails the stream, unless a caller handles it; str() is for the user
    ├── ConfigError                 the configuration, catalog or state must change
    ├── LocalError                  this machine lacks something: disk, memory, descriptors
    ├── TooLarge                    a response is over its bound
    ├── TransientError              a later sync may succeed
    │   ├── Stopped                 the sync is being terminated
    │   ├── Unreachable             no response: connection refused, reset, timed out
    │   ├── TimedOut                a response did not begin in time
    │   ├── BrokenResponse          a response began and did not arrive whole, or is not what it should be
    │   │   └── WrongContent        it did arrive whole, and is not what it should be
    │   ├── EndUnknown              a response that nothing proves to be whole
    │   └── WindowFailed            a window could not be read whole; parts of it may be
    │       └── JobFailed           its export job failed; another job may not
    └── ApiError                    Iterable answered with an error status
        ├── BadKey                  401
        ├── Forbidden               403
        ├── NotFound                404
        ├── RateLimited             429, after all waits
        ├── BadRequest              every other status below 500
        └── ServerError             5xx, 408 and 425

api/retry.py says which of them are retried, and how often.
"""

from __future__ import annotations

from typing import Literal

FailureKind = Literal["config_error", "system_error", "transient_error"]


class IterableError(Exception):
    """Anything that fails a stream. str() is whole sentences for the user and never contains a key or a record.

    `failure` is the protocol's failure type: whether the user, nobody or a later sync can fix it. `attempts` is how often
    the operation was tried, `expected_bytes` how large at least the response or window probably is, 0 if unknown.
    """

    failure: FailureKind = "system_error"
    attempts = 1

    def __init__(self, message: str, expected_bytes: int = 0) -> None:
        super().__init__(message)
        self.expected_bytes = expected_bytes

    def __str__(self) -> str:
        message = super().__str__()
        return message if self.attempts == 1 else f"{message.rstrip('.')} (tried {self.attempts} times)."


class ConfigError(IterableError):
    """The configuration, catalog or state must change."""

    failure = "config_error"


class LocalError(IterableError):
    """This machine lacks disk, memory or descriptors (machine.py). Ends the whole sync."""


class TransientError(IterableError):
    """A later sync may succeed where this one failed."""

    failure = "transient_error"


class Stopped(TransientError):
    """The sync is being terminated; nothing new is started."""


class Unreachable(TransientError):
    """No response: connection refused, reset or timed out."""


class TimedOut(TransientError):
    """A response did not begin in time. A streamed window is read in parts then; other requests are retried."""


class BrokenResponse(TransientError):
    """A response that did not arrive whole, or is not what was requested; str() says how."""


class WrongContent(BrokenResponse):
    """A response that arrived and is not what was requested: a smaller part of it would be no better."""


class EndUnknown(TransientError):
    """A response that nothing proves to be whole. A smaller window has no better proof, so none is read in parts."""


class TooLarge(IterableError):
    """A response that is, or probably will be, over its size limit."""


class WindowFailed(TransientError):
    """A window could not be read whole; none of its parts was yielded."""


class JobFailed(WindowFailed):
    """An export job failed, was cancelled or got stuck. A second job of the same window may succeed."""


class ApiError(IterableError):
    """An error response from Iterable: HTTP `status`, and `code` and `msg` of its JSON body (empty without one)."""

    def __init__(self, message: str, status: int, code: str = "", msg: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.msg = msg

    @property
    def is_permanent(self) -> bool:
        """Whether Iterable says that it can never return this, as opposed to being out of order.

        500 GenericError, sometimes spelled `Generic Error` (both seen); 503 `Request timeout` of lists/getUsers (reference).
        """
        generic = self.status == 500 and self.code.replace(" ", "") == "GenericError"
        return generic or (self.status == 503 and self.msg.lower().startswith("request timeout"))


class BadKey(ApiError):
    """401: this data center does not know the key, or keys of its kind may not do this."""

    failure = "config_error"


class Forbidden(ApiError):
    """403: the key lacks a permission."""

    failure = "config_error"


class NotFound(ApiError):
    """404: the resource does not exist, or no longer does."""


class RateLimited(ApiError):
    """429 again and again, or one that asks for a wait that is too long."""

    failure = "transient_error"


class BadRequest(ApiError):
    """400 and every other status below 500."""


class ServerError(ApiError):
    """5xx, and what asks for another attempt in the same way: 408 and 425."""

    failure = "transient_error"
