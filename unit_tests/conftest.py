"""Fixtures of several unit tests: a client, and what answers it."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests_mock
import requests_mock.response
from urllib3 import HTTPResponse

from source_iterable.api.client import IterableClient
from source_iterable.config import Config


class _WithLength(HTTPResponse):
    """As it comes from a server that says how long its response is."""

    def __init__(self, body: Any = b"", **options: Any) -> None:
        super().__init__(body, **options)
        if isinstance(body, io.BytesIO) and self.length_remaining is None:
            self.length_remaining = len(body.getbuffer())


requests_mock.response.HTTPResponse = _WithLength


@pytest.fixture
def server() -> Iterator[requests_mock.Mocker]:
    with requests_mock.Mocker() as made:
        yield made


@pytest.fixture(autouse=True)
def _requests_end_with_their_test(request: pytest.FixtureRequest) -> Iterator[None]:
    """A stream that fails does not wait for its other requests. They must not reach the server of the next test."""
    for name in {"requests_mock", "server"} & {*request.fixturenames}:
        request.getfixturevalue(name)  # ends after this fixture
    yield
    for thread in threading.enumerate():
        if thread.name.startswith(("ahead", "stream", "window")):
            thread.join(10)


@pytest.fixture
def client() -> IterableClient:
    config = Config.parse({"api_key": "k-123", "start_date": "2024-01-01T00:00:00Z", "rate_limit_factor": 1e6})
    return IterableClient(config, logging.getLogger("airbyte"))
