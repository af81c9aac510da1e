"""The verdict: what syncs have written against the truth."""

from __future__ import annotations

from collections import Counter
from typing import Any

from integration_tests.sandbox import Sandbox
from integration_tests.storm.process import Ended
from integration_tests.storm.truth import Record, Truth, secrets_of, told_by
from source_iterable.config import Config
from source_iterable.streams.table import STREAMS

State = dict[str, Any]
# The state of a stream that starts over.
FROM_THE_START = {"__ab_no_cursor_state_message": True}
# What users are told of an exception that is not the connector's own.
NOT_FORESEEN = "Unexpected error: "


class Verdict:
    """Takes syncs in one after the other; tells what was lost, invented and doubled."""

    def __init__(self, sandbox: Sandbox, config: Config, names: list[str]) -> None:
        self._sandbox, self._config = sandbox, config
        self._truths = {name: Truth(sandbox, config, name) for name in names}
        # A history that was read before a kill is not read again: its later events are the next sync's.
        self._begun = {name: self._truths[name] for name in names if name == "events"}
        self._secrets = secrets_of(sandbox, config)
        # The union: the latest text of every key. Then what warnings have named as skipped.
        self._read: dict[str, dict[str, str]] = {name: {} for name in names}
        self._skipped: dict[str, set[str]] = {name: set() for name in names}
        self.states: dict[str, State] = {}
        self.lost = self.invented = self.doubled = 0
        self.problems: list[str] = []

    @property
    def records(self) -> int:
        """How many different records were read."""
        return sum(map(len, self._read.values()))

    def look_again(self) -> None:
        """Time has gone on, and things have changed: all must be read as it is now."""
        self._truths = {name: Truth(self._sandbox, self._config, name) for name in self._truths}

    def add(self, sync: Ended) -> None:
        """Take in the messages of a sync, in order."""
        self.problems += sync.problems
        before = dict(self.states)
        records: dict[str, list[Record]] = {name: [] for name in self._truths}
        statuses: dict[str, str] = {}
        skipped: dict[str, set[str]] = {name: set() for name in self._truths}
        for message in sync.messages:
            kind = message.get("type")
            if kind == "RECORD":
                records[message["record"]["stream"]].append(message["record"]["data"])
            elif kind == "STATE":
                stream = message["state"]["stream"]
                self.states[stream["stream_descriptor"]["name"]] = stream["stream_state"]
            elif kind == "TRACE" and (status := message["trace"].get("stream_status")):
                statuses[status["stream_descriptor"]["name"]] = status["status"]
            elif kind == "LOG":
                name, _, warning = message["log"]["message"].partition(": ")
                if name in skipped:
                    skipped[name] |= self._truths[name].skipped(warning)
        self._add_told(sync)
        for name, truth in self._truths.items():
            self._add_records(truth, records[name])
            self._skipped[name] |= skipped[name]
            if statuses.get(name) == "COMPLETE":
                self._check_complete(truth, records[name], skipped[name], before.get(name))
            elif sync.code == 0:
                self.problems.append(f"{name}: exit code 0 with status {statuses.get(name)}")

    def finish(self) -> None:
        """Compare the union with the truth."""
        for name, truth in self._truths.items():
            found = set(self._read[name].values())
            lost = self._needed(truth) - found - self._skipped[name]
            invented = found - truth.expected.keys()
            self.lost, self.invented = self.lost + len(lost), self.invented + len(invented)
            if lost or invented:
                self.problems.append(f"{name}: {len(lost)} lost, {len(invented)} invented of {len(truth.expected)}")

    def _needed(self, truth: Truth) -> set[str]:
        return set(self._begun.get(truth.name, truth).expected)

    def _add_told(self, sync: Ended) -> None:
        for text in [*map(told_by, sync.messages), sync.errors]:
            if any(secret in text for secret in self._secrets):
                self.problems.append("leak: a message names the key or a user's email")
            if NOT_FORESEEN in text:
                self.problems.append(f"crash: {text[-600:]}")

    def _add_records(self, truth: Truth, records: list[Record]) -> None:
        keyed = [(truth.key(record), truth.identity(record)) for record in records]
        texts = dict(keyed)
        times = Counter(key for key, _ in keyed)
        # The API itself sends some records twice.
        doubled = sum(max(0, times[key] - max(1, truth.expected[texts[key]])) for key in texts)
        if doubled:
            self.doubled += doubled
            self.problems.append(f"{truth.name}: {doubled} doubled within a sync")
        self._read[truth.name].update(texts)

    def _check_complete(self, truth: Truth, records: list[Record], skipped: set[str], before: State | None) -> None:
        """A stream that is complete lacks nothing; one that started from the start has all of it by itself."""
        read = set(self._read[truth.name].values())
        missing = len(self._needed(truth) - read - self._skipped[truth.name])
        if missing:
            self.problems.append(f"{truth.name}: COMPLETE, though {missing} of {len(truth.expected)} are missing")
        elif before in (None, {}, FROM_THE_START) or not _resumes(truth.name):
            alone = set(map(truth.identity, records))
            if missing := len(self._needed(truth) - alone - skipped):
                self.problems.append(
                    f"{truth.name}: COMPLETE from the start, though {missing} are missing in this sync"
                )


def _resumes(name: str) -> bool:
    return STREAMS[name].resumable or STREAMS[name].cursor_field is not None
