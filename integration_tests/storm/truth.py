"""The truth: what each stream must hold, as text that is the same for a record and for what the API sent."""

from __future__ import annotations

import json
import re
from collections import Counter
from hashlib import blake2b
from typing import Any

from integration_tests.connector import time_text
from integration_tests.expected import truth, uncounted
from integration_tests.sandbox import Sandbox
from integration_tests.storm.process import Message
from integration_tests.test_exports import event_ids
from integration_tests.test_streams_members import as_read, as_sent
from source_iterable.config import Config
from source_iterable.reading.export_stream import ExportStream
from source_iterable.reading.lists import ChildStream
from source_iterable.records.timestamps import rfc3339
from source_iterable.streams.table import STREAMS

Record = dict[str, Any]
# The columns that hold what the warning about a slice names, where it is not the first column of a child's key.
SKIPPED = {
    "list_users": (re.compile(r"list (?P<listId>\d+) (?:skipped|no longer)"),),
    "child_campaigns": (re.compile(r"campaign (?P<recurringCampaignId>\d+) no longer"),),
    "metadata_entries": (
        re.compile(r"metadata table (?P<table>\S+) no longer"),
        re.compile(r"entry (?P<key>\S+) of metadata/(?P<table>\S+) no longer"),
    ),
    "list_sizes": (re.compile(r"list (?P<listId>\d+) (?:skipped|no longer)"),),
    "experiments": (re.compile(r"experiment (?P<id>\d+) no longer"),),
    "experiment_variants": (re.compile(r"experiment (?P<experimentId>\d+) no longer"),),
    "experiment_trends": (re.compile(r"experiment (?P<experimentId>\d+) no longer"),),
    "template_locales": (
        re.compile(r"template (?P<templateId>\d+) no longer"),
        re.compile(r"Iterable returned no locales of template (?P<templateId>\d+)"),
        re.compile(r"locale (?P<locale>\S+) of template (?P<templateId>\d+) no longer"),
    ),
    "template_contents": (re.compile(r"template (?P<templateId>\d+) no longer"),),
}
SKIPPED_USER = re.compile(r"user .\*\*\* \((?P<digest>\w+)\) (?:skipped|no longer)")


class Truth:
    """What a sandbox holds for one stream between a configuration's dates."""

    def __init__(self, sandbox: Sandbox, config: Config, name: str) -> None:
        self.name = name
        self._sandbox = sandbox
        self._key = STREAMS[name].key(config)
        stream = STREAMS[name]
        if isinstance(stream, ExportStream):
            self._records = sandbox.truth(
                stream.data_type, config.start_date, config.end_date or time_text(sandbox.now())
            )
        else:
            self._records = sandbox.truth_list(name) if name == "events" else truth(sandbox, name, config)
        self._warnings = SKIPPED.get(name, ())
        if isinstance(stream, ChildStream) and not self._warnings:
            self._warnings = (re.compile(rf"{stream.noun} (?P<{stream.primary_key[0]}>\S+) no longer"),)
        self.expected = Counter(map(self._sent, self._records))

    def identity(self, record: Record) -> str:
        """A record as text, like the expected ones."""
        if self.name == "users":
            columns = {column: value for column, value in record.items() if column != "data"}
            return _profile({**record["data"], **columns})
        if self.name == "events":
            return as_sent(record)
        if self.name == "list_users":
            return _text({key: record.get(key) for key in self._key})
        return str(record.get("_event_id")) if self._is_export() else _text(*uncounted([record]))

    def key(self, record: Record) -> str:
        """A record's primary key as text; all of it where the stream has none."""
        return _text([record.get(column) for column in self._key]) if self._key else self.identity(record)

    def skipped(self, warning: str) -> set[str]:
        """The expected records that a warning says are skipped."""
        if self.name == "events":
            return self._skipped_events(warning)
        named = [found.groupdict() for pattern in self._warnings if (found := pattern.match(warning))]
        return {
            self._sent(record)
            for record in self._records
            if any(all(str(record.get(column)) == value for column, value in each.items()) for each in named)
        }

    def _skipped_events(self, warning: str) -> set[str]:
        members = self._sandbox.truth_list("list_users")
        users: set[str] = set()
        if found := SKIPPED_USER.match(warning):
            names = {member["userIdentifier"] for member in members}
            users = {n for n in names if blake2b(n.encode(), digest_size=16).hexdigest().startswith(found["digest"])}
        elif found := SKIPPED["list_users"][0].match(warning):
            users = {member["userIdentifier"] for member in members if str(member["listId"]) == found["listId"]}
        return {as_read(event) for user in users for event in self._sandbox.user_events(user)}

    def _sent(self, record: Record) -> str:
        if self.name == "events":
            return as_read(record)
        if self.name == "users":
            return _profile(record)
        return event_ids(self.name, [record])[0] if self._is_export() else self.identity(record)

    def _is_export(self) -> bool:
        return isinstance(STREAMS[self.name], ExportStream)


def secrets_of(sandbox: Sandbox, config: Config) -> set[str]:
    """What no message may name: the key, and every address of a user."""
    users = sandbox.truth("user", "1970-01-01", "2100-01-01")
    names = {user.get("email") for user in users} | {m["userIdentifier"] for m in sandbox.truth_list("list_users")}
    return {config.api_key, *(name for name in names if isinstance(name, str) and "@" in name)}


def told_by(message: Message) -> str:
    """The text of a LOG or TRACE message, empty for others."""
    return json.dumps(message, ensure_ascii=False) if message.get("type") in ("LOG", "TRACE") else ""


def _profile(fields: Record) -> str:
    """A user's profile as text, with all times in one form."""
    return _text({name: rfc3339(value) or value for name, value in fields.items()})


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
