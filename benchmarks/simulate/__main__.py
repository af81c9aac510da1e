"""`python -m benchmarks.simulate` prints how long syncs take, in virtual time; `--check` fails if one takes too long."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks.simulate import bars, peers, permits
from benchmarks.simulate.campaigns import hourly
from benchmarks.simulate.cases import Case, cases
from benchmarks.simulate.report import tables, with_tables
from benchmarks.simulate.sync import Run, sync

_README = Path(__file__).parents[1] / "README.md"
METHODS = ("auto", "streaming", "jobs")
_PEERS: dict[str, Callable[..., Run]] = {
    "native": peers.native,
    "published": peers.published,
    "published, slow": partial(peers.published, rate=peers.PUBLISHED_RATE),
}


def main() -> int:
    """Run the cases. Returns the exit code."""
    options = _options()
    chosen = [case for case in cases() if options.only in case.name and (case.is_small or not options.check)]
    names = METHODS if options.check else (*METHODS, *_PEERS)
    wanted = [(case, name) for case in chosen for name in (names if case.by_method else METHODS[:1])]
    with _pool(options.processes) as run_all:
        runs = dict(zip([(case.name, name) for case, name in wanted], run_all(_run, wanted), strict=True))
        hours = [] if options.only else permits.hours()
    results = [(case, {name: runs[case.name, name] for each, name in wanted if each is case}) for case in chosen]
    text = tables(results, hours)
    print(text)
    if options.write:
        _README.write_text(with_tables(_README.read_text(encoding="utf-8"), text), encoding="utf-8")
    faults = [fault for case, of_case in results for fault in bars.faults(case, of_case)]
    faults += [f"{hour.limit.name}: 429 in an hour of jitter." for hour in hours if hour.leaky or hour.sliding]
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if options.check and faults else 0


def _run(case_and_method: tuple[Case, str]) -> Run:
    case, method = case_and_method
    began = time.monotonic()
    if case.syncs:
        run, _ = hourly(case.project, case.syncs)
    elif method in _PEERS:
        run = _PEERS[method](case.project, case.streams, case.since)
    else:
        run = sync(case.project, case.streams, method, case.since, is_second=case.is_second)
    took = time.monotonic() - began
    print(
        f"{case.name}, {method}: {run.seconds:,.1f} s, in {took:.1f} s {dict(run.counts)}", file=sys.stderr, flush=True
    )
    return run


@contextmanager
def _pool(processes: int) -> Iterator[Callable[..., Iterator[Run]]]:
    if processes == 1:
        yield map
    else:
        with ProcessPoolExecutor(processes) as pool:
            yield pool.map


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulate", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="the small cases only; fails if one takes longer than it may"
    )
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--write", action="store_true", help="also write the tables to README.md")
    parser.add_argument("--processes", type=int, default=1, help="cases to run at a time (%(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
