"""Rows: every record becomes one, whatever its fields hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from source_iterable.load.rows import RowFile, Spool, select
from source_iterable.load.tables import Table, table_of
from source_iterable.records.batch import RecordBatch, batch_of
from source_iterable.streams.table import STREAMS
from unit_tests.contexts import a_config

CONFIG = a_config()
CAMPAIGNS, OPENS = table_of(STREAMS["campaigns"], CONFIG), table_of(STREAMS["email_open"], CONFIG)
EVENT = {"_event_id": "a", "createdAt": "2024-05-01T10:20:30.123456+00:00", "itblInternal": {}}


def files_of(folder: Path, table: Table, *batches: RecordBatch, keeps_nul: bool = True) -> list[RowFile]:
    """The files that a spool delivers."""
    files: list[RowFile] = []
    spool = Spool(folder, files.append, keeps_nul)
    for batch in batches:
        spool.add(table, batch)
    spool.flush()
    return files


def rows(folder: Path, table: Table, *records: dict[str, Any], keeps_nul: bool = True) -> list[dict[str, Any]]:
    """The rows that records become, without what is NULL."""
    (file,) = files_of(folder, table, batch_of(table.name, records), keeps_nul=keeps_nul)
    return rows_of(file)


def rows_of(file: RowFile) -> list[dict[str, Any]]:
    with duckdb.connect() as database:
        result = database.execute(f"SET TimeZone = 'UTC'; {select(file)}")
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
        ("createdAt", True, "created_at_v_json", "true"),
        ("name", 7, "name", "7"),
        ("name", "+49300000001", "name", "+49300000001"),
        ("name", "00000123", "name", "00000123"),
        ("name", "", "name", ""),
        ("labels", "one", "labels", '"one"'),
    ],
)
def test_a_value_is_kept_whatever_its_type(tmp_path: Path, field: str, value: Any, column: str, kept: Any) -> None:
    assert rows(tmp_path, CAMPAIGNS, {"id": 1, field: value}) == [{"id": 1, column: kept}]


def test_a_time_sent_as_milliseconds_is_a_time(tmp_path: Path) -> None:
    for number, (sent, kept) in enumerate([(0, 1970), (-62_135_596_800_000, 1), (253_402_300_799_999, 9999)]):
        (row,) = rows(tmp_path, CAMPAIGNS, {"id": number, "createdAt": sent})
        assert row["created_at"].year == kept


def test_an_event_keeps_every_digit(tmp_path: Path) -> None:
    data = b'{"long":0.123456789012345678901,"big":123456789012345678901234567890,"usual":1.5}'
    batch = batch_of("email_open", [{**EVENT, "data": {}}])
    lines = batch.lines.replace(b'"data":{}', b'"data":' + data)
    (file,) = files_of(tmp_path, OPENS, RecordBatch("email_open", 1, lines))
    (row,) = rows_of(file)
    assert row["data"].encode() == data
    assert row["created_at"].isoformat() == "2024-05-01T10:20:30.123456+00:00"


def test_rows_of_a_table_are_delivered_in_their_order(tmp_path: Path) -> None:
    """Of two with the same key the last one counts, so one with a long number must not overtake another."""
    batches = [batch_of("email_open", [{**EVENT, "data": {"n": n}}]) for n in (1, 10**19, 3)]
    files = files_of(tmp_path, OPENS, *batches)
    assert [json.loads(row["data"])["n"] for file in files for row in rows_of(file)] == [1, 10**19, 3]


def test_a_full_file_is_delivered_at_once(tmp_path: Path) -> None:
    files: list[RowFile] = []
    spool = Spool(tmp_path, files.append, file_bytes=4000)
    for number in range(10):
        spool.add(OPENS, batch_of("email_open", [{**EVENT, "_event_id": str(number), "data": {"x": "y" * 500}}]))
    assert [len(rows_of(file)) for file in files] == [2, 2, 2, 2, 2], "long rows need memory: a quarter is enough"
    spool = Spool(tmp_path, files.append, file_bytes=1_000_000)
    spool.add(OPENS, batch_of("email_open", [{**EVENT, "data": {"x": "y" * 100}}] * 3_000))
    assert len(files) == 5


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
@pytest.mark.parametrize("table", [OPENS, CAMPAIGNS], ids=["events", "lists"])
def test_a_warehouse_without_nul_gets_another_character(tmp_path: Path, table: Table, sent: str, kept: str) -> None:
    text = "name" if table is CAMPAIGNS else "_event_id"
    (row,) = rows(tmp_path, table, {text: sent, "data": {"x": sent}}, keeps_nul=False)
    assert row[text] == kept
    assert json.loads(row["data"]) == {"x": kept}


def test_a_very_long_line_is_a_row(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, OPENS, {**EVENT, "data": {"long": "x" * 16_000_000}})
    assert len(row["data"]) > 16_000_000


@pytest.mark.parametrize("table", [OPENS, CAMPAIGNS], ids=["events", "lists"])
def test_a_batch_is_not_a_long_line(tmp_path: Path, table: Table) -> None:
    """DuckDB gets memory for the longest line many times over."""
    page = batch_of(table.name, [{"data": {"x": "y" * 500_000}}] * 10)
    longest = [file.longest_line for file in files_of(tmp_path, table, page)]
    assert max(longest) < 3_000_000
