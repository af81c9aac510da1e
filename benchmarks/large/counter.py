"""Counter: what a `read` writes, counted as it comes. `python -m benchmarks.large.counter STATES < messages`

Prints as JSON the records by stream, the bytes of all states, and the first error; the last state of each stream goes into
the file STATES, for the next sync.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

_STREAM = re.compile(rb'^\{"type":"RECORD","record":\{"stream":"([^"]+)"')


class Counted(NamedTuple):
    """What was in the messages; states are of the last ones of each stream."""

    records: dict[str, int]
    state_bytes: int
    error: str
    states: dict[str, dict[str, Any]]


def count(lines: Iterable[bytes]) -> Counted:
    """Count messages, each a line."""
    records: Counter[str] = Counter()
    states: dict[str, dict[str, Any]] = {}
    state_bytes, error = 0, ""
    for line in lines:
        if found := _STREAM.match(line):
            records[found[1].decode()] += 1
            continue
        message = json.loads(line)
        if message["type"] == "STATE":
            state_bytes += len(line)
            states[message["state"]["stream"]["stream_descriptor"]["name"]] = message["state"]
        elif message["type"] == "TRACE" and message["trace"]["type"] == "ERROR":
            error = error or message["trace"]["error"]["message"]
    return Counted(dict(records), state_bytes, error, states)


def main() -> None:
    """Count stdin."""
    counted = count(sys.stdin.buffer)
    Path(sys.argv[1]).write_text(json.dumps(list(counted.states.values())))
    print(json.dumps(counted[:3]))


if __name__ == "__main__":
    main()
