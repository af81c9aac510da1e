"""The schedule: what a seed lets happen."""

from __future__ import annotations

import random
import signal
from dataclasses import dataclass
from datetime import datetime, timezone

from integration_tests.sandbox import Fault, SandboxSettings
from integration_tests.storm.menu import draw_faults, endpoints_of
from source_iterable.reading.export_stream import ExportStream
from source_iterable.streams.table import STREAMS

NOW = datetime(2026, 1, 15, 12, 34, 56, tzinfo=timezone.utc)
API_KEY = "storm-0123456789abcdef-key"
# Seconds. One that is behind only reads later.
CLOCKS_AHEAD = (0.0, 0.0, 45.0, 3 * 3600.0, 400 * 86_400.0)
PROJECT_TYPES = ("Email-based", "UserID-based", "Hybrid")


@dataclass(frozen=True)
class Kill:
    """A signal after so many bytes of stdout, or so many requests."""

    signal: signal.Signals
    stdout_bytes: int | None = None
    requests: int | None = None


@dataclass(frozen=True)
class PlannedSync:
    """What befalls one sync: faults, a kill, and by how many seconds its machine's clock is ahead of Iterable's."""

    faults: tuple[Fault, ...] = ()
    kill: Kill | None = None
    clock_ahead: float = 0.0


@dataclass(frozen=True)
class Schedule:
    """All that a seed decides."""

    seed: int
    settings: SandboxSettings
    days: int
    names: list[str]
    method: str
    mode: str | None  # None: incremental where supported
    syncs: list[PlannedSync]


def schedule_of(seed: int) -> Schedule:
    """Draw everything from the seed."""
    dice = random.Random(f"storm {seed}")
    names = _names(dice)
    settings = _settings(dice, seed)
    exports = {stream.data_type for name in names if isinstance(stream := STREAMS[name], ExportStream)}
    if exports and dice.random() < 0.7:
        settings.data_types = exports  # the events are those of the chosen streams, and so many more of each
    method = dice.choice(["auto", "auto", "streaming", "jobs"])
    endpoints = endpoints_of(names, method)
    syncs = [_sync(dice, endpoints) for _ in range(dice.randint(1, 4))]
    mode = "full_refresh" if dice.random() < 0.2 else None
    return Schedule(seed, settings, settings.days + dice.choice([-1, 1]), names, method, mode, syncs)


def _settings(dice: random.Random, seed: int) -> SandboxSettings:
    return SandboxSettings(
        seed=seed,
        now=NOW,
        api_key=API_KEY,
        project_type=dice.choice(PROJECT_TYPES),
        users=dice.choice([3, 10, 30, 60, 130]),
        days=dice.choice([2, 5, 20, 75]),
        events_per_day=dice.choice([3, 20, 60]),
        lists=dice.choice([0, 1, 4, 9]),
        campaigns=dice.choice([8, 30, 60]),
        recurring_children=dice.choice([(), (3, 0), (23, 2, 0)]),
        templates=dice.choice([5, 20, 64]),
        embedded=dice.choice([0, 4]),
        journeys=dice.choice([3, 26, 110]),
        catalogs=dice.choice([1, 5, 12]),
        catalog_items=dice.choice([3, 25, 420]),
        metadata=dice.choice([0, 2, 4]),
        metadata_entries=dice.choice([2, 8, 25]),
        webhooks=dice.choice([0, 3]),
        forgotten=dice.choice([0, 5]),
        user_fields_shape=dice.choice(["map", "array"]),
        experiments_as_csv=dice.random() < 0.3,
        job_seconds=dice.choice([0.0, 0.02, 0.1]),
        file_bytes=dice.choice([800, 3_000, 20_000, 10_000_000]),
    )


def _names(dice: random.Random) -> list[str]:
    """Few streams, some or all, in the table's order."""
    how_many = dice.choice([dice.randint(1, 3), dice.randint(4, 15), dice.randint(16, 40), len(STREAMS)])
    chosen = set(dice.sample(list(STREAMS), how_many))
    return [name for name in STREAMS if name in chosen]


def _sync(dice: random.Random, endpoints: list[str]) -> PlannedSync:
    kill = _kill(dice) if dice.random() < 0.5 else None
    count = int(len(endpoints) * dice.choice([1, 4, 8, 12])) + 1
    endless = kill is not None and kill.requests is not None
    return PlannedSync(tuple(draw_faults(dice, endpoints, count, endless)), kill, dice.choice(CLOCKS_AHEAD))


def _kill(dice: random.Random) -> Kill:
    how = dice.choice([signal.SIGKILL, signal.SIGTERM])
    if dice.random() < 0.5:
        return Kill(how, stdout_bytes=int(2 ** dice.uniform(0, 19)))
    return Kill(how, requests=int(2 ** dice.uniform(0, 9)))
