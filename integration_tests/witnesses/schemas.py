"""The connector's schemas against those of Iterable's own client."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from integration_tests.published import TIMEOUT, NotAvailable
from integration_tests.witnesses.client import PACKAGE, VERSION, installed_client
from integration_tests.witnesses.verdicts import AGREE, DIFFERS, NOT_AVAILABLE, Schema, Verdict
from source_iterable.config import Config
from source_iterable.streams.table import STREAMS

SCRIPT = Path(__file__).with_suffix(".mjs")
CONFIG = Config.parse({"api_key": "witness", "start_date": "2026-01-01T00:00:00Z"})
# Types of the client, and those that a column may have for them: JavaScript has one type of number, and times that
# Iterable sends in milliseconds may become texts. An array of ours may leave its items open.
FITTING = {
    "number": {"number", "integer"},
    "integer": {"integer", "date-time"},
    "array": {"array"},
    "object": {"object"},
    "string": {"string", "date-time"},
    "boolean": {"boolean"},
}


def schemas() -> Iterator[Verdict]:
    """The verdicts on the columns of each stream: whether they have all fields of the client, in types that fit."""
    witness = f"{PACKAGE} {VERSION}, its schemas"
    try:
        command = ["node", str(SCRIPT), str(installed_client())]
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT, check=True)
    except (NotAvailable, OSError) as error:
        yield Verdict(witness, "all", NOT_AVAILABLE, str(error))
        return
    wrong: dict[str, list[str]] = {}
    for stream, schema in json.loads(done.stdout):
        columns = STREAMS[stream].schema(CONFIG)["properties"]
        wrong.setdefault(stream, []).extend(differences(schema["properties"], columns))
    for stream, lines in wrong.items():
        yield Verdict(witness, stream, DIFFERS if lines else AGREE, "; ".join(lines))


def differences(fields: Mapping[str, Schema], columns: Mapping[str, Schema]) -> Iterator[str]:
    """What does not fit of the client's fields in our columns."""
    for name, field in fields.items():
        if name not in columns:
            yield f"{name} is no column"
        elif "type" in field and not FITTING[field["type"]] & (ours := _types(columns[name])):
            yield f"{name} is {field['type']} in the client, {'/'.join(sorted(ours))} in the schema"


def _types(column: Mapping[str, Any]) -> set[str]:
    named = column.get("type", [])
    types = set([named] if isinstance(named, str) else named) - {"null"}
    return types - {"string"} | {"date-time"} if column.get("format") == "date-time" else types
