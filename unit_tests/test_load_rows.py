"""Rows: every record becomes one, whatever its fields hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dlt.common.normalizers.naming.snake_case import NamingConvention

from source_iterable.config import Config
from source_iterable.errors import ConfigError
from source_iterable.load.custom_events import views_of
from source_iterable.load.rows import RowFile, TextColumns, needs_care, quoted, select, without_nul
from source_iterable.load.tables import Table, free_name, snake_case, table_of
from source_iterable.records.batch import batch_of
from source_iterable.streams.groups import EXPENSIVE, GROUPS, chosen
from source_iterable.streams.table import STREAMS

CONFIG = Config.parse({"api_key": "k" * 32, "start_date": "2024-01-01T00:00:00Z"})
CAMPAIGNS, OPENS = table_of(STREAMS["campaigns"], CONFIG), table_of(STREAMS["email_open"], CONFIG)


def rows(tmp_path: Path, table: Table, *records: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows that records become, without what is NULL."""
    batch = batch_of(table.stream, records)
    columns = TextColumns(table)
    texts = needs_care(table, batch.lines)
    lines = columns.texts(batch.lines) if texts else batch.lines
    path = tmp_path / "rows.jsonl"
    path.write_bytes(lines)
    file = RowFile(path, len(lines), tuple(columns) if texts else table.columns, texts)
    with duckdb.connect() as database:
        result = database.execute(select(file))
        names = [column[0] for column in result.description or []]
        return [
            {name: value for name, value in zip(names, row, strict=True) if value is not None}
            for row in result.fetchall()
        ]


@pytest.mark.parametrize(
    ("field", "value", "column", "kept"),
    [
        ("sendSize", "many", "send_size_v_json", '"many"'),
        ("sendSize", 2**63, "send_size_v_json", "9223372036854775808"),
        ("sendSize", 2**63 - 1, "send_size", 2**63 - 1),
        ("sendSize", 1.5, "send_size_v_json", "1.5"),
        ("sendSize", True, "send_size_v_json", "true"),
        ("createdAt", "yesterday", "created_at_v_json", '"yesterday"'),
        ("createdAt", 10**18, "created_at_v_json", "1000000000000000000"),
        ("name", 7, "name", "7"),
        ("name", "+49300000001", "name", "+49300000001"),
        ("name", "00000123", "name", "00000123"),
        ("name", "", "name", ""),
        ("labels", "one", "labels", '"one"'),
    ],
)
def test_a_value_is_kept_whatever_its_type(tmp_path: Path, field: str, value: Any, column: str, kept: Any) -> None:
    assert rows(tmp_path, CAMPAIGNS, {"id": 1, field: value}) == [{"id": 1, column: kept}]


def test_an_event_keeps_every_digit(tmp_path: Path) -> None:
    event = {"_event_id": "a", "createdAt": "2024-05-01T10:20:30.123456+00:00", "itblInternal": {}}
    data = b'{"long":0.123456789012345678901,"big":123456789012345678901234567890,"usual":1.5}'
    batch = batch_of("email_open", [{**event, "data": {}}])
    lines = batch.lines.replace(b'"data":{}', b'"data":' + data)
    assert needs_care(OPENS, lines)
    path = tmp_path / "rows.jsonl"
    columns = TextColumns(OPENS)
    path.write_bytes(columns.texts(lines))
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        ((kept, time),) = database.execute(
            f"SELECT data, created_at::VARCHAR FROM ({select(RowFile(path, 1000, tuple(columns), True))})"
        ).fetchall()
    assert kept.encode() == data
    assert time == "2024-05-01 10:20:30.123456+00"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("a\0b", "a\ufffdb"),
        ("\0\0\0", "\ufffd\ufffd\ufffd"),
        ("\\u0000", "\\u0000"),
        ("\\\0", "\\\ufffd"),
        ("a", "a"),
    ],
)
def test_a_warehouse_without_nul_gets_another_character(tmp_path: Path, sent: str, kept: str) -> None:
    path = tmp_path / "rows.jsonl"
    columns = TextColumns(OPENS)
    path.write_bytes(columns.texts(batch_of("s", [{"_event_id": sent, "data": {"x": sent}}]).lines))
    file = RowFile(path, 1000, tuple(columns), True)
    value = without_nul(file)
    shown = ", ".join(f"{value(column)} AS {quoted(column.name)}" for column in file.columns)
    with duckdb.connect() as database:
        found = database.execute(f"SELECT _event_id, data FROM (SELECT {shown} FROM ({select(file)}))").fetchall()
    assert found[0][0] == kept
    assert json.loads(found[0][1]) == {"x": kept}


def test_a_very_long_line_is_a_row(tmp_path: Path) -> None:
    event = {"_event_id": "a", "createdAt": "2024-05-01T10:20:30+00:00", "itblInternal": {}}
    (row,) = rows(tmp_path, OPENS, {**event, "data": {"long": "x" * 20_000_000}})
    assert len(row["data"]) > 20_000_000


def test_columns_are_named_as_dlt_names_them() -> None:
    convention = NamingConvention()
    for stream in STREAMS.values():
        columns = table_of(stream, CONFIG).columns
        assert [column.name for column in columns] == [
            convention.normalize_identifier(column.field) for column in columns
        ]
        assert len({column.name for column in columns}) == len(columns)
    for odd in ("a b", "Äx", "fooBAR", "URLId", "x1Y2", "__b", "a__b", "1a", "foo-bar", "x_", "emailSMS2Go", "a.b"):
        assert snake_case(odd) == convention.normalize_identifier(odd)


def test_two_columns_never_share_a_name(tmp_path: Path) -> None:
    assert free_name("x" * 90, {}) != free_name("x" * 91, {})
    assert free_name("fooBar", {"foo_bar": None}) not in ("foo_bar", "fooBar")
    assert all(len(free_name("f" * length, {"f" * length: None})) <= 63 for length in (50, 56, 60, 62, 63, 90))


def test_streams_are_chosen_by_name_and_by_group() -> None:
    assert chosen("users, campaigns,users") == ["users", "campaigns"]
    assert chosen("all") == list(STREAMS)
    assert set(chosen("default")) == set(STREAMS) - set(EXPENSIVE)
    assert {"email_open", "custom_event"} < set(chosen("events"))
    assert not {"users", "events", "campaigns"} & set(GROUPS["events"])
    assert {"campaigns", "lists"} < set(chosen("lists"))
    assert chosen("stream:events") == ["events"]
    with pytest.raises(ConfigError, match="opens"):
        chosen("users,opens")
    with pytest.raises(ConfigError, match="No stream"):
        chosen(" , ")


def test_a_field_of_several_types_is_json_in_its_view() -> None:
    fields = [("a", "x", "integer"), ("a", "x", "number"), ("a", "y", "text"), ("a", "y", "json"), ("a", "z", "")]
    (view,) = views_of(fields)
    assert view.columns == [("x", "x", "number"), ("y", "y", "json"), ("z", "z", "text")]
    assert len({view.name for view in views_of([("A b", "x", "text"), ("a-b", "x", "text")])}) == 2
