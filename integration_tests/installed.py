"""`make dist`: the wheel as users have it, installed alone: `python -m integration_tests.installed dist/.venv/bin`.

In an empty folder, with nothing but variables in the environment: check, a load, a second one that finds what is new, and
the dlt source.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from integration_tests.sandbox import Sandbox, SandboxSettings
from integration_tests.stand_in import in_place_of_iterable

STREAMS = "users,campaigns,email_send"
DLT = """
import dlt
from source_iterable.load import iterable

pipeline = dlt.pipeline("iterable", destination=dlt.destinations.duckdb("dlt.duckdb"), dataset_name="iterable")
print(pipeline.run(iterable(streams=["users", "email_send"])))
print(pipeline.dataset().users.df().shape)
"""


def main() -> None:
    programs = Path(sys.argv[1]).resolve()
    with (
        Sandbox(SandboxSettings(users=40, days=2, events_per_day=400, now=None)) as sandbox,
        tempfile.TemporaryDirectory() as certificates,
        tempfile.TemporaryDirectory() as folder,
        in_place_of_iterable(sandbox, Path(certificates)) as variables,
    ):
        environment = {
            **variables,
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "DLT_DATA_DIR": folder,
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "SOURCES__ITERABLE__API_KEY": variables["ITERABLE_API_KEY"],
            "SOURCES__ITERABLE__START_DATE": variables["ITERABLE_START_DATE"],
        }
        load = ("source-iterable", "load", "--to", "iterable.duckdb", "--streams", STREAMS)
        for command in (
            ("iterable-source", "--version"),
            ("iterable-source", "check"),
            load,
            load,
            ("python", "-c", DLT),
        ):
            shown = "the dlt source" if command[-1] == DLT else " ".join(command)
            print(f"\n$ {shown}", flush=True)
            subprocess.run([programs / command[0], *command[1:]], cwd=folder, env=environment, check=True)


if __name__ == "__main__":
    main()
