"""`make pyairbyte`: docs/pyairbyte.md, done with a local Iterable. Two syncs; the second must bring nothing twice.

But of a stream that is read in full it must bring everything again, although PyAirbyte hands the last state back. And one
`source-iterable load` of all streams: PyAirbyte holds DuckDB at 1.4, the oldest that it takes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from integration_tests.demo import FACTOR, HELD_BACK, sandbox

STREAMS = ["users", "campaigns", "email_send", "email_open"]
# Read in full; its state is the progress of a sync.
FULL = "list_users"
DAYS, EVENTS_PER_DAY = 2, 1000


def main() -> int:
    """Sync twice and print the rows; 1 if any is there twice, or a stream is empty, or a load fails."""
    os.environ |= {"AIRBYTE_OFFLINE_MODE": "1", "DO_NOT_TRACK": "1"}
    with tempfile.TemporaryDirectory() as folder, sandbox(DAYS, EVENTS_PER_DAY) as base_url:
        os.environ.setdefault("AIRBYTE_LOGGING_ROOT", folder)
        import airbyte  # type: ignore[import-not-found,unused-ignore]

        config: dict[str, Any] = {
            "api_key": "sandbox-key",
            "start_date": (datetime.now(timezone.utc) - timedelta(days=DAYS)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "api_base_url": base_url,
            "rate_limit_factor": FACTOR,
        }
        command = Path(sys.executable).with_name("source-iterable")
        cache = airbyte.caches.DuckDBCache(db_path=Path(folder) / "tables.duckdb", cache_dir=folder)
        for minutes in (HELD_BACK, 0):
            source = airbyte.get_source(
                "source-iterable", config={**config, "lookback_window": minutes}, local_executable=command
            )
            source.check()
            source.select_streams(STREAMS)
            source.read(cache=cache)
        source.select_streams([FULL])
        read = [source.read(cache=cache).processed_records for _ in range(2)]
        print(f"{FULL}: {read[0]} rows, then {read[1]}")
        good = read[0] == read[1] > 0
        for name, key in zip(STREAMS, ("email", "id", "_event_id", "_event_id"), strict=True):
            ((rows, keys),) = (
                row.values()
                for row in cache.run_sql_query(f"SELECT count(*) AS a, count(DISTINCT {key}) AS b FROM {name}")
            )
            print(f"{name}: {rows} rows, {keys} keys")
            good = good and rows == keys > 0
        return 0 if good and load(command, config, Path(folder)) == 0 else 1


def load(command: Path, config: dict[str, Any], folder: Path) -> int:
    """Load all streams into a new DuckDB file; the exit code."""
    (folder / "config.json").write_text(json.dumps(config))
    options = ["--config", folder / "config.json", "--streams", "group:all", "--to", folder / "all.duckdb"]
    return subprocess.run([command, "load", *options], stdout=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
