"""A context for streams that are read against requests_mock, and what reading one gave."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests_mock

from source_iterable.api.client import IterableClient
from source_iterable.config import Config
from source_iterable.errors import IterableError
from source_iterable.reading.context import StreamContext
from source_iterable.reading.export_stream import EventStream
from source_iterable.reading.stream import Checkpoint, Reading, Stream
from source_iterable.records.events import EventRecords
from source_iterable.streams.table import STREAMS

ROOT = "https://api.iterable.com/api/"


def a_config(**changes: Any) -> Config:
    return Config.parse({"api_key": "k", "start_date": "2024-01-01T00:00:00Z", "rate_limit_factor": 1e6, **changes})


def events_of(stream: str, **changes: Any) -> EventRecords:
    """The parser of a stream's events, with these options."""
    found = STREAMS[stream]
    assert isinstance(found, EventStream)
    return found.events(stream, a_config(**changes))


@contextmanager
def a_context(**changes: Any) -> Iterator[StreamContext]:
    """The context of a sync with these options; its pauses are a millionth of the real ones.

    A response has come, so that nothing is requested to learn the time: it is this machine's.
    """
    config, logger = a_config(**changes), logging.getLogger("test")
    context = StreamContext(config, IterableClient(config, logger), logger)
    context.client.clock.hear({})
    try:
        yield context
    finally:
        context.close()


@dataclass
class Read:
    """What reading a stream gave: records and states, also in their order, and the error that ended it."""

    records: list[dict[str, Any]] = field(default_factory=list)
    # The streams that the records are said to be of.
    streams: set[str] = field(default_factory=set)
    states: list[dict[str, Any]] = field(default_factory=list)
    # The number of records of each batch, and each state.
    order: list[Any] = field(default_factory=list)
    error: IterableError | None = None


def gather(reading: Reading) -> Read:
    """Read to the end, or to the error."""
    result = Read()
    try:
        for item in reading:
            if isinstance(item, Checkpoint):
                # As a destination would keep it until the next sync.
                result.states.append(json.loads(json.dumps(dict(item.state))))
                result.order.append(result.states[-1])
            else:
                result.records += item.records()
                result.streams.add(item.stream_name)
                result.order.append(item.count)
    except IterableError as error:
        result.error = error
    return result


def read(stream: Stream, state: Mapping[str, Any] | None = None, **changes: Any) -> Read:
    """One sync of a stream, with these options."""
    with a_context(**changes) as context:
        return gather(stream.read(context, state or {}))


def query_of(request: Any) -> dict[str, str]:
    """The query parameters of a request, in the case in which they were sent."""
    return {name: ",".join(values) for name, values in parse_qs(urlsplit(request.url).query).items()}


def asked(server: requests_mock.Mocker, path: str) -> list[dict[str, str]]:
    """The query parameters of every request for a path."""
    return [query_of(request) for request in server.request_history if request.url.split("?")[0] == ROOT + path]
