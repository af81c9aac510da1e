"""How Iterable refuses: a status, and `{"code", "msg", "params"}`."""

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
    """A request that Iterable refuses; 400, a missing or wrong parameter, unless it says otherwise."""

    def __init__(self, msg: str | None = None, status: int = 400, headers: dict[str, str] | None = None) -> None:
        super().__init__(msg)
        self.status = status
        self.msg = msg
        self.headers = headers or {}


def error_body(status: int, msg: str | None = None) -> dict[str, Any]:
    """The body that goes with a status."""
    code, default = CODE_OF_STATUS.get(status, ("GenericError", "An error occurred. Please try again later."))
    return {"code": code, "msg": msg or default, "params": None}
