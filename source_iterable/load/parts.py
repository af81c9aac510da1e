"""Parts of a backfill: runs that write to one dataset, each with its own state."""

from __future__ import annotations

from source_iterable.config import Config


def part_of(config: Config) -> str:
    """What tells the states of a part apart from those of others: its time range if it has an end, else nothing."""
    return f"{config.start_date}/{config.end_date}" if config.end_date else ""
