"""Iterable as a dlt source: runs the command source-iterable and keeps its Airbyte state in dlt's state.

    pip install "dlt[duckdb]" /path/to/source-iterable
    python iterable_dlt.py config.json

Copy this file into your project. Each stream becomes a table; incremental streams are merged on their key, all others
are replaced. State and rows load together: a failed run changes neither.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt

COMMAND = ("source-iterable",)
# Rows per batch for dlt.
ROWS = 1000
_TYPES = {
    "integer": "bigint",
    "number": "double",
    "boolean": "bool",
    "string": "text",
    "object": "json",
    "array": "json",
}


@dlt.source(name="iterable", max_table_nesting=0)
def iterable(config: dict[str, Any], streams: list[str] | None = None, command: tuple[str, ...] = COMMAND) -> Any:
    """All streams, or only `streams`. `config` is a configuration of source-iterable; see docs/options.md."""

    @dlt.resource(name="iterable")
    def read() -> Iterator[Any]:
        states = dlt.current.resource_state().setdefault("airbyte", {})
        with tempfile.TemporaryDirectory() as folder:  # only its owner can read it
            files = _files(Path(folder), config=config)
            (catalog,) = (message["catalog"] for message in _run(command, "discover", files) if "catalog" in message)
            chosen = [stream for stream in catalog["streams"] if streams is None or stream["name"] in streams]
            hints = {stream["name"]: _hints(stream) for stream in chosen}
            configured = [
                {"stream": stream, "sync_mode": stream["supported_sync_modes"][-1], "destination_sync_mode": "append"}
                for stream in chosen
            ]
            files += _files(Path(folder), catalog={"streams": configured}, state=list(states.values()))
            rows: dict[str, list[Any]] = {name: [] for name in hints}
            for message in _run(command, "read", files):
                if record := message.get("record"):
                    name = record["stream"]
                    rows[name].append(record["data"])
                    if len(rows[name]) >= ROWS:
                        yield dlt.mark.with_hints(rows[name], hints[name], create_table_variant=True)
                        rows[name] = []
                elif state := message.get("state"):
                    states[state["stream"]["stream_descriptor"]["name"]] = state
        for name, rest in rows.items():
            yield dlt.mark.with_hints(rest, hints[name], create_table_variant=True)

    return read


def _hints(stream: dict[str, Any]) -> Any:
    """How dlt stores a stream: primary key, typed columns and write disposition."""
    columns = {}
    for name, column in stream["json_schema"]["properties"].items():
        types = [kind for kind in [column["type"]] if isinstance(kind, str)] or column["type"]
        kind = next(kind for kind in types if kind != "null")
        columns[name] = {"data_type": "timestamp" if column.get("format") == "date-time" else _TYPES[kind]}
    return dlt.mark.make_hints(
        table_name=stream["name"],
        columns=columns,
        primary_key=[path[0] for path in stream.get("source_defined_primary_key") or []] or None,
        write_disposition="merge" if "incremental" in stream["supported_sync_modes"] else "replace",
    )


def _files(folder: Path, **contents: Any) -> list[str]:
    """Write each as JSON into the folder and return the command's arguments."""
    arguments = []
    for name, content in contents.items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
        arguments += [f"--{name}", str(folder / name)]
    return arguments


def _run(command: tuple[str, ...], verb: str, arguments: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the command's messages as they arrive; log messages go to stderr. Raises RuntimeError if it fails."""
    told = []
    with subprocess.Popen([*command, verb, *arguments], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for line in process.stdout:
            message = json.loads(line)
            if message["type"] == "LOG":
                print(message["log"]["message"], file=sys.stderr)
            elif "error" in message.get("trace", {}):
                told.append(message["trace"]["error"]["message"])
            else:
                yield message
    if process.returncode:
        raise RuntimeError("; ".join(told) or f"source-iterable ended with exit code {process.returncode}")


if __name__ == "__main__":
    pipeline = dlt.pipeline("iterable_to_duckdb", destination="duckdb", dataset_name="iterable")
    print(pipeline.run(iterable(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))))
