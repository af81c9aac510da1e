"""The log of requests: what was asked, with the names of its headers, never their values."""

import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class RequestLogEntry:
    """One request, noted when it arrives; status is 0 until it is answered."""

    host: str  # "api" or "files"
    method: str
    path: str
    endpoint: str  # the template: "export/{jobId}/files"; "" where no endpoint matched
    query: dict[str, list[str]]
    body: Any  # parsed JSON, or None
    header_names: set[str]  # lower case
    status: int = 0
    time: float = field(default_factory=time.monotonic)

    def as_dict(self) -> dict[str, Any]:
        """The entry as JSON can hold it."""
        return {**asdict(self), "header_names": sorted(self.header_names)}


class RequestLog(list[RequestLogEntry]):
    """All requests in order of arrival."""

    def count_of(self, endpoint: str | None = None, method: str | None = None, status: int | None = None) -> int:
        """How many there were, of an endpoint, method or status."""
        asked = (endpoint, method, status)
        seen = [(entry.endpoint, entry.method, entry.status) for entry in self]
        return sum(all(a in (None, b) for a, b in zip(asked, each, strict=True)) for each in seen)

    def counts(self) -> dict[str, dict[str, int]]:
        """Requests by endpoint and status."""
        counted: dict[str, Counter[str]] = {}
        for entry in list(self):
            counted.setdefault(entry.endpoint or entry.path, Counter())[str(entry.status)] += 1
        return {endpoint: dict(statuses) for endpoint, statuses in counted.items()}
