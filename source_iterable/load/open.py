"""Which destination `--to` means."""

from __future__ import annotations

import os
from pathlib import Path

from source_iterable.errors import ConfigError
from source_iterable.load.address import is_keywords, parsed, redacted
from source_iterable.load.destination import Destination

_NOT_INSTALLED = 'Loading needs packages that are not installed ({}): pip install "source-iterable[load]".'
_NO_DESTINATION = (
    "--to {} is no destination: give a file name that ends in .duckdb, a folder that ends in /, a URL "
    "postgresql://user@host/database, or the name of a destination of dlt, such as bigquery."
)


def open_destination(to: str, dataset: str, backfill: str, folder: Path) -> Destination:
    """The destination of `--to`, opened. Raises IterableError.

    `backfill` is the key of the states (tables.backfill_key); `folder` is for temporary files.
    """
    scheme, rest = parsed(to)
    unknown = ConfigError(_NO_DESTINATION.format(redacted(to)))
    try:
        if scheme in ("postgresql", "postgres") and rest.startswith("//"):
            from source_iterable.load.postgres import Postgres

            return Postgres(f"postgresql:{rest}", dataset, backfill, folder)
        if scheme or is_keywords(rest):
            raise unknown
        # The name of dlt's destination means the same file as dlt's default, which dlt cannot write with this dataset.
        rest = "iterable.duckdb" if rest == "duckdb" else rest
        if rest.endswith((".duckdb", ".db")):
            from source_iterable.load.duckdb_file import DuckDBFile

            return DuckDBFile(Path(rest), dataset, backfill)
        if rest.endswith(("/", os.sep)) or (rest and Path(rest).is_dir()):
            from source_iterable.load.parquet_folder import ParquetFolder

            return ParquetFolder(Path(rest), dataset, backfill, folder)
        # dlt reads these when it is imported. Its warnings are about types that are as they should be.
        os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
        os.environ.setdefault("RUNTIME__LOG_LEVEL", "ERROR")
        from source_iterable.load.dlt_adapter import DltDestination, destination_named

        if destination := destination_named(rest):
            return DltDestination(destination, dataset, backfill, folder)
    except ImportError as error:
        raise ConfigError(_NOT_INSTALLED.format(error.name)) from None
    raise unknown
