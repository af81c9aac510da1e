"""What users can configure, and the errors for invalid values, whatever they are."""

from __future__ import annotations

import json
import logging
import re
import string
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import requests
from airbyte_cdk.models import ConfiguredAirbyteCatalog, FailureType, Status
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from requests_mock import ANY, Mocker

from source_iterable.airbyte.source import SourceIterable
from source_iterable.config import Config, ConfigError, parse_date
from source_iterable.spec import specification
from source_iterable.streams.table import parse_config

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
    schema = specification()["connectionSpecification"]
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


# Not found by chance in a message.
KEY = "k3yk3yk3y-0123456789abcdef"
GOOD: dict[str, Any] = {"api_key": KEY, "start_date": "2024-01-01T00:00:00Z"}
SPEC = specification()["connectionSpecification"]
ACCEPTS = Draft7Validator(SPEC)
OPTIONS = sorted(SPEC["properties"])
TEXTS = ["start_date", "end_date", "api_base_url"]
LIKE = "2024-01-01T00:00:00Z"  # how the messages show a date
# What a mistake of Python's would say.
PYTHON = ("Error", "NoneType", "attribute", "argument", "object is not", "has no", "Traceback", "pydantic")

two = st.integers(0, 99).map("{:02}".format)
years = st.integers(0, 9999).map("{:04}".format)
ends = st.sampled_from(["Z", "", "z", "+00:00", " +0000", "Z\n", ".5Z", ".123456789Z", ".Z", " Z"])
dates = st.builds("{}-{}-{}{}{}:{}:{}{}".format, years, two, two, st.sampled_from("T t_"), two, two, two, ends)
real_dates = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)).map(lambda time: time.isoformat()[:19] + "Z")
hosts = st.sampled_from(
    ["api.example.com", "localhost", "127.0.0.1", "[::1]", "[", "[x]", "u:p@h", "..", "a..b", "é", ""]
)
urls = st.builds(
    "{}://{}{}/{}".format,
    st.sampled_from(["https", "http", "HTTPS", "ftp", ""]),
    hosts | st.text(max_size=8),
    st.sampled_from(["", ":8080", ":", ":99999", ":x", ":-1", f":{KEY}", f"@{KEY}", f"{KEY}\u2100", "\\@x", "\n", " "]),
    st.text(string.ascii_letters + "/?#%\\ \n", max_size=6),
)
numbers = st.integers() | st.integers(-(10**400), 10**400) | st.floats() | st.integers(0, 100)
texts = st.text(max_size=12) | st.text(string.printable, max_size=12) | st.just(f"the {KEY} itself")
known = st.sampled_from(["", "US", "EU", "Hybrid", "UserID-based", "auto", "jobs", "yes", "5", "nan", "\ud800", None])
plain = st.none() | st.booleans() | numbers | texts | dates | real_dates | urls | known
anything = plain | st.recursive(
    plain, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2), max_leaves=3
)
required = {"api_key": st.text(string.ascii_letters + string.punctuation, min_size=1), "start_date": real_dates}
optional: dict[str, st.SearchStrategy[Any]] = {
    "end_date": real_dates | st.just(""),
    "region": st.sampled_from(["US", "EU"]),
    "project_type": st.sampled_from(["Email-based", "UserID-based", "Hybrid"]),
    "export_method": st.sampled_from(["auto", "streaming", "jobs"]),
    "lookback_window": st.integers(0, 10_000),
    "rate_limit_factor": st.floats(0.01, 1000),
    "user_fields_as_columns": st.booleans(),
    "excluded_fields": st.lists(st.sampled_from(["ip", "address.city"])),
    "hashed_fields": st.lists(st.sampled_from(["email", "data.first name"])),
    "hash_salt": st.text(min_size=1),
    "api_base_url": st.sampled_from(["https://proxy.example.com/a/b", "http://127.0.0.1:8080/api/"]),
}
changes = st.dictionaries(st.sampled_from(OPTIONS), anything, max_size=2)
unknown = st.dictionaries(texts.filter(lambda name: name not in OPTIONS), anything, max_size=2)
configs = st.builds(lambda change, more: {**more, **GOOD, **change}, changes, unknown)


def refusal(config: dict[str, Any]) -> str | None:
    """The text of the error for a configuration; None if it is taken."""
    try:
        parse_config(config)
    except ConfigError as error:
        return str(error)
    return None


@given(configs)
@example({**GOOD, "api_base_url": f"https://host:{KEY}/"})
@example({**GOOD, "api_base_url": f"https://user:{KEY}@ex\u2100mple.com/"})
@example({**GOOD, "api_base_url": f"https://[{KEY}]/"})
@example({**GOOD, "end_date": "2024-01-01T24:00:00Z"})
@settings(max_examples=300)
def test_what_is_refused_is_named_without_its_value(config: dict[str, Any]) -> None:
    text = refusal(config)
    if text is None:
        return
    wrong = [name for name in OPTIONS if re.search(rf"'{name}\b", text)]
    assert wrong
    assert KEY not in text
    for name in wrong:
        value = config.get(name)
        alone = refusal({**GOOD, name: value})
        assert alone is not None, "this option alone is refused, too"
        if name in TEXTS and isinstance(value, str) and len(value) > 7:
            assert value.rstrip("Z") not in alone.replace(LIKE, "")
    rest = {name: value for name, value in config.items() if name not in wrong}
    assert refusal({**GOOD, **rest}) is None, "all other options are fine"


