"""Stream: the base class of all streams, what one needs to be read, and what reading it yields."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from threading import BoundedSemaphore
from typing import Any, TypeAlias

from source_iterable.api import exact_json
from source_iterable.api.client import IterableClient
from source_iterable.api.clock import iso_time
from source_iterable.api.spooled import MAX_LINE
from source_iterable.config import Config
from source_iterable.errors import ConfigError
from source_iterable.exports.reader import ExportReader
from source_iterable.reading.catch_up import CatchUpBarrier, Need
from source_iterable.reading.shared_lists import SharedLists
from source_iterable.records.batch import RecordBatch, batches_of, with_member
from source_iterable.records.columns import DATA, PROJECT, Columns
from source_iterable.records.columns import Fields as Fields
from source_iterable.records.private_fields import Layout, PrivateFields, Redact
from source_iterable.records.schemas import load_schema

# Batches of all export streams that exist at a time, besides those in the queue to stdout: each costs about 3 MB while it
# is made, and one core makes them.
_BATCHES_AT_ONCE = 8
_PROJECT = {"description": "The project's name, from the option of this name.", "type": "string"}
# The columns that are there already where the records go, and the field that each holds; None: nobody remembers.
Held = Mapping[str, str | None]
# JSON schemas, by stream.
Schemas = Mapping[str, Mapping[str, Any]]
# A stream's state, as the protocol carries it between syncs. Never changed in place.
State = Mapping[str, Any]


def nothing_held() -> Held:
    """Where nothing is known of the columns."""
    return {}


@dataclass(frozen=True)
class Checkpoint:
    """The stream's state at this point: it covers everything yielded before. Empty: the next sync starts over."""

    state: State


class StreamContext:
    """One sync's configuration, client, export reader and log; shared by all of its streams.

    `catalog_schemas` are the configured catalog's, by stream; `full` are the streams that it reads as a full refresh.
    `batch_slots` holds a batch while it is made.
    """

    def __init__(
        self,
        config: Config,
        client: IterableClient,
        logger: logging.Logger,
        catalog_schemas: Schemas | None = None,
        full: Collection[str] = (),
    ) -> None:
        self.config = config
        self.client = client
        self.progress = client.progress
        self.logger = logger
        self.catalog_schemas = catalog_schemas or {}
        self.full = full
        self.batch_slots = BoundedSemaphore(_BATCHES_AT_ONCE)
        self.private_fields = PrivateFields.from_config(config)
        self.exports = ExportReader(client, config, logger)
        self.shared = SharedLists(client, logger)
        self.barrier = CatchUpBarrier(client)

    def close(self) -> None:
        """Stop all that is in progress, here and at Iterable, and warn of private fields that no record had."""
        for name in self.private_fields.unseen:
            self.logger.warning(
                f"No record of this sync had a field {name}, which is to be excluded or hashed: check its spelling."
            )
        self.client.stop()
        self.exports.close()
        self.shared.close()
        self.barrier.close()


# What a stream itself yields: items as Iterable sent them, or batches of finished records; and what is made of it.
Reading: TypeAlias = "Generator[list[Fields] | RecordBatch | Checkpoint, None, None]"
Batches: TypeAlias = "Generator[RecordBatch | Checkpoint, None, None]"


