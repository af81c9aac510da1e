"""The DuckDB file as a destination: where its temporary files are, and names of schemas."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from source_iterable.load.duckdb_file import DuckDBFile
from source_iterable.load.rows import Spool
from source_iterable.load.tables import table_of
from source_iterable.records.batch import batch_of
from source_iterable.streams.table import STREAMS
from unit_tests.contexts import a_config


def test_temporary_files_are_not_beside_the_database(tmp_path: Path) -> None:
    """There, those of a killed load would stay."""
    spill, there = tmp_path / "spill", tmp_path / "there"
    spill.mkdir()
    with closing(DuckDBFile(there / "x.duckdb", "iterable", "", spill)) as destination:
        # More than its memory.
        destination.run(
            "CREATE TEMP TABLE big AS SELECT sha256(range::text) || sha256(range::text) FROM range(3000000)"
        )
        assert list(spill.iterdir())
        assert {path.name for path in there.iterdir()} <= {"x.duckdb", "x.duckdb.wal"}


def test_names_of_schemas_are_compared_without_case(tmp_path: Path) -> None:
    table = table_of(STREAMS["users"], a_config())
    for dataset in ("iterable", "Iterable"):
        with closing(DuckDBFile(tmp_path / "x.duckdb", dataset, "", tmp_path)) as destination:
            assert destination.private() == ({} if dataset == "iterable" else {"users": ""})
            spool = Spool(tmp_path, destination.add)
            spool.add(table, batch_of("users", [{"email": "a@x.com", "data": {"dataset": dataset}}]))
            spool.flush()
            destination.commit({"users": {"profileUpdatedAt": "2024-01-01T00:00:00Z"}})
            assert destination.run("SELECT email, data->>'dataset' FROM users") == [("a@x.com", dataset)]
            assert destination.states([table])
