"""The sandbox as tests hold it: start, stop, truth, faults and the log of requests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from . import endpoints
from .core import Core, Row
from .events import data_types
from .exports import Selection
from .faults import Fault
from .fixtures import Record
from .hosts import Host
from .http import RequestLogEntry, Server
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
        for server in self._servers:
            server.close()
        self._servers = []

    def start(self) -> Sandbox:
        core, settings = self.core, self.settings
        for host, port in (("api", settings.port), ("files", 0)):
            self._servers.append(Server(Host(core, host).respond, port, settings.host, settings.reader_patience))
        self.base_url = core.base_url = f"{self._servers[0].url}api/"
        self.files_url = core.files_url = self._servers[1].url
        return self

    @property
    def requests(self) -> list[RequestLogEntry]:
        return list(self.core.log)

    def count(self, endpoint: str | None = None, method: str | None = None, status: int | None = None) -> int:
        """The number of requests so far with this endpoint, method and status."""
        each = [(entry.endpoint, entry.method, entry.status) for entry in self.core.log]
        return sum(endpoint in (None, e) and method in (None, m) and status in (None, s) for e, m, s in each)

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
        campaigns_metrics and experiments_metrics: a row's cells by column, as text, of all days up to now; campaigns without
        empty ones. campaigns_metrics_daily: those of each day on which a campaign was active, with campaignId and date.
        experiments: the response and the author. experiment_variants: all fields of all endpoints, with experimentId.
        experiment_trends: {experimentId, variantId, metric, interval, time, value}.
        template_contents: the response and messageMedium. template_locales: the same in all locales but the default ones.
        list_users: {listId, userIdentifier}. list_sizes: {listId, size}. events: what export/userEvents sends for members
        of lists. user_fields: {name, type}. catalog_field_mappings: the response and catalogName. metadata_entries: with
        values. forgotten_users: {hash, identifierType}.
        """
        row = next((row for row in endpoints.ROWS if row.stream == stream), Row("", stream=stream))
        return row.truth(self.core)

    def metrics(self, start: Edge, end: Edge | None = None) -> list[Record]:
        """The rows of campaigns/metrics for [start, end), or up to now: the cells by column, as text, without empty ones."""
        return self.core.metrics.rows(window_ms(start), None if end is None else window_ms(end))

    def experiments_metrics(self, start: Edge) -> list[Record]:
        """The rows of experiments/metrics from a time up to now, as text."""
        return self.core.metrics.experiments(window_ms(start))

    def add_fault(self, fault: Fault) -> Fault:
        """Add a fault; it counts in `struck` how often it strikes."""
        self.core.faults.append(fault)
        return fault

    def foreign_job(self, data_type: str = "emailSend", seconds: float = 1e9) -> int:
        """The id of another client's export job, which runs for so long."""
        return self.core.jobs.start(data_type, None, seconds=seconds)
