"""Destination: what a warehouse must do for a load, and the errors of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from source_iterable.errors import IterableError
from source_iterable.load.rows import RowFile
from source_iterable.load.tables import Table
from source_iterable.reading.stream import State


class DestinationError(IterableError):
    """The warehouse cannot be used; str() says why, and what to do."""


class ConnectionLost(DestinationError):
    """The connection to the warehouse was lost; of what was not committed nothing is there."""


class Destination(Protocol):
    """A warehouse, used by one thread at a time. Rows and states become visible together, at `commit`."""

    def states(self) -> Mapping[str, State]:
        """The states that were committed last, by stream."""

    def start(self, table: Table, resumed: bool) -> None:
        """Prepare for rows. Unless `resumed`, what an interrupted load left of a table that is replaced is dropped."""

    def add(self, table: Table, file: RowFile) -> None:
        """Add rows: merged into the table, or collected until `finish`. The file is the destination's to delete."""

    def finish(self, table: Table) -> None:
        """The stream was read to its end: a table that is replaced gets what was collected."""

    def commit(self, states: Mapping[str, State]) -> None:
        """Commit rows and states, all or nothing. A stream that is not named keeps its state."""

    def close(self) -> None:
        """Roll back what is not committed."""

    def how_to_open(self) -> str:
        """What to type to look at the tables."""


@runtime_checkable
class HasViews(Protocol):
    """A warehouse that can show custom events in views."""

    def make_custom_event_views(self) -> None:
        """A view for each name of custom events: its events, with a column for each of their fields."""
