"""A stand-in for the endpoints of export jobs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import requests_mock

from source_iterable.api.rate_budget import NotYet
from source_iterable.api.spooled import SpooledResponse
from source_iterable.exports.jobs import JobsTransport
from source_iterable.exports.transport import Elsewhere
from source_iterable.exports.windows import Window
from unit_tests.contexts import ROOT, query_of

WINDOW = Window(0, 3600)


class Api:
    """The export API: what `pages` says, call by call, then its last word again."""

    def __init__(self, server: requests_mock.Mocker) -> None:
        self.server = server
        self.pages: list[Any] = []
        self.asked: list[str] = []
        server.post(f"{ROOT}export/start", json={"jobId": 7})
        server.get(f"{ROOT}export/7/files", json=self._page)
        server.delete(f"{ROOT}export/7", json={})

    def _page(self, request: Any, context: Any) -> Any:
        self.asked.append(query_of(request).get("startAfter", ""))
        page = self.pages.pop(0) if len(self.pages) > 1 else self.pages[0]
        if isinstance(page, int):
            context.status_code = page
            return {}
        return page

    @property
    def cancelled(self) -> int:
        return sum(request.method == "DELETE" for request in self.server.request_history)


def page(state: str, *names: str, truncated: bool = False) -> dict[str, Any]:
    files = [{"file": name, "url": f"https://files.example.com/{name}"} for name in names]
    return {"jobId": 7, "jobState": state, "exportTruncated": truncated, "files": files}


def never(seconds: float) -> bool:
    """No other transport is faster."""
    return False


def opened(
    transport: JobsTransport, window: Window = WINDOW, elsewhere: Elsewhere = never
) -> Iterator[SpooledResponse]:
    reads = transport.try_acquire()
    assert not isinstance(reads, NotYet)
    return reads("emailSend", window, elsewhere)


def read(transport: JobsTransport, window: Window = WINDOW, elsewhere: Elsewhere = never) -> list[bytes]:
    return [b"".join(part.chunks()) for part in opened(transport, window, elsewhere)]


def serve(api: Api, *names: str) -> None:
    for name in names:
        api.server.get(f"https://files.example.com/{name}", content=b'{"id": "%b"}\n' % name.encode())
