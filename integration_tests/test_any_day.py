"""A world is the same on any day of the same weekday, but for its times; its weekends are those of the calendar."""

from __future__ import annotations

import os
import re
from datetime import datetime, timedelta
from functools import cache

import orjson
import pytest

from integration_tests.sandbox import NOW, Sandbox, SandboxSettings
from integration_tests.sandbox.settings import PROJECT_TYPES
from integration_tests.sandbox.times import DAY_MS, parse_record_time
from source_iterable.streams.table import EXPORTS, STREAMS

# So many days of a leap year, from its first to its last; DAYS=366 in the environment for all of them.
DAYS = int(os.environ.get("DAYS", "7"))
YEAR = NOW.replace(year=2024, month=1, day=1)
SPREAD = {YEAR + timedelta(days=number * 365 // max(DAYS - 1, 1)) for number in range(DAYS)}
# The leap day, and those on which clocks change in Europe.
ODD = {YEAR.replace(month=month, day=day) for month, day in ((2, 29), (3, 31), (10, 27))}
# A time in a text, or in milliseconds.
TIME = re.compile(r"(\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d:\d\d)?|\b\d{13}\b)")


def drawn(day: datetime, project_type: str) -> list[str]:
    """All that a world holds, as text: its times are at the odd places."""
    settings = SandboxSettings(
        seed=5, users=40, days=5, events_per_day=120, project_type=project_type, late_share=0.1, now=day
    )
    sandbox = Sandbox(settings)
    sandbox.advance(86_400)
    exports = {each.name: each.data_type for each in EXPORTS}
    held = {
        name: sandbox.truth(exports[name], "2000-01-01", sandbox.now()) if name in exports else sandbox.truth_list(name)
        for name in STREAMS
    }
    assert [name for name, records in held.items() if not records] == []
    return TIME.split(orjson.dumps(held).decode())


@cache
def near_the_fixed_day(project_type: str, weekday: int) -> tuple[datetime, list[str]]:
    """The first such weekday from NOW on, and what a world holds on it."""
    day = NOW + timedelta(days=(weekday - NOW.weekday()) % 7)
    return day, drawn(day, project_type)


@pytest.mark.parametrize("day", sorted(SPREAD | ODD), ids=lambda day: f"{day:%m-%d}")
def test_a_world_is_the_same_on_any_day_but_for_its_times(day: datetime) -> None:
    project_type = PROJECT_TYPES[day.toordinal() % 3]
    (near, here), there = near_the_fixed_day(project_type, day.weekday()), drawn(day, project_type)
    assert there[::2] == here[::2]
    moved = (day - near) // timedelta(days=1) * DAY_MS
    # Some times are written in fixtures.
    others = [
        (one, other)
        for one, other in zip(here[1::2], there[1::2], strict=True)
        if one != other and milliseconds(other) - milliseconds(one) != moved
    ]
    assert others == []


def milliseconds(text: str) -> int:
    return int(text) if text.isdecimal() else parse_record_time(text) or 0
