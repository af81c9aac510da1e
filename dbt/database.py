"""The database for `make models` and `make report`: a DuckDB file or a PostgreSQL URL."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import psycopg2

HELP = "a DuckDB file, or postgresql://user@host/database"
# The schema of the models.
SCHEMA = os.environ.get("ITERABLE_SCHEMA", "analytics")
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
    """A connection of DuckDB or psycopg2. Raises NoDatabase."""
    try:
        if database.startswith(("postgresql://", "postgres://")):
            return psycopg2.connect(database)
        if "://" in database:
            raise NoDatabase(f"{database.partition('://')[0]}:// is not supported. Use {HELP}.")
        if not Path(database).is_file():
            raise NoDatabase(f"There is no file {database}: load it first, with source-iterable load.")
        return duckdb.connect(database, read_only=True)
    except (duckdb.Error, psycopg2.Error) as error:
        raise NoDatabase(f"The database cannot be opened: {str(error).strip()}") from None


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
