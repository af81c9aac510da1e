"""How Iterable refuses: a status, and `{"code", "msg", "params"}`."""

from __future__ import annotations

from typing import Any

CODE_OF_STATUS = {
    400: ("BadParams", "Invalid parameters"),
    401: ("BadApiKey", "Invalid API key"),
    403: ("Forbidden", "This API key is not permitted to use this endpoint"),
    404: ("NotFound", "Not found"),
    405: ("BadParams", "Method not allowed"),
    429: ("RateLimitExceeded", "API rate limit exceeded"),
    500: ("GenericError", "An error occurred. Please try again later. If problem persists, please contact your CSM"),
    503: ("GenericError", "Request timeout.  Try again later."),
}


class Refusal(Exception):
    """A request that Iterable refuses."""

    def __init__(self, status: int, msg: str | None = None, headers: dict[str, str] | None = None) -> None:
        super().__init__(msg)
        self.status = status
        self.msg = msg
        self.headers = headers or {}


def error_body(status: int, msg: str | None = None) -> dict[str, Any]:
    """The body that goes with a status."""
    code, default = CODE_OF_STATUS.get(status, ("GenericError", "An error occurred. Please try again later."))
    return {"code": code, "msg": msg or default, "params": None}


def bad_params(msg: str) -> Refusal:
    """A parameter that is missing or wrong."""
    return Refusal(400, msg)


def not_found(msg: str) -> Refusal:
    """Something that is not there."""
    return Refusal(404, msg)
