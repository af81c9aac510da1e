"""Which destination `--to` means."""

from __future__ import annotations

import os
from pathlib import Path

from source_iterable.errors import ConfigError
from source_iterable.load.destination import Destination

_DUCKDB_FILES = (".duckdb", ".db")
_POSTGRES = ("postgresql://", "postgres://")
# A table that is replaced is so in one transaction, instead of being emptied first.
_IN_ONE_GO = "insert-from-staging"
_NOT_INSTALLED = 'Loading needs packages that are not installed ({}): pip install "source-iterable[load]".'


def open_destination(to: str, dataset: str, part: str, folder: Path) -> Destination:
    """The destination of `--to`, opened. Raises IterableError.

    `part` tells the states of backfills apart; `folder` is for temporary files.
    """
    try:
        # By dlt's name, and in dlt's file. dlt cannot write a schema that is named like the file.
        to = "iterable.duckdb" if to == "duckdb" else to
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
        destination = dlt.destination(to)
        able = destination.capabilities()
        # A selector decides by table format, which files have, and no transactions.
        if not able.replace_strategies_selector and _IN_ONE_GO in (able.supported_replace_strategies or ()):
            destination = dlt.destination(to, replace_strategy=_IN_ONE_GO)
    except (UnknownDestinationModule, ValueError):
        raise ConfigError(
            f"--to {to} is no destination: give a file name that ends in .duckdb, a folder that ends in /, a URL "
            "postgresql://user@host/database, or the name of a destination of dlt, such as bigquery."
        ) from None
    return DltDestination(destination, dataset, part, folder)
