"""user_fields_as_columns: the project's own profile fields as typed columns of users."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from airbyte_cdk.models import ConfiguredAirbyteCatalogSerializer
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from jsonschema import Draft7Validator, FormatChecker

from integration_tests.connector import Sync, config_for, sync
from integration_tests.sandbox import Sandbox, SandboxSettings
from source_iterable.airbyte.source import SourceIterable
from source_iterable.records.timestamps import rfc3339

Record = dict[str, Any]
CUSTOM = {
    "firstName": ["null", "string"],
    "age": ["null", "integer"],
    "isVip": ["null", "boolean"],
    "loyaltyPoints": ["null", "number"],
    "birthday": ["null", "string"],
    "address": ["null", "object"],
    "lastStore": ["null", "object"],
    "Größe": ["null", "string"],
    "note with space": ["null", "string"],
}


def a_sandbox(**settings: Any) -> Sandbox:
    return Sandbox(SandboxSettings(seed=2, users=300, days=400, events_per_day=0, **settings))


def discovered_users(config: Record) -> Record:
    catalog = SourceIterable().discover(logging.getLogger("airbyte"), config)
    users = next(stream for stream in catalog.streams if stream.name == "users")
    modes = [mode.value for mode in users.supported_sync_modes or []]
    return {"name": users.name, "json_schema": users.json_schema, "supported_sync_modes": modes}


def read_users(config: Record, stream: Record) -> Sync:
    result = Sync()
    catalog = ConfiguredAirbyteCatalogSerializer.load(
        {"streams": [{"stream": stream, "sync_mode": "incremental", "destination_sync_mode": "append"}]}
    )
    for message in SourceIterable().read(logging.getLogger("airbyte"), config, catalog, []):
        result.add(message)
    return result


@pytest.mark.parametrize("shape", ["map", "array"])
def test_discover_shows_the_projects_own_fields_as_typed_columns(shape: str) -> None:
    with a_sandbox(user_fields_shape=shape) as sandbox:
        plain = discovered_users(config_for(sandbox))["json_schema"]["properties"]
        assert len(sandbox.requests) == 0
        columns = discovered_users(config_for(sandbox, user_fields_as_columns=True))["json_schema"]["properties"]
        assert sandbox.count("users/getFields") == len(sandbox.requests) == 1
    assert not set(CUSTOM) & set(plain)
    assert {name: columns[name]["type"] for name in CUSTOM} == CUSTOM
    assert columns["birthday"]["format"] == "date-time"
    assert {name: columns[name] for name in plain} == plain
    assert list(columns)[-1] == "data"
    assert all(column["description"] for column in columns.values())


def test_values_go_to_their_columns_and_misfits_stay_under_data() -> None:
    with a_sandbox() as sandbox:
        config = config_for(sandbox, days=800, user_fields_as_columns=True)
        stream = discovered_users(config)
        sandbox.clear_requests()
        records = read_users(config, stream).records["users"]
        assert sandbox.count("users/getFields") == 0
        truth = {each["email"]: each for each in sandbox.truth("user", config["start_date"], sandbox.now())}
    assert len(records) == len(truth) > 200
    validator = Draft7Validator(stream["json_schema"], format_checker=FormatChecker())
    unfit = 0
    for record in records:
        validator.validate(record)
        sent = truth[record["email"]]
        whole = {**{name: value for name, value in record.items() if name != "data"}, **record["data"]}
        assert set(whole) == set(sent)
        for name, value in sent.items():
            assert whole[name] == value or whole[name] == rfc3339(value)
        assert record["firstName"] == sent["firstName"]
        unfit += "age" in record["data"]
        assert ("age" in record["data"]) == (sent["age"] == "unknown")
        assert "updateCount" in record["data"]
    assert unfit > 0


def test_a_read_sticks_to_the_columns_of_its_catalog() -> None:
    with a_sandbox() as sandbox:
        config = config_for(sandbox, days=800, user_fields_as_columns=True)
        stream = discovered_users(config)
        del stream["json_schema"]["properties"]["firstName"]
        age = stream["json_schema"]["properties"]["age"]
        age["type"] = age["type"][::-1]
        without, before = (
            read_users(config, each).records["users"] for each in (stream, discovered_users(config_for(sandbox)))
        )
    assert all("firstName" in record["data"] and "isVip" in record for record in without)
    assert any("age" in record for record in without)
    assert all("firstName" in record["data"] and "isVip" in record["data"] for record in before)


def test_discover_reports_why_iterable_rejects_the_key(caplog: pytest.LogCaptureFixture) -> None:
    with a_sandbox() as sandbox:
        config = config_for(sandbox, user_fields_as_columns=True, api_key="wrong-key-7")
        with pytest.raises(AirbyteTracedException, match="API key"):
            discovered_users(config)
        # A sync does not need the fields, and fails with its own message.
        result = sync(config_for(sandbox, user_fields_as_columns=False, api_key="wrong-key-7"), ["users"])
    assert "wrong-key-7" not in f"{caplog.text} {json.dumps(str(result.failure))}"
