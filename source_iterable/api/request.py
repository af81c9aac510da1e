"""Request: one request to the Iterable API, as a value; and the shapes of JSON that requests expect."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, unquote

import msgspec

from source_iterable.api.retry import RESPONSE, RetryPolicy
from source_iterable.errors import WrongContent

# Query parameters; a list repeats its key.
Parameters = Mapping[str, "str | int | list[str] | list[int]"]
Items = list[dict[str, Any]]
T = TypeVar("T")
# Makes of a response's JSON or text what its caller wants. Raises ShapeError.
Shape = Callable[[Any], T]


class Timeout(NamedTuple):
    """Seconds to connect, and between packets of a response."""

    connect: float
    read: float


TIMEOUT = Timeout(30.0, 300.0)


@dataclass(frozen=True)
class Request:
    """`method`, `path` (below the API root) and payload. str() names it in messages.

    `redacted_path` stands for the path in messages, whose last segment they must not show; `retry` says when it is sent
    again.
    """

    path: str
    parameters: Parameters = field(default_factory=dict)
    method: str = "GET"
    body: Mapping[str, Any] | None = None
    timeout: Timeout = TIMEOUT
    retry: RetryPolicy = RESPONSE
    redacted_path: str | None = None

    @property
    def personal_values(self) -> list[str]:
        """What no message may show: parameters that identify a person, and the last segment of a path that is redacted."""
        of_path = [unquote(self.path.rpartition("/")[2])] if self.redacted_path else []
        return [*of_path, *(str(value) for name in ("email", "userId") if (value := self.parameters.get(name)))]

    def __str__(self) -> str:
        return f"{self.method} {self.redacted_path or self.path}"


def segment(name: object) -> str:
    """A name as one segment of a path. `.` and `..` are encoded, too: otherwise they lead to another endpoint."""
    text = quote(str(name), safe="")
    return text.replace(".", "%2E") if text in (".", "..") else text


class ShapeError(ValueError):
    """JSON or text that is not what the endpoint returns; str() says how, as the end of a sentence."""


@contextmanager
def as_requested(request: Request) -> Iterator[None]:
    """Raises WrongContent, which names the request, for a ShapeError in the block."""
    try:
        yield
    except ShapeError as error:
        raise WrongContent(f"The response to {request} {error}.") from None


def an_object(response: Any) -> dict[str, Any]:
    """The shape of a response that is one object."""
    if not isinstance(response, dict):
        raise ShapeError("is not an object")
    return response


def model_of(model: type[T], response: Any) -> T:
    """A response as a msgspec model. Raises ShapeError, which says what does not fit and where, without any value."""
    try:
        return msgspec.convert(response, model)
    except msgspec.ValidationError as error:
        raise ShapeError(f"is not as it should be: {error}") from None


def holder_of(response: Any, name: str) -> dict[str, Any]:
    """The object of a response that has `name`: the response, or its `params`, which wraps some. Raises ShapeError."""
    if isinstance(response, dict):
        for holder in (response, response.get("params")):
            if isinstance(holder, dict) and name in holder:
                return holder
    raise ShapeError(f"holds no list named {name}")


def total_in(response: Any, selector: str) -> int | None:
    """The number of all items, in a response with the list `selector`: totalCount, totalCampaignsCount and the like."""
    counts = {name: value for name, value in holder_of(response, selector).items() if type(value) is int}
    return next((counts[name] for name in counts if name.startswith("total") and name.endswith("Count")), None)
