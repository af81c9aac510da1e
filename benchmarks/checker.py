"""Checker: prints the number of records on stdin, and the sum of a field. `python -m benchmarks.checker FIELD`."""

from __future__ import annotations

import sys

from benchmarks.data import check

_READ_BYTES = 2**20


def main() -> None:
    """Read stdin to its end."""
    print(*check(iter(lambda: sys.stdin.buffer.read(_READ_BYTES), b""), sys.argv[1]))


if __name__ == "__main__":
    main()
