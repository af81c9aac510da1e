"""Request: one request to the Iterable API, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

# Query parameters; a list repeats its key.
Parameters = Mapping[str, "str | int | list[str] | list[int]"]


class Timeout(NamedTuple):
    """Seconds to connect, and between packets of a response."""

    connect: float
    read: float


TIMEOUT = Timeout(30.0, 300.0)


@dataclass(frozen=True)
class Request:
    """`method`, `path` (below the API root) and payload. str() names it in messages."""

    path: str
    parameters: Parameters = field(default_factory=dict)
    method: str = "GET"
    body: Mapping[str, Any] | None = None
    timeout: Timeout = TIMEOUT
    # The path as messages show it, if it holds what they must not.
    shown: str | None = None

    @property
    def personal_values(self) -> list[str]:
        """The values of parameters that identify a person, which no message may show."""
        return [str(value) for name in ("email", "userId") if (value := self.parameters.get(name))]

    def __str__(self) -> str:
        return f"{self.method} {self.shown or self.path}"
