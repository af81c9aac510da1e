"""The published connectors as witnesses: they read a sandbox whole, and their records are compared with its truth."""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from integration_tests.published import (
    PACKAGE,
    TIMEOUT,
    VERSION,
    NotAvailable,
    installed_command,
    published_command,
    run_published,
    shimmed,
)
from integration_tests.sandbox import Sandbox
from integration_tests.witnesses.defects import AIRBYTE_DEFECTS, SINGER_DEFECTS
from integration_tests.witnesses.verdicts import NOT_AVAILABLE, Defect, Record, Schema, Verdict, judged
from source_iterable.streams.table import EXPORTS

SINGER, SINGER_VERSION = "tap-iterable", "1.0.1"
DATA_TYPES = {stream.name: stream.data_type for stream in EXPORTS}
# Longer ago than the first user's sign-up.
HISTORY = timedelta(days=500)


def airbyte(sandbox: Sandbox, folder: Path) -> Iterator[Verdict]:
    """The verdicts of Airbyte's published connector."""
    witness = f"{PACKAGE} {VERSION}"
    try:
        command = published_command()
    except NotAvailable as error:
        yield Verdict(witness, "all", NOT_AVAILABLE, str(error))
        return
    config = {**_config(sandbox), "region": sandbox.settings.region}
    (discovered,) = (
        message["catalog"]["streams"]
        for message in run_published(command, sandbox.base_url, folder, "discover", config=config)
        if message["type"] == "CATALOG"
    )
    modes = {"sync_mode": "full_refresh", "destination_sync_mode": "overwrite"}
    catalog = {"streams": [{"stream": stream, **modes} for stream in discovered]}
    found: dict[str, list[Record]] = defaultdict(list)
    for message in run_published(command, sandbox.base_url, folder, "read", config=config, catalog=catalog):
        if message["type"] == "RECORD":
            found[message["record"]["stream"]].append(_of_airbyte(**message["record"]))
    schemas = {stream["name"]: stream["json_schema"] for stream in discovered}
    yield from _compared(witness, sandbox, found, schemas, AIRBYTE_DEFECTS)


def _of_airbyte(stream: str, data: dict[str, Any], **_: Any) -> Record:
    """A record as the API sent it: without the names that the connector gave."""
    if stream == "list_users":
        return {"listId": data["listId"], "userIdentifier": data["email"]}
    if stream not in ("users", "events", "campaigns_metrics"):
        return data
    # What an event lacks of the fields that all events have is null.
    top = {name: value for name, value in data.items() if stream != "events" or value is not None}
    fields = top.pop("data")
    return {**top, **fields}


def singer(sandbox: Sandbox, folder: Path) -> Iterator[Verdict]:
    """The verdicts of the published Singer tap."""
    witness = f"{SINGER} {SINGER_VERSION}"
    try:
        command = installed_command(SINGER, SINGER_VERSION, SINGER)
    except NotAvailable as error:
        yield Verdict(witness, "all", NOT_AVAILABLE, str(error))
        return
    config = {**_config(sandbox), "user_agent": "witness", "api_window_in_days": str(HISTORY.days + 30)}
    (discovered,) = _run_singer(command, sandbox, folder, config, ["--discover"])
    for entry in (entry for stream in discovered["streams"] for entry in stream["metadata"]):
        entry["metadata"]["selected"] = True
    (folder / "singer-catalog.json").write_text(json.dumps(discovered), encoding="utf-8")
    found: dict[str, list[Record]] = defaultdict(list)
    for message in _run_singer(command, sandbox, folder, config, ["--catalog", str(folder / "singer-catalog.json")]):
        if message["type"] == "RECORD":
            name = {"metadata": "metadata_entries"}.get(message["stream"], message["stream"])
            found[name].append(_of_singer(name, message["record"]))
    schemas = {stream["tap_stream_id"]: stream["schema"] for stream in discovered["streams"]}
    schemas["metadata_entries"] = schemas.pop("metadata")
    yield from _compared(witness, sandbox, found, schemas, SINGER_DEFECTS)


def _of_singer(name: str, record: dict[str, Any]) -> Record:
    return {"listId": record["listId"], "userIdentifier": record["email"]} if name == "list_users" else record


def _run_singer(command: Path, sandbox: Sandbox, folder: Path, config: Any, arguments: list[str]) -> list[Any]:
    """Run the tap. Returns its messages, or the catalog."""
    path = folder / "singer-config.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    done = subprocess.run(
        [str(command), "--config", str(path), *arguments],
        env=shimmed(sandbox.base_url),
        capture_output=True,
        timeout=TIMEOUT,
        check=True,
    )
    if "--discover" in arguments:
        return [json.loads(done.stdout)]
    return [json.loads(line) for line in done.stdout.split(b"\n") if line]


def _config(sandbox: Sandbox) -> dict[str, Any]:
    return {"api_key": sandbox.settings.api_key, "start_date": f"{_start(sandbox):%Y-%m-%dT%H:%M:%SZ}"}


def _start(sandbox: Sandbox) -> datetime:
    return sandbox.now() - HISTORY


def _compared(
    witness: str,
    sandbox: Sandbox,
    found: dict[str, list[Record]],
    schemas: dict[str, Schema],
    defects: Iterable[Defect],
) -> Iterator[Verdict]:
    """The verdicts on all streams of the witness, whether it read any record of them or none."""
    for name, schema in schemas.items():
        if name in DATA_TYPES:
            truth = sandbox.truth(DATA_TYPES[name], _start(sandbox), sandbox.now() + timedelta(seconds=1))
        else:
            truth = sandbox.truth_list(name)
        if name == "campaigns_metrics":
            # Numbers in theirs, texts in ours, as the CSV has them.
            truth = [{column: float(cell) for column, cell in row.items()} for row in truth]
            found[name] = [{column: float(cell) for column, cell in row.items()} for row in found[name]]
        yield judged(witness, name, found[name], list(truth), defects, schema)
