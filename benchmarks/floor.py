"""The floor: the same export through requests and a bare orjson loop. `python -m benchmarks.floor URL STREAM`."""

from __future__ import annotations

import sys
import time

import orjson
import requests

_PIECE_BYTES = 512 * 2**10


def main() -> None:
    """Write every line of URL's response to stdout as a RECORD message."""
    write = sys.stdout.buffer.write
    rest = b""
    with requests.get(sys.argv[1], stream=True, timeout=60) as response:
        for piece in response.iter_content(_PIECE_BYTES):
            lines, newline, after = piece.rpartition(b"\n")
            write(_messages(rest + lines, sys.argv[2]) if newline else b"")
            rest = after if newline else rest + piece
    write(_messages(rest, sys.argv[2]))


def _messages(lines: bytes, stream: str) -> bytes:
    """Lines of JSON as RECORD messages, each with its newline."""
    now = time.time_ns() // 1_000_000
    loads, dumps = orjson.loads, orjson.dumps
    return b"".join(
        [
            dumps({"type": "RECORD", "record": {"stream": stream, "data": loads(line), "emitted_at": now}}) + b"\n"
            for line in lines.split(b"\n")
            if line
        ]
    )


if __name__ == "__main__":
    main()
