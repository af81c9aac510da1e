"""The cases: each row of the tables, for each kind of stream that it makes sense for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from integration_tests.hostile.api import KINDS, GoodApi, Kind
from integration_tests.hostile.bodies import BODIES
from integration_tests.hostile.items import ITEMS
from integration_tests.hostile.jobs import JOBS
from integration_tests.hostile.large import LARGE
from integration_tests.hostile.lines import LINES
from integration_tests.hostile.pages import PAGES
from integration_tests.hostile.responses import plain
from integration_tests.hostile.rows import SAME, WAYS, Row, Verdicts
from integration_tests.hostile.server import Pieces, Request
from integration_tests.hostile.statuses import STATUSES
from integration_tests.hostile.transport import TRANSPORT

TABLE = [*BODIES, *STATUSES, *TRANSPORT, *LINES, *ITEMS, *PAGES, *JOBS]


class Case(NamedTuple):
    """A row of the tables, for one kind of stream; `once` if a good response follows."""

    row: Row
    kind: Kind
    once: bool
    verdict: str


def verdict_of(verdicts: Verdicts, name: str) -> str | None:
    """A row's verdict for a kind: that of the kind, of the form of its response, or of all."""
    if verdicts is None or isinstance(verdicts, str):
        return verdicts
    for key in (name, KINDS[name].form, "*"):
        if key in verdicts:
            return verdicts[key]
    return None


def cases() -> Iterator[Any]:
    """All cases, as parameters of a test.

    Where one verdict holds for all kinds, what reads responses decides it, and WAYS stand for the kinds that share it:
    `make test` leaves the others to `make test-warehouses`.
    """
    for row in TABLE:
        for name, kind in KINDS.items():
            always, once = verdict_of(row.always, name), verdict_of(row.once, name)
            for mode, verdict in (("always", always), ("once", always if once == SAME else once)):
                if always is None or verdict is None:
                    continue
                shared = isinstance(row.always, str) and name not in WAYS
                case = Case(row, kind, mode == "once", verdict)
                yield pytest.param(case, id=f"{row.name}-{name}-{mode}", marks=[pytest.mark.kinds] if shared else [])


def large_cases() -> Iterator[Any]:
    """Those of the large responses."""
    for row in LARGE:
        for name, kind in KINDS.items():
            if verdict := verdict_of(row.always, name):
                yield pytest.param(Case(row, kind, False, verdict), id=f"{row.name}-{name}")


class SpoiltApi:
    """The good API, but for one endpoint: the first response there is spoilt, or all of them. Other threads share it."""

    def __init__(self, case: Case) -> None:
        self.good = GoodApi()
        self.spoils = True
        self.struck = threading.Event()
        self._case = case
        self._lock = threading.Lock()

    @property
    def spoils_next(self) -> bool:
        """Whether the next response at the endpoint is spoilt."""
        return self.spoils and not (self._case.once and self.struck.is_set())

    def __call__(self, request: Request) -> Pieces:
        body = self.good.body(request)
        if request.path == self._case.kind.path and body is not None:
            with self._lock:
                spoils = self.spoils_next
                self.struck.set()
            if spoils:
                return self._case.row.spoil(request, body, self._case.kind, self.good)
        return [plain(b"{}", 404) if body is None else plain(body)]
