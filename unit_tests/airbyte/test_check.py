"""Check reports what is wrong and what to do about it, in at most three requests."""

import logging
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest
import requests
from requests_mock import Mocker

from source_iterable.airbyte.source import SourceIterable

KEY = "k-0123456789abcdef"
US, EU = "https://api.iterable.com/api/", "https://api.eu.iterable.com/api/"
BAD_KEY: dict[str, Any] = {"status_code": 401, "json": {"code": "BadApiKey", "msg": "Invalid API key", "params": None}}
FORBIDDEN: dict[str, Any] = {"status_code": 403, "json": {"code": "Forbidden", "msg": "Not for this key"}}


def check(**changes: Any) -> str | None:
    """The message of a failed check, None for a successful one."""
    config = {"api_key": KEY, "start_date": "2024-01-01T00:00:00Z", **changes}
    status = SourceIterable().check(logging.getLogger("airbyte"), config)
    assert (status.message is None) == (status.status.value == "SUCCEEDED")
    assert KEY not in (status.message or "")
    return status.message


@pytest.fixture(autouse=True)
def _at_most_three_requests(requests_mock: Mocker) -> Any:
    yield
    assert requests_mock.call_count <= 3
    assert not any("export/data" in request.url for request in requests_mock.request_history)


def test_a_good_key(requests_mock: Mocker) -> None:
    requests_mock.get(US + "lists", json={"lists": []})
    requests_mock.get(US + "export/jobs", json={"jobs": []})
    assert check() is None


def test_a_key_of_the_other_data_center(requests_mock: Mocker) -> None:
    requests_mock.get(EU + "lists", **BAD_KEY)
    requests_mock.get(US + "lists", json={"lists": []})
    assert "set region to US" in (check(region="EU") or "")


def test_an_unknown_key(requests_mock: Mocker) -> None:
    requests_mock.get(US + "lists", **BAD_KEY)
    requests_mock.get(EU + "lists", **BAD_KEY)
    message = check() or ""
    assert "Invalid API key" in message
    assert "region" in message


@pytest.mark.parametrize("response", [BAD_KEY, FORBIDDEN])
def test_a_key_that_may_not_export(requests_mock: Mocker, response: dict[str, Any]) -> None:
    requests_mock.get(US + "lists", json={"lists": []})
    requests_mock.get(US + "export/jobs", **response)
    message = check() or ""
    assert "may not export" in message
    assert "server-side key" in message


def test_a_key_without_any_permission(requests_mock: Mocker) -> None:
    requests_mock.get(US + "lists", **FORBIDDEN)
    assert "server-side key" in (check() or "")


def test_a_jwt_key(requests_mock: Mocker) -> None:
    body = {"code": "InvalidJwtPayload", "msg": "JWT token required"}
    requests_mock.get(US + "lists", status_code=401, json=body)
    assert "without JWT" in (check() or "")


@pytest.mark.parametrize("fault", [requests.ConnectionError, requests.ConnectTimeout, requests.exceptions.SSLError])
def test_an_unreachable_host(requests_mock: Mocker, fault: type[Exception]) -> None:
    requests_mock.get(US + "lists", exc=fault)
    assert "network" in (check() or "")


def test_a_server_error(requests_mock: Mocker) -> None:
    requests_mock.get(US + "lists", status_code=500, json={"code": "GenericError", "msg": "An error occurred."})
    assert "500" in (check() or "")


def test_invalid_dates_cost_no_request(requests_mock: Mocker) -> None:
    assert "end_date" in (check(end_date="2023-01-01T00:00:00Z") or "")
    assert "start_date" in (check(start_date="last year") or "")
    assert requests_mock.call_count == 0


@pytest.mark.parametrize(("hours", "refused"), [(-4, False), (-2, True), (2, True)])
def test_the_start_is_compared_with_iterables_time(requests_mock: Mocker, hours: int, refused: bool) -> None:
    # Iterable's clock is three hours behind this machine's, which is to say that this one is ahead.
    here = datetime.now(timezone.utc)
    date = format_datetime(here - timedelta(hours=3), usegmt=True)
    requests_mock.get(US + "lists", json={"lists": []}, headers={"Date": date})
    requests_mock.get(US + "export/jobs", json={"jobs": []})
    message = check(start_date=(here + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")) or ""
    assert ("start_date" in message) == ("clock" in message) == refused
