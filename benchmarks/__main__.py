"""The benchmark: `python -m benchmarks` prints its results and writes them to README.md and chart.svg beside this file."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.chart import chart
from benchmarks.kinds import OWN_FIELDS, PLAIN, Kind
from benchmarks.programs import AIRBYTE, PEERS, PYAIRBYTE, SINGER, default_cache
from benchmarks.report import Results, machine, tables, with_tables
from benchmarks.rows import Bench, Row

_HERE = Path(__file__).parent
_MEMORY_FILES = Path("/dev/shm")
# Disk space of a run: the export of each kind, and one program's output at a time.
_BYTES_A_RECORD = 8_000


def main() -> None:
    """Run all benchmarks and report the results."""
    options = _options()
    before = machine()
    with (
        tempfile.TemporaryDirectory(prefix="source-iterable-bench-", dir=_folder(options)) as work,
        Bench(Path(work), options.cache, _say) as bench,
    ):
        results = _measure(bench, options, before)
    text = tables(results)
    print(text)
    if options.skip_peers:
        _say("README.md is unchanged: the peers were skipped.")
    else:
        page = _HERE / "README.md"
        page.write_text(with_tables(page.read_text(encoding="utf-8"), text), encoding="utf-8")
        (_HERE / "chart.svg").write_text(chart(results.comparison), encoding="utf-8")


def _measure(bench: Bench, options: argparse.Namespace, before: str) -> Results:
    comparison = _compare(bench, options, PLAIN)
    kinds = {kind.title: _compare(bench, options, kind) for kind in OWN_FIELDS}
    served = comparison[1].served
    make = bench.workshop(served)
    methods = {
        method: bench.row(f"source-iterable, {method}", partial(make.ours, method), served)
        for method in ("auto", "streaming", "jobs")
    }
    loads = [
        bench.row("source-iterable read", make.ours, served),
        *(bench.row(f"source-iterable load, {to}", partial(make.load, to), served) for to in ("DuckDB", "Parquet")),
        *([] if options.skip_peers else _slow_loads(bench, options)),
    ]
    return Results(
        loads=bench.compare(loads, options.rounds),
        machine=before,
        rounds=options.rounds,
        comparison=comparison,
        kinds=kinds,
        methods=bench.compare(list(methods.values()), options.rounds),
        first_record={method: bench.first_record(methods[method]) for method in ("streaming", "jobs")},
        record_path=bench.record_path(),
        commands=bench.commands(comparison),
        memory=_memory(bench, options),
    )


def _compare(bench: Bench, options: argparse.Namespace, kind: Kind) -> list[Row]:
    """The floor, this connector and the peers on records of a kind."""
    served = bench.serve(options.records, kind)
    make = bench.workshop(served)
    rows = [
        bench.row("bare orjson loop (the floor)", make.floor, served),
        bench.row("source-iterable (this one)", make.ours, served),
    ]
    return bench.compare(rows if options.skip_peers else rows + _peers(bench, options, kind), options.rounds)


def _peers(bench: Bench, options: argparse.Namespace, kind: Kind) -> list[Row]:
    # Airbyte's reads 200 users a second.
    served = bench.serve((options.peer_records or options.records) // (20 if kind.stream == "users" else 1), kind)
    make = bench.workshop(served)
    return [
        bench.row(f"{AIRBYTE} {PEERS[AIRBYTE]}", make.airbyte, served),
        bench.row(f"{SINGER} {PEERS[SINGER]}", make.singer, served),
    ]


def _slow_loads(bench: Bench, options: argparse.Namespace) -> list[Row]:
    served = bench.serve(options.peer_records or options.records)
    make = bench.workshop(served)
    return [
        bench.row(f"PyAirbyte {PEERS[PYAIRBYTE]}, DuckDB", make.pyairbyte, served),
        bench.row("dlt with dictionaries, DuckDB", make.dlt_dictionaries, served),
    ]


def _memory(bench: Bench, options: argparse.Namespace) -> list[Row]:
    rows = []
    for records in (1_000_000, 10_000_000) if options.big else (1_000_000,):
        served = bench.serve(records, from_file=False)
        make = bench.workshop(served)
        for method in ("streaming", "jobs"):
            row = bench.row(f"source-iterable, {method}", partial(make.ours, method), served)
            rows.append(bench.memory(row))
    return rows


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="runs of each program; medians are reported (3)")
    parser.add_argument(
        "--records",
        type=int,
        default=1_000_000,
        help="records of each kind that a program reads (1000000: 0.8 to 1.4 GB)",
    )
    parser.add_argument(
        "--peer-records", type=int, default=200_000, help="records that the published peers read: they take minutes"
    )
    parser.add_argument("--big", action="store_true", help="memory also at 10 million records (7.6 GB)")
    parser.add_argument("--skip-peers", action="store_true", help="without the peers; README.md is left unchanged")
    parser.add_argument(
        "--cache", type=Path, default=default_cache(), help="where the peers are installed (%(default)s)"
    )
    return parser.parse_args()


def _folder(options: argparse.Namespace) -> Path | None:
    """A folder in memory if there is room, so that no disk is measured; else the one for temporary files."""
    needed = options.records * _BYTES_A_RECORD
    return _MEMORY_FILES if _MEMORY_FILES.is_dir() and shutil.disk_usage(_MEMORY_FILES).free > 2 * needed else None


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
