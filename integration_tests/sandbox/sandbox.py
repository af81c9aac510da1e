"""The sandbox as tests hold it: start, stop, truth, faults and the log of requests."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from types import TracebackType
from typing import Any

from .app import api_app
from .core import Core
from .faults import Fault
from .filehost import files_app
from .log import RequestLogEntry
from .server import Servers, listen
from .settings import SandboxSettings
from .times import window_ms
from .truth import Truth

Record = dict[str, Any]
FOR_EVER = 10.0**9


class Sandbox:
    """A local Iterable API on free ports of the loopback interface.

    >>> with Sandbox(SandboxSettings(seed=1)) as sandbox:
    ...     requests.get(sandbox.base_url + "lists", headers={"Api-Key": "sandbox-key"})
    """

    def __init__(self, settings: SandboxSettings | None = None) -> None:
        self.settings = settings or SandboxSettings()
        self.core = Core(self.settings)
        self._truth = Truth(self.core)
        self._servers: Servers | None = None

    def start(self) -> Sandbox:
        """Listen and serve."""
        host = self.settings.host
        api_socket, files_socket = listen(host, self.settings.port), listen(host, self.settings.files_port)
        named = f"[{host}]" if ":" in host else host
        self.core.base_url = f"http://{named}:{api_socket.getsockname()[1]}/api/"
        self.core.files_url = f"http://{named}:{files_socket.getsockname()[1]}/"
        self._servers = Servers([(api_app(self.core), api_socket), (files_app(self.core), files_socket)])
        self._servers.start()
        return self

    def close(self) -> None:
        """Stop serving and remove the files of jobs."""
        if self._servers is not None:
            self._servers.close()
            self._servers = None
        self.core.jobs.close()

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def base_url(self) -> str:
        """The root of the API, with a slash at the end."""
        return self.core.base_url

    @property
    def files_url(self) -> str:
        """The root of the storage host."""
        return self.core.files_url

    # time

    def now(self) -> datetime:
        """The sandbox's time, in UTC."""
        return self.core.clock.now()

    def advance(self, seconds: float) -> None:
        """Move its time forward: events arrive, budgets recover, jobs go on, links expire."""
        self.core.clock.advance(seconds)

    # truth

    def truth(
        self, data_type: str, start: datetime | str, end: datetime | str, as_of: datetime | None = None
    ) -> list[Record]:
        """Exactly the records that the export sends for [start, end), in any order; as_of: as seen at that time."""
        return self._truth.export(data_type, start, end, as_of)

    def truth_lines(self, data_type: str, start: datetime | str, end: datetime | str) -> list[bytes]:
        """The lines behind that, without their ends: lines that are no JSON included."""
        selection = self._truth.selection(data_type, start, end, None)
        return [line[:-1] for line in self.core.exports.lines(selection)]

    def truth_list(self, stream: str) -> list[Record]:
        """What the endpoints of any other stream hold now, as the API sends it.

        Plain things (lists, channels, message_types, metadata, campaigns, templates, journeys, catalogs, catalog_items,
        snippets, webhooks with their secrets, child_campaigns): the dictionaries of the answers, archived journeys and
        children included. campaigns_metrics and experiments_metrics: a row's cells by column, as text; for campaigns
        without the empty ones. list_users: {listId, userIdentifier}. events: what export/userEvents sends for the
        members of all lists. user_fields: {name, type}. catalog_field_mappings: the answer and catalogName.
        metadata_entries: with values. template_contents: the answer and messageMedium. forgotten_users: {hash,
        identifierType}.
        """
        return self._truth.listing(stream)

    def list_users(self, list_id: int, prefer_user_id: bool | None = None) -> list[str]:
        """The lines of a list; userIds preferred unless the project is email-based or it is said otherwise."""
        return self._truth.list_users(list_id, prefer_user_id)

    def user_events(self, identifier: str, include_custom: bool = True) -> list[Record]:
        """What export/userEvents sends for a user (email, userId or itblUserId)."""
        return self._truth.user_events(identifier, include_custom)

    # requests

    @property
    def requests(self) -> list[RequestLogEntry]:
        """Every request so far, in order of arrival."""
        return self.core.log.entries()

    def count(self, endpoint: str | None = None, method: str | None = None, status: int | None = None) -> int:
        """How many there were."""
        return self.core.log.count(endpoint, method, status)

    def clear_requests(self) -> None:
        """Forget them."""
        self.core.log.clear()

    # what a test changes

    def add_fault(self, fault: Fault) -> Fault:
        """Let something go wrong. The fault counts in `struck` how often it did."""
        self.core.faults.add(fault)
        return fault

    def clear_faults(self) -> None:
        """Nothing goes wrong any more."""
        self.core.faults.clear()

    def put_records(
        self, data_type: str, records: Iterable[Record | bytes], visible_at: datetime | None = None
    ) -> None:
        """Add export records (or their lines); their createdAt, or profileUpdatedAt, in any shape tells the window."""
        self.core.exports.put(data_type, records, 0 if visible_at is None else window_ms(visible_at))

    def put_line(self, data_type: str, instant: datetime, line: bytes, visible_at: datetime | None = None) -> None:
        """Add one line of any bytes at an instant."""
        visible_ms = 0 if visible_at is None else window_ms(visible_at)
        self.core.exports.put_line(data_type, window_ms(instant), line, visible_ms)

    def delete_list(self, list_id: int) -> None:
        """Let a list be gone."""
        self.core.world.delete_list(list_id)

    def break_list(self, list_id: int, kind: str | None = "error") -> None:
        """Let lists/getUsers of a list always answer 500 ("error"), or break off ("cut"); None mends it."""
        if kind is None:
            self.core.broken_lists.pop(list_id, None)
        else:
            self.core.broken_lists[list_id] = kind

    def touch_campaign(self, campaign_id: int) -> None:
        """Let a campaign be updated now."""
        self.core.world.touch("campaigns", campaign_id)

    def touch_template(self, template_id: int) -> None:
        """Let a template be updated now."""
        self.core.world.touch("templates", template_id)

    def touch_journey(self, journey_id: int) -> None:
        """Let a journey be updated now."""
        self.core.world.touch("journeys", journey_id)

    # jobs

    def foreign_job(self, data_type: str = "emailSend", seconds: float = FOR_EVER) -> int:
        """An export job of somebody else's, running or waiting for so long; its id."""
        return self.core.jobs.start(data_type, None, None, seconds).id

    def job_state(self, job_id: int) -> str:
        """The state of a job, without counting as a poll."""
        return self.core.jobs.state(job_id)

    def jobs(self) -> list[Record]:
        """All jobs, as export/jobs lists them."""
        return self.core.jobs.recent()
