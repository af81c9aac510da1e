"""Stream: the base class of all streams, and what reading one yields."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from source_iterable.config import Config
from source_iterable.reading.context import StreamContext
from source_iterable.reading.state import state_time
from source_iterable.records.batch import LineFormat, RecordBatch
from source_iterable.records.columns import Fields as Fields
from source_iterable.schemas import load_schema

# A stream's state, as the protocol carries it between syncs. Never changed in place.
State = Mapping[str, Any]


@dataclass(frozen=True)
class Checkpoint:
    """The stream's state at this point: it covers everything yielded before. Empty: the next sync starts over."""

    state: State


Reading: TypeAlias = "Iterator[RecordBatch | Checkpoint]"


class Stream(ABC):
    """A stream of the table.

    With a `cursor_field` it is incremental; a `resumable` one is read in full, and an interrupted sync resumes where it
    was. `cost` tells people how many requests a sync makes.
    """

    name: str
    primary_key: tuple[str, ...]
    cursor_field: str | None = None
    resumable = False
    cost: str

    @abstractmethod
    def read(self, context: StreamContext, state: State) -> Reading:
        """Yield the stream's records in batches, and a Checkpoint wherever everything before it is complete.

        A stream that yields no Checkpoint is read in full every time. Raises IterableError.
        """

    def key(self, config: Config) -> list[str]:
        """The columns of the primary key; empty if there is none."""
        return list(self.primary_key)

    def schema(self, config: Config) -> dict[str, Any]:
        """The JSON schema of the records."""
        return load_schema(self.name, required=[*self.key(config), *filter(None, [self.cursor_field])])

    def check_state(self, state: State) -> None:
        """Raise ConfigError if `state` cannot be read."""
        if self.cursor_field:
            state_time(self.name, self.cursor_field, state)

    def batch(self, records: Iterable[Fields]) -> RecordBatch:
        """A batch of finished records of this stream."""
        return LineFormat(self.name).batch(records)
