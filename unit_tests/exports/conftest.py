"""The transport of jobs, against a stand-in for its endpoints."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import requests_mock

from source_iterable.api.client import IterableClient
from source_iterable.exports.jobs import JobsTransport
from unit_tests.contexts import a_config
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
