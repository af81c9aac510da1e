"""Postgres: a PostgreSQL database as the destination, over one connection. Rows come by COPY."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import psycopg2.errors
import psycopg2.extensions

from source_iterable.load.address import hidden
from source_iterable.load.destination import ConnectionLost, DestinationError
from source_iterable.load.incoming import errors_of, event_times, open_database, run, take_in
from source_iterable.load.rows import RowFile, literal, quoted, without_nul
from source_iterable.load.sql_destination import SqlDestination
from source_iterable.load.tables import Kind, Table

# Stands for NULL: without quotes, which every value has.
_NULL = r"\N"
# Without these, a server that is gone without a word is waited for two hours. Seconds; the last in milliseconds.
_PATIENCE = {"keepalives_idle": 60, "keepalives_interval": 10, "keepalives_count": 6, "tcp_user_timeout": 120_000}
# How long a connection that is lost may still hold what it has.
_END_OF_LOST_MILLISECONDS = 10_000
# Of the server: it is shut down, it has crashed, it is starting.
_GONE = ("57P01", "57P02", "57P03")


class Postgres(SqlDestination):
    """A Destination: the database of a URL `postgresql://user@host/database`. Raises DestinationError.

    What the URL does not say, libpq knows: a password file, environment variables. `folder` is for temporary files. After
    ConnectionLost, `reopened` is to be used instead. Files of rows are the caller's to delete.
    """

    types: dict[Kind, str] = {
        "text": "text",
        "integer": "bigint",
        "number": "double precision",
        "boolean": "boolean",
        "date": "date",
        "time": "timestamp with time zone",
        "milliseconds": "timestamp with time zone",
        "json": "jsonb",
    }

    def __init__(self, url: str, dataset: str, part: str, folder: Path, instead_of: Postgres | None = None) -> None:
        super().__init__(dataset, part)
        self._url = url
        self._folder = folder
        self._parser = open_database(folder)
        # The transaction whose COMMIT is on its way.
        self._committing: int | None = None
        self._connection: Any = None
        with self.errors():
            given = _checked(url)
            self._connection = psycopg2.connect(url, **{name: _PATIENCE[name] for name in _PATIENCE.keys() - given})
            # Transactions begin and end with SQL.
            self._connection.autocommit = True
            # Of the files for COPY, whatever the database or the environment says.
            self._connection.set_client_encoding("UTF8")
            if instead_of is not None:
                self._end(instead_of)
            # Held as long as the connection: two that merge the same rows would not see each other's. A session that was
            # ended holds it for a moment longer.
            self.run(f"SET lock_timeout = {_END_OF_LOST_MILLISECONDS if instead_of else 1}")
            try:
                self.run(f"SELECT pg_advisory_lock(hashtext({literal(f'source-iterable {dataset}')}))")
            except psycopg2.errors.LockNotAvailable:
                raise DestinationError(f"Another load is writing to the schema {dataset}.") from None
            self.run("RESET lock_timeout")
            (self.session,) = self.run(
                "SELECT pid, backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()"
            )
        self._there = self._connection.get_dsn_parameters()
        self.prepare()

    def reopened(self) -> tuple[Postgres, bool]:
        """The same over a new connection; and whether all was committed whose COMMIT had no answer.

        If it was not, nothing is there of what came after the last commit. Raises DestinationError.
        """
        self.close()
        new = Postgres(self._url, self._dataset, self._part, self._folder, instead_of=self)
        if self._committing is None:
            return new, False
        with new.errors():
            ((status,),) = new.run(f"SELECT txid_status({self._committing})")
        if status not in ("committed", "aborted"):
            raise DestinationError("PostgreSQL does not know whether it has committed what came last.")
        return new, bool(status == "committed")

    def _end(self, lost: Postgres) -> None:
        """End the session of a connection that is lost, which the server may not know."""
        pid, start = lost.session
        self.run(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            f"WHERE pid = {pid} AND backend_start = {literal(start)}::timestamptz"
        )

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def bring_in(self, table: Table, file: RowFile) -> tuple[str, str] | None:
        path = self._folder / "incoming.csv"
        with errors_of(self._folder):
            take_in(self._parser, table, file)
            nul = without_nul(file)
            shown = ", ".join(f"{nul(column)} AS {quoted(column.name)}" for column in file.columns)
            run(
                self._parser,
                f"COPY (SELECT {shown} FROM incoming) TO {literal(str(path))} "
                f"(FORMAT csv, HEADER false, NULLSTR {literal(_NULL)}, FORCE_QUOTE *)",
            )
        definitions = ", ".join(f"{quoted(column.name)} {self.types[column.kind]}" for column in file.columns)
        self.run(f"CREATE TEMP TABLE incoming ({definitions}) ON COMMIT DROP")
        with open(path, "rb") as rows, self._connection.cursor() as cursor:
            cursor.copy_expert(f"COPY incoming FROM STDIN (FORMAT csv, NULL {literal(_NULL)})", rows)
        path.unlink()
        return event_times(self._parser, table)

    def fields_of_custom_events(self, table: str) -> list[tuple[str, str, str]]:
        return self.run(
            "SELECT DISTINCT event_name, key, CASE jsonb_typeof(value) "
            "WHEN 'string' THEN 'text' WHEN 'boolean' THEN 'boolean' "
            "WHEN 'number' THEN CASE WHEN value::text ~ '^-?[0-9]{1,18}$' THEN 'integer' "
            "WHEN value::text ~ '^-?[0-9]+$' THEN 'json' ELSE 'number' END "
            f"WHEN 'null' THEN '' ELSE 'json' END FROM {table}, jsonb_each(data) WHERE event_name IS NOT NULL"
        )

    def field(self, name: str, kind: Kind) -> str:
        value, text = f"data->{literal(name)}", f"data->>{literal(name)}"
        if kind == "json":
            return value
        if kind == "text":
            return text
        fits = {
            "integer": f"{text} ~ '^-?[0-9]{{1,18}}$'",
            "number": f"jsonb_typeof({value}) = 'number'",
            "boolean": f"jsonb_typeof({value}) = 'boolean'",
        }[kind]
        return f"CASE WHEN {fits} THEN ({text})::{self.types[kind]} END"

    def make_view(self, name: str, query: str) -> None:
        self.run("SAVEPOINT before_view")
        try:
            super().make_view(name, query)
        except psycopg2.ProgrammingError:
            # It has other columns now.
            try:
                self.run("ROLLBACK TO before_view")
                self.run(f"DROP VIEW {name}")
                super().make_view(name, query)
            except psycopg2.errors.DependentObjectsStillExist:
                # A view of somebody else needs it as it is.
                self.run("ROLLBACK TO before_view")

    def prepare_for_merging(self, target: str, table: Table) -> None:
        if table.key:
            self.run(f"CREATE INDEX ON {target} ({', '.join(map(quoted, table.key))})")

    def end_transaction(self) -> None:
        ((self._committing,),) = self.run("SELECT txid_current()")
        super().end_transaction()
        self._committing = None

    def dispose(self, file: RowFile) -> None:
        """No-op: if the connection is lost, it is needed again."""

    @contextmanager
    def errors(self) -> Iterator[None]:
        try:
            yield
        except psycopg2.Error as error:
            raise self._told(error) from None
        except OSError as error:
            raise DestinationError(f"{error.filename or self._folder} cannot be used: {error.strerror}.") from None

    def _told(self, error: psycopg2.Error) -> DestinationError:
        said = error.diag.message_primary or (str(error).strip().splitlines() or [type(error).__name__])[0]
        said = hidden(self._url, said).rstrip(".")
        if self._connection is None:
            return DestinationError(
                f"PostgreSQL cannot be used: {said}. Check that the server runs, and what --to says."
            )
        # What has no code is libpq's own.
        code = error.pgcode or "08000"
        if self._connection.closed or code[:2] == "08" or code in _GONE:
            return ConnectionLost(f"The connection to PostgreSQL was lost: {said}.")
        if isinstance(error, psycopg2.errors.DiskFull):
            return DestinationError(f"The disk of the PostgreSQL server is full: {said}. Free space there.")
        if isinstance(error, psycopg2.OperationalError):
            return DestinationError(f"PostgreSQL cannot be used: {said}.")
        # Messages about data quote it.
        about_data = isinstance(error, (psycopg2.DataError, psycopg2.IntegrityError))
        return DestinationError(f"PostgreSQL refuses what is loaded: {type(error).__name__ if about_data else said}.")

    def close(self) -> None:
        self._connection.close()
        self._parser.close()

    def how_to_open(self) -> str:
        options = {"host": "-h", "port": "-p", "user": "-U"}
        given = [
            word for name, option in options.items() if self._there.get(name) for word in (option, self._there[name])
        ]
        command = shlex.join(["psql", *given, self._there.get("dbname", "")])
        return f"{command}\n    SET search_path TO {quoted(self._dataset)};"


def _checked(url: str) -> dict[str, Any]:
    """What is in the URL. Raises DestinationError if it is none: libpq would say so with pieces of a password in it."""
    try:
        given: dict[str, Any] = psycopg2.extensions.parse_dsn(url)
        # An @ there is part of a password that was not percent-encoded.
        valid = not any("@" in str(given.get(name)) for name in ("host", "port", "dbname"))
    except psycopg2.ProgrammingError:
        valid = False
    if not valid:
        raise DestinationError(
            "The URL of PostgreSQL is not valid: postgresql://user:password@host:port/database, with all but letters and "
            "digits in the password written as in %40."
        )
    return given
