"""The schedules of two other connectors, on the same Iterable and network: what they request, and when. Neither is run.

Their parsing is as fast as ours, unless a rate is given.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from typing import Any, cast

import orjson

from benchmarks.simulate.bulk import Bulk
from benchmarks.simulate.iterable import FILES_A_PAGE, JOBS_AT_ONCE, NOW, Answer, Project
from benchmarks.simulate.primitives import Event, Lock, Semaphore
from benchmarks.simulate.sync import PARSING_RATE, Run, Simulation
from source_iterable.exports.windows import DAY, Window
from source_iterable.reading.export_stream import ExportStream
from source_iterable.streams.table import STREAMS

ROOT = "https://api.iterable.com/api/"
# The native connector's windows, its pauses between looks at a job, and the seconds between its requests.
NATIVE_SECONDS, NATIVE_PAUSES, NATIVE_PACE = DAY // 2, (1.0, 300.0), 1.0
# The published connector's windows, in days: the first, and all that follow.
PUBLISHED_DAYS = (30, 180)
# Bytes a second that it parses: 2,790 records of 760 bytes in the benchmark.
PUBLISHED_RATE = 2.1e6
# Longer syncs of many windows, all alike, are run in part: so many times shorter.
_PARTS, _MANY_WINDOWS = 20, 10_000

Streams = Sequence[str]
_Read = Callable[[Simulation, list[str], int], dict[str, float]]


def native(project: Project, streams: Streams, since: int | None = None, seed: int = 1) -> Run:
    """A connector of another platform: jobs only, windows of 12 hours, each stream one after the other.

    Polled at once, then after 1, 2, 4 ... 300 seconds; a page at a time, file by file, with the page of a completed job
    requested again. Requests are a second apart, which is kinder than its reaction to 429.
    """
    if since is None and project.span // NATIVE_SECONDS * len(streams) > _MANY_WINDOWS:
        data = {name: size // _PARTS for name, size in project.data.items()}
        part = native(dataclasses.replace(project, data=data, span=project.span // _PARTS), streams, since, seed)
        return dataclasses.replace(part, seconds=part.seconds * _PARTS)
    return _run(_native, project, streams, since, seed)


def published(
    project: Project, streams: Streams, since: int | None = None, seed: int = 1, rate: float = PARSING_RATE
) -> Run:
    """airbyte-source-iterable 1.0.1: streaming only, one stream after the other, first 30 days and then 180 at a time.

    It does not wait for the rate limit, but after a 429: 1, 2, 4 ... seconds. No response breaks off, however long, and
    however slowly it is read, by parsing at `rate` bytes a second.
    """
    return _run(_published, dataclasses.replace(project, refuses="leaky"), streams, since, seed, rate)


def _run(
    read: _Read, project: Project, streams: Streams, since: int | None, seed: int, rate: float = PARSING_RATE
) -> Run:
    simulation = Simulation(project, seed, parsing_rate=rate)
    chosen = [STREAMS[name] for name in streams]
    types = [stream.data_type for stream in chosen if isinstance(stream, ExportStream)]
    start = NOW - (project.span if since is None else since)
    return simulation.run(lambda: read(simulation, types, start))


def _request(simulation: Simulation, method: str, path: str, query: Any = None, body: Any = None) -> Answer:
    url = path if path.startswith("https:") else ROOT + path
    raw: Any = simulation.network.exchange(method, url, query or {}, body or {}).raw
    answer: Answer = raw.answer
    return answer


def _parse(simulation: Simulation, data_type: str, answer: Answer) -> None:
    """Parse records as they arrive."""
    body, scheduler = answer.body, simulation.scheduler
    assert isinstance(body, Bulk)
    for piece in body.pieces():
        arrives = scheduler.now + len(piece) / answer.rate
        simulation.parse(data_type, len(piece))
        scheduler.sleep(max(arrives - scheduler.now, 0.0))


def _published(simulation: Simulation, types: list[str], start: int) -> dict[str, float]:
    ends = {}
    for data_type in types:
        begin, days = start, PUBLISHED_DAYS[0]
        while begin < NOW:
            window = Window(begin, min(begin + days * DAY, NOW))
            begin, days = window.end, PUBLISHED_DAYS[1]
            query = {"dataTypeName": data_type, **window.parameters}
            for attempt in count():
                answer = _request(simulation, "GET", "export/data.json", query)
                if answer.status == 200:
                    break
                simulation.scheduler.sleep(2.0**attempt)
            _parse(simulation, data_type, answer)
        ends[data_type] = simulation.scheduler.now
    return ends


def _native(simulation: Simulation, types: list[str], start: int) -> dict[str, float]:
    scheduler = simulation.scheduler
    slots, pace = Semaphore(scheduler, JOBS_AT_ONCE), Lock(scheduler)
    ends: dict[str, float] = {}
    done = {data_type: Event(scheduler) for data_type in types}

    def request(method: str, path: str, query: Any = None, body: Any = None) -> Any:
        with pace:
            scheduler.sleep(NATIVE_PACE)
        return orjson.loads(cast(bytes, _request(simulation, method, path, query, body).body))

    def read(data_type: str) -> None:
        for begin in range(start, NOW, NATIVE_SECONDS):
            window = Window(begin, min(begin + NATIVE_SECONDS, NOW))
            with slots:
                job = request("POST", "export/start", None, {"dataTypeName": data_type, **window.parameters})["jobId"]
                pause, longest = NATIVE_PAUSES
                while request("GET", f"export/{job}/files")["jobState"] != "completed":
                    scheduler.sleep(pause)
                    pause = min(2 * pause, longest)
            after: dict[str, str] = {}
            while True:
                files = request("GET", f"export/{job}/files", after)["files"]
                for file in files:
                    _parse(simulation, data_type, _request(simulation, "GET", file["url"]))
                if len(files) < FILES_A_PAGE:
                    break
                after = {"startAfter": files[-1]["file"]}
        ends[data_type] = scheduler.now
        done[data_type].set()

    for data_type in types:
        scheduler.start(partial(read, data_type), data_type)
    for event in done.values():
        event.wait()
    return ends
