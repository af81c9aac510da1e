"""Syncs of large projects: `python -m benchmarks.large` prints what each took, against what the docs promise."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.large.cases import cases
from benchmarks.large.syncs import Large
from benchmarks.large.table import END, START, cells, results
from benchmarks.measure import ROOT
from benchmarks.report import machine, with_tables

_README = ROOT / "benchmarks" / "README.md"


def main() -> None:
    """Sync all projects, one after the other, and print a table."""
    options = _options()
    before = machine()
    rows = []
    with (
        tempfile.TemporaryDirectory(prefix="source-iterable-large-") as work,
        Large(Path(work), options.timeout, options.source.resolve()) as large,
    ):
        for case in cases():
            for way in case.ways:
                if options.only not in f"{case.name}, {way}":
                    continue
                row = large.run(case.smaller(options.divisor), way)
                rows.append(row)
                print(*cells(row), sep=" | ", file=sys.stderr, flush=True)
    text = f"{before}\n\n{results(rows)}\n"
    print(text)
    if options.write:
        _README.write_text(with_tables(_README.read_text(encoding="utf-8"), text, START, END), encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.large", description=__doc__)
    parser.add_argument("--only", default="", help="rows whose project and way contain this")
    parser.add_argument("--divisor", type=int, default=1, help="with so many times fewer of everything (%(default)s)")
    parser.add_argument("--timeout", type=float, default=300.0, help="seconds that a sync may take (%(default)s)")
    parser.add_argument("--source", type=Path, default=ROOT, help="another tree, whose connector is run")
    parser.add_argument("--write", action="store_true", help="also write the table to README.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
