"""What is promised of every large project, in bytes: by docs/limits.md, docs/load.md and docs/setup-airbyte.md."""

from __future__ import annotations

from benchmarks.large.cases import READ

_READ_MEMORY, _LOAD_MEMORY = 150e6, 500e6
TEMPORARY = 1e9
# All states of one sync.
STATES = 1e6
# What is promised of single ones instead, by case and way.
_MEMORY: dict[tuple[str, str], float] = {}


def memory(case: str, way: str) -> float:
    """Bytes that a sync may take at its peak."""
    return _MEMORY.get((case, way), _READ_MEMORY if way == READ else _LOAD_MEMORY)
