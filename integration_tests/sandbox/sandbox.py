"""The sandbox as tests hold it: start, stop, truth, faults and the log of requests. Other processes control it over HTTP."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

import orjson

from . import endpoints
from .core import Core
from .events import data_types
from .exports import Selection
from .faults import Fault
from .fixtures import Record
from .hosts import Host
from .messages import Request, RequestLogEntry, Response, json_response, records_response
from .server import Server
from .settings import SandboxSettings
from .times import to_ms, window_ms

Edge = datetime | str


class Sandbox:
    """A local Iterable API on free ports of the loopback interface.

    >>> with Sandbox(SandboxSettings(seed=1)) as sandbox:
    ...     requests.get(sandbox.base_url + "lists", headers={"Api-Key": "sandbox-key"})
    """

    def __init__(self, settings: SandboxSettings | None = None) -> None:
        self.settings = settings or SandboxSettings()
        self.core: Core = Core(self.settings)
        core = self.core
        self._servers: list[Server] = []
        self.base_url = self.files_url = ""  # the roots of API and storage host, with a slash at the end
        # Its time in UTC; advance(seconds): events arrive, budgets recover, jobs go on, links expire.
        self.now, self.advance = core.clock.now, core.clock.advance
        self.clear_requests: Callable[[], None] = core.log.clear
        self.clear_faults: Callable[[], None] = core.faults.clear
        self.put_records, self.user_events = core.exports.put, core.exports.user_events
        # All jobs as export/jobs lists them, and the state of one, which does not count as a poll.
        self.jobs, self.job_state = core.jobs.recent, core.jobs.state
        # By stream and id: delete a thing; update it now; change fields of it, but not its updatedAt.
        self.delete, self.touch, self.change = core.world.delete, core.world.touch, core.world.change
        self.list_users = core.world.people.lines  # as lists/getUsers sends them

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.close()

    def start(self) -> Sandbox:
        core, settings = self.core, self.settings
        api, storage = Host(core, "api"), Host(core, "files")

        def respond(request: Request) -> Response:
            return control(self, request) if request.path.startswith("/sandbox/") else api.respond(request)

        for answer, port in ((respond, settings.port), (storage.respond, 0)):
            self._servers.append(Server(answer, port, settings.host, settings.reader_patience))
        self.base_url = core.base_url = f"{self._servers[0].url}api/"
        self.files_url = core.files_url = self._servers[1].url
        return self

    def close(self) -> None:
        for server in self._servers:
            server.close()
        self._servers = []
        self.core.jobs.close()

    @property
    def requests(self) -> list[RequestLogEntry]:
        return list(self.core.log)

    def count(self, endpoint: str | None = None, method: str | None = None, status: int | None = None) -> int:
        """The number of requests so far with this endpoint, method and status."""
        each = [(entry.endpoint, entry.method, entry.status) for entry in self.core.log]
        return sum(endpoint in (None, e) and method in (None, m) and status in (None, s) for e, m, s in each)

    # what is true, past limits, faults and pages

    def truth(self, data_type: str, start: Edge, end: Edge, as_of: datetime | None = None) -> list[Record]:
        """Exactly the records that the export sends for [start, end), in any order; as_of: as seen at that time."""
        return list(self.core.exports.records(self._selection(data_type, start, end, as_of)))

    def truth_lines(self, data_type: str, start: Edge, end: Edge) -> list[bytes]:
        """The lines behind that, without their ends, even those that are not JSON."""
        return [line[:-1] for line in self.core.exports.lines(self._selection(data_type, start, end, None))]

    def _selection(self, data_type: str, start: Edge, end: Edge, as_of: datetime | None) -> Selection:
        if data_type not in data_types():
            raise ValueError(f"no data type {data_type!r}")
        return Selection(data_type, window_ms(start), window_ms(end), to_ms(as_of or self.now()))

    def truth_list(self, stream: str) -> list[Record]:
        """What the endpoints of any other stream hold now, as the API sends it.

        Lists: the things of their responses, archived journeys, children and secrets of webhooks included.
        campaigns_metrics and experiments_metrics: a row's cells by column, as text; campaigns without empty ones, and of all
        days up to now. campaigns_metrics_daily: those of each day on which a campaign was active, with campaignId and date.
        experiments: the response and the author. experiment_variants: all fields of all endpoints, with experimentId.
        template_contents: the response and messageMedium. template_locales: the same in all locales but the default ones.
        list_users: {listId, userIdentifier}. list_sizes: {listId, size}. events: what export/userEvents sends for members
        of lists. user_fields: {name, type}. catalog_field_mappings: the response and catalogName. metadata_entries: with
        values. forgotten_users: {hash, identifierType}.
        """
        core = self.core
        if stream == "campaigns_metrics_daily":
            return core.metrics.days()
        if stream == "list_sizes":
            ids = [each["id"] for each in self.truth_list("lists")]
            return [{"listId": each, "size": len(self.list_users(each))} for each in ids]
        if stream == "events":
            names = sorted({member["userIdentifier"] for member in core.world.things("list_users")})
            return [event for name in names for event in self.user_events(name)]
        if stream in ("experiment_variants", "template_locales"):
            return [dict(thing) for thing in core.world.things(stream)]
        for row in endpoints.ROWS:
            if row.stream == stream:
                return row.truth(core)
        raise ValueError(f"no such stream: {stream!r}")

    def metrics(self, start: Edge, end: Edge | None = None) -> list[Record]:
        """The rows of campaigns/metrics for [start, end), or up to now: the cells by column, as text, without empty ones."""
        return self.core.metrics.rows(window_ms(start), None if end is None else window_ms(end))

    # what a test changes

    def add_fault(self, fault: Fault) -> Fault:
        """Add a fault; it counts in `struck` how often it strikes."""
        self.core.faults.append(fault)
        return fault

    def break_list(self, list_id: int, kind: str | None = "error") -> None:
        """Break lists/getUsers of a list: always 500 ("error"), or cut off ("cut"); None mends it."""
        self.core.broken_lists[list_id] = kind

    def foreign_job(self, data_type: str = "emailSend", seconds: float = 1e9) -> int:
        """The id of another client's export job, which runs for so long."""
        return self.core.jobs.start(data_type, None, seconds=seconds)


