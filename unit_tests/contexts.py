"""A context for streams that are read against requests_mock, and what reading one gave."""

from __future__ import annotations

import json
import logging
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests_mock

from source_iterable.api.client import IterableClient
from source_iterable.config import Config
from source_iterable.errors import IterableError
from source_iterable.reading.export_stream import EventStream
from source_iterable.reading.stream import Checkpoint, Reading, Stream, StreamContext
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


API_KEY = "k-123"


def a_client(base_url: str | None = None) -> IterableClient:
    config = {
        "api_key": API_KEY,
        "start_date": "2024-01-01T00:00:00Z",
        "api_base_url": base_url,
        "rate_limit_factor": 1e6,
    }
    return IterableClient(Config.parse(config), logging.getLogger("airbyte"))


@contextmanager
def answering(raw: bytes, closes: bool = True) -> Iterator[tuple[str, list[bytes]]]:
    """A server that answers every connection with the same bytes; gives its root, and what it received.

    Unless it `closes`, it waits for the client to do so.
    """
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(0.5)
                    try:
                        request = connection.recv(65536)
                        length = re.search(rb"content-length: (\d+)", request, re.I)
                        # Whoever closes with something unread resets the connection.
                        while length and len(request.partition(b"\r\n\r\n")[2]) < int(length[1]):
                            request += connection.recv(65536)
                        received.append(request)
                        connection.sendall(raw)
                        if not closes:
                            connection.settimeout(10)
                            connection.recv(1)
                    except OSError:
                        received.append(b"")

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/", received


GOOD = b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\nConnection: close\r\n\r\n{"lists": []}'
