"""Which destination `--to` means."""

from __future__ import annotations

import os
import re
from pathlib import Path

from source_iterable.errors import ConfigError
from source_iterable.load.address import is_keywords, parsed, shown
from source_iterable.load.destination import Destination

_DUCKDB_FILES = (".duckdb", ".db")
_POSTGRES = ("postgresql", "postgres")
_DLT_NAME = re.compile(r"[\w.]+")
# A table that is replaced is so in one transaction, instead of being emptied first.
_IN_ONE_GO = "insert-from-staging"
_NOT_INSTALLED = 'Loading needs packages that are not installed ({}): pip install "source-iterable[load]".'
_NO_DESTINATION = (
    "--to {} is no destination: give a file name that ends in .duckdb, a folder that ends in /, a URL "
    "postgresql://user@host/database, or the name of a destination of dlt, such as bigquery."
)


def open_destination(to: str, dataset: str, part: str, folder: Path) -> Destination:
    """The destination of `--to`, opened. Raises IterableError.

    `part` tells the states of backfills apart; `folder` is for temporary files.
    """
    try:
        scheme, rest = parsed(to)
        if scheme in _POSTGRES and rest.startswith("//"):
            from source_iterable.load.reconnecting import Reconnecting

            return Reconnecting(f"postgresql:{rest}", dataset, part, folder)
        if scheme or is_keywords(rest):
            raise ConfigError(_NO_DESTINATION.format(shown(to)))
        # By dlt's name, and in dlt's file. dlt cannot write a schema that is named like the file.
        rest = "iterable.duckdb" if rest == "duckdb" else rest
        if rest.endswith(_DUCKDB_FILES):
            from source_iterable.load.duckdb_file import DuckDBFile

            return DuckDBFile(Path(rest), dataset, part)
        if rest.endswith(("/", os.sep)) or (rest and Path(rest).is_dir()):
            from source_iterable.load.parquet_folder import ParquetFolder

            return ParquetFolder(Path(rest), dataset, part, folder)
        return _of_dlt(rest, dataset, part, folder)
    except ImportError as error:
        raise ConfigError(_NOT_INSTALLED.format(error.name)) from None


def _of_dlt(name: str, dataset: str, part: str, folder: Path) -> Destination:
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    # Its warnings are about types that are as they should be.
    os.environ.setdefault("RUNTIME__LOG_LEVEL", "ERROR")
    import dlt
    from dlt.common.destination.exceptions import UnknownDestinationModule

    from source_iterable.load.dlt_destination import DltDestination

    try:
        if not _DLT_NAME.fullmatch(name):
            raise ValueError
        destination = dlt.destination(name)
        able = destination.capabilities()
        # A selector decides by table format, which files have, and no transactions.
        if not able.replace_strategies_selector and _IN_ONE_GO in (able.supported_replace_strategies or ()):
            destination = dlt.destination(name, replace_strategy=_IN_ONE_GO)
    except (UnknownDestinationModule, ValueError):
        raise ConfigError(_NO_DESTINATION.format(shown(name))) from None
    return DltDestination(destination, dataset, part, folder)
