"""What users can configure, and the errors for invalid values."""

import logging

import pytest
from jsonschema import Draft7Validator

from source_iterable.airbyte.source import SourceIterable
from source_iterable.config import Config, ConfigError, connection_specification, parse_date

GOOD = {"api_key": "k-123456789", "start_date": "2024-01-01T00:00:00Z"}


def test_a_configuration_of_the_published_connector_works_and_unknown_keys_are_ignored() -> None:
    config = Config.parse({**GOOD, "region": "EU", "lookback_window": 5, "num_workers": 3, "something": {"else": 1}})
    assert config.base_url == "https://api.eu.iterable.com/api/"


def test_fractions_of_a_second_are_accepted() -> None:
    Config.parse({**GOOD, "start_date": "2024-01-01T00:00:00.123456Z"})
    assert parse_date("2024-01-01T00:00:00.5Z").microsecond == 500_000


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"api_key": None}, "api_key"),
        ({"api_key": ""}, "api_key"),
        ({"api_key": "k-123456789\n"}, "api_key"),
        ({"api_key": "clé"}, "api_key"),
        ({"start_date": "2024-01-01"}, "start_date"),
        ({"start_date": "2024-02-30T00:00:00Z"}, "start_date"),
        ({"end_date": "tomorrow"}, "end_date"),
        ({"region": "Mars"}, "region"),
        ({"project_type": "email"}, "project_type"),
        ({"lookback_window": -1}, "lookback_window"),
        ({"export_method": "pigeons"}, "export_method"),
        ({"lookback_window": True}, "lookback_window"),
        ({"rate_limit_factor": 0}, "rate_limit_factor"),
        ({"rate_limit_factor": 1e-300}, "rate_limit_factor"),
        ({"rate_limit_factor": float("inf")}, "rate_limit_factor"),
        ({"api_base_url": "http://api.example.com/"}, "api_base_url"),
        ({"api_base_url": "ftp://127.0.0.1/"}, "api_base_url"),
        ({"api_base_url": "https://api.example.com\\@127.0.0.1/"}, "api_base_url"),
        ({"api_base_url": "https://api.exam ple.com/"}, "api_base_url"),
        ({"api_base_url": "http://local\nhost/"}, "api_base_url"),
        ({"api_base_url": "https://k-123456789:k-123456789/"}, "api_base_url"),
    ],
)
def test_an_invalid_value_is_rejected_and_its_key_named(change: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigError, match=named) as caught:
        Config.parse({**GOOD, **change})
    assert "k-123456789" not in str(caught.value)


def test_a_key_of_the_wrong_type_is_not_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        Config.parse({**GOOD, "api_key": 987654321})
    assert "987654321" not in str(caught.value)


@pytest.mark.parametrize("url", ["https://proxy.example.com/api", "http://127.0.0.1:8080/api/", "http://localhost:1/"])
def test_a_custom_base_url_may_be_https_or_loopback(url: str) -> None:
    assert Config.parse({**GOOD, "api_base_url": url}).base_url == url.rstrip("/") + "/"


def test_a_missing_key_is_named() -> None:
    with pytest.raises(ConfigError, match="'start_date' is required"):
        Config.parse({"api_key": "x"})


def test_an_empty_optional_field_counts_as_unset() -> None:
    assert Config.parse({**GOOD, "end_date": ""}).end_date is None


def test_the_spec_is_a_schema_that_accepts_valid_configurations_and_hides_internal_options() -> None:
    schema = connection_specification()
    Draft7Validator.check_schema(schema)
    validator = Draft7Validator(schema)
    assert validator.is_valid({**GOOD, "unknown": 1})
    assert not validator.is_valid({"start_date": GOOD["start_date"]})
    properties = schema["properties"]
    assert properties["api_key"]["airbyte_secret"] is True
    assert {name for name, each in properties.items() if each.get("airbyte_hidden")} == {
        "rate_limit_factor",
        "api_base_url",
    }
    assert all("docs" not in each for each in properties.values())
    assert all("anyOf" not in each and each["description"] and each["title"] for each in properties.values())
    assert SourceIterable().spec(logging.getLogger()).connectionSpecification == schema
