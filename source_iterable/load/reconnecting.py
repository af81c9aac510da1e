"""Reconnecting: PostgreSQL as the destination, over a connection that may be lost."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from source_iterable.load.destination import ConnectionLost, DestinationError
from source_iterable.load.postgres import Postgres
from source_iterable.load.rows import RowFile
from source_iterable.load.tables import Table
from source_iterable.reading.stream import State

# Seconds that a server has to restart.
PAUSE = 10.0
_KEPT = "What was committed is kept: run the load again."

_Work = Callable[[Postgres], None]


class Reconnecting:
    """A Destination, see Postgres. A connection that is lost is opened again, once between two commits.

    What was done since the last commit was rolled back, and is done again. If the connection was lost during COMMIT, the
    server tells whether that was applied. Files of rows are kept until their rows are committed.
    """

    def __init__(self, url: str, dataset: str, part: str, folder: Path) -> None:
        try:
            self._postgres = Postgres(url, dataset, part, folder)
        except ConnectionLost as lost:
            _pause(lost)
            self._postgres = Postgres(url, dataset, part, folder)
        self._since_commit: list[_Work] = []
        self._files: list[RowFile] = []
        self._reopened = False

    def states(self) -> Mapping[str, State]:
        states: dict[str, State] = {}
        self._do(lambda postgres: states.update(postgres.states()))
        return states

    def start(self, table: Table, resumed: bool) -> None:
        self._do(lambda postgres: postgres.start(table, resumed))

    def add(self, table: Table, file: RowFile) -> None:
        self._files.append(file)
        self._do(lambda postgres: postgres.add(table, file))

    def finish(self, table: Table) -> None:
        self._do(lambda postgres: postgres.finish(table))

    def commit(self, states: Mapping[str, State]) -> None:
        self._do(lambda postgres: postgres.commit(states))
        self._committed()

    def make_custom_event_views(self) -> None:
        """A view for each name of custom events: its events, with a column for each of their fields."""
        self._do(lambda postgres: postgres.make_custom_event_views())
        self._committed()

    def close(self) -> None:
        self._postgres.close()

    def how_to_open(self) -> str:
        return self._postgres.how_to_open()

    def _do(self, work: _Work) -> None:
        self._since_commit.append(work)
        try:
            try:
                work(self._postgres)
            except ConnectionLost as lost:
                if self._reopened:
                    raise
                self._do_again(lost)
        except ConnectionLost as lost:
            raise DestinationError(f"{lost} {_KEPT}") from None

    def _do_again(self, lost: ConnectionLost) -> None:
        self._reopened = True
        _pause(lost)
        try:
            self._postgres, committed = self._postgres.reopened()
        except DestinationError as error:
            raise DestinationError(f"{lost} It could not be opened again: {error} {_KEPT}") from None
        if not committed:
            for each in self._since_commit:
                each(self._postgres)

    def _committed(self) -> None:
        self._reopened = False
        self._since_commit.clear()
        while self._files:
            self._files.pop().path.unlink()


def _pause(lost: ConnectionLost) -> None:
    logging.getLogger("source_iterable").warning(f"{lost} It is opened again in {PAUSE:.0f} seconds.")
    time.sleep(PAUSE)
