"""Which destination `--to` means."""

from __future__ import annotations

import os
from pathlib import Path

from source_iterable.errors import ConfigError
from source_iterable.load.destination import Destination

_DUCKDB_FILES = (".duckdb", ".db")
_POSTGRES = ("postgresql://", "postgres://")
_NOT_INSTALLED = 'Loading needs packages that are not installed ({}): pip install "source-iterable[load]".'


def open_destination(to: str, dataset: str, part: str, folder: Path) -> Destination:
    """The destination of `--to`, opened. Raises IterableError.

    `part` tells the states of backfills apart; `folder` is for temporary files.
    """
    try:
        if "://" not in to and to.endswith(_DUCKDB_FILES):
            from source_iterable.load.duckdb_file import DuckDBFile

            return DuckDBFile(Path(to), dataset, part)
        if "://" not in to and (to.endswith(("/", os.sep)) or Path(to).is_dir()):
            from source_iterable.load.parquet_folder import ParquetFolder

            return ParquetFolder(Path(to), dataset, part, folder)
        if to.startswith(_POSTGRES):
            from source_iterable.load.postgres import Postgres

            return Postgres(to, dataset, part, folder)
        return _of_dlt(to, dataset, part, folder)
    except ImportError as error:
        raise ConfigError(_NOT_INSTALLED.format(error.name)) from None


def _of_dlt(to: str, dataset: str, part: str, folder: Path) -> Destination:
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    # Its warnings are about types that are as they should be.
    os.environ.setdefault("RUNTIME__LOG_LEVEL", "ERROR")
    import dlt
    from dlt.common.destination.exceptions import UnknownDestinationModule

    from source_iterable.load.dlt_destination import DltDestination

    try:
        # Replaced in one transaction, instead of emptied first.
        destination = dlt.destination(to, replace_strategy="insert-from-staging")
    except (UnknownDestinationModule, ValueError):
        raise ConfigError(
            f"--to {to} is no destination: give a file name that ends in .duckdb, a folder that ends in /, a URL "
            "postgresql://user@host/database, or the name of a destination of dlt, such as bigquery."
        ) from None
    return DltDestination(destination, dataset, part, folder)
