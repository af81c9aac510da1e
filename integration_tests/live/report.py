"""The report: a JSON file without values, and a table for a terminal."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from integration_tests.live.probe import Probe, Project, Seen, run
from integration_tests.live.probes import PROBES
from source_iterable import __version__

# Of the file's form.
_VERSION = 1
_STYLES = {"holds": "green", "differs": "bold red", "not visible": "dim"}
# Characters of what was seen in the table; the file has all of it.
_SHOWN = 90


class UnusableReport(ValueError):
    """A file that is no report; the text says which, and why."""


def read(path: Path) -> dict[str, Any]:
    """The report in a file. Raises UnusableReport."""
    try:
        report: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnusableReport(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise UnusableReport(f"{path} is not JSON.") from None
    if not isinstance(report, dict) or report.get("version") != _VERSION or not isinstance(report.get("probes"), dict):
        raise UnusableReport(f"{path} is no report of this version.")
    return report


def write(path: Path, report: Mapping[str, Any]) -> None:
    """Write a report, so that the file is always a whole one."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    os.replace(new, path)


def begun(project: Project) -> dict[str, Any]:
    """A report without probes."""
    config = project.client.config
    return {
        "version": _VERSION,
        "connector": __version__,
        "python": platform.python_version(),
        "day": project.now.date().isoformat(),
        "region": config.region,
        "project_type": config.project_type,
        "requests": {},
        "probes": {},
    }


def fill(project: Project, report: dict[str, Any]) -> Iterator[tuple[Probe, Seen, float]]:
    """Run the probes that a report lacks, and add each to it. Yields each with what it saw, and its seconds."""
    before: dict[str, dict[str, int]] = {name: dict(counts) for name, counts in report["requests"].items()}
    for each, seen, seconds in run(PROBES, project, report["probes"]):
        seen = seen._replace(facts=project.words.guarded(seen.facts), counts=project.words.guarded(seen.counts))
        report["probes"][each.name] = {
            "claim": each.claim,
            "relied_on": each.relied_on,
            **{name: value for name, value in seen._asdict().items() if value not in ("", {}, ())},
            "seconds": round(seconds, 1),
        }
        for endpoint, statuses in project.client.statuses.items():
            counts = before.get(endpoint, {})
            report["requests"][endpoint] = {
                status: count + counts.get(status, 0) for status, count in statuses.items()
            } | {status: count for status, count in counts.items() if status not in statuses}
        yield each, seen, seconds
    # In the order of the probes, however many runs it took.
    probes = report["probes"]
    report["probes"] = {each.name: probes[each.name] for each in PROBES if each.name in probes}


def line(seen: Mapping[str, Any]) -> str:
    """What was seen, in short."""
    parts = [str(seen["reason"])] if seen.get("reason") else []
    for name, value in (*seen.get("counts", {}).items(), *seen.get("facts", {}).items()):
        if isinstance(value, (str, bool, int, float)):
            parts.append(f"{name}: {value}")
        elif not any(isinstance(each, (Mapping, list)) for each in value):
            parts.append(f"{name}: {', '.join(map(str, value)) or 'none'}")
    text = "; ".join(parts)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def show(report: Mapping[str, Any], console: Console) -> None:
    """Print a report: a line for each probe, what differs in full, and the oddities."""
    table = Table(show_edge=False, header_style="bold")
    table.add_column("verdict", no_wrap=True)
    table.add_column("probe", no_wrap=True)
    table.add_column("seen")
    table.add_column("seconds", justify="right")
    probes: Mapping[str, Mapping[str, Any]] = report["probes"]
    for name, seen in probes.items():
        verdict = seen["verdict"]
        table.add_row(f"[{_STYLES[verdict]}]{verdict}[/]", name, _plain(line(seen)), f"{seen['seconds']:.1f}")
    console.print(table)
    for name, seen in probes.items():
        if seen["verdict"] == "differs":
            console.print(
                f"\n{name} differs. Claim: {seen['claim']} (relied upon in {seen['relied_on']}). Seen:", markup=False
            )
            console.print(json.dumps({**seen.get("facts", {}), **seen.get("counts", {})}, indent=2), markup=False)
    if odd := sorted({each for seen in probes.values() for each in seen.get("oddities", ())}):
        console.print("\nOddities of this project, which the connector takes:", markup=False)
        for each in odd:
            console.print(f"- {each}", markup=False)
    verdicts = [seen["verdict"] for seen in probes.values()]
    requests = sum(count for statuses in report["requests"].values() for count in statuses.values())
    console.print(
        f"\n{verdicts.count('holds')} claims hold, {verdicts.count('differs')} differ, "
        f"{verdicts.count('not visible')} are not visible in this project. {requests} requests.",
        markup=False,
    )


def _plain(text: str) -> str:
    return text.replace("[", r"\[")
