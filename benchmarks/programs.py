"""Programs: what is compared, each a command that reads a server's records and writes them to stdout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.data import Dataset
from benchmarks.measure import ROOT, Failed
from source_iterable.records.names import snake_case

AIRBYTE = "airbyte-source-iterable"
SINGER = "tap-iterable"
PYAIRBYTE = "airbyte"
# The published peers: package and version, package and command.
PEERS = {AIRBYTE: "1.0.1", SINGER: "1.0.1", PYAIRBYTE: "0.71.3"}
_COMMANDS = {AIRBYTE: "source-iterable", SINGER: "tap-iterable", PYAIRBYTE: "python"}
# A made-up key, as long as a real one, since the CDK searches every line that it logs for it.
KEY = "0123456789abcdef0123456789abcdef"
_SHIM = str(ROOT / "benchmarks" / "shim")
# Scales away the pauses between requests, to measure the connector and not Iterable's limits.
NO_PAUSES = 1000


@dataclass
class Program:
    """A program with its arguments: `read`, and the commands whose start-up is timed.

    One that writes a warehouse names it: `warehouse` is removed before each run, and `identifiers` is the query with which
    DuckDB reads the identifiers of its rows.
    """

    read: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    commands: dict[str, list[str]] = field(default_factory=dict)
    warehouse: Path | None = None
    identifiers: str = ""


class Workshop:
    """Makes programs that read `data` from the server at `url`, with files in `work` and the peers in `cache`."""

    def __init__(self, data: Dataset, url: str, work: Path, cache: Path) -> None:
        self._url = url
        self._work = work
        self._cache = cache
        self._kind = data.kind
        self._start_date = datetime.fromtimestamp(data.start, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")

    def floor(self) -> Program:
        """The bare orjson loop."""
        start, whole = self._start_date[:19].replace("T", "+"), f"export/data.json?dataTypeName={self._kind.data_type}"
        url = f"{self._url}/api/{whole}&startDateTime={start}"
        return Program([sys.executable, "-m", "benchmarks.floor", url, self._kind.stream])

    def ours(self, export_method: str = "auto") -> Program:
        """This connector, with default settings except that Iterable's rate limits are scaled away."""
        command = [sys.executable, "-m", "source_iterable"]
        config = {
            "api_key": KEY,
            "start_date": self._start_date,
            "api_base_url": f"{self._url}/api/",
            "export_method": export_method,
            "rate_limit_factor": NO_PAUSES,
        }
        config_path = self._write(f"ours-{export_method}.json", config)
        discover = [*command, "discover", "--config", config_path]
        catalog = self._write("ours-catalog.json", _airbyte_catalog(discover, {}, self._kind.stream))
        return Program(
            [*command, "read", "--config", config_path, "--catalog", catalog],
            commands={
                "spec": [*command, "spec"],
                "check": [*command, "check", "--config", config_path],
                "discover": discover,
            },
        )

    def airbyte(self) -> Program:
        """Airbyte's published connector."""
        command = self._installed(AIRBYTE)
        environment = self._shim()
        config = self._write("airbyte.json", {"api_key": KEY, "start_date": self._start_date, "region": "US"})
        discover = [command, "discover", "--config", config]
        catalog = self._write("airbyte-catalog.json", _airbyte_catalog(discover, environment, self._kind.stream))
        return Program(
            [command, "read", "--config", config, "--catalog", catalog],
            environment,
            {"spec": [command, "spec"], "check": [command, "check", "--config", config], "discover": discover},
        )

    def singer(self) -> Program:
        """Singer's published tap."""
        command = self._installed(SINGER)
        environment = self._shim()
        config = self._write(
            "singer.json",
            {"api_key": KEY, "start_date": self._start_date, "user_agent": "benchmark", "api_window_in_days": "30"},
        )
        discover = [command, "--config", config, "--discover"]
        catalog = self._write("singer-catalog.json", _singer_catalog(discover, environment, self._kind.stream))
        return Program(
            [command, "--config", config, "--catalog", catalog],
            environment,
            {"discover": discover},
        )

    def load(self, kind: str) -> Program:
        """This connector's `load`, into a DuckDB file or a folder of Parquet files."""
        config, stream = self.ours().read[-3], self._kind.stream
        warehouse = self._work / ("load.duckdb" if kind == "DuckDB" else "lake")
        table = f"there.iterable.{stream}" if kind == "DuckDB" else f"'{warehouse}/iterable/{stream}/*.parquet'"
        to = str(warehouse) if kind == "DuckDB" else f"{warehouse}/"
        command = [sys.executable, "-m", "source_iterable", "load", "--config", config, "--to", to, "--streams", stream]
        return Program(command, warehouse=warehouse, identifiers=self._identifiers(table))

    def pyairbyte(self) -> Program:
        """PyAirbyte into a DuckDB file, with this connector."""
        file = self._work / "pyairbyte.duckdb"
        ours = str(Path(sys.executable).with_name("source-iterable"))
        script = str(ROOT / "benchmarks" / "pyairbyte_load.py")
        command = [self._installed(PYAIRBYTE), script, ours, self.ours().read[-3], self._kind.stream, str(file)]
        # Its columns are in lower case.
        query = self._identifiers(f"there.main.{self._kind.stream}").replace("_", "", 1)
        return Program(command, warehouse=file, identifiers=query)

    def dlt_dictionaries(self) -> Program:
        """dlt into a DuckDB file, a dictionary a record."""
        file = self._work / "dlt.duckdb"
        command = [sys.executable, "-m", "benchmarks.dlt_dictionaries", str(file), self._kind.stream, *self.ours().read]
        return Program(command, warehouse=file, identifiers=self._identifiers(f"there.iterable.{self._kind.stream}"))

    def _identifiers(self, table: str) -> str:
        return f"SELECT {snake_case(self._kind.identifier)} FROM {table}"

    def _shim(self) -> dict[str, str]:
        return {"PYTHONPATH": _SHIM, "BENCHMARK_SERVER": self._url}

    def _write(self, name: str, value: Any) -> str:
        path = self._work / name
        path.write_text(json.dumps(value))
        return str(path)

    def _installed(self, package: str) -> str:
        """A peer's command, installed into its own virtual environment if it is not yet. Raises Failed."""
        version = PEERS[package]
        environment = self._cache / f"{package}-{version}-python{sys.version_info[0]}.{sys.version_info[1]}"
        done = environment / "installed"
        if not done.exists():
            python = str(environment / "bin" / "python")
            requirement = f"{package}=={version}"
            print(f"Installing {requirement}", file=sys.stderr)
            _run([sys.executable, "-m", "venv", "--clear", str(environment)])
            _run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement])
            done.touch()
        return str(environment / "bin" / _COMMANDS[package])


def default_cache() -> Path:
    """Where the peers are installed: the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "source-iterable-bench"


def _airbyte_catalog(discover: list[str], environment: Mapping[str, str], name: str) -> dict[str, Any]:
    for line in _run(discover, environment).splitlines():
        message = json.loads(line)
        if message["type"] == "CATALOG":
            stream = next(each for each in message["catalog"]["streams"] if each["name"] == name)
            return {"streams": [{"stream": stream, "sync_mode": "incremental", "destination_sync_mode": "append"}]}
    raise Failed(f"no catalog from {discover}")


def _singer_catalog(discover: list[str], environment: Mapping[str, str], name: str) -> dict[str, Any]:
    catalog = json.loads(_run(discover, environment))
    stream = next((each for each in catalog["streams"] if each["tap_stream_id"] == name), None)
    if stream is None:
        raise Failed(f"it has no stream {name}")
    for entry in stream["metadata"]:
        entry["metadata"]["selected"] = True
    return {"streams": [stream]}


def _run(command: list[str], environment: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, **(environment or {})})
    if done.returncode:
        raise Failed(f"{' '.join(command[:4])}: {done.stderr.strip()[-600:]}")
    return done.stdout
