"""Postgres: a PostgreSQL database as the destination. Rows come by COPY."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2
import psycopg2.errors
import psycopg2.extensions

from source_iterable.load.destination import DestinationError
from source_iterable.load.incoming import errors_of, event_times, open_database, run, take_in
from source_iterable.load.rows import RowFile, literal, quoted, without_nul
from source_iterable.load.sql_destination import SqlDestination
from source_iterable.load.tables import Kind, Table

# Stands for NULL: without quotes, which every value has.
_NULL = r"\N"


class Postgres(SqlDestination):
    """A Destination: the database of a URL `postgresql://user@host/database`. Raises DestinationError.

    What the URL does not say, libpq knows: a password file, environment variables. `folder` is for temporary files.
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

    def __init__(self, url: str, dataset: str, part: str, folder: Path) -> None:
        super().__init__(dataset, part)
        self._folder = folder
        self._parser = open_database(folder)
        with self.errors():
            self._connection = psycopg2.connect(_checked(url))
            # Transactions begin and end with SQL.
            self._connection.autocommit = True
            # Of the files for COPY, whatever the database or the environment says.
            self._connection.set_client_encoding("UTF8")
            # Held as long as the connection: two that merge the same rows would not see each other's.
            ((alone,),) = self.run(f"SELECT pg_try_advisory_lock(hashtext({literal(f'source-iterable {dataset}')}))")
            if not alone:
                raise DestinationError(f"Another load is writing to the schema {dataset}.")
        self.prepare()

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

    @contextmanager
    def errors(self) -> Iterator[None]:
        try:
            yield
        except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
            raise DestinationError(f"PostgreSQL cannot be used: {str(error).strip().splitlines()[0]}") from None
        except psycopg2.Error as error:
            # Messages about data quote it.
            about_data = isinstance(error, (psycopg2.DataError, psycopg2.IntegrityError))
            why = type(error).__name__ if about_data else (error.diag.message_primary or type(error).__name__)
            raise DestinationError(f"PostgreSQL refuses what is loaded: {why}.") from None
        except OSError as error:
            raise DestinationError(f"{error.filename or self._folder} cannot be used: {error.strerror}.") from None

    def close(self) -> None:
        self._connection.close()
        self._parser.close()

    def how_to_open(self) -> str:
        there = self._connection.get_dsn_parameters()
        options = {"host": "-h", "port": "-p", "user": "-U"}
        given = [word for name, option in options.items() if there.get(name) for word in (option, there[name])]
        command = shlex.join(["psql", *given, there.get("dbname", "")])
        return f"{command}\n    SET search_path TO {quoted(self._dataset)};"


def _checked(url: str) -> str:
    """The URL. Raises DestinationError if it is none: libpq would say so with pieces of a password in it."""
    try:
        psycopg2.extensions.parse_dsn(url)
        parts = urlsplit(url)
        valid = "@" not in f"{parts.hostname}{parts.path}" and parts.netloc.count("@") <= 1 and parts.port != 0
    except (psycopg2.ProgrammingError, ValueError):
        valid = False
    if not valid:
        raise DestinationError(
            "The URL of PostgreSQL is not valid: postgresql://user:password@host:port/database, with all but letters and "
            "digits in the password written as in %40."
        )
    return url
