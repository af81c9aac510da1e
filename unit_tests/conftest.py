"""Fixtures of several unit tests: a client, and what answers it."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import requests_mock

from source_iterable.api.client import IterableClient
from source_iterable.config import Config


@pytest.fixture
def server() -> Iterator[requests_mock.Mocker]:
    with requests_mock.Mocker() as made:
        yield made


@pytest.fixture
def client() -> IterableClient:
    config = Config.parse({"api_key": "k-123", "start_date": "2024-01-01T00:00:00Z", "rate_limit_factor": 1e6})
    return IterableClient(config, logging.getLogger("airbyte"))
