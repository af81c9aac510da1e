"""`python -m integration_tests.live --config config.json`: does Iterable behave as the connector expects?

Some sixty probes of your own project, read only, within the rate limits, in less than ten minutes. The report that it
writes holds no value of a record and no name of a thing. docs/live.md says what is asked, and what the report tells.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from integration_tests.live import report
from integration_tests.live.client import UNAUTHORIZED, Client
from integration_tests.live.compare import differences, of_sandbox
from integration_tests.live.probe import LONGEST, Project, Seen, is_wanted
from integration_tests.live.probes import PROBES, export_jobs
from integration_tests.live.words import Words
from integration_tests.sandbox import SandboxSettings
from source_iterable.config import Config
from source_iterable.errors import ConfigError
from source_iterable.exports.export_job import START
from source_iterable.process.arguments import Parser
from source_iterable.process.display import one_line
from source_iterable.streams.table import read_config

_QUESTION = """\
Two export jobs show whether jobs and streamed exports have the same events. Iterable lists them among the project's
exports, and keeps their files for a while; nothing else is written. Start them? [y/N] """


def main(arguments: list[str] | None = None) -> int:
    """Run the probes, or compare; 0 if the report is there, whatever it says, 1 if not."""
    options = _options(arguments)
    console = Console(highlight=False, markup=False)
    try:
        if options.compare is not None:
            return _compare(options.compare, console)
        return _run(options, read_config(options.config), console)
    except (ConfigError, report.UnusableReport) as error:
        print(one_line(str(error)), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Run it again to continue.", file=sys.stderr)
        return 130


def _run(options: argparse.Namespace, config: Config, console: Console) -> int:
    client = Client(config, _sleep)
    project = Project(client, Words(config.api_key), client.now())
    made = report.begun(project)
    if options.report.exists() and not options.again:
        made = report.read(options.report)
        report.must_be_of(project, made, options.report)
    elif not options.report.parent.is_dir():
        raise report.UnusableReport(f"{options.report} cannot be written: there is no such folder.")
    project.jobs = _may_start_jobs(options, made)
    client.end = client.clock() + 60 * options.minutes
    shown = ""
    for each, seen, seconds in report.fill(project, made):
        if each.name == PROBES[0].name and seen.verdict != "holds":
            print(one_line(_no_key(seen)), file=sys.stderr)
            return 1
        report.write(options.report, made)
        if each.name != shown or seen.is_finished:
            print(f"{seen.verdict:11}  {each.name:32} {seconds:6.1f} s", file=sys.stderr, flush=True)
        shown = each.name
    report.show(made, console)
    console.print(one_line(f"The report, without any values: {options.report}"))
    return 0


def _sleep(seconds: float) -> None:
    if seconds > 20:
        print(f"waiting {seconds:.0f} s for a limit, or for late events", file=sys.stderr, flush=True)
    time.sleep(seconds)


def _no_key(seen: Seen) -> str:
    status = seen.facts.get("status")
    if status == UNAUTHORIZED:
        return "Iterable does not take the key: status 401. Is it a server-side key, and the region the right one?"
    if status is None:
        return f"Iterable does not answer: {seen.reason}. Is the network there, and the region the right one?"
    kind_of = seen.facts.get("type", "something else")
    return f"Iterable does not answer as it should: status {status}, {kind_of}. Try it later."


def _may_start_jobs(options: argparse.Namespace, made: Mapping[str, Any]) -> bool:
    if options.jobs is not None:
        return bool(options.jobs)
    # They are started once, and of no use when all of their probes are finished.
    entries = [made["probes"].get(each.name, {}) for each in PROBES if each.look.__module__ == export_jobs.__name__]
    if START in made["requests"] or not any(is_wanted(each, jobs=True) for each in entries) or not sys.stdin.isatty():
        return False
    try:
        return input(_QUESTION).strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _compare(path: Path, console: Console) -> int:
    there = report.read(path)
    here = of_sandbox(SandboxSettings(project_type=there["project_type"], embedded=2))
    lines = list(differences(there, here))
    console.print(*lines, f"{len(lines)} differences between the report and the sandbox.", sep="\n")
    return 0


def _minutes(text: str) -> float:
    number = float(text)
    if not 0 < number < 1_000:
        raise ValueError(text)
    return number


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = Parser("python -m integration_tests.live", description=__doc__.partition("\n\n")[2])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--config", type=Path, help="the configuration, a JSON file: docs/options.md")
    what.add_argument("--compare", type=Path, metavar="REPORT", help="print where the sandbox differs from a report")
    where = "the report's file; a run continues what is there (%(default)s)"
    parser.add_argument("--report", type=Path, default=Path("live-report.json"), help=where)
    parser.add_argument("--again", action="store_true", help="begin again, and replace the report")
    jobs = "start two export jobs, or do not, without asking"
    parser.add_argument("--jobs", action=argparse.BooleanOptionalAction, help=jobs)
    minutes = "that a run may take (%(default)s); 20 suffice for everything"
    parser.add_argument("--minutes", type=_minutes, default=LONGEST, help=minutes)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
