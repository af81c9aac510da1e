"""What is promised of every large project, in bytes: by docs/limits.md, docs/load.md and docs/setup-airbyte.md."""

from __future__ import annotations

from benchmarks.large.cases import READ

_READ_MEMORY, _LOAD_MEMORY = 150e6, 500e6
# By name of the case: 10 kB for each of 40,000 views (docs/load.md).
_MORE_MEMORY = {"100,000 custom events of 40,000 names": 400e6}
# The temporary storage that a container should have, and what a load should find free.
_READ_FILES, _LOAD_FILES = 2e9, 1e9
# All states of one sync.
STATES = 1e6


def memory(case: str, way: str) -> float:
    """Bytes that a sync may take at its peak."""
    return _READ_MEMORY if way == READ else _LOAD_MEMORY + _MORE_MEMORY.get(case, 0)


def temporary(way: str) -> float:
    """Bytes of temporary files that a sync may have at a time."""
    return _READ_FILES if way == READ else _LOAD_FILES
