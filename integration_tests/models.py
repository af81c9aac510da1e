"""The dbt package in the tests: built in a warehouse, and what its tables hold."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import psycopg2

from integration_tests import preloaded
from integration_tests.connector import config_for
from integration_tests.sandbox import Sandbox, SandboxSettings
from integration_tests.warehouses import texts
from source_iterable.streams.table import EXPORTS

Record = dict[str, Any]
ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "dbt"
BIN = ROOT / ".venv-models-test" / "bin"
NOW = datetime(2026, 3, 10, 9, 30, tzinfo=timezone.utc)
SETTINGS = SandboxSettings(seed=11, users=120, days=40, events_per_day=250, now=NOW)
ROOMS = ("core", "intermediate", "marts")
MODELS = sorted(path.stem for room in ROOMS for path in (PACKAGE / "models" / room).glob("*.sql"))
EVENTS = {stream.name: stream.data_type for stream in EXPORTS if stream.name != "users"}


class Built(NamedTuple):
    """What `dbt build` said of a database, and how to look at its models."""

    database: str
    results: list[Record]
    rows: Callable[[str], list[Record]]


# What dbt has parsed (5 s of CPU), by what it depends on, for the runs that follow: the target, the name of the file or of
# the database, and the variables. So tests prefer the same names.
_parsed: dict[str, Path] = {}
FILE, DATABASE = "tables.duckdb", "models"


def dbt(command: str, folder: Path, environment: dict[str, str], *arguments: str) -> list[Record]:
    """Run dbt in a folder; the results of its nodes. Raises AssertionError if it fails."""
    same = repr((command, environment, arguments))
    known = ["--partial-parse-file-path", str(_parsed[same])] if same in _parsed else []
    options = [
        "--project-dir",
        str(PACKAGE),
        "--target-path",
        str(folder / "target"),
        "--log-path",
        str(folder / "logs"),
    ]
    python = preloaded.python_with(BIN / "python", "dbt.cli.main", "dbt.adapters.duckdb", "dbt.adapters.postgres")
    done = subprocess.run(
        [*python, str(BIN / "dbt"), command, "--profiles-dir", str(PACKAGE), *options, *known, *arguments],
        cwd=folder,
        env={**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    _parsed.setdefault(same, folder / "target" / "partial_parse.msgpack")
    results: list[Record] = json.loads((folder / "target" / "run_results.json").read_text(encoding="utf-8"))["results"]
    return results


def load(sandbox: Sandbox, folder: Path, to: str, streams: str = "group:all") -> None:
    """Load streams of the sandbox."""
    (folder / "config.json").write_text(json.dumps(config_for(sandbox, days=900)), encoding="utf-8")
    arguments = ["load", "--config", str(folder / "config.json"), "--to", to, "--streams", streams]
    subprocess.run([*preloaded.python_for_load(), "-m", "source_iterable", *arguments], check=True, capture_output=True)


def in_duckdb(file: Path, folder: Path, *flags: str, **variables: Any) -> Built:
    """Build the models in a DuckDB file of this folder."""
    results = dbt("build", folder, {"ITERABLE_DATABASE": file.name}, "--vars", json.dumps(variables), *flags)

    def rows(query: str) -> list[Record]:
        with duckdb.connect(str(file), read_only=True) as database:
            database.execute(f'USE "{file.stem}".analytics')
            return _records(database.execute(query))

    return Built(str(file), results, rows)


def in_postgres(url: str, folder: Path, *flags: str, **variables: Any) -> Built:
    """Build the models in a PostgreSQL database."""
    with psycopg2.connect(url) as connection:
        there = connection.get_dsn_parameters()
    environment = {"ITERABLE_TARGET": "postgres", "PGHOST": there["host"], "PGUSER": there["user"]}
    environment |= {"PGDATABASE": there["dbname"], "PGPORT": there["port"]}
    results = dbt("build", folder, environment, "--vars", json.dumps(variables), *flags)

    def rows(query: str) -> list[Record]:
        with psycopg2.connect(url) as connection, connection.cursor() as cursor:
            cursor.execute("SET search_path TO analytics")
            cursor.execute(query)
            return _records(cursor)

    return Built(url, results, rows)


def _records(cursor: Any) -> list[Record]:
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def everything(built: Built, where: str = "") -> dict[str, list[str]]:
    """Every row of every model as text, without what only builds need, numbers in one form; `where` may choose rows."""
    return {name: texts([_plain(row) for row in built.rows(f"SELECT * FROM {name} {where}")]) for name in MODELS}


def _plain(row: Record) -> Record:
    # Engines give sums and shares as integers, decimals and floats, each as it likes.
    return {
        name: f"{float(value):.9g}"
        if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)
        else value
        for name, value in row.items()
        if name not in ("build_number", "former_person", "_extracted_at")
    }
