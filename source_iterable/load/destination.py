"""Destination: what a warehouse must do for a load, and the errors of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from source_iterable.errors import IterableError
from source_iterable.load.rows import RowFile
from source_iterable.load.tables import Table
from source_iterable.reading.stream import State


class DestinationError(IterableError):
    """The warehouse cannot be used; str() says why, and what to do."""


class ConnectionLost(DestinationError):
    """The connection to the warehouse was lost, and what was not committed with it."""


class Destination(Protocol):
    """A warehouse, used by one thread at a time. Rows and states become visible together, at `commit`.

    Every method raises DestinationError. `keeps_nul`: the warehouse stores the character U+0000.
    """

    keeps_nul: bool = True

    def states(self) -> Mapping[str, State]:
        """The states that were committed last, by stream."""

    def start(self, table: Table, resumed: bool) -> None:
        """Prepare for rows. Unless `resumed`, what an interrupted load collected for a table that is replaced is dropped."""

    def add(self, file: RowFile) -> None:
        """Add rows: merged into their table, or collected until `finish`. The file is the destination's to delete."""

    def finish(self, table: Table) -> None:
        """The stream was read to its end: a table that is replaced gets what was collected."""

    def commit(self, states: Mapping[str, State]) -> None:
        """Commit rows and states, all or nothing. A stream that is not named keeps its state."""

    def close(self) -> None:
        """Roll back what is not committed."""

    def how_to_open(self) -> str:
        """What to type to look at the tables."""
