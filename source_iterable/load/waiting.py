"""Waiting rows: those of a table that is replaced are collected in another one until their stream was read to its end.

There is one for each backfill key and for each set of private options.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256

from source_iterable.load.tables import Table


def part_of(backfill: str) -> str:
    """What a backfill key adds to the names of such tables."""
    return _suffix("", sha256(backfill.encode()).hexdigest() if backfill else "")


def options_of(private: str) -> str:
    """What the mark of private options (Table.private) adds to the names of such tables."""
    return _suffix("p", private)


def waiting_name(table: Table, part: str) -> str:
    """The name of the table in which rows for a table are collected."""
    return f"_loading_{table.name}{part}{options_of(table.private)}"


def waiting_for(name: str, tables: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Those of `tables` in which rows for a table are collected, and what backfill key and private options add to each."""
    pattern = re.compile(rf"_loading_{name}((?:_[0-9a-f]{{8}})?)((?:_p[0-9a-f]{{8}})?)")
    return {each: (found[1], found[2]) for each in tables if (found := pattern.fullmatch(each))}


def _suffix(letter: str, digest: str) -> str:
    return f"_{letter}{digest[:8]}" if digest else ""