def _truth(sandbox: Sandbox, query: dict[str, Any]) -> list[Any]:
    if "stream" in query:
        return sandbox.truth_list(query["stream"])
    as_of = datetime.fromisoformat(query["asOf"]) if query.get("asOf") else None
    return sandbox.truth(query["dataTypeName"], query["start"], query["end"], as_of)


def _counts(sandbox: Sandbox, query: dict[str, Any]) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = {}
    for entry in sandbox.requests:
        counts.setdefault(entry.endpoint or entry.path, Counter())[str(entry.status)] += 1
    return counts


def _now(sandbox: Sandbox, query: dict[str, Any]) -> dict[str, str]:
    sandbox.advance(float(query.get("seconds", 0)))
    return {"now": sandbox.now().isoformat()}


# For programs in other processes: /sandbox/{name}, without checks or log.
_COMMANDS: dict[str, Callable[[Sandbox, dict[str, Any]], Any]] = {
    "GET requests": lambda sandbox, query: [
        {**asdict(entry), "header_names": sorted(entry.header_names)} for entry in sandbox.requests
    ],
    "DELETE requests": lambda sandbox, query: sandbox.clear_requests(),
    "GET counts": _counts,
    "GET truth": _truth,  # as JSON lines
    "POST faults": lambda sandbox, query: vars(sandbox.add_fault(Fault(**{"endpoint": None, **query, "when": None}))),
    "DELETE faults": lambda sandbox, query: sandbox.clear_faults(),
    "POST advance": _now,
    "GET now": _now,
}


def control(sandbox: Sandbox, request: Request) -> Response:
    """The response to a command: its parameters are the query and the fields of the body."""
    name = f"{request.method} {request.path.rpartition('/')[2]}"
    try:
        query = orjson.loads(request.body or b"{}") | dict(parse_qsl(request.query, keep_blank_values=True))
        done = _COMMANDS[name](sandbox, query)
    except (KeyError, TypeError, ValueError) as error:
        return json_response({"error": str(error)}, 400)
    return records_response(done) if name == "GET truth" else json_response(done or {})
