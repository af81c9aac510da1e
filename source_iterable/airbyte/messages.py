"""What happens to the streams of a sync, as messages of the protocol."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from source_iterable.airbyte.stdout import Message, error_message, trace
from source_iterable.errors import ConfigError, IterableError
from source_iterable.process.progress import StreamProgress
from source_iterable.reading.stream import Checkpoint, State, Stream, StreamContext, unreadable
from source_iterable.reading.together import Ended, Limited, Nothing, Started, read
from source_iterable.records.batch import RecordBatch

# The share of a stream's time range to read before estimating its total.
_FAIR_SHARE = 0.1
# Seconds without a record or a state after which the last state is repeated. The platform ends a source that writes neither
# for maxSecondsBetweenMessages of metadata.yaml, 7,200; one list may take Iterable longer than that.
BEAT_SECONDS = 1_500.0
# The CDK's marks: a stream without a cursor, and a full refresh that is complete.
NO_CURSOR = {"__ab_no_cursor_state_message": True}
REFRESHED = {"__ab_full_refresh_sync_complete": True}


class Messages:
    """The messages of one sync: batches, states, statuses, estimates and errors.

    While nothing happens, it yields an empty batch about once a second, and repeats a state every BEAT_SECONDS. `failed` are
    the streams that are incomplete, each with its error.
    """

    def __init__(self, context: StreamContext, states: Mapping[str, State]) -> None:
        self._context = context
        # Those given, and then those that were written last.
        self._states = {**states}
        # The records since a stream's last state.
        self._counts: Counter[str] = Counter()
        self._streams: dict[str, tuple[Stream, State]] = {}
        self._complete: list[str] = []
        # When each stream that is being read has begun; those that have written records; and the state that each is to
        # write at its end, unless it writes another one before.
        self._begun: dict[str, float] = {}
        self._running: set[str] = set()
        self._last: dict[str, State] = {}
        # When the last state is to be repeated.
        self._due = time.monotonic() + BEAT_SECONDS
        self.failed: dict[str, Exception] = {}

    def add(self, name: str, stream: Stream | None) -> None:
        """Add a stream of the catalog, which continues from its state; `failed` has it from now on if it cannot be read."""
        try:
            if stream is None:
                advice = f"refresh the schema of the connection, or remove {name} from the catalog."
                raise ConfigError(f"This source has no stream {name}: {advice}")
            # Raises RecursionError for one that could not be written.
            given = deepcopy(self._states.get(name, {}))
            state = {key: value for key, value in given.items() if key[:5] != "__ab_"}
            stream.check_state(state)
        except RecursionError:
            self.failed[name] = unreadable(name, "it is nested too deep")
        except ConfigError as error:
            self.failed[name] = error
        else:
            if stream.resumable and given and given == _complete_state():
                self._complete.append(name)
            else:
                self._streams[name] = stream, state
                self._last[name] = state
            self._set_state(name, state)

    def __iter__(self) -> Iterator[Message | RecordBatch]:
        for name, error in self.failed.items():
            yield error_message(error, name)
            yield _status(name, "INCOMPLETE")
        for name in self._complete:
            self._context.logger.info(f"{name}: already read by an earlier attempt of this job; skipped.")
            yield _status(name, "STARTED")
            yield self._state(name, _complete_state())
            yield _status(name, "COMPLETE")
        for name, item in read(self._context, self._streams):
            if isinstance(item, RecordBatch):
                if name not in self._running:
                    self._running.add(name)
                    yield _status(name, "RUNNING")
                self._due = time.monotonic() + BEAT_SECONDS
                self._counts[name] += item.count
                yield item
            elif isinstance(item, Checkpoint):
                yield from self._checkpoint(name, item.state)
            elif isinstance(item, Started):
                self._context.logger.info(f"{name}: {_beginning(*self._streams[name])}.")
                self._begun[name] = time.monotonic()
                yield _status(name, "STARTED")
            elif isinstance(item, Limited):
                limit = {"type": "RATE_LIMITED", "rate_limited": {"quota_reset": int(item.end * 1000)}}
                yield _status(name, "RUNNING", reasons=[limit])
            elif isinstance(item, Nothing):
                # No record is on its way, so the last state of any stream that is being read may be repeated.
                if time.monotonic() >= self._due:
                    self._due = time.monotonic() + BEAT_SECONDS
                    for begun in [*self._begun][:1]:
                        yield self._last_state(begun)
                yield RecordBatch(name, 0, b"")
            else:
                yield from self._end(name, item)

    def _checkpoint(self, name: str, state: State) -> Iterator[Message]:
        # The last, empty one of a resumable stream is written when the stream is complete: it is its end.
        if state or not self._streams[name][0].resumable:
            self._last.pop(name, None)
            yield self._state(name, state)
            yield from self._estimate(name)
        else:
            self._last[name] = {}

    def _end(self, name: str, ended: Ended) -> Iterator[Message]:
        stream, error = self._streams[name][0], ended.error
        if error is not None:
            self.failed[name] = error
            if not isinstance(error, IterableError):
                self._context.logger.error(f"{name}: unexpected error.", exc_info=error)
            yield error_message(error, name)
        if name in self._last:
            state = self._last.pop(name)
            if error is None and stream.cursor_field is None:
                # The next sync starts over; another attempt of this one does not read a resumable stream again.
                state = _complete_state() if stream.resumable else {}
            yield self._state(name, state)
        seconds = time.monotonic() - self._begun.pop(name)
        done = _summary(self._context.progress.stream(name), seconds)
        self._context.logger.info(f"{name}: {'complete' if error is None else 'incomplete'}, {done}.")
        yield _status(name, "COMPLETE" if error is None else "INCOMPLETE")

    def _set_state(self, name: str, state: State) -> None:
        """Set what is written for a stream. An empty state means that there is no cursor."""
        self._states[name] = {**state} or NO_CURSOR

    def _state(self, name: str, state: State) -> Message:
        self._due = time.monotonic() + BEAT_SECONDS
        self._set_state(name, state)
        return self._last_state(name)

    def _last_state(self, name: str) -> Message:
        stream = {"stream_descriptor": {"name": name}, "stream_state": self._states[name]}
        # The protocol has the count as a float.
        count = float(self._counts.pop(name, 0))
        return {"type": "STATE", "state": {"type": "STREAM", "stream": stream, "sourceStats": {"recordCount": count}}}

    def _estimate(self, name: str) -> Iterator[Message]:
        """The stream's total, once a fair share of its time range is read, as if the rest were as dense."""
        done = self._context.progress.stream(name)
        if done.share and _FAIR_SHARE <= done.share < 1:
            rows, size = int(done.records / done.share), int(done.bytes / done.share)
            estimate = {"name": name, "type": "STREAM", "row_estimate": rows, "byte_estimate": size}
            yield trace("ESTIMATE", estimate=estimate)


