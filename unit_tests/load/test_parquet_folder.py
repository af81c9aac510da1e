"""A folder of Parquet files: rows that newer ones replace, whatever their columns are called."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from source_iterable.load.destination import DestinationError
from source_iterable.load.parquet_folder import ParquetFolder
from source_iterable.load.rows import Spool
from source_iterable.load.storage import LocalFolder
from source_iterable.load.tables import Column, Table
from source_iterable.records.batch import batch_of

COLUMNS = tuple(Column(name, name, "varchar") for name in ("email", "filename"))
USERS = Table("users", COLUMNS, ("email",), merged=True, event_time=None, fits=True, schema={})


def load(folder: Path, work: Path, *rows: dict[str, Any]) -> None:
    work.mkdir(exist_ok=True)
    with closing(ParquetFolder(LocalFolder(folder / "iterable"), "", work)) as destination:
        spool = Spool(work, destination.add)
        spool.add(USERS, batch_of("users", rows))
        spool.flush()
        destination.commit({})


@pytest.mark.parametrize("damaged", ["", '{"states": {"": {"users"', "\0" * 512, "\xff"])
def test_a_damaged_manifest_is_named_and_nothing_is_changed(damaged: str, tmp_path: Path) -> None:
    load(tmp_path / "lake", tmp_path / "work", {"email": "a", "filename": "1"})
    manifest = tmp_path / "lake" / "iterable" / "_source_iterable.json"
    manifest.write_text(damaged, encoding="latin-1")
    files = sorted(tmp_path.joinpath("lake").rglob("*"))
    with pytest.raises(DestinationError) as caught:
        load(tmp_path / "lake", tmp_path / "work", {"email": "a", "filename": "2"})
    assert str(caught.value) == f"{manifest} is damaged: load into another folder."
    assert sorted(tmp_path.joinpath("lake").rglob("*")) == files


def test_a_column_may_be_called_filename(tmp_path: Path) -> None:
    load(tmp_path / "lake", tmp_path / "work", {"email": "a", "filename": "1"}, {"email": "b", "filename": "1"})
    load(tmp_path / "lake", tmp_path / "work", {"email": "a", "filename": "2"})
    files = tmp_path / "lake" / "iterable" / "users" / "*.parquet"
    rows = duckdb.sql(f"SELECT email, filename FROM read_parquet('{files}') ORDER BY 1").fetchall()
    assert rows == [("a", "2"), ("b", "1")]


def test_a_file_of_texts_that_are_alike_does_not_grow(tmp_path: Path) -> None:
    # Compressed they are small, and whatever is added to the file needs all of them in memory.
    for number in range(2):
        rows = [{"email": f"{number} {each}", "filename": f"{each}{'x' * 200_000}"} for each in range(20)]
        load(tmp_path / "lake", tmp_path / "work", *rows)
    files = list((tmp_path / "lake" / "iterable" / "users").glob("*.parquet"))
    assert len(files) == 2
    assert max(file.stat().st_size for file in files) < 2**20


def test_a_merge_opens_the_files_that_may_have_its_events_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("source_iterable.load.parquet_folder._SMALL_BYTES", 0)
    columns = (Column("_event_id", "_event_id", "varchar"), Column("createdAt", "created_at", "timestamptz"))
    opens = Table("email_open", columns, ("_event_id",), merged=True, event_time="created_at", fits=True, schema={})
    folder = tmp_path / "lake" / "iterable"
    for day in (1, 2, 3, 2):
        with closing(ParquetFolder(LocalFolder(folder), "", tmp_path)) as destination:
            spool = Spool(tmp_path, destination.add)
            time = f"2026-01-0{day}T00:00:00Z"
            spool.add(opens, batch_of("email_open", [{"_event_id": f"{n}{day}", "createdAt": time} for n in "ab"]))
            if len(list(folder.glob("email_open/*"))) == 3:
                # Opening one of these would fail.
                there = {file: file.read_bytes() for file in folder.glob("email_open/*")}
                others = [file for file in there if not duckdb.sql(f"FROM '{file}' WHERE _event_id = 'a2'").fetchall()]
                for file in others:
                    file.write_bytes(b"")
            spool.flush()
            destination.commit({})
    assert len(others) == 2
    for file in others:
        file.write_bytes(there[file])
    rows = duckdb.sql(f"SELECT _event_id FROM read_parquet('{folder}/email_open/*.parquet') ORDER BY 1").fetchall()
    assert rows == [(f"{n}{day}",) for n in "ab" for day in (1, 2, 3)], "each event once"
