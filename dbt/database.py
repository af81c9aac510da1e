"""The database for `make models` and `make report`: a DuckDB file or a PostgreSQL URL."""

from __future__ import annotations

import os
import re
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import duckdb
import psycopg2
import psycopg2.extensions

HELP = "a DuckDB file, or postgresql://user@host/database"
# The parameters of argparse for --database. `make` gives it in the environment, as no log of commands may show a password.
DATABASE: dict[str, Any] = {
    "default": os.environ.get("DATABASE"),
    "required": "DATABASE" not in os.environ,
    "help": f"{HELP}; by default the environment's DATABASE",
}
# The schema of the models.
SCHEMA = os.environ.get("ITERABLE_SCHEMA", "analytics")
_PATH = re.compile(r"[\w./~ \\-]+")
_BAD_URL = "The URL of PostgreSQL is not valid: postgresql://user:password@host:port/database, with @ written as %40."
# Parts of a URL, and the environment variables in which dbt/profiles.yml or libpq reads them.
_VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "dbname": "PGDATABASE",
    "password": "PGPASSWORD",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "options": "PGOPTIONS",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
    "channel_binding": "PGCHANNELBINDING",
    "gssencmode": "PGGSSENCMODE",
}


class NoDatabase(Exception):
    """The database cannot be opened; str() says why."""


def connect(database: str) -> Any:
    """A connection of DuckDB or psycopg2. Raises NoDatabase, which quotes nothing that may be part of a password."""
    try:
        if database.startswith(("postgresql://", "postgres://")):
            given = psycopg2.extensions.parse_dsn(database)
            if any("@" in given.get(name, "") for name in ("host", "port", "dbname")):
                # Part of a password that was not percent-encoded.
                raise NoDatabase(_BAD_URL)
            return psycopg2.connect(database)
        if not _PATH.fullmatch(database):
            scheme = re.match(r"[a-z][a-z0-9+.-]*:", database)
            raise NoDatabase(f"{scheme[0] if scheme else ''}… is not supported. Use {HELP}.")
        if not Path(database).is_file():
            raise NoDatabase(f"There is no file {database}: load it first, with source-iterable load.")
        return duckdb.connect(database, read_only=True)
    except psycopg2.ProgrammingError:
        raise NoDatabase(_BAD_URL) from None
    except (duckdb.Error, psycopg2.Error) as error:
        raise NoDatabase(f"The database cannot be opened: {_without(database, str(error).strip())}") from None


def _without(database: str, text: str) -> str:
    """The text of a library without the pieces of a URL."""
    pieces = {unquote(piece) for piece in re.split(r"[:/?@&=,;]+", database.partition(":")[2])} - {""}
    for piece in sorted(pieces, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(piece)}(?!\w)", "…", text)
    return text


def environment(database: str) -> dict[str, str]:
    """What dbt/profiles.yml and libpq read from the environment. Raises NoDatabase."""
    with closing(connect(database)) as connection:
        if isinstance(connection, duckdb.DuckDBPyConnection):
            return {"ITERABLE_TARGET": "duckdb", "ITERABLE_DATABASE": str(Path(database).resolve())}
        # As libpq resolved it: with its own variables and defaults, and the one of several hosts that answered.
        info, given = connection.info, connection.get_dsn_parameters()
        given |= {"host": info.host or given.get("host", ""), "port": str(info.port), "password": info.password or ""}
    told = {variable: given[name] for name, variable in _VARIABLES.items() if given.get(name)}
    return {"ITERABLE_TARGET": "postgres", **told}
