"""Runs `dbt build` on a database written by `source-iterable load`: `make models DATABASE=iterable.duckdb`."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from database import DATABASE, SCHEMA, NoDatabase, environment

FOLDER = Path(__file__).parent
# The results of dbt's last run.
RESULTS = FOLDER / "target" / "run_results.json"


def main() -> int:
    """Build the models and print where they are. Returns dbt's exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", **DATABASE)
    options, more = parser.parse_known_args()
    try:
        settings = {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", **environment(options.database)}
    except NoDatabase as error:
        print(error, file=sys.stderr)
        return 1
    command = [
        str(Path(sys.executable).parent / "dbt"),
        "build",
        "--profiles-dir",
        str(FOLDER),
        "--project-dir",
        str(FOLDER),
    ]
    settings["DBT_TARGET_PATH"] = str(RESULTS.parent)
    RESULTS.unlink(missing_ok=True)
    print("Building the models with dbt, and testing them: about half a minute, longer for many events.", flush=True)
    done = subprocess.run([*command, "--quiet", *more], env={**os.environ, **settings}, check=False)
    if done.returncode == 0 and RESULTS.exists():
        print(_summary(json.loads(RESULTS.read_text(encoding="utf-8"))["results"]))
    return done.returncode


def _summary(results: list[dict[str, Any]]) -> str:
    """What was built, and the warnings of its tests."""
    # Staging models are views in some databases, and do not exist in others.
    models = sum(
        result["unique_id"].startswith("model.") and ".stg_iterable__" not in result["unique_id"] for result in results
    )
    snapshots = sum(result["unique_id"].startswith("snapshot.") for result in results)
    tests = sum(result["unique_id"].startswith("test.") for result in results)
    warnings = [
        f"    {result['unique_id'].split('.')[2]}: {result['message']}"
        for result in results
        if result["status"] == "warn"
    ]
    lines = [
        f"{models} models and {snapshots} snapshots in the schema {SCHEMA} (described in docs/models.md), {tests} tests, "
        f"{len(warnings)} warnings."
    ]
    return "\n".join([*lines, *warnings])


if __name__ == "__main__":
    sys.exit(main())
