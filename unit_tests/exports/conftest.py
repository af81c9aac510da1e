"""The transport of jobs, against a stand-in for its endpoints."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import requests_mock

from source_iterable.api.client import IterableClient
from source_iterable.config import Config
from source_iterable.exports import choice
from source_iterable.exports.jobs import JobsTransport
from source_iterable.exports.reader import ExportReader
from unit_tests.contexts import a_config
from unit_tests.exports.fakes import FakeTransport
from unit_tests.exports.jobs_api import Api


@pytest.fixture
def api() -> Iterator[Api]:
    with requests_mock.Mocker() as server:
        yield Api(server)


@pytest.fixture
def transport() -> Iterator[JobsTransport]:
    made = JobsTransport(IterableClient(a_config(), logging.getLogger("test")))
    yield made
    made.close()


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[ExportReader]:
    transport = FakeTransport("fake")
    transport.spool_bytes = 0
    monkeypatch.setattr(choice, "TRANSPORTS", [lambda *_: transport])
    logger = logging.getLogger("airbyte")
    config = Config.parse({"api_key": "k", "start_date": "2024-01-01T00:00:00Z", "rate_limit_factor": 100_000})
    client = IterableClient(config, logger)
    made = ExportReader(client, config, logger)
    yield made
    client.stop()
    made.close()
