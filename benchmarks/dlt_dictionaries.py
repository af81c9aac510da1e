"""The same export by dlt into DuckDB, a dictionary a record: `python -m benchmarks.dlt_dictionaries FILE STREAM COMMAND`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"

import dlt  # noqa: E402

_ROWS = 1000


def main() -> None:
    """Load the records that COMMAND writes."""
    file, stream, *command = sys.argv[1:]

    @dlt.resource(name=stream, primary_key="_event_id", write_disposition="merge", max_table_nesting=0)
    def records() -> Iterator[list[Any]]:
        rows: list[Any] = []
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith(b'{"type":"RECORD"'):
                    rows.append(json.loads(line)["record"]["data"])
                if len(rows) == _ROWS:
                    yield rows
                    rows = []
        yield rows

    with tempfile.TemporaryDirectory() as folder:
        destination = dlt.destinations.duckdb(file)
        dlt.pipeline("benchmark", pipelines_dir=folder, destination=destination, dataset_name="iterable").run(records())


if __name__ == "__main__":
    main()
