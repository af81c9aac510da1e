"""WindowCursor: what of a stream's time has been written; its state moves with windows, not with records."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

from airbyte_cdk.sources.connector_state_manager import ConnectorStateManager
from airbyte_cdk.sources.message import MessageRepository
from airbyte_cdk.sources.streams.concurrent.cursor import Cursor
from airbyte_cdk.sources.streams.concurrent.partitions.partition import Partition
from airbyte_cdk.sources.types import Record

from source_iterable.exports.windows import FIRST_SIZE, Window, iso_time, next_size

# Windows of one stream that are read at a time: Iterable works at four jobs at once.
AT_ONCE = 4


class WindowCursor(Cursor):
    """The cursor of one export stream over [start, end), in whole seconds since the epoch.

    It plans the windows, since their size depends on what the ones before have brought, and it writes the state: the
    end of the windows that were read without a gap from the start. Thread-safe.
    """

    def __init__(
        self,
        stream_name: str,
        cursor_field: str,
        start: int,
        end: int,
        state: Mapping[str, Any],
        message_repository: MessageRepository,
        state_manager: ConnectorStateManager,
    ) -> None:
        self._stream_name = stream_name
        self._cursor_field = cursor_field
        self._start = start
        self._end = end
        self._state = dict(state)
        self._message_repository = message_repository
        self._state_manager = state_manager
        self._changed = threading.Condition()
        self._position = start
        self._read: dict[int, int] = {}
        self._seconds_read = 0
        self._under_way = 0
        self._failed = False
        self._emitted = False
        self._size = FIRST_SIZE
        self._density: float | None = None

    def windows(self) -> Iterator[Window]:
        """The windows of this sync in the order of time, each when there is room for it.

        The first one is read alone; the size of the others follows from what it brought. Ends early when one has failed.
        """
        start = self._start
        while start < self._end:
            with self._changed:
                self._changed.wait_for(self._may_go_on)
                if self._failed:
                    return
                end = min(start + self._size, self._end)
                expected = int(self._density * (end - start)) if self._density else None
                self._under_way += 1
            yield Window(start, end, expected)
            start = end

    def close_window(self, window: Window) -> None:
        """Say that all records of a window (or of a piece of one) have been handed to stdout's queue."""
        with self._changed:
            self._read[window.start] = window.end
            self._seconds_read += window.seconds
            while self._position in self._read:
                self._position = self._read.pop(self._position)
            self._state = {self._cursor_field: iso_time(self._position)}
            # Under the lock, so that states are written in the order in which they were reached.
            self._emit()

    def window_ended(self, window: Window, received: int | None) -> None:
        """Say that a planned window is no longer under way; `received` are its bytes, None if it failed."""
        with self._changed:
            self._under_way -= 1
            if received is None:
                self._failed = True
            else:
                self._size = next_size(self._size, window.seconds, received)
                self._density = received / window.seconds
            self._changed.notify_all()

    @property
    def share(self) -> float:
        """The share (0 to 1) of this sync's time that has been read."""
        return self._seconds_read / max(self._end - self._start, 1)

    @property
    def state(self) -> MutableMapping[str, Any]:
        return self._state

    def observe(self, record: Record) -> None:
        """Nothing: windows move the state."""

    def close_partition(self, partition: Partition) -> None:
        """Nothing: a partition closes its windows itself, piece by piece."""

    def ensure_at_least_one_state_emitted(self) -> None:
        with self._changed:
            if not self._emitted:
                self._emit()

    def should_be_synced(self, record: Record) -> bool:
        return True

    def _may_go_on(self) -> bool:
        if self._failed:
            return True
        # As long as nothing has come, the next window is a far longer one, and worth waiting for.
        return self._under_way < (AT_ONCE if self._density else 1)

    def _emit(self) -> None:
        self._emitted = True
        self._state_manager.update_state_for_stream(self._stream_name, None, self._state)
        self._message_repository.emit_message(self._state_manager.create_state_message(self._stream_name, None))
