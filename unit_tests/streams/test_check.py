"""Check reports what is wrong and what to do about it, in at most three requests."""

import logging
import re
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest
import requests
from airbyte_cdk.models import AirbyteConnectionStatus
from requests_mock import Mocker

from source_iterable.airbyte.source import SourceIterable
from source_iterable.errors import IterableError
from source_iterable.streams.check import must_be_accepted
from unit_tests.contexts import a_context

KEY = "k-0123456789abcdef"
US, EU = "https://api.iterable.com/api/", "https://api.eu.iterable.com/api/"
BAD_KEY: dict[str, Any] = {"status_code": 401, "json": {"code": "BadApiKey", "msg": "Invalid API key", "params": None}}
FORBIDDEN: dict[str, Any] = {"status_code": 403, "json": {"code": "Forbidden", "msg": "Not for this key"}}


def status_of(**changes: Any) -> AirbyteConnectionStatus:
    config = {"api_key": KEY, "start_date": "2024-01-01T00:00:00Z", **changes}
    status = SourceIterable().check(logging.getLogger("airbyte"), config)
    assert KEY not in (status.message or "")
    return status


def check(**changes: Any) -> str | None:
    """The message of a failed check, None for a successful one that has nothing to say."""
    status = status_of(**changes)
    assert (status.message is None) == (status.status.value == "SUCCEEDED")
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


def notes(caplog: pytest.LogCaptureFixture, **changes: Any) -> str:
    """What a successful check says of the private options, in its message and as warnings."""
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        status = status_of(**changes)
    assert status.status.value == "SUCCEEDED"
    assert "\n".join(record.message for record in caplog.records) == (status.message or "")
    return status.message or ""


def test_what_is_known_of_the_private_options(requests_mock: Mocker, caplog: pytest.LogCaptureFixture) -> None:
    requests_mock.get(US + "lists", json={"lists": []})
    requests_mock.get(US + "export/jobs", json={"jobs": []})
    assert notes(caplog, hashed_fields=["userId"], excluded_fields=["userAgent"]) == ""
    said = notes(caplog, hashed_fields=["phoneNumber"])
    assert "toPhoneNumber" in said
    assert "without hash_salt" in said
    # No name is unknown: no request for the profile fields. (A request for each endpoint a check.)
    assert requests_mock.call_count == 4
    requests_mock.reset_mock()


def test_names_that_nobody_knows(requests_mock: Mocker, caplog: pytest.LogCaptureFixture) -> None:
    requests_mock.get(US + "lists", json={"lists": []})
    requests_mock.get(US + "export/jobs", json={"jobs": []})
    fields = requests_mock.get(US + "users/getFields", json={"fields": {"loyaltyPoints": "long"}})
    said = notes(caplog, excluded_fields=["loyaltyPoints", "phonenumber"])
    assert (
        "excluded_fields, hashed_fields: not a column of any stream: phonenumber; not a field of the user profiles either."
        in said
    )
    assert "loyaltyPoints" not in said
    assert fields.call_count == 1


@pytest.mark.parametrize(
    "fault", [FORBIDDEN, BAD_KEY, {"status_code": 500}, {"exc": requests.ConnectTimeout}, {"text": "no"}]
)
def test_profile_fields_that_cannot_be_read_fail_no_check(
    requests_mock: Mocker, caplog: pytest.LogCaptureFixture, fault: dict[str, Any]
) -> None:
    requests_mock.get(US + "lists", json={"lists": []})
    requests_mock.get(US + "export/jobs", json={"jobs": []})
    fields = requests_mock.get(US + "users/getFields", **fault)
    said = notes(caplog, excluded_fields=["loyaltyPoints", "phonenumber"])
    assert (
        "not a column of any stream: loyaltyPoints, phonenumber; the fields of the user profiles could not be read"
        in said
    )
    assert fields.call_count == 1


def test_a_failed_check_says_only_why(requests_mock: Mocker) -> None:
    requests_mock.get(US + "lists", **FORBIDDEN)
    assert "phonenumber" not in (check(excluded_fields=["phonenumber"]) or "")
    assert requests_mock.call_count == 1


def accepted(every_error: bool = False, **changes: Any) -> str:
    """What is said before a load; nothing if it may begin."""
    try:
        with a_context(api_key=KEY, **changes) as context:
            must_be_accepted(context.config, context.client, every_error)
    except IterableError as error:
        assert KEY not in str(error)
        return str(error)
    return ""


def test_a_load_begins_if_a_stream_could_be_read(requests_mock: Mocker) -> None:
    requests_mock.get(US + "lists", json={"lists": []})
    assert accepted() == ""
    assert requests_mock.call_count == 1
    requests_mock.reset_mock()
    for fault in (FORBIDDEN, BAD_KEY):
        requests_mock.get(US + "lists", **fault)
        requests_mock.get(US + "channels", json={"channels": []})
        assert accepted() == "", "a key may lack one endpoint"
        requests_mock.reset_mock()
    requests_mock.get(US + "lists", status_code=500)
    assert accepted() == ""
    assert "500" in accepted(every_error=True), "before rows are deleted"
    requests_mock.reset_mock()


def test_a_load_does_not_begin_with_a_key_that_nothing_takes(requests_mock: Mocker) -> None:
    requests_mock.get(re.compile(US), **BAD_KEY)
    requests_mock.get(EU + "lists", json={"lists": []})
    assert "set region to EU" in accepted()
    requests_mock.get(re.compile(US), **FORBIDDEN)
    assert "may not read lists" in accepted()
    requests_mock.get(re.compile(US), exc=requests.ConnectionError)
    assert "Check that this machine can reach https://api.iterable.com/api/" in accepted()
    requests_mock.reset_mock()


def test_a_key_that_was_accepted_before_is_not_tried_again(requests_mock: Mocker) -> None:
    with a_context() as context:
        context.client.key.is_accepted = True
        must_be_accepted(context.config, context.client, every_error=True)
    assert requests_mock.call_count == 0