@given(st.fixed_dictionaries(required, optional=optional), unknown)
@settings(max_examples=100)
def test_every_fitting_value_is_taken_as_it_is(options: dict[str, Any], more: dict[str, Any]) -> None:
    assert ACCEPTS.is_valid({**more, **options}) or options.get("end_date") == ""
    config = Config.parse({**more, **options})
    for name, value in options.items():
        assert getattr(config, name) == (None if value == "" else value)


@pytest.mark.parametrize("name", ["api_key", "start_date"])
@given(config=configs)
@settings(max_examples=30)
def test_a_required_option_that_is_missing_is_named(name: str, config: dict[str, Any]) -> None:
    del config[name]
    assert f"'{name}' is required" in (refusal(config) or "")


@given(st.sampled_from([name for name in OPTIONS if name != "api_key"]), anything)
@example("lookback_window", 1e22)
@example("lookback_window", True)
@example("rate_limit_factor", 10**400)
@example("rate_limit_factor", True)
@settings(max_examples=500)
def test_the_spec_and_the_connector_agree(name: str, value: Any) -> None:
    config = {**GOOD, name: value}
    taken = refusal(config) is None
    if ACCEPTS.is_valid(config):
        if name in TEXTS:  # a schema can neither say which days exist nor what a URL is
            return
        half = "\\ud" in json.dumps(value)
        assert taken or value != value or half, "neither NaN nor half a character is JSON"
    elif taken:
        # Kinder than the spec: an emptied field, and a number or a switch written as text, as from the environment.
        empty = value in (None, "") and name in ("end_date", "project", "api_base_url")
        empty = empty or (value is None and name in ("excluded_fields", "hashed_fields", "hash_salt"))
        typed = SPEC["properties"][name]["type"]
        assert empty or (typed in ("integer", "number", "boolean") and isinstance(value, str)) or typed == "boolean"


@given(dates | real_dates)
@settings(max_examples=200)
def test_a_date_is_a_moment_or_is_refused(text: str) -> None:
    text_of_error = refusal({**GOOD, "start_date": text})
    try:
        moment = datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
    except ValueError:
        moment = None
    fraction = text[19:].removesuffix("Z").removeprefix(".")
    fits = "T" in text[10:11] and text.endswith("Z") and (text[19:] == "Z" or (text[19] == "." and fraction.isdigit()))
    assert (text_of_error is None) == (moment is not None and fits)
    if text_of_error is None:
        assert parse_date(text).replace(microsecond=0) == moment
    else:
        assert LIKE in text_of_error


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("2024-01-01", ": this is a day without a time."),
        ("2024-01-01T00:00:00", ": the Z at its end is missing."),
        ("2024-01-01 00:00:00Z", ": a T must stand between day and time."),
        ("2024-01-01T00:00:00+02:00", ": this one has an offset: write it in UTC, with a Z."),
        ("2024-02-30T00:00:00Z", ": there is no such day or time."),
        ("2024-01-01T24:00:00.5Z", ": there is no such day or time."),
        (KEY, "."),
        ("01/02/2024", "."),
    ],
)
def test_the_error_about_a_date_says_what_is_wrong(text: str, wrong: str) -> None:
    assert refusal({**GOOD, "end_date": text}) == (
        f"The configuration is not valid: 'end_date': must be a UTC time like {LIKE}{wrong}"
    )


def test_a_configuration_that_is_no_object(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    for content in ("[]", "null", f'"{KEY}"', "7", "", "{", "[" * 100_000, "\ufeff{}", f'{{"api_key": {KEY}}}', "NaN"):
        path.write_text(content)
        with pytest.raises(AirbyteTracedException) as caught:
            SourceIterable.read_config(str(path))
        assert caught.value.failure_type == FailureType.config_error
        assert str(path) in (caught.value.message or "")
        assert KEY not in (caught.value.message or "")


@given(configs)
@example({**GOOD, "rate_limit_factor": 1e-300})
@example({**GOOD, "lookback_window": 10**30})
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_every_command_says_the_same(requests_mock: Mocker, config: dict[str, Any]) -> None:
    requests_mock.get(ANY, exc=requests.ConnectionError)
    source, logger = SourceIterable(), logging.getLogger("airbyte")
    # Nothing is masked here: the messages themselves do not hold the key.
    status = source.check(logger, config)
    told = status.message or ""
    assert status.status == Status.FAILED, "there is no network"
    assert KEY not in told
    assert not any(word in told for word in PYTHON)
    text = refusal(config)
    if text is None:
        assert "The configuration is not valid" not in told
        return
    assert told == text
    for command in (source.discover, lambda *of: list(source.read(*of, ConfiguredAirbyteCatalog(streams=[])))):
        with pytest.raises(AirbyteTracedException) as caught:
            command(logger, config)
        assert (caught.value.message, caught.value.failure_type) == (told, FailureType.config_error)
