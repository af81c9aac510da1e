"""Postgres: a PostgreSQL database as the destination, over a connection that may be lost. Rows come by COPY."""

from __future__ import annotations

import logging
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import Any

import psycopg2
import psycopg2.errors
import psycopg2.extensions

from source_iterable.load.address import redact
from source_iterable.load.destination import ConnectionLost, DestinationError
from source_iterable.load.incoming import errors_of, open_database, stage
from source_iterable.load.rows import SQL_TYPES, RowFile, literal, quoted
from source_iterable.load.sql_destination import SqlDestination
from source_iterable.load.tables import Kind, Table
from source_iterable.reading.stream import State

# Seconds that a server has to restart.
PAUSE = 10.0
# Without these, a server that is gone without a word is waited for two hours. Seconds; the last in milliseconds.
_PATIENCE = {"keepalives_idle": 60, "keepalives_interval": 10, "keepalives_count": 6, "tcp_user_timeout": 120_000}
_BAD_URL = "The URL of PostgreSQL is not valid: postgresql://user:password@host:port/database, with @ written as %40."
_KEPT = "What was committed is kept: run the load again."


class Postgres(SqlDestination):
    """A Destination: the database of a URL `postgresql://user@host/database`. Raises DestinationError.

    Anything missing from the URL is taken from libpq's environment and ~/.pgpass. `folder` is for temporary files.

    A lost connection is opened again, once between two commits. What was done since the last commit was rolled back, and is
    done again, from files of rows that are kept until then. If it was lost during COMMIT, the server says whether that was
    applied.
    """

    types = {**SQL_TYPES, "text": "text", "number": "double precision", "json": "jsonb"}
    indexed = True
    keeps_nul = False

    def __init__(self, url: str, dataset: str, backfill: str, folder: Path) -> None:
        super().__init__(dataset, backfill)
        self._url = url
        self._folder = folder
        self._parser = open_database(folder)
        self._connection: Any = None
        # The name of this load's sessions on the server.
        self._name = f"source-iterable {token_hex(8)}"
        # The transaction whose COMMIT was sent and not answered yet.
        self._committing: int | None = None
        # What was done since the last commit, and the files that doing it again takes.
        self._since_commit: list[Callable[[], Any]] = []
        self._files: list[RowFile] = []
        self._reopened = False
        try:
            self._connect()
        except ConnectionLost as lost:
            self._reconnect(lost)
        self._committed()

    def _connect(self) -> None:
        """Connect, and lock the schema against other loads."""
        self._connection = None
        self._open = False
        self._finished.clear()
        with self.errors():
            given = psycopg2.extensions.parse_dsn(self._url)
            if any("@" in str(given.get(name)) for name in ("host", "port", "dbname")):
                # Part of a password that was not percent-encoded.
                raise psycopg2.ProgrammingError
            # The files for COPY are in UTF-8, whatever the database or the environment says.
            own = {"application_name": self._name, "client_encoding": "UTF8"}
            self._connection = psycopg2.connect(**{**_PATIENCE, **given, **own})
            # Transactions begin and end with SQL.
            self._connection.autocommit = True
            if self._reopened:
                # The server may not know that the connection was lost: its session holds the lock until it is ended.
                lost = f"application_name = {literal(self._name)} AND pid <> pg_backend_pid()"
                self.run(f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE {lost}")
            # Held as long as the connection: two loads that merge the same rows would not see each other's.
            lock = f"hashtext({literal(f'source-iterable {self._dataset}')})"
            if self.run(f"SELECT pg_try_advisory_lock({lock})") != [(True,)]:
                raise DestinationError(f"Another load is writing to the schema {self._dataset}.")
        self._there = self._connection.get_dsn_parameters()
        self.prepare(f"SET search_path TO {quoted(self._dataset)}")

    def _reconnect(self, lost: ConnectionLost) -> list[Callable[[], Any]]:
        """Connect again after a pause. Returns what must be done again, which is nothing if all was committed."""
        logging.getLogger("source_iterable").warning(f"{lost} It is opened again in {PAUSE:.0f} seconds.")
        time.sleep(PAUSE)
        committing = self._committing
        self._reopened = True
        try:
            self._connect()
            with self.errors():
                if committing and self.run(f"SELECT txid_status({committing})") == [("committed",)]:
                    return []
        except DestinationError as error:
            raise DestinationError(f"{lost} It could not be opened again: {error} {_KEPT}") from None
        return self._since_commit

    def _do(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Do it and return what it returns; if the connection is lost, do again everything since the last commit."""
        self._since_commit.append(partial(work, *arguments))
        to_do = self._since_commit[-1:]
        while to_do:
            try:
                results = [each() for each in to_do]
                return results[-1]
            except ConnectionLost as lost:
                if self._reopened:
                    raise DestinationError(f"{lost} {_KEPT}") from None
                to_do = self._reconnect(lost)
        return None

    def _committed(self) -> None:
        self._reopened = False
        self._since_commit.clear()
        while self._files:
            self._files.pop().path.unlink()

    def states(self) -> Mapping[str, State]:
        return dict(self._do(super().states))

    def start(self, table: Table, resumed: bool) -> None:
        self._do(super().start, table, resumed)

    def add(self, file: RowFile) -> None:
        self._files.append(file)
        self._do(super().add, file)

    def finish(self, table: Table) -> None:
        self._do(super().finish, table)

    def commit(self, states: Mapping[str, State]) -> None:
        self._do(super().commit, states)
        self._committed()

    def make_custom_event_views(self) -> None:
        self._do(super().make_custom_event_views)
        self._committed()

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def stage(self, file: RowFile) -> str:
        path = self._folder / "incoming.csv"
        with errors_of(self._folder):
            replaced = stage(self._parser, file)
            # NULL is what has no quotes.
            self._parser.execute(f"COPY incoming TO {literal(str(path))} (FORMAT csv, HEADER false, FORCE_QUOTE *)")
        self.run(f"CREATE TEMP TABLE incoming ({self.definitions(file.columns)}) ON COMMIT DROP")
        with open(path, "rb") as rows, self._connection.cursor() as cursor:
            cursor.copy_expert("COPY incoming FROM STDIN (FORMAT csv)", rows)
        path.unlink()
        return replaced

    def fields_of_custom_events(self) -> list[tuple[str, str, str]]:
        return self.run(
            "SELECT DISTINCT event_name, key, CASE jsonb_typeof(value) "
            "WHEN 'string' THEN 'text' WHEN 'boolean' THEN 'boolean' "
            "WHEN 'number' THEN CASE WHEN value::text ~ '^-?[0-9]{1,18}$' THEN 'integer' "
            "WHEN value::text ~ '^-?[0-9]+$' THEN 'json' ELSE 'number' END "
            "WHEN 'null' THEN '' ELSE 'json' END FROM custom_event, jsonb_each(data) WHERE event_name IS NOT NULL"
        )

    def field(self, name: str, kind: Kind) -> str:
        value, text = f"data->{literal(name)}", f"data->>{literal(name)}"
        if kind in ("json", "text"):
            return value if kind == "json" else text
        fits = f"{text} ~ '^-?[0-9]{{1,18}}$'" if kind == "integer" else f"jsonb_typeof({value}) = '{kind}'"
        return f"CASE WHEN {fits} THEN ({text})::{self.types[kind]} END"

    def make_view(self, name: str, query: str) -> None:
        self.run("SAVEPOINT before_view")
        try:
            super().make_view(name, query)
        except psycopg2.ProgrammingError:
            # It has other columns now.
            self.run("ROLLBACK TO before_view")
            try:
                self.run(f"DROP VIEW {name}")
                super().make_view(name, query)
            except psycopg2.errors.DependentObjectsStillExist:
                # A view of somebody else needs it as it is.
                self.run("ROLLBACK TO before_view")

    def end_transaction(self) -> None:
        ((self._committing,),) = self.run("SELECT txid_current()")
        super().end_transaction()
        self._committing = None

    @contextmanager
    def errors(self) -> Iterator[None]:
        try:
            yield
        except psycopg2.Error as error:
            raise self._worded(error) from None

    def _worded(self, error: psycopg2.Error) -> DestinationError:
        if self._connection is None and isinstance(error, psycopg2.ProgrammingError):
            # What libpq says has pieces of a password.
            return DestinationError(_BAD_URL)
        said = error.diag.message_primary or (str(error).strip().splitlines() or [type(error).__name__])[0]
        said = redact(self._url, said).rstrip(".")
        cannot = f"PostgreSQL cannot be used: {said}."
        if self._connection is None:
            return DestinationError(f"{cannot} Check that the server runs, and what --to says.")
        # What has no code is libpq's own; 57P0.: the server is shut down, has crashed, is starting.
        code = error.pgcode or "08000"
        if self._connection.closed or code[:2] == "08" or code in ("57P01", "57P02", "57P03"):
            return ConnectionLost(f"The connection to PostgreSQL was lost: {said}.")
        if isinstance(error, psycopg2.errors.DiskFull):
            return DestinationError(f"The disk of the PostgreSQL server is full: {said}. Free space there.")
        if isinstance(error, psycopg2.OperationalError):
            return DestinationError(cannot)
        # Messages about data quote it.
        about_data = isinstance(error, (psycopg2.DataError, psycopg2.IntegrityError))
        return DestinationError(f"PostgreSQL refuses what is loaded: {type(error).__name__ if about_data else said}.")

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._parser.close()

    def how_to_open(self) -> str:
        there, options = self._there, {"-h": "host", "-p": "port", "-U": "user"}
        given = [word for option, name in options.items() if name in there for word in (option, there[name])]
        return (
            f"{shlex.join(['psql', *given, there.get('dbname', '')])}\n    SET search_path TO {quoted(self._dataset)};"
        )
