"""Postgres: a PostgreSQL database as the destination, over a connection that may be lost. Rows come by COPY."""

from __future__ import annotations

import logging
import shlex
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Any

import psycopg2
import psycopg2.errors
import psycopg2.extensions

from source_iterable.load.destination import ConnectionLost, DestinationError, Rejected, redact
from source_iterable.load.event_views import JSON_TYPE
from source_iterable.load.forgetting import CHUNK
from source_iterable.load.incoming import errors_of, open_database, stage
from source_iterable.load.rows import RowFile, definitions, literal, quoted
from source_iterable.load.sql_destination import SqlDestination
from source_iterable.load.tables import Column
from source_iterable.process.display import one_line

# Seconds that a server has to restart.
PAUSE = 10.0
# Without these, a server that is gone without a word is waited for two hours. Seconds; the last in milliseconds.
_PATIENCE = {"keepalives_idle": 60, "keepalives_interval": 10, "keepalives_count": 6, "tcp_user_timeout": 120_000}
_BAD_URL = "The URL of PostgreSQL is not valid: postgresql://user:password@host:port/database, with @ written as %40."
_KEPT = "What was committed is kept: run the load again."


class Postgres(SqlDestination):
    """A Destination: the database of a URL `postgresql://user@host/database`. Raises DestinationError.

    Anything missing from the URL is taken from libpq's environment and ~/.pgpass. `folder` is for temporary files.

    A lost connection is opened again, once between two commits. What was executed since the last commit was rolled back: it
    is executed again, from files of rows that are kept until then. If the connection was lost during COMMIT, the server says
    whether that was applied.
    """

    remains = "PostgreSQL keeps deleted rows in its files until VACUUM, and in WAL that you archive."
    types = {**SqlDestination.types, "varchar": "text", "double": "double precision", "json": "jsonb"}
    indexed = True
    alters = True
    keeps_nul = False

    def __init__(self, url: str, dataset: str, backfill: str, folder: Path, loaded: bool = False) -> None:
        super().__init__(dataset, backfill, loaded)
        self._url = url
        self._folder = folder
        self._parser = open_database(folder)
        # The name of this load's sessions on the server.
        self._name = f"source-iterable {token_hex(8)}"
        # The transaction whose COMMIT was sent and not answered yet.
        self._committing: int | None = None
        # What was executed since the last commit: SQL, and the file that is its input.
        self._since_commit: list[tuple[str, Path | None]] = []
        self._reopened = False
        try:
            self._connect()
        except ConnectionLost as lost:
            self._resume(lost)
        self._reopened = False

    def _connect(self) -> None:
        """Connect, and lock the schema against other loads."""
        self._connection: Any = None
        with self._errors():
            given = psycopg2.extensions.parse_dsn(self._url)
            if any("@" in str(given.get(name)) for name in ("host", "port", "dbname")):
                # Part of a password that was not percent-encoded.
                raise DestinationError(_BAD_URL)
            # The files for COPY are in UTF-8, whatever the database or the environment says.
            own = {"application_name": self._name, "client_encoding": "UTF8"}
            self._connection = psycopg2.connect(**{**_PATIENCE, **given, **own})
            # Transactions begin and end with SQL.
            self._connection.autocommit = True
            if self._reopened:
                # The server may not know that the connection was lost: its session holds the lock until it is ended.
                lost = f"application_name = {literal(self._name)} AND pid <> pg_backend_pid()"
                self._execute(f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE {lost}")
            # Texts are quoted by doubling their quotes: `literal`.
            self._execute("SET standard_conforming_strings TO on")
            # Held as long as the connection: two loads that merge the same rows would not see each other's.
            lock = f"hashtext({literal(f'source-iterable {self._dataset}')})"
            if self._execute(f"SELECT pg_try_advisory_lock({lock})") != [(True,)]:
                raise DestinationError(f"Another load is writing to the schema {self._dataset}.")
            self.setup(f"SET search_path TO {quoted(self._dataset)}", self._execute)
        self._there = self._connection.get_dsn_parameters()

    def run(self, sql: str, file: Path | None = None) -> list[tuple[Any, ...]]:
        """Execute SQL, of which `file` is the input, and return its rows.

        If the connection is lost, everything since the last commit is executed again.
        """
        self._since_commit.append((sql, file))
        try:
            return self._execute(sql, file)
        except ConnectionLost as lost:
            return self._resume(lost)

    def _execute(self, sql: str, file: Path | None = None) -> list[tuple[Any, ...]]:
        with self._errors(), self._connection.cursor() as cursor:
            if file is None:
                cursor.execute(sql)
                return cursor.fetchall() if cursor.description else []
            with open(file, "rb") as rows:
                cursor.copy_expert(sql, rows)
            return []

    def _resume(self, lost: ConnectionLost) -> list[tuple[Any, ...]]:
        """Connect again after a pause, and execute everything since the last commit, unless it turns out to be committed.

        Returns the rows of the last statement.
        """
        if self._reopened:
            raise DestinationError(f"{lost} {_KEPT}") from None
        logging.getLogger("source_iterable").warning(f"{lost} It is opened again in {PAUSE:.0f} seconds.")
        time.sleep(PAUSE)
        self._reopened = True
        rows: list[tuple[Any, ...]] = []
        try:
            self._connect()
            if self._committing and self._execute(f"SELECT txid_status({self._committing})") == [("committed",)]:
                return []
            for step in self._since_commit:
                rows = self._execute(*step)
        except Rejected:
            raise
        except DestinationError as error:
            raise DestinationError(f"{lost} The load could not resume: {error} {_KEPT}") from None
        return rows

    def chunks(self, sql: str) -> Iterator[Sequence[tuple[Any, ...]]]:
        # Not again after a lost connection: the rows could come in another order.
        begin, end = ("", "CLOSE chunks") if self._open else ("BEGIN; ", "COMMIT")
        self._execute(f"{begin}DECLARE chunks NO SCROLL CURSOR FOR {sql}")
        while rows := self._execute(f"FETCH {CHUNK} FROM chunks"):
            yield rows
        self._execute(end)

    def stage(self, file: RowFile) -> str:
        path = self._folder / f"{file.path.stem}.csv"
        with errors_of(self._folder):
            replaced = stage(self._parser, file)
            # NULL is what has no quotes.
            self._parser.execute(f"COPY incoming TO {literal(str(path))} (FORMAT csv, HEADER false, FORCE_QUOTE *)")
        self.run(f"CREATE TEMP TABLE incoming ({definitions(self.sql_types(file.columns))})")
        self.run("COPY incoming FROM STDIN (FORMAT csv)", path)
        return replaced

    def fields_of(self, source: str) -> list[str]:
        json_type = JSON_TYPE.format("jsonb_typeof(value)")
        names = f"SELECT event_name, data FROM {source} WHERE event_name IS NOT NULL"
        return [f"SELECT event_name, key AS field, {json_type} AS json_type FROM ({names}) AS named, jsonb_each(data)"]

    def select(self, columns: Sequence[Column]) -> str:
        return ", ".join(self._value(column.field, column.type) for column in columns)

    def _value(self, field: str, sql_type: str) -> str:
        value, text = f"data->{literal(field)}", f"data->>{literal(field)}"
        if sql_type in ("json", "varchar"):
            return value if sql_type == "json" else text
        json_type = "number" if sql_type == "double" else sql_type
        fits = f"{text} ~ '^-?[0-9]{{1,18}}$'" if sql_type == "bigint" else f"jsonb_typeof({value}) = '{json_type}'"
        return f"CASE WHEN {fits} THEN ({text})::{self.types.get(sql_type, sql_type)} END"

    def make_view(self, name: str, columns: Iterable[str], query: str, otherwise: str) -> None:
        create = f"CREATE OR REPLACE VIEW {quoted(name)} ({', '.join(map(quoted, columns))}) AS {query};"
        # A column has another type now. If a view of somebody else needs it as it is, it stays.
        kept = f"EXCEPTION WHEN dependent_objects_still_exist THEN {otherwise};"
        anew = f"BEGIN DROP VIEW {quoted(name)}; {create} {kept} END;"
        self.run(f"DO {literal(f'BEGIN {create} EXCEPTION WHEN invalid_table_definition THEN {anew} END')}")

    def end_transaction(self) -> None:
        ((self._committing,),) = self.run("SELECT txid_current()")
        super().end_transaction()
        self._ended()

    def rollback(self) -> None:
        self._since_commit.clear()
        super().rollback()
        self._ended()

    def _ended(self) -> None:
        self._committing, self._reopened = None, False
        self._since_commit.clear()
        for file in self._folder.glob("*.csv"):
            file.unlink()

    @contextmanager
    def _errors(self) -> Iterator[None]:
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
        if self._connection is None:
            return DestinationError(f"PostgreSQL cannot be used: {said}. Check the server, and --to.")
        # What has no code is libpq's own; 57P0.: the server is shut down, has crashed, is starting.
        code = error.pgcode or "08000"
        if self._connection.closed or code[:2] == "08" or code in ("57P01", "57P02", "57P03"):
            return ConnectionLost(f"The connection to PostgreSQL was lost: {said}.")
        if isinstance(error, psycopg2.errors.DiskFull):
            return DestinationError(f"The disk of the PostgreSQL server is full: {said}. Free space there.")
        # 54: a limit of the program, such as the size of a value, or of a key in an index. 53200: memory for a value, or for
        # the locks that a change of many tables takes.
        if isinstance(error, psycopg2.OperationalError) and code[:2] != "54" and code != "53200":
            return DestinationError(f"PostgreSQL cannot be used: {said}.")
        if isinstance(error, psycopg2.NotSupportedError) and (detail := error.diag.message_detail):
            # ALTER COLUMN: "rule _RETURN on view v depends on column c".
            advice = "Drop what depends on it, run the load again, and make it again."
            return Rejected(f"PostgreSQL cannot change the type of a column in use: {detail}. {advice}")
        # Messages about data quote it.
        about_data = isinstance(error, (psycopg2.DataError, psycopg2.IntegrityError))
        return Rejected(f"PostgreSQL rejected a statement: {type(error).__name__ if about_data else said}.")

    def close(self) -> None:
        if self._connection is not None:
            with suppress(DestinationError):
                # A session takes a moment to end, and the next load must not find the schema locked.
                self._execute("ROLLBACK; SELECT pg_advisory_unlock_all()")
            self._connection.close()
        self._parser.close()

    def how_to_open(self) -> str:
        there, options = self._there, {"-h": "host", "-p": "port", "-U": "user"}
        given = [word for option, name in options.items() if name in there for word in (option, there[name])]
        psql = shlex.join(["psql", *given, there["dbname"]])
        return f"{one_line(psql)}\n    {one_line(f'SET search_path TO {quoted(self._dataset)};')}"
