"""The same export by PyAirbyte into DuckDB, where that is installed: `pyairbyte_load.py COMMAND CONFIG STREAM FILE`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

os.environ |= {"AIRBYTE_OFFLINE_MODE": "1", "DO_NOT_TRACK": "1"}

import airbyte  # noqa: E402


def main() -> None:
    """Load one stream."""
    command, config, stream, file = sys.argv[1:]
    source = airbyte.get_source(
        "source-iterable", config=json.loads(Path(config).read_text()), streams=[stream], local_executable=Path(command)
    )
    source.read(cache=airbyte.caches.DuckDBCache(db_path=file, cache_dir=Path(file).parent / "cache"))


if __name__ == "__main__":
    main()
