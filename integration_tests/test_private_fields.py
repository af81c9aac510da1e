"""Private fields over all streams: none of their values is in any output, byte by byte."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from integration_tests import preloaded
from integration_tests.connector import catalog_for, config_for, run_command, sync
from integration_tests.sandbox import Fault, Sandbox, SandboxSettings
from integration_tests.sandbox.settings import PROJECT_TYPES
from integration_tests.test_load import load
from source_iterable.kinds import KINDS
from source_iterable.streams.table import EXPORTS, STREAMS, parse_config

EXCLUDED = ["ip", "phoneNumber", "userAgent", "data.address", "deviceInfo.deviceId", "loyaltyPoints", "htmlSource"]
HASHED = ["email", "userId", "itblUserId", "toPhoneNumber", "firstName", "itblInternal.emailDomain"]
SALT = "pepper & salt"
# Shorter texts occur by chance, and so do numbers.
SHORTEST = 6


def hashed(value: Any) -> str:
    text = (
        value
        if isinstance(value, str)
        else json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    )
    return sha256(f"{SALT}{text}".encode()).hexdigest()


def truth(sandbox: Sandbox) -> dict[str, list[dict[str, Any]]]:
    """What the sandbox holds of every stream."""
    exported = {stream.name: stream.data_type for stream in EXPORTS}
    start, end = sandbox.now().replace(year=2020), sandbox.now()
    return {
        name: sandbox.truth(exported[name], start, end) if name in exported else sandbox.truth_list(name)
        for name in STREAMS
        if name != "forgotten_users"
    }


def values(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every field, however deep, also in texts of JSON: its path and its value."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            value = json.loads(value)
        except ValueError:
            return
    if isinstance(value, dict):
        for name, each in value.items():
            inner = (*path, *name.split("."))
            yield ".".join(inner), each
            yield from values(each, inner)
    elif isinstance(value, list):
        for each in value:
            yield from values(each, path)


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for each in value.values():
            yield from leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each)
    else:
        yield value


def is_private(path: str, names: list[str]) -> bool:
    # A field that has no column is in `data`.
    return any(f".data.{path}".endswith(f".{name}") for name in names)


def private_values(things: dict[str, list[dict[str, Any]]]) -> set[str]:
    """The private texts."""
    found: set[str] = set()
    for name, items in things.items():
        for item in items:
            for path, value in values(item):
                if is_private(path, [*EXCLUDED, *HASHED]) and not path.endswith("emailDomain"):  # which is in URLs, too
                    found |= {leaf for leaf in leaves(value) if isinstance(leaf, str)}
            if name == "list_users":
                found.add(item["userIdentifier"])
    return {json.dumps(text, ensure_ascii=False)[1:-1] for text in found if len(text) >= SHORTEST}


@pytest.fixture(scope="module", params=PROJECT_TYPES)
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    settings = SandboxSettings(
        seed=5, users=60, days=3, events_per_day=400, campaigns=20, templates=20, project_type=request.param
    )
    with Sandbox(settings) as made:
        yield made


def test_no_private_value_leaves_the_connector(sandbox: Sandbox, tmp_path: Path) -> None:
    config = config_for(sandbox, 5, excluded_fields=EXCLUDED, hashed_fields=HASHED, hash_salt=SALT)
    plain_config = {**config, "excluded_fields": [], "hashed_fields": []}
    things = truth(sandbox)
    secrets = private_values(things)
    messages, done = run_command(tmp_path, "read", config, catalog=catalog_for(config, STREAMS))
    assert done.returncode == 0
    for output in (done.stdout, done.stderr):
        assert [secret for secret in secrets if secret.encode() in output] == []
    kinds = {path.rpartition(".")[2] for items in things.values() for item in items for path, _ in values(item)}
    assert kinds >= {"ip", "phoneNumber", "userAgent", "deviceId", "address", "email", "firstName"}, "this is tried"
    assert len(secrets) > 500

    # Everything else is as without these options.
    shown: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for message in messages:
        if message["type"] == "RECORD":
            shown[message["record"]["stream"]].append(message["record"]["data"])
    plain = sync(plain_config, STREAMS).records
    for name in STREAMS:
        assert len(shown[name]) == len(plain[name])
        as_it_is = name == "forgotten_users"
        assert Counter(map(flat, shown[name])) == Counter(
            flat(record, private=not as_it_is) for record in plain[name]
        ), name


def flat(record: dict[str, Any], private: bool = False) -> frozenset[tuple[str, str]]:
    """Every value of a record with its path; if `private`, as it should be shown."""
    return frozenset(_flat(record, "", private, ""))


def _flat(value: Any, path: str, private: bool, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str) and value[:1] in ("{", "["):
        with suppress(ValueError):
            value = json.loads(value)
    if isinstance(value, dict):
        for name, each in value.items():
            inner = f"{path}.{name}" if path else name
            if private and is_private(inner, [*HASHED, "userIdentifier"]) and each is not None:
                yield place + inner, json.dumps(hashed(each))
            elif not (private and is_private(inner, EXCLUDED)):
                yield from _flat(each, inner, private, place)
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _flat(each, path, private, f"{place}{number}:")
    else:
        yield place + path, json.dumps(value)


PERSON = ("anna.private", "5123456", "987654")
ABOUT_A_PERSON = {"code": "GenericError", "msg": "Anna <anna.private@example.com>, +49 (0) 151 234-56-78, id 987654321"}


@pytest.mark.parametrize(
    ("endpoint", "status"),
    [
        *((None, status) for status in (200, 400, 401, 403, 404, 500)),
        *((endpoint, status) for endpoint in ("lists/getUsers", "export/userEvents") for status in (200, 400, 500)),
        ("metadata/{table}/{key}", 400),
    ],
)
def test_an_error_that_names_a_person_is_told_without_its_name(
    tmp_path: Path, endpoint: str | None, status: int
) -> None:
    with Sandbox(SandboxSettings(users=15, days=1, events_per_day=50, lists=2, campaigns=2, templates=2)) as sandbox:
        config = config_for(sandbox, hashed_fields=["email"], rate_limit_factor=100_000)
        files = {"catalog": catalog_for(config, STREAMS)}
        sandbox.add_fault(Fault(endpoint, "status", None, status, body=ABOUT_A_PERSON))
        outputs = [run_command(tmp_path, "read", config, **files)[1]]
        if endpoint is None:
            outputs.append(run_command(tmp_path, "check", config)[1])
            outputs.append(run_command(tmp_path, "discover", {**config, "user_fields_as_columns": True})[1])
            words = ["load", "--config", "config.json", "--to", "x.duckdb", "--streams", "group:all"]
            load = [*preloaded.python_for_load(), "-m", "source_iterable", *words]
            outputs.append(subprocess.run(load, cwd=tmp_path, capture_output=True, timeout=120, check=False))
    for done in outputs:
        said = (done.stdout + done.stderr).decode()
        # A 404 is a thing that no longer exists; what is no list of users or events is only called an error object.
        assert "Anna <****>, +****, id ****" in said or status == 404 or (status == 200 and endpoint)
        assert not [private for private in (*PERSON, "(0)", "234-56") if private in said]


def test_schemas_and_records_agree(sandbox: Sandbox) -> None:
    """What a platform was told is what it gets: no excluded column, and texts where values are hashed."""
    config = config_for(sandbox, excluded_fields=EXCLUDED, hashed_fields=HASHED, hash_salt=SALT)
    columns = {
        each["stream"]["name"]: each["stream"]["json_schema"]["properties"]
        for each in catalog_for(config, STREAMS)["streams"]
    }
    assert not any("ip" in each or "phoneNumber" in each for each in columns.values())
    records = sync(config, STREAMS).records
    for name, items in records.items():
        for item in items:
            for column in {"email", "userId", "itblUserId", "toPhoneNumber"} & item.keys() - {"forgotten_users"}:
                assert "string" in columns[name][column]["type"]
                assert item[column] is None or len(item[column]) == 64


@pytest.mark.parametrize("option", ["excluded_fields", "hashed_fields"])
def test_the_keys_of_things_stay(option: str) -> None:
    """A profile's locale or an event's campaignId may be private; what a row is about is not."""
    names = ["template_locales", "campaigns_metrics_daily", "list_sizes"]
    names += ["experiments", "experiment_variants", "experiment_trends"]
    private = ["locale", "campaignId", "experimentId", "date", "size", "author"]
    with Sandbox(SandboxSettings(seed=5, users=10, days=10, events_per_day=0)) as sandbox:
        config = config_for(sandbox, **{option: private})
        plain, result = sync(config_for(sandbox), names), sync(config, names)
    assert result.failure is None
    for each in (plain, result):
        each.records["list_sizes"].sort(key=lambda record: record["listId"])
    for name in names:
        cursor = STREAMS[name].cursor_field
        key = STREAMS[name].primary_key
        assert len(result.records[name]) == len(plain.records[name]) > 0
        for before, after in zip(plain.records[name], result.records[name], strict=True):
            for column, value in before.items():
                if column not in private or column == cursor:
                    assert after[column] == value or isinstance(value, (dict, list))
                elif option == "hashed_fields":
                    assert len(after[column]) == 64
                else:
                    assert after.get(column) == (value if column in key else None)
        schema = STREAMS[name].schema(parse_config(config))["properties"]
        shown = {column for record in result.records[name] for column in record}
        assert shown <= set(schema)


def test_no_value_of_a_kind_leaves_the_connector(sandbox: Sandbox, tmp_path: Path) -> None:
    """All kinds at once: neither a phone number nor an address of anybody, staff included, in any output."""
    others = [f"kind:{kind}" for kind in KINDS if kind != "email"]
    config = config_for(sandbox, 5, excluded_fields=others, hashed_fields=["kind:email"], hash_salt=SALT)
    names = [name for kind in KINDS.values() for name in kind.names]
    secrets = {
        leaf
        for items in truth(sandbox).values()
        for item in items
        for path, value in values(item)
        if is_private(path, names)
        for leaf in leaves(value)
        if isinstance(leaf, str) and re.fullmatch(r"[^@ ]+@[^@ ]+|[+\d. ()-]{7,}", leaf)
    }
    assert len(secrets) > 100
    assert len({secret for secret in secrets if "@" not in secret}) > 50
    _, done = run_command(tmp_path, "read", config, catalog=catalog_for(config, STREAMS))
    assert done.returncode == 0
    for output in (done.stdout, done.stderr):
        assert [secret for secret in secrets if secret.encode() in output] == []
    assert b"of the same kind" not in done.stdout


def test_the_first_lines_say_what_stays_in_clear(tmp_path: Path) -> None:
    said = "phoneNumber: private, but other fields of the same kind (phone numbers) are not: fromPhoneNumber, toPhoneNumber"
    with Sandbox(SandboxSettings(seed=5, users=10, days=1, events_per_day=0)) as sandbox:
        config = config_for(sandbox, hashed_fields=["phoneNumber"])
        messages, _ = run_command(tmp_path, "read", config, catalog=catalog_for(config, ["channels"]))
        first, second, *_ = (
            each["log"]["message"] for each in messages if each["type"] == "LOG" if each["log"]["level"] == "WARN"
        )
        assert said in first
        assert "phoneNumber: private, but without hash_salt" in second
        assert [each["type"] for each in messages[:2]] == ["LOG", "LOG"]
        done = load(tmp_path, config, "--to", f"{tmp_path / 'lake'}/", "--streams", "channels")
        assert done.returncode == 0
        assert said in done.stderr.splitlines()[0]
        messages, _ = run_command(tmp_path, "check", {**config, "excluded_fields": ["phonenumber"]})
    *logs, status = messages
    assert status["connectionStatus"]["status"] == "SUCCEEDED"
    assert "not a column of any stream: phonenumber" in status["connectionStatus"]["message"]
    assert "not a column of any stream: phonenumber" in "".join(each["log"]["message"] for each in logs)
