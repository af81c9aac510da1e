"""BucketFiles: DuckDB reads only what it needs, and a request's error is kept."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from source_iterable.load.bucket_files import BucketFiles

ROWS = "SELECT i AS id, repeat(md5(i::text), 20) AS text FROM range(20_000) AS numbers(i)"


def test_columns_that_are_not_asked_for_are_not_read(tmp_path: Path) -> None:
    file = tmp_path / "x.parquet"
    duckdb.sql(f"COPY ({ROWS}) TO '{file}'")
    data = file.read_bytes()
    read = []

    def some(path: str, start: int, length: int) -> bytes:
        read.append((path, length))
        return data[start : start + length]

    with closing(duckdb.connect()) as database:
        database.register_filesystem(BucketFiles(lambda path: len(data), some))
        place = f"{BucketFiles.address}numbers/x.parquet"
        assert database.sql(f"SELECT sum(id) FROM read_parquet('{place}')").fetchall() == [(199_990_000,)]
        assert {path for path, _ in read} == {"numbers/x.parquet"}
        assert sum(length for _, length in read) < len(data) / 2
        assert database.sql(f"FROM read_parquet('{place}') EXCEPT ({ROWS})").fetchall() == []


def test_the_error_of_a_request_is_kept() -> None:
    def lost(path: str, start: int, length: int) -> bytes:
        raise FileNotFoundError(path)

    with closing(duckdb.connect()) as database:
        files = BucketFiles(lambda path: 100, lost)
        database.register_filesystem(files)
        with pytest.raises(duckdb.Error):
            database.sql(f"FROM read_parquet('{BucketFiles.address}gone.parquet')").fetchall()
    assert isinstance(files.error, FileNotFoundError)