class Stream(ABC):
    """A stream of the table.

    With a `cursor_field` it is incremental; a `resumable` one is read in full, and an interrupted sync resumes where it
    was. `every_state`: all its states are written; those of the others only as often as they are worth it (reading/pace.py).
    `of_people`: its records are of people, and in excluded_fields and hashed_fields `data.x` means a column x, too.
    `needs`: what it gets before other streams go on, or takes together with them. `exempt_key`: it is about things, and
    excluded_fields leave its key. `lists`: the paths of the shared lists that it reads. `whole`: every sync requests all
    items, also if it emits only those that have changed.
    """

    name: str
    primary_key: tuple[str, ...]
    cursor_field: str | None = None
    resumable = False
    every_state = False
    of_people = False
    needs: Need | None = None
    may_have_private_fields = True
    exempt_key = False
    whole = False

    @property
    def lists(self) -> Collection[str]:
        return ()

    def read(self, context: StreamContext, state: State) -> Batches:
        """Yield the stream's records in batches, and a Checkpoint wherever everything before it is complete.

        A stream that yields no Checkpoint is read in full every time. Raises IterableError.
        """
        redact, project = self.redaction(context), context.config.project
        left_out: list[int] = []
        try:
            with closing(self._read(context, state)) as items:
                for item in items:
                    for each in self._finished(item, redact):
                        if isinstance(each, RecordBatch):
                            left_out += each.left_out
                            each = with_member(each, PROJECT, project) if project else each
                        yield each
        finally:
            if left_out:
                context.logger.warning(
                    f"{self.name}: records over {MAX_LINE >> 20} MB were left out: {len(left_out):,}, the longest of "
                    f"{max(left_out) / 2**20:,.1f} MB. Many destinations refuse them; make them smaller in Iterable."
                )

    def _finished(self, item: list[Fields] | RecordBatch | Checkpoint, redact: Redact | None) -> Batches:
        """What is made of an item of `_read`."""
        if isinstance(item, list):
            records = map(self.to_record, item)
            yield from batches_of(self.name, map(redact, records) if redact else records)
        elif redact and isinstance(item, RecordBatch):
            # Parsed again: as fast as dicts all along, and where records are made need not know of it.
            records = map(exact_json.loads, item.lines.split(b"\n")[:-1])
            yield from batches_of(self.name, map(redact, records), item.left_out)
        else:
            yield item

    def announce(self, context: StreamContext, state: State) -> None:  # noqa: B027  most know nothing
        """Tell the other streams of a sync what the state knows for them, before any begins."""

    @abstractmethod
    def _read(self, context: StreamContext, state: State) -> Reading:
        """Yield items as Iterable sent them, in lists, batches of finished records, and Checkpoints."""

    def to_record(self, item: Fields) -> Fields:
        """The record for an item: what is no declared column, or does not fit it, goes under `data`."""
        if not self._columns.has_data_column:
            return item
        columns, data = self._columns.split(item)
        for name in self.primary_key:
            # Rows without a key would take the place of each other.
            if name in data:
                columns[name] = data.pop(name)
        return {**columns, DATA: data}

    def redaction(self, context: StreamContext) -> Redact | None:
        """What takes the private fields out of the stream's records; None if there are none."""
        private = context.private_fields
        if not private or not self.may_have_private_fields:
            return None
        private.schema(load_schema(self.name), self.layout)  # which notes the names of its columns
        return private.redaction(self.name, self.layout)

    def key(self, config: Config) -> list[str]:
        """The columns of the primary key; empty if there is none."""
        key = self.key_in_project(config)
        return [*key, PROJECT] if key and config.project else key

    def key_in_project(self, config: Config) -> list[str]:
        """The columns that identify a record among those of its project."""
        return list(self.primary_key)

    def schema(
        self, config: Config, client: IterableClient | None = None, held: Callable[[], Held] = nothing_held
    ) -> dict[str, Any]:
        """The JSON schema of the records. Without a client, that of users lacks the columns of `user_fields_as_columns`.

        `held` returns the columns that are there already where the records go. Raises IterableError.
        """
        schema = self._schema(config, client, held)
        if self.may_have_private_fields:
            schema = PrivateFields.from_config(config).schema(schema, self.layout)
        # Last: no private field is meant by its name.
        return {**schema, "properties": {PROJECT: _PROJECT, **schema["properties"]}} if config.project else schema

    @property
    def layout(self) -> Layout:
        """What is where in the stream's records."""
        kept = {name: name == self.cursor_field for name in self.primary_key} if self.exempt_key else {}
        return Layout(self.of_people, kept)

    def _schema(
        self, config: Config, client: IterableClient | None = None, held: Callable[[], Held] = nothing_held
    ) -> dict[str, Any]:
        """The schema of what `_read` yields."""
        return load_schema(self.name, required=[*self.key_in_project(config), *filter(None, [self.cursor_field])])

    def check_state(self, state: State) -> None:  # noqa: B027  most streams take any state
        """Raise ConfigError if `state` cannot be read."""

    def warn_of_future(self, context: StreamContext, until: Any) -> None:
        """Warn that a state is in the future; with None, that start_date is."""
        what = "start_date is in the future" if until is None else "the cursor in its state is in the future"
        times = f"{until or context.config.start_date}; it is now {iso_time(context.client.now())}"
        fix = f"set {self.cursor_field} in the state to the time to continue from, or reset the stream"
        more = "" if until is None else f", and everything before that time is skipped for good. To read it, {fix}"
        context.logger.warning(f"{self.name}: {what} ({times}). Nothing is read until then{more}.")

    @cached_property
    def _columns(self) -> Columns:
        return Columns(load_schema(self.name, required=[*self.primary_key, *filter(None, [self.cursor_field])]))


def unreadable(stream_name: str, why: str) -> ConfigError:
    """The error for a state that cannot be read, and what to do."""
    return ConfigError(
        f"The state of stream {stream_name} cannot be read: {why}. Correct the state, or reset the stream."
    )
