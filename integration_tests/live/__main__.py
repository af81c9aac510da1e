"""`python -m integration_tests.live --config config.json`: does Iterable do what the connector takes for true?

Some fifty probes of your own project, read only, within the rate limits, in less than ten minutes. The report that it
writes holds no value of a record and no name of a thing. docs/live.md tells what is asked, and what the report says.
"""

from __future__ import annotations

import argparse
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from rich.console import Console

from integration_tests.live import report
from integration_tests.live.client import Client
from integration_tests.live.compare import differences, of_sandbox
from integration_tests.live.probe import LONGEST, Project
from integration_tests.live.probes import PROBES
from integration_tests.live.words import Words
from integration_tests.sandbox import SandboxSettings
from source_iterable.config import Config
from source_iterable.errors import ConfigError
from source_iterable.streams.configuration import read_config

_QUESTION = """\
Two export jobs show whether jobs and streamed exports have the same events. Iterable lists them among the project's
exports, and keeps their files for a while; nothing else is written. Start them? [y/N] """


def main(arguments: list[str] | None = None) -> int:
    """Run the probes, or compare; 0 if the report is there, whatever it says, 1 if not."""
    options = _options(arguments)
    console = Console(highlight=False, soft_wrap=True)
    try:
        if options.compare is not None:
            return _compare(options.compare, console)
        return _run(options, read_config(options.config), console)
    except (ConfigError, report.UnusableReport) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Run it again, and it goes on.", file=sys.stderr)
        return 130


def _run(options: argparse.Namespace, config: Config, console: Console) -> int:
    project = Project(
        Client(config), Words(config), datetime.now(timezone.utc), _may_start_jobs(options), options.minutes
    )
    made = report.read(options.report) if options.report.exists() and not options.again else report.begun(project)
    if (made["region"], made["project_type"]) != (config.region, config.project_type):
        raise report.UnusableReport(
            f"{options.report} is about another project. Choose another file (--report), or begin again (--again)."
        )
    for each, seen, seconds in report.fill(project, made):
        report.write(options.report, made)
        print(f"{seen.verdict:11}  {each.name:32} {seconds:6.1f} s", file=sys.stderr, flush=True)
        if each.name == PROBES[0].name and seen.verdict != "holds":
            print(_no_key(made["probes"][each.name]), file=sys.stderr)
            options.report.unlink()
            return 1
    report.write(options.report, made)
    report.show(made, console)
    unfinished = sum(not each.get("is_finished") for each in made["probes"].values())
    console.print(f"The report without any values: {options.report}", markup=False)
    if unfinished:
        console.print("Not all data types fit in one run. Run it again, and it asks for the others.", markup=False)
    return 0


def _no_key(seen: dict[str, Any]) -> str:
    status = seen.get("facts", {}).get("status")
    if status is None:
        return f"Iterable does not answer: {seen.get('facts', {}).get('failure', 'no time was left')}. Is the network there?"
    return f"Iterable does not take the key: status {status}. Is it a server-side key, and the region the right one?"


def _may_start_jobs(options: argparse.Namespace) -> bool:
    if options.jobs is None:
        return sys.stdin.isatty() and input(_QUESTION).strip().lower() in ("y", "yes")
    return bool(options.jobs)


def _compare(path: Path, console: Console) -> int:
    there = report.read(path)
    here = of_sandbox(SandboxSettings(project_type=there["project_type"]))
    lines = list(differences(there, here))
    for each in lines:
        console.print(each, markup=False)
    console.print(f"{len(lines)} differences between the report and the sandbox.", markup=False)
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m integration_tests.live", description=__doc__.partition("\n\n")[2])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--config", type=Path, help="the configuration, a JSON file: docs/options.md")
    what.add_argument("--compare", type=Path, metavar="REPORT", help="print where the sandbox differs from a report")
    parser.add_argument(
        "--report", type=Path, default=Path("live-report.json"), help="where to write; goes on with one (%(default)s)"
    )
    parser.add_argument("--again", action="store_true", help="begin again, and replace the report")
    parser.add_argument(
        "--jobs", action=argparse.BooleanOptionalAction, help="start two export jobs, or do not, without asking"
    )
    parser.add_argument(
        "--minutes",
        type=float,
        default=LONGEST / 60,
        help="that a run may take; 16 suffice for all data types (%(default)s)",
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
