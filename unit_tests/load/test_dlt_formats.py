"""What arrives by way of dlt, and what dlt says of what is sent to each of its destinations."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest
from dlt.common.data_writers.writers import resolve_best_writer_spec
from dlt.common.destination.capabilities import merge_caps_file_formats
from dlt.common.destination.utils import resolve_merge_strategy, verify_supported_data_types
from dlt.common.schema.utils import new_table
from dlt.common.storages.load_package import ParsedLoadJobFileName

from source_iterable.config import Config
from source_iterable.load import dlt_formats
from source_iterable.load.command import open_destination
from source_iterable.load.destination import DestinationError
from source_iterable.load.dlt_adapter import DltDestination
from source_iterable.load.dlt_formats import Format, format_for, hints, items
from source_iterable.load.rows import Spool
from source_iterable.load.tables import table_of
from source_iterable.records.batch import batch_of
from source_iterable.streams.table import STREAMS

CONFIG = Config.parse({"api_key": "k" * 32, "start_date": "2024-01-01T00:00:00Z"})
TABLES = [table_of(stream, CONFIG) for stream in STREAMS.values()]
USERS, CAMPAIGNS = (table_of(STREAMS[name], CONFIG) for name in ("users", "campaigns"))
AT = "2026-01-02T03:04:05.678000+00:00"
SENT_AT = "2026-01-02T03:04:05.678000Z"
LATER = "2026-01-02T03:04:05.679000+00:00"
DATA = {
    "a": 'one "two" \\ three\nfour',
    "größe": ["東京", None, {"": 1.5}],
    "n": 2**53 + 1,
    "none": None,
    "": "\\u0000",
}
OTHERS = ["bigquery", "snowflake", "redshift", "databricks", "athena", "postgres", "duckdb", "motherduck", "mssql"]


@pytest.fixture(autouse=True)
def _quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "data"))


def user(email: str, at: str = AT, **fields: Any) -> dict[str, Any]:
    return {"email": email, "profileUpdatedAt": at, **fields}


def load(destination: Any, folder: Path, *rows: dict[str, Any]) -> None:
    """Load users, each in a file of its own, in one commit, on a machine that knows nothing of loads before."""
    folder.mkdir()
    with closing(DltDestination(destination, "iterable", "", folder)) as opened:
        opened.start_over([USERS])
        for row in rows:
            spool = Spool(folder, opened.add, keeps_nul=False)
            spool.add(USERS, batch_of("users", [row]))
            spool.flush()
        opened.commit({"users": {"last": len(rows)}})
    assert not list(folder.glob("*.jsonl*")), "no file of rows is left"


@pytest.fixture(params=["jsonl", None, "insert_values"])
def by_dlt(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A DuckDB file that dlt writes from files of each format that some destination gets."""
    monkeypatch.setitem(dlt_formats._FORMATS, "duckdb", Format(file=request.param))
    yield dlt.destination("duckdb", credentials=str(tmp_path / "by_dlt.duckdb"))


def test_values_arrive_as_they_are_and_json_is_json(by_dlt: Any, tmp_path: Path) -> None:
    load(by_dlt, tmp_path / "1", user("ä@x.io", city="", data=DATA), user("b@x.io"))
    with duckdb.connect(str(tmp_path / "by_dlt.duckdb")) as database:
        (first, second) = database.sql(
            "SELECT email, profile_updated_at, data, json_type(data), data->>'$.a', city FROM iterable.users"
            " ORDER BY email DESC"
        ).fetchall()
        types = dict(database.sql("SELECT name, type FROM pragma_table_info('iterable.users')").fetchall())
    assert first[:2] == ("ä@x.io", datetime.fromisoformat(AT))
    assert json.loads(first[2]) == DATA
    assert first[3:] == ("OBJECT", DATA["a"], "")
    assert second == ("b@x.io", datetime.fromisoformat(AT), None, None, None, None)
    wanted = {"email": "VARCHAR", "profile_updated_at": "TIMESTAMP WITH TIME ZONE", "data": "JSON"}
    assert {name: types[name] for name in wanted} == wanted


def test_lines_have_json_as_json_and_no_nulls(tmp_path: Path) -> None:
    """As warehouses read them: DuckDB's reader adds fields of other rows, as nulls."""
    files: list[Any] = []
    spool = Spool(tmp_path, files.append)
    records = [user("a@x.io", city='"\\\n', data=DATA), user("b@x.io", emailListIds=[1], data={"n": 1.5})]
    spool.add(USERS, batch_of("users", records))
    spool.flush()
    (sent,) = items(files, Format(file="jsonl"))
    assert (sent.meta.file_format, sent.meta.metrics.items_count) == ("jsonl", 2)
    with gzip.open(sent.meta.file_path, "rt", encoding="utf-8") as lines:
        first, second = map(json.loads, lines)
    assert first == {"email": "a@x.io", "profile_updated_at": SENT_AT, "city": '"\\\n', "data": DATA}
    assert second == {"email": "b@x.io", "profile_updated_at": SENT_AT, "email_list_ids": [1], "data": {"n": 1.5}}


def test_a_row_that_changes_is_replaced_and_its_last_version_counts(by_dlt: Any, tmp_path: Path) -> None:
    load(by_dlt, tmp_path / "1", user("a@x.io", data={"n": 1}), user("b@x.io", data={"n": 1}))
    load(by_dlt, tmp_path / "2", user("a@x.io", AT, data={"n": 2}), user("a@x.io", LATER, data={"n": 3}))
    with duckdb.connect(str(tmp_path / "by_dlt.duckdb")) as database:
        found = database.sql("SELECT email, data->>'$.n' FROM iterable.users ORDER BY email").fetchall()
    assert found == [("a@x.io", "3"), ("b@x.io", "1")]


