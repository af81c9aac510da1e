"""`python -m integration_tests.storm --runs N [--seed S]`: N runs, with the seeds from S on."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from integration_tests.storm.run import run


def main() -> int:
    """Print a line for each run, and totals; 1 if any run failed."""
    parser = argparse.ArgumentParser(prog="python -m integration_tests.storm")
    parser.add_argument("--runs", type=int, default=50, help="how many (default: 50)")
    parser.add_argument(
        "--seed", type=int, default=1, help="of the first run; each further one has the next (default: 1)"
    )
    parser.add_argument("--at-once", type=int, default=2, help="runs at a time (default: 2)")
    parser.add_argument("--faults", action="store_true", help="count the faults by endpoint and kind at the end")
    options = parser.parse_args()
    struck: Counter[str] = Counter()
    failed: list[int] = []
    totals: Counter[str] = Counter()
    with ProcessPoolExecutor(options.at_once) as pool:
        for outcome in pool.map(run, range(options.seed, options.seed + options.runs)):
            print(outcome, flush=True)
            struck += outcome.struck
            failed += [outcome.seed] if outcome.problems else []
            for name in ("syncs", "kills", "changes", "records", "lost", "invented", "doubled"):
                totals[name] += getattr(outcome, name)
    if options.faults:
        print(*(f"{times:6} {what}" for what, times in sorted(struck.items())), sep="\n")
    names = ("kills", "changes", "records", "lost", "invented", "doubled")
    counted = ", ".join(f"{totals[name]:,} {name}" for name in names)
    print(f"{options.runs} schedules, {totals['syncs']:,} syncs, {struck.total():,} faults, {counted}")
    if failed:
        print(f"failed seeds: {' '.join(map(str, failed))}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
