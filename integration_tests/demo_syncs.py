"""What `make run` does with PyAirbyte: a sync into its cache, and the rows it brought."""

from __future__ import annotations

import os
import shutil
import sys
import time
import warnings
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple


class DemoError(Exception):
    """The demo cannot continue; str() says what to do."""


class Rows(NamedTuple):
    """What one sync wrote to one table: rows, and the seconds from the sync's start to the last of them."""

    count: int
    seconds: float


class Sync(NamedTuple):
    """What one sync wrote, by stream, and the seconds it took."""

    rows: dict[str, Rows]
    seconds: float


def sync(source: Any, cache: Any, config: Mapping[str, Any], names: list[str]) -> Sync:
    """Run one PyAirbyte sync into its cache, resuming from the state in the cache."""
    source.set_config({key: value for key, value in config.items() if value is not None}, validate=False)
    start = time.time()
    source.read(cache=cache)
    return Sync(_rows_since(cache, names, start), time.time() - start)


def pyairbyte(folder: Path) -> Any:
    """PyAirbyte, which reads its settings from the environment when first imported."""
    os.environ.setdefault("AIRBYTE_OFFLINE_MODE", "1")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("AIRBYTE_LOGGING_ROOT", str(folder / "logs"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import airbyte  # type: ignore[import-not-found,unused-ignore]
        except ImportError:
            raise DemoError(
                "PyAirbyte is not installed here: `make run` installs it in a separate environment."
            ) from None
    return airbyte


def executable() -> Path:
    """The connector's command, as installed with this Python. Raises DemoError if it is not."""
    beside = Path(sys.executable).with_name("source-iterable")
    found = beside if beside.exists() else shutil.which("source-iterable")
    if not found:
        raise DemoError("The command source-iterable is not installed: `make run` installs it.")
    return Path(found)


def _rows_since(cache: Any, names: list[str], start: float) -> dict[str, Rows]:
    """The rows of every table read at `start` (seconds since the epoch) or later."""
    since = datetime.fromtimestamp(start, timezone.utc).replace(tzinfo=None)
    held = {row["table_name"] for row in cache.run_sql_query("SELECT table_name FROM information_schema.tables")}
    rows = dict.fromkeys(names, Rows(0, 0.0))
    for name in held.intersection(names):
        (found,) = cache.run_sql_query(
            f"SELECT count(*) AS count, max(_airbyte_extracted_at) AS last FROM {name} "
            f"WHERE _airbyte_extracted_at >= '{since}'"
        )
        if found["count"]:
            rows[name] = Rows(found["count"], (found["last"] - since).total_seconds())
    return rows
