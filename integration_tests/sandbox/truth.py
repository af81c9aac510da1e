"""What is true: exactly what the API holds, told past limits, faults and pages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from .core import Core
from .events import as_user_event
from .exports import Selection
from .kinds import DATA_TYPES
from .settings import EMAIL_BASED, USER_ID_BASED
from .times import to_ms, window_ms

Record = dict[str, Any]


class Truth:
    """The records of every stream, as the API sends them."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._world = core.world
        self._library = core.library
        self._lists: dict[str, Callable[[], list[Record]]] = {
            "lists": lambda: list(self._world.lists),
            "channels": lambda: list(self._world.channels),
            "message_types": lambda: list(self._world.message_types),
            "metadata": lambda: [{"name": name} for name in self._library.tables],
            "campaigns": lambda: [dict(thing) for thing in self._world.campaigns],
            "campaigns_metrics": self._campaigns_metrics,
            "templates": lambda: [dict(thing) for thing in self._world.templates],
            "list_users": self._list_users,
            "events": self._events,
            "user_fields": self._user_fields,
            "journeys": lambda: [dict(thing) for thing in self._world.journeys],
            "catalogs": lambda: [{"name": name} for name in self._library.catalogs],
            "catalog_items": self._catalog_items,
            "catalog_field_mappings": self._field_mappings,
            "snippets": self._library.snippets,
            "experiments_metrics": self._experiments,
            "metadata_entries": self._metadata_entries,
            "child_campaigns": self._child_campaigns,
            "template_contents": self._template_contents,
            "forgotten_users": self._forgotten,
            "webhooks": self._library.webhooks,
        }

    def selection(
        self, data_type: str, start: datetime | str, end: datetime | str, as_of: datetime | None
    ) -> Selection:
        """A window of an export stream."""
        if data_type not in DATA_TYPES:
            raise ValueError(f"no data type {data_type!r}")
        as_of_ms = self._core.clock.now_ms() if as_of is None else to_ms(as_of)
        return Selection(data_type, window_ms(start), window_ms(end), as_of_ms)

    def export(
        self, data_type: str, start: datetime | str, end: datetime | str, as_of: datetime | None = None
    ) -> list[Record]:
        """The records that the export sends for [start, end)."""
        return list(self._core.exports.records(self.selection(data_type, start, end, as_of)))

    def listing(self, stream: str) -> list[Record]:
        """The records of any other stream."""
        if stream not in self._lists:
            raise ValueError(f"no such stream: {stream!r}")
        return self._lists[stream]()

    def list_users(self, list_id: int, prefer_user_id: bool | None = None) -> list[str]:
        """The lines of a list; by default as a connector asks for them: userIds unless the project is email-based."""
        by_email = self._core.settings.project_type == EMAIL_BASED
        prefer = (not by_email) if prefer_user_id is None else prefer_user_id and not by_email
        place = self._world.list_places[list_id]
        return [user.line(prefer) for user in self._world.people.members(place)]

    def user_events(self, identifier: str, include_custom: bool = True) -> list[Record]:
        """All events of the user with this email, userId or itblUserId, as export/userEvents sends them."""
        user = self._world.people.find(identifier)
        return [] if user is None else list(self._core.exports.user_events(user, include_custom))

    def _list_users(self) -> list[Record]:
        return [
            {"listId": thing["id"], "userIdentifier": line}
            for thing in self._world.lists
            for line in self.list_users(thing["id"])
        ]

    def _events(self) -> list[Record]:
        now = self._core.clock.now_ms()
        members = {line for thing in self._world.lists for line in self.list_users(thing["id"])}
        if len(members) < 50:
            return [record for line in sorted(members) for record in self.user_events(line)]
        # Of nearly everybody: one pass over all types is cheaper than one walk a user.
        everyone = {name: line for line in members for name in self._names(line)}
        found = []
        for data_type in DATA_TYPES[:-1]:
            for record in self._core.exports.records(Selection(data_type, 0, 2**62, now)):
                names = (record.get(key) for key in ("itblUserId", "email", "userId"))
                if any(isinstance(name, str) and name in everyone for name in names):
                    found.append(as_user_event(data_type, record))
        return found

    def _names(self, line: str) -> list[str]:
        user = self._world.people.find(line)
        return [] if user is None else list(user.identifiers().values())

    def _campaigns_metrics(self) -> list[Record]:
        return [row for row in map(self._library.metrics, self._world.campaigns) if row]

    def _user_fields(self) -> list[Record]:
        return [{"name": name, "type": kind} for name, kind in self._library.user_fields().items()]

    def _catalog_items(self) -> list[Record]:
        return [item for catalog in self._library.catalogs for item in self._library.catalog_items(catalog)]

    def _field_mappings(self) -> list[Record]:
        return [{"catalogName": name, **self._library.field_mappings(name)} for name in self._library.catalogs]

    def _experiments(self) -> list[Record]:
        return [
            dict(row)
            for campaign, experiments in self._world.experiments.items()
            for experiment in experiments
            for row in self._library.experiment_rows(campaign, experiment)
        ]

    def _metadata_entries(self) -> list[Record]:
        return [
            self._library.metadata_entry(table, key, True)
            for table in self._library.tables
            for key in self._library.metadata_keys(table)
        ]

    def _child_campaigns(self) -> list[Record]:
        return [dict(thing) for thing in self._world.campaigns if "recurringCampaignId" in thing]

    def _template_contents(self) -> list[Record]:
        contents = []
        for template in self._world.templates:
            medium = self._world.template_kinds[template["templateId"]][1]
            contents.append({"messageMedium": medium, **self._library.template_content(template, medium)})
        return contents

    def _forgotten(self) -> list[Record]:
        kind = self._core.settings.project_type
        records = []
        if kind != USER_ID_BASED:
            records += [{"hash": digest, "identifierType": "email"} for digest in self._library.forgotten("email")]
        if kind != EMAIL_BASED:
            records += [{"hash": digest, "identifierType": "userId"} for digest in self._library.forgotten("userId")]
        return records