@pytest.mark.parametrize("by_dlt", [None, "insert_values"], indirect=True)
def test_a_table_without_rows_is_there(by_dlt: Any, tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    with closing(DltDestination(by_dlt, "iterable", "", tmp_path / "1")) as opened:
        opened.start_over([CAMPAIGNS, USERS])
        opened.commit({}, [CAMPAIGNS, USERS])
    with duckdb.connect(str(tmp_path / "by_dlt.duckdb")) as database:
        assert database.sql("SELECT count(data) FROM iterable.users").fetchall() == [(0,)]


def test_in_sqlite_json_is_a_text_that_its_functions_read(tmp_path: Path) -> None:
    import sqlite3

    destination = dlt.destination("sqlalchemy", credentials=f"sqlite:///{tmp_path / 'main.db'}")
    load(destination, tmp_path / "1", user("a@x.io", data=DATA), user("b@x.io"))
    load(destination, tmp_path / "2", user("b@x.io", LATER, data={"a": 2}))
    (file,) = tmp_path.glob("*iterable.db")
    with closing(sqlite3.connect(file)) as database:
        found = database.execute(
            "SELECT email, data ->> '$.a', data, profile_updated_at FROM users ORDER BY email"
        ).fetchall()
    assert [row[:2] for row in found] == [("a@x.io", DATA["a"]), ("b@x.io", 2)]
    assert json.loads(found[0][2]) == DATA
    assert datetime.fromisoformat(found[0][3]).replace(tzinfo=timezone.utc) == datetime.fromisoformat(AT)


@pytest.mark.parametrize("name", OTHERS)
def test_dlt_accepts_the_formats_and_types_of_every_table(name: str, tmp_path: Path) -> None:
    """By its own checks, which it makes before it loads a package. Whether the warehouse does is not tried here."""
    staging: Any = dlt.destinations.filesystem("s3://bucket") if name in ("redshift", "athena") else None
    pipeline = dlt.pipeline("checked", str(tmp_path), destination=name, staging=staging)
    sent, able = format_for(pipeline), pipeline.destination.capabilities()
    preferred, formats = merge_caps_file_formats(name, "s3", able, staging and staging.capabilities())
    if able.loader_file_format_selector and not staging:
        preferred, formats = able.loader_file_format_selector(preferred, list(formats), table_schema={})
    file: Any = sent.file or resolve_best_writer_spec("arrow", formats, preferred).file_format
    assert file in formats
    for table in TABLES:
        told = hints(table, table.columns, sent)
        columns: Any = [{"name": column, **hint} for column, hint in told["columns"].items()]
        schema: Any = new_table(
            table.name,
            columns=columns,
            write_disposition=told["write_disposition"],
            table_format=told["table_format"],
        )
        # As Databricks' own client adds.
        schema["x-insert-api"] = "copy_into"
        job = ParsedLoadJobFileName(table.name, "0" * 10, 0, file)
        assert verify_supported_data_types([schema], [job], able, name) == []
        strategy = resolve_merge_strategy({table.name: schema}, schema, able)
        assert strategy == ("delete-insert" if table.merged else None), table.name


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("filesystem", "dlt does not merge rows in filesystem: .* --to folder/, --to s3://bucket/path"),
        ("redshift", "Without a bucket, dlt would write JSON into redshift as text. Set STAGING_TYPE=filesystem and"),
    ],
)
def test_what_would_be_wrong_is_refused(name: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(DestinationError, match=told):
        open_destination(name, "iterable", "", tmp_path)


def test_a_bucket_for_redshift_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAGING_TYPE", "filesystem")
    monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", str(tmp_path / "bucket"))
    assert format_for(dlt.pipeline("staged", str(tmp_path), destination="redshift")).file == "jsonl"


@pytest.mark.parametrize("name", ["redshift", "postgres"])
def test_merges_go_by_the_key_and_take_the_last_version(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SQL that dlt makes: for BigQuery, Snowflake and Databricks as well, but their own packages make that."""
    monkeypatch.setenv(f"DESTINATION__{name.upper()}__CREDENTIALS", f"{name}://user:password@127.0.0.1:1/db")
    staging = dlt.destinations.filesystem(str(tmp_path)) if name == "redshift" else None
    pipeline = dlt.pipeline("merged", str(tmp_path), destination=name, staging=staging, dataset_name="iterable")
    schema = dlt.Schema("iterable")
    told = hints(USERS, USERS.columns, format_for(pipeline))
    schema.update_table(dlt.resource([], name="users", **told).compute_table_schema())
    client = pipeline._get_destination_clients(schema)[0]
    (job,) = client._create_merge_followup_jobs([client.prepare_load_table("users")])
    delete, insert = Path(job.new_file_path()).read_text(encoding="utf-8").splitlines()
    names = {"d": '"iterable"."users"', "s": '"iterable_staging"."users"'}
    assert delete.startswith(f"DELETE FROM {names['d']}")
    assert f"FROM {names['s']}" in delete
    assert '."email" = ' in delete
    assert 'ROW_NUMBER() OVER (partition BY "email" ORDER BY "profile_updated_at" DESC)' in insert
