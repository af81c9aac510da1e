"""Published connectors as commands: Airbyte's, run to test migration from it, and others to compare with."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from integration_tests.sandbox import NOW

ROOT = Path(__file__).parents[1]
PACKAGE, VERSION = "airbyte-source-iterable", "1.0.1"
# The path of its command, if it is already installed.
VARIABLE = "PUBLISHED_SOURCE_ITERABLE"
# Redirects its requests to Iterable's host to a server of ours.
SHIM = ROOT / "benchmarks" / "shim"
# Seconds for its installation, and for one of its commands.
INSTALL_TIMEOUT, TIMEOUT = 300, 180


class NotAvailable(Exception):
    """The published connector is not available here; str() says why."""


def lately() -> datetime:
    """The last time that it was as late in the day as NOW: published connectors read on to the machine's now."""
    return NOW + (datetime.now(timezone.utc) - NOW) // timedelta(days=1) * timedelta(days=1)


def published_command() -> Path:
    """Its command: named by the environment, or installed from the registry into .cache/. Raises NotAvailable."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    if sys.version_info >= (3, 12):
        raise NotAvailable(f"{PACKAGE} {VERSION} needs Python 3.11 or older; {VARIABLE} may name its command")
    return installed_command(PACKAGE, VERSION, "source-iterable")


def installed_command(package: str, version: str, name: str) -> Path:
    """A package's command, installed into a virtual environment of its own in .cache/. Raises NotAvailable."""
    environment = ROOT / ".cache" / f"{package}-{version}"
    python = str(environment / "bin" / "python")
    steps = [
        [sys.executable, "-m", "venv", str(environment)],
        [python, "-m", "pip", "install", "--quiet", f"{package}=={version}"],
    ]
    return installed(environment, environment / "bin" / name, f"{package} {version}", steps)


def installed(folder: Path, target: Path, what: str, steps: list[list[str]]) -> Path:
    """`target`, a file in `folder`, which these commands install unless it is there. Raises NotAvailable."""
    if not target.exists():
        try:
            for step in steps:
                subprocess.run(step, check=True, capture_output=True, timeout=INSTALL_TIMEOUT)
        except (OSError, subprocess.SubprocessError) as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise NotAvailable(f"{what} cannot be installed here: {error}") from None
    return target


def shimmed(base_url: str) -> dict[str, str]:
    """An environment in which requests to Iterable's host go to the API at `base_url` (which ends in /api/)."""
    return {**os.environ, "PYTHONPATH": str(SHIM), "BENCHMARK_SERVER": base_url.removesuffix("/api/")}


def run_published(command: Path, base_url: str, folder: Path, verb: str, **files: Any) -> list[Mapping[str, Any]]:
    """Run it against the API at `base_url` (which ends in /api/); `files` are written as JSON. Returns its messages."""
    arguments = [str(command), verb]
    for name, content in files.items():
        path = folder / f"published-{name}.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        arguments += [f"--{name}", str(path)]
    done = subprocess.run(arguments, env=shimmed(base_url), capture_output=True, timeout=TIMEOUT, check=False)
    return [json.loads(line) for line in done.stdout.split(b"\n") if line.startswith(b"{")]
