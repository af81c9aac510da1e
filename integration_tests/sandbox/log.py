"""The log of requests: what was asked, with the names of its headers, never their values."""

from __future__ import annotations

import threading
import time
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


class RequestLog:
    """All requests in order of arrival, shared by the server's threads."""

    def __init__(self) -> None:
        self._entries: list[RequestLogEntry] = []
        self._lock = threading.Lock()

    def add(self, entry: RequestLogEntry) -> None:
        """Note one."""
        with self._lock:
            self._entries.append(entry)

    def entries(self) -> list[RequestLogEntry]:
        """All so far."""
        with self._lock:
            return list(self._entries)

    def clear(self) -> None:
        """Forget them."""
        with self._lock:
            self._entries.clear()

    def count(self, endpoint: str | None = None, method: str | None = None, status: int | None = None) -> int:
        """How many there were, of an endpoint, method or status."""
        return sum(
            (endpoint is None or entry.endpoint == endpoint)
            and (method is None or entry.method == method)
            and (status is None or entry.status == status)
            for entry in self.entries()
        )

    def counts(self) -> dict[str, dict[str, int]]:
        """Requests by endpoint and status."""
        counted: dict[str, dict[str, int]] = {}
        for entry in self.entries():
            statuses = counted.setdefault(entry.endpoint or entry.path, {})
            statuses[str(entry.status)] = statuses.get(str(entry.status), 0) + 1
        return counted
