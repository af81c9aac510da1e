"""One sync of the connector in virtual time: all of it but the commands, with a stand-in for the parsing of records."""

from __future__ import annotations

import copy
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from benchmarks.simulate.bulk import Disk
from benchmarks.simulate.iterable import NOW, Iterable, Project
from benchmarks.simulate.patches import virtual
from benchmarks.simulate.primitives import Lock
from benchmarks.simulate.scheduler import Scheduler
from benchmarks.simulate.session import Network
from source_iterable.api.client import IterableClient
from source_iterable.api.clock import iso_time
from source_iterable.config import Config
from source_iterable.reading import together
from source_iterable.reading.export_stream import ExportStream
from source_iterable.reading.stream import Checkpoint, State, Stream, StreamContext
from source_iterable.records.batch import RecordBatch
from source_iterable.records.columns import Fields
from source_iterable.records.lines import Dumps, Parsed, RecordParser
from source_iterable.streams.table import STREAMS

# Bytes a second that one core parses into records.
PARSING_RATE = 60e6
# Bytes of an export that may be missing or too many: sizes of windows are rounded.
_ROUNDING = 1e-3
# Seconds; no sync takes as long.
_NEVER = 1e9


@dataclass
class Run:
    """What a sync took. Times in virtual seconds, sizes in bytes."""

    seconds: float
    # Requests by endpoint, and those that each kind of limiter would have answered with 429.
    counts: Counter[str]
    refused: Counter[str]
    peak_disk: int = 0
    # When each stream ended.
    ends: dict[str, float] = field(default_factory=dict)
    read: Counter[str] = field(default_factory=Counter)
    states: dict[str, State] = field(default_factory=dict)


class Simulation:
    """One project at Iterable, and a clock at zero. For one run."""

    def __init__(
        self, project: Project, seed: int = 1, kind: type[Iterable] = Iterable, parsing_rate: float = PARSING_RATE
    ) -> None:
        self.project = project
        self._parsing_rate = parsing_rate
        self.seed = seed
        self.scheduler = Scheduler()
        self.iterable = kind(project)
        self.network = Network(self.scheduler, self.iterable, seed)
        self.disk = Disk()
        self.read: Counter[str] = Counter()
        self._core = Lock(self.scheduler)

    def parse(self, data_type: str, size: int) -> None:
        """Take the time of the one core that parsing takes."""
        with self._core:
            self.scheduler.sleep(size / self._parsing_rate)
        self.read[data_type] += size

    def run(self, work: Callable[[], dict[str, float]]) -> Run:
        """Run `work`, which returns when each stream ended. Raises ValueError if not all data were read, or any twice."""
        with virtual(self.scheduler, self.network, self.disk, self.seed):
            ends = self.scheduler.run(work)
        for data_type, size in self.project.data.items():
            if abs(self.read[data_type] - size) > max(_ROUNDING * size, 1e5):
                raise ValueError(f"Of {size:,} bytes of {data_type}, {self.read[data_type]:,} were read.")
        seconds = max(ends.values())
        return Run(seconds, self.iterable.counts, self.iterable.limiters.refused, self.disk.peak, ends, self.read)


def sync(
    project: Project,
    streams: Sequence[str],
    method: str = "auto",
    since: int | None = None,
    seed: int = 1,
    is_second: bool = False,
) -> Run:
    """Run a sync of these streams. With `since`, their states are so many seconds old; without, they have none.

    The states say only that, or, if it `is_second`, also what a sync like this one has learned.
    """
    before = sync(project, streams, method, since, seed).states if is_second else {}
    simulation = Simulation(project, seed)
    now = simulation.scheduler.monotonic
    states: dict[str, State] = {}

    def work() -> dict[str, float]:
        chosen = {
            name: _stream(STREAMS[name], simulation, since, before.get(name, {})) for name in STREAMS if name in streams
        }
        options = {"export_method": method, "end_date": iso_time(NOW).replace("+00:00", "Z")}
        ends = {}
        for name, item in items(project, chosen, **options):
            if isinstance(item, together.Ended):
                ends[name] = now()
            elif isinstance(item, Checkpoint):
                states[name] = item.state
        return ends

    run = simulation.run(work)
    run.states = states
    return run


def items(
    project: Project, streams: Mapping[str, tuple[Stream, State]], **options: Any
) -> Iterator[tuple[str, together.Item]]:
    """What a sync of these streams, with their states, yields. Raises the error that ends a stream."""
    start = iso_time(NOW - project.span).replace("+00:00", "Z")
    config = Config.parse({"api_key": "key", "start_date": start, "lookback_window": 0, **options})
    logger = logging.getLogger("simulation")
    logger.setLevel(logging.ERROR)
    context = StreamContext(config, IterableClient(config, logger), logger)
    # It would wake up four times a second, to tell that nothing happened.
    tick, together.TICK = together.TICK, _NEVER
    try:
        for name, item in together.read(context, streams):
            if isinstance(item, together.Ended) and item.error is not None:
                raise item.error
            yield name, item
    finally:
        together.TICK = tick
        context.close()


def _stream(stream: Stream, simulation: Simulation, since: int | None, before: State) -> tuple[Stream, State]:
    """A stream whose records are bulk, and its state."""
    if not isinstance(stream, ExportStream):
        return stream, {}
    stream, data_type, name = copy.copy(stream), stream.data_type, stream.name

    def records(context: StreamContext) -> RecordParser:
        return _BulkRecords(name, lambda size: simulation.parse(data_type, size))

    vars(stream)["records"] = records
    state: dict[str, Any] = {} if since is None else {**before, stream.cursor_field: iso_time(NOW - since)}
    return stream, state


class _BulkRecords(RecordParser):
    """Parses lines that each stand for many bytes of records (bulk.py)."""

    def __init__(self, stream_name: str, take_time: Callable[[int], None]) -> None:
        super().__init__(stream_name)
        self._take_time = take_time

    def json(self, record: Fields, dumps: Dumps) -> bytes:
        return b"{}"

    def parse(self, chunk: bytes) -> Parsed:
        self._take_time(orjson.loads(chunk)["bytes"])
        return Parsed(RecordBatch(self._stream_name, 1, b"{}\n"), 1, [])
