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
