"""Names of the project's own profile fields that become one name where a column is made of them: each value is found."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest

from integration_tests.connector import config_for, time_text
from integration_tests.sandbox import NOW, Sandbox, SandboxSettings
from integration_tests.test_load import load
from integration_tests.test_streams_users import discovered_users, read_users
from integration_tests.warehouses import DuckDBWarehouse, Warehouse
from source_iterable.load import dlt_adapter, dlt_formats, iterable
from source_iterable.records.names import free_name, snake_case

# With each other, or with the standard columns email, data and user_id.
ALIKE = [
    "firstName",
    "first_name",
    "Age",
    "age",
    "na!e",
    "na%e",
    "日本",
    "語語",
    'a"b',
    "a'b",
    "x" * 65,
    "x" * 64 + "y",
]
ALIKE += ["fooBar", "foobar", "Email", "email ", "EMAIL", "Data", "user_id", "userid"]
RESERVED = [
    "_airbyte_raw_id",
    "_dlt_id",
    "_dltLoadId",
    "_source_iterable_file",
    "_PARTITIONTIME",
    "ctid",
    "XMIN",
    "tableoid",
]
# Also names that our own SQL has.
ALONE = [
    "rowid",
    "filename",
    "file_row_number",
    "old",
    "incoming",
    "sent",
    "name",
    "field",
    "c'd",
    'e"f',
    "中文字",
    "x" * 63,
]
USERS = SandboxSettings(users=0, days=3, events_per_day=0)


def config_until(sandbox: Sandbox, hours: int) -> dict[str, Any]:
    """A configuration that reads up to so many hours ago."""
    return config_for(sandbox, user_fields_as_columns=True, lookback_window=hours * 60)


def put(sandbox: Sandbox, email: str, names: Iterable[str], hours: float, **values: Any) -> dict[str, Any]:
    """A profile of so many hours ago, in a project that has the fields in it, all of them texts. Returns the fields."""
    fields = {name: f"{name} of {email}" for name in names} | values
    sandbox.core.world.things("user_fields")[:] = [{"name": name, "type": "string"} for name in fields]
    updated = time_text(NOW - timedelta(hours=hours))
    sandbox.put_records("user", [{"email": email, "profileUpdatedAt": updated, **fields}])
    return fields


def data_of(row: dict[str, Any]) -> dict[str, Any]:
    data = row.get("data") or "{}"
    return json.loads(data) if isinstance(data, str) else dict(data)


def assert_found(row: dict[str, Any], fields: dict[str, Any]) -> None:
    """The fields of a user are in columns of their own or in data, as they should."""
    assert data_of(row) == {name: fields[name] for name in [*ALIKE, *RESERVED]}
    assert {name: row[snake_case(name)] for name in ALONE} == {name: fields[name] for name in ALONE}


def test_every_value_is_found_whatever_fields_are_called(warehouse: Warehouse, tmp_path: Path) -> None:
    names = [*ALIKE, *RESERVED, *ALONE]
    arguments = ["--to", warehouse.to, "--streams", "users"]
    with Sandbox(USERS) as sandbox:
        # In one file and in two loads, one user twice: the newer row stays, though its "rowid" is the smaller one.
        put(sandbox, "one@example.com", names, hours=20, rowid="9")
        put(sandbox, "one@example.com", names, hours=19, rowid="8")
        other = put(sandbox, "two@example.com", names, hours=18, rowid="7")
        first = load(tmp_path, config_until(sandbox, 10), *arguments)
        assert first.returncode == 0, first.stderr
        assert (
            first.stderr.count(f"users: {len(ALIKE) + len(RESERVED)} of the project's own profile fields are not") == 1
        )
        assert {row["email"]: row["rowid"] for row in warehouse.rows("users")} == {
            "one@example.com": "8",
            "two@example.com": "7",
        }
        newest = put(sandbox, "one@example.com", names, hours=2, rowid="1")
        second = load(tmp_path, config_until(sandbox, 0), *arguments)
        assert second.returncode == 0, second.stderr
    rows = {row["email"]: row for row in warehouse.rows("users")}
    assert len(rows) == len(warehouse.rows("users")) == 2
    assert_found(rows["one@example.com"], newest)
    assert_found(rows["two@example.com"], other)


def test_a_newcomer_leaves_the_column_to_the_field_that_has_it(warehouse: Warehouse, tmp_path: Path) -> None:
    arguments = ["--to", warehouse.to, "--streams", "users"]
    with Sandbox(USERS) as sandbox:
        put(sandbox, "one@example.com", ["zipCode", "firstName"], hours=20)
        assert load(tmp_path, config_until(sandbox, 10), *arguments).returncode == 0
        for until, reload in ((5, []), (0, ["--reload", "users"])):
            fields = put(sandbox, "two@example.com", ["FIRST_NAME", "firstName", "zipCode"], hours=until + 2)
            done = load(tmp_path, config_until(sandbox, until), *arguments, *reload)
            assert done.returncode == 0, done.stderr
            rows = {row["email"]: row for row in warehouse.rows("users")}
            assert rows["two@example.com"]["first_name"] == fields["firstName"]
            assert data_of(rows["two@example.com"]) == {"FIRST_NAME": fields["FIRST_NAME"]}
            assert rows["one@example.com"]["first_name"] == "firstName of one@example.com"


def test_a_table_of_an_earlier_version_keeps_its_columns(tmp_path: Path) -> None:
    warehouse, long = DuckDBWarehouse(tmp_path), "z" * 70
    names = ["FIRST_NAME", "firstName", long]
    arguments = ["--to", warehouse.to, "--streams", "users"]
    hashed = {name: free_name(name, [snake_case(name)]) for name in names}
    with Sandbox(USERS) as sandbox:
        put(sandbox, "one@example.com", [], hours=20)
        assert load(tmp_path, config_until(sandbox, 10), *arguments).returncode == 0
        with closing(duckdb.connect(warehouse.to)) as database:
            for column in ("first_name", hashed["firstName"], hashed[long]):
                database.execute(f"ALTER TABLE iterable.iterable.users ADD COLUMN {column} varchar")
            database.execute("DROP TABLE iterable.iterable._source_iterable_columns")
        for until, more in ((5, []), (0, ["FIRST NAME"])):
            email = f"{until}@example.com"
            fields = put(sandbox, email, [*names, *more], hours=until + 2)
            done = load(tmp_path, config_until(sandbox, until), *arguments)
            assert done.returncode == 0, done.stderr
            (row,) = (row for row in warehouse.rows("users") if row["email"] == email)
            assert row["first_name"] == fields["FIRST_NAME"]
            assert {name: row[hashed[name]] for name in ("firstName", long)} == {
                name: fields[name] for name in ("firstName", long)
            }
            assert data_of(row) == {name: fields[name] for name in more}


def test_every_value_is_found_in_a_dlt_pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))

    def run(machine: str, until: int) -> dict[str, dict[str, Any]]:
        destination = dlt.destinations.duckdb(str(tmp_path / "tables.duckdb"))
        pipeline = dlt.pipeline("iterable", tmp_path / machine, destination=destination, dataset_name="iterable")
        pipeline.run(iterable(config_until(sandbox, until), streams="users"))
        return {row["email"]: row for row in pipeline.dataset().users.df().to_dict("records")}

    with Sandbox(USERS) as sandbox:
        fields = put(sandbox, "one@example.com", [*ALIKE, *RESERVED, *ALONE], hours=20)
        with monkeypatch.context() as earlier:
            for module in (dlt_adapter, dlt_formats):
                earlier.setattr(module, "FIELD", "x-unknown")
            assert_found(run("here", 10)["one@example.com"], fields)
        fields = put(sandbox, "two@example.com", [*ALIKE, *RESERVED, *ALONE], hours=7)
        assert_found(run("here", 5)["two@example.com"], fields)
        # What it learns of fields and columns, it learns from the destination.
        fields = put(sandbox, "three@example.com", [*ALIKE, *RESERVED, *ALONE, "FILENAME"], hours=2)
        row = run("elsewhere", 0)["three@example.com"]
    assert row["filename"] == fields["filename"]
    assert data_of(row)["FILENAME"] == fields["FILENAME"]


def test_discover_and_read_keep_every_value_under_a_name_of_its_own() -> None:
    with Sandbox(USERS) as sandbox:
        fields = put(sandbox, "one@example.com", [*ALIKE, *RESERVED, *ALONE], hours=20)
        config = config_until(sandbox, 0)
        stream = discovered_users(config)
        (record,) = read_users(config, stream).records["users"]
    columns = [*stream["json_schema"]["properties"]]
    assert len({snake_case(name) for name in columns}) == len({name.lower() for name in columns}) == len(columns)
    assert record["data"] == {name: fields[name] for name in [*ALIKE, *RESERVED]}
    assert {name: record[name] for name in ALONE} == {name: fields[name] for name in ALONE}
    assert record["email"] == "one@example.com"
