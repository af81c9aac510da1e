"""One run: syncs of a schedule, each going on from what reached stdout, until one ends well."""

from __future__ import annotations

import random
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from itertools import chain, repeat
from pathlib import Path

from integration_tests.connector import catalog_for, config_for, state_of
from integration_tests.sandbox import Sandbox
from integration_tests.storm.changes import change
from integration_tests.storm.process import run_sync
from integration_tests.storm.schedule import PlannedSync, Schedule, schedule_of
from integration_tests.storm.verdict import Verdict
from source_iterable.config import Config

# Syncs without faults that may follow those of the schedule: one has to end well.
CALM_SYNCS = 2


@dataclass
class Outcome:
    """What a run has come to."""

    seed: int
    streams: int = 0
    syncs: int = 0
    kills: int = 0
    changes: int = 0
    struck: Counter[str] = field(default_factory=Counter)
    records: int = 0
    lost: int = 0
    invented: int = 0
    doubled: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        verdict = "ok" if not self.problems else "; ".join(("FAILED", *self.problems))
        return (
            f"seed {self.seed}: {self.streams} streams, {self.syncs} syncs, {self.struck.total()} faults, "
            f"{self.kills} kills, {self.changes} changes, {self.records} records, {self.seconds:.1f} s: {verdict}"
        )


def run(seed: int) -> Outcome:
    """Run the schedule of a seed. Whatever goes wrong is in the outcome."""
    outcome, began = Outcome(seed), time.monotonic()
    try:
        schedule = schedule_of(seed)
        with Sandbox(schedule.settings) as sandbox, tempfile.TemporaryDirectory() as folder:
            _run(schedule, sandbox, Path(folder), outcome)
    except Exception:
        outcome.problems.append(f"the storm itself failed: {traceback.format_exc()}")
    outcome.seconds = time.monotonic() - began
    return outcome


def _run(schedule: Schedule, sandbox: Sandbox, folder: Path, outcome: Outcome) -> None:
    config = config_for(sandbox, schedule.days, export_method=schedule.method)
    catalog = catalog_for(config, schedule.names, schedule.mode)
    verdict = Verdict(sandbox, Config.parse(config), schedule.names)
    outcome.streams = len(schedule.names)
    dice = random.Random(f"changes {schedule.seed}")
    for planned in chain(schedule.syncs, repeat(PlannedSync(), CALM_SYNCS)):
        sandbox.clear_faults()
        if outcome.syncs:
            # Events arrive, campaigns start and finish.
            sandbox.advance(dice.choice([0, 60, 3600]))
            outcome.changes += change(sandbox, dice)
            verdict.look_again()
        for fault in planned.faults:
            sandbox.add_fault(fault)
        states = [each for name, state in verdict.states.items() for each in state_of(name, **state)]
        ended = run_sync(folder, sandbox, planned, config=config, catalog=catalog, state=states)
        outcome.syncs += 1
        outcome.kills += ended.killed
        for fault in planned.faults:
            outcome.struck[f"{fault.endpoint} {fault.kind}"] += fault.struck
        verdict.add(ended)
        if ended.code == 0 or any(problem.startswith("hang") for problem in ended.problems):
            break
    else:
        verdict.problems.append("no sync ended well, not even without faults")
    verdict.finish()
    outcome.records, outcome.problems = verdict.records, verdict.problems
    outcome.lost, outcome.invented, outcome.doubled = verdict.lost, verdict.invented, verdict.doubled