def _complete_state() -> dict[str, Any]:
    """The last state of a full refresh that is complete; empty outside of a job of the platform.

    The platform keeps what the first attempt of a job wrote, and hands its states to the second, which need not read the
    stream again. PyAirbyte, state files and older platforms hand a state to every later sync, so it names the job.
    """
    job = os.environ.get("WORKER_JOB_ID")
    return {**REFRESHED, "__ab_job_id": job} if job else {}


def _status(name: str, status: str, **more: Any) -> Message:
    return trace("STREAM_STATUS", stream_status={"stream_descriptor": {"name": name}, "status": status, **more})


def _beginning(stream: Stream, state: Mapping[str, Any]) -> str:
    """Where a stream begins, for the log."""
    if not state:
        return "reading from the beginning"
    cursor = state.get(stream.cursor_field or "")
    return f"reading from {cursor}" if isinstance(cursor, str) else "resuming from its state"


def _summary(done: StreamProgress, seconds: float) -> str:
    """What a stream has read, for the log."""
    size = f"{done.bytes / 1e6:,.1f} MB" if done.bytes >= 1e6 else f"{done.bytes / 1e3:,.1f} KB"
    counted = "".join(f", {done.counts[what]:,} {what}" for what in sorted(done.counts))
    return f"{done.records:,} records, {size} in {seconds:,.1f} s{counted}"
