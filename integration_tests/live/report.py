"""The report: a JSON file without values, and a table for a terminal."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ValidationError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from integration_tests.live.probe import Probe, Project, Seen, Verdict, run
from integration_tests.live.probes import PROBES
from source_iterable.process.files import replace
from source_iterable.version import __version__

_STYLES = {"holds": "green", "differs": "bold red", "not visible": "dim"}
# Characters of what was seen in the table; the file has all of it.
_SHOWN = 200
# Columns of a terminal that the other three columns of the table take.
_BESIDE = 11 + 28 + 7 + 10
# How deep the file has a line for each entry; what is in an entry further down is on its line.
_DEPTH = 4


class _Entry(BaseModel):
    """What a report says of a probe, as far as it is relied on."""

    claim: str
    relied_on: str
    verdict: Verdict
    seconds: float
    facts: dict[str, Any] = {}
    counts: dict[str, Any] = {}
    fields: dict[str, Any] = {}
    oddities: list[str] = []


class _Report(BaseModel):
    """The file, as far as it is relied on."""

    version: Literal[1]
    connector: str
    project: str
    region: str
    project_type: Literal["Email-based", "UserID-based", "Hybrid"]
    requests: dict[str, dict[str, int]]
    probes: dict[str, _Entry]


class UnusableReport(ValueError):
    """A file that is not a report, or not of this project; the text says which, and why."""


def read(path: Path) -> dict[str, Any]:
    """The report in a file. Raises UnusableReport."""
    try:
        report: Any = json.loads(path.read_text(encoding="utf-8"))
        _Report.model_validate(report, strict=True)
    except OSError as error:
        raise UnusableReport(f"{path} cannot be read: {error.strerror}.") from None
    except ValidationError:
        raise UnusableReport(f"{path} is no report of this version.") from None
    except ValueError:
        raise UnusableReport(f"{path} is no report: it is not JSON.") from None
    return {name: _clean(value) for name, value in report.items()}


def _clean(value: Any) -> Any:
    """Without characters that a terminal takes for commands: somebody else may have written the file."""
    if isinstance(value, dict):
        return {_clean(name): _clean(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_clean(each) for each in value]
    return "".join(each for each in value if each.isprintable()) if isinstance(value, str) else value


def write(path: Path, report: Mapping[str, Any]) -> None:
    """Write a report, so that the file is always a whole one. Raises UnusableReport."""
    try:
        replace(path, _text(report) + "\n")
    except OSError as error:
        raise UnusableReport(f"{path} cannot be written: {error.strerror}.") from None


def _text(value: Any, depth: int = 0) -> str:
    """JSON with a line for each entry, down to a depth."""
    if not isinstance(value, Mapping) or not value or depth == _DEPTH:
        return json.dumps(value, ensure_ascii=False)
    inner = "  " * (depth + 1)
    lines = [f"{inner}{json.dumps(name)}: {_text(each, depth + 1)}" for name, each in value.items()]
    return "{\n" + ",\n".join(lines) + "\n" + "  " * depth + "}"


def begun(project: Project) -> dict[str, Any]:
    """A report without probes."""
    config = project.client.config
    return {
        "version": 1,
        "connector": __version__,
        "python": platform.python_version(),
        "day": project.now.date().isoformat(),
        # Tells this project from others to nobody but who has the key.
        "project": project.words.hashed("project"),
        "region": config.region,
        "project_type": config.project_type,
        "requests": {},
        "probes": {},
    }


def must_be_of(project: Project, report: Mapping[str, Any], path: Path) -> None:
    """Raise UnusableReport unless this run can continue a report."""
    new = begun(project)
    if any(report[name] != new[name] for name in ("project", "region", "project_type")):
        raise UnusableReport(
            f"{path} is about another project or key. Choose another file (--report), or begin again (--again)."
        )
    if report["connector"] != new["connector"]:
        raise UnusableReport(f"{path} is of another version of the connector. Begin again (--again).")


def fill(project: Project, report: dict[str, Any]) -> Iterator[tuple[Probe, Seen, float]]:
    """Run the probes that a report lacks, and add what each sees. Yields each with what it saw, and its seconds."""
    project.requests = {name: dict(counts) for name, counts in report["requests"].items()}
    earlier = dict(report["probes"])
    for each, seen, seconds in run(PROBES, project, earlier):
        entry = {
            name: project.words.guarded(value)
            for name, value in seen._asdict().items()
            if name not in ("verdict", "reason", "is_finished", "oddities") and value
        }
        report["probes"][each.name] = {
            "claim": each.claim,
            "relied_on": each.relied_on,
            "verdict": seen.verdict,
            **({"reason": seen.reason} if seen.reason else {}),
            **entry,
            **({"oddities": list(seen.oddities)} if seen.oddities else {}),
            "is_finished": seen.is_finished,
            "seconds": round(seconds + earlier.get(each.name, {}).get("seconds", 0) * (not each.always), 1),
        }
        # In the order of the probes, however many runs it takes.
        report["probes"] = {of.name: report["probes"][of.name] for of in PROBES if of.name in report["probes"]}
        report["requests"] = project.statuses()
        yield each, seen, seconds


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
    """Print a report: a line for each probe, what differs in full, the oddities, and what is unfinished."""
    table = Table(show_edge=False, header_style="bold")
    table.add_column("verdict", no_wrap=True)
    table.add_column("probe", no_wrap=True)
    table.add_column("seen", no_wrap=True, overflow="ellipsis", max_width=max(console.width - _BESIDE, 20))
    table.add_column("seconds", justify="right", no_wrap=True)
    probes: Mapping[str, Mapping[str, Any]] = report["probes"]
    for name, seen in probes.items():
        verdict = Text(seen["verdict"], _STYLES[seen["verdict"]])
        table.add_row(verdict, name, Text(line(seen)), f"{seen['seconds']:.1f}")
    console.print(table)
    for name, seen in probes.items():
        if seen["verdict"] == "differs":
            claim = f"Claim: {seen['claim']} (relied upon in {seen['relied_on']})."
            console.print(f"\n{name} differs. {claim} Seen:")
            console.print(json.dumps({**seen.get("facts", {}), **seen.get("counts", {})}, indent=2))
    if odd := sorted({each for seen in probes.values() for each in seen.get("oddities", ())}):
        console.print("\nOddities of this project, which the connector handles:", *odd, sep="\n- ")
    verdicts = [seen["verdict"] for seen in probes.values() if seen.get("is_finished")]
    unfinished = [f"{name}: {seen.get('reason', '')}" for name, seen in probes.items() if not seen.get("is_finished")]
    requests = sum(count for statuses in report["requests"].values() for count in statuses.values())
    console.print(
        f"\nClaims: {verdicts.count('holds')} hold, {verdicts.count('differs')} differ, "
        f"{verdicts.count('not visible')} not visible in this project, {len(unfinished)} unfinished. {requests} requests.",
        *unfinished,
        sep="\n- ",
    )
    if unfinished:
        console.print("Run it again to continue with what is unfinished.")
