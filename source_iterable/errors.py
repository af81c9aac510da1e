"""What can go wrong, as exceptions that the CDK turns into trace messages a person can act on."""

from __future__ import annotations

from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException


class IterableError(AirbyteTracedException):
    """Anything that ends a stream. `message` is for the user; it never holds a key or a record."""

    failure = FailureType.system_error

    def __init__(self, message: str) -> None:
        super().__init__(message=message, internal_message=message, failure_type=self.failure)


class ConfigError(IterableError):
    """The configuration, catalog or state must be changed."""

    failure = FailureType.config_error


class ApiError(IterableError):
    """An answer of the API that is an error: its HTTP `status`, and `code` and `msg` of its JSON body (may be empty)."""

    def __init__(self, message: str, status: int, code: str, msg: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.msg = msg


class BadKey(ApiError):
    """401: the key is unknown to this data center, or of a kind that may not do this."""

    failure = FailureType.config_error


class Forbidden(ApiError):
    """403: the key lacks a permission."""

    failure = FailureType.config_error


class BadRequest(ApiError):
    """400 and other refusals of what was asked."""


class NotFound(ApiError):
    """404: the thing asked for does not exist (any more)."""


class ServerError(ApiError):
    """5xx, after its retries."""

    failure = FailureType.transient_error


class Unreachable(IterableError):
    """No complete answer, after its retries: connection refused, timed out, broken body, endless 429."""

    failure = FailureType.transient_error


class TimedOut(Unreachable):
    """A streamed answer that did not begin in time. It is not asked for again: its caller asks for less."""


class Stopped(IterableError):
    """The sync is being terminated; nothing new is started."""

    failure = FailureType.transient_error
