"""Probes of what all requests of a run have met. They come last, and add to what earlier runs have met."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from integration_tests.live import oddities
from integration_tests.live.answers import error_of, headers_of
from integration_tests.live.client import RATE_LIMITED, REFUSALS, NotVisible
from integration_tests.live.probe import Project, Seen, judged, probe
from integration_tests.live.words import kind


def _with_status(project: Project, statuses: Iterable[int]) -> dict[str, int]:
    """How many answers had one of these statuses, by endpoint, in all runs."""
    counts = {name: sum(of.get(str(each), 0) for each in statuses) for name, of in project.statuses().items()}
    return {name: count for name, count in counts.items() if count}


def _earlier(project: Project) -> Mapping[str, Any]:
    """The facts that an earlier run has seen."""
    facts: Mapping[str, Any] = project.earlier.get("facts", {})
    return facts


def _errors(project: Project, *statuses: int) -> Mapping[str, Any]:
    """What the errors with these statuses look like, by endpoint, in all runs."""
    now = {name: error_of(project, answer) for name, answer in project.client.refused if answer.status in statuses}
    return {**_earlier(project).get("errors", {}), **now}


@probe("rate limits", "api/rate_budget.py", last=2, always=True)
def rate_limits(project: Project) -> Seen:
    """Within the published limits, no request gets 429."""
    limited, earlier = _with_status(project, [RATE_LIMITED]), _earlier(project)
    answers = [answer for _, answer in project.client.refused if answer.status == RATE_LIMITED]
    waits = [answer.headers["Retry-After"] for answer in answers if "Retry-After" in answer.headers]
    facts = {
        "errors": _errors(project, RATE_LIMITED),
        "Retry-After": kind(waits[0]) if waits else earlier.get("Retry-After", "never"),
        "headers": headers_of(answers[0]) if answers else earlier.get("headers", []),
    }
    requests = sum(sum(each.values()) for each in project.statuses().values())
    return judged(
        not limited,
        facts,
        {"requests": requests, "refused": sum(limited.values())},
        oddities.LIMITED if limited else None,
        oddities.RETRY_AFTER if facts["Retry-After"] != "never" else None,
    )


@probe("refusals", "errors.py", last=2, always=True)
def refusals(project: Project) -> Seen:
    """A key that may not use an endpoint gets 401 or 403, with a code in JSON."""
    errors = _errors(project, *REFUSALS)
    if not errors:
        raise NotVisible("the key may use all endpoints")
    have_codes = all("code" in each["names"] for each in errors.values())
    return judged(have_codes, {"errors": errors}, {"endpoints": len(errors)}, oddities.REFUSED)


@probe("redirects", "api/client.py", last=2, always=True)
def redirects(project: Project) -> Seen:
    """No endpoint redirects."""
    found = _with_status(project, range(300, 400))
    return judged(not found, {"endpoints": sorted(found)}, {"redirects": sum(found.values())})


@probe("ends", "api/spooled.py", last=2, always=True)
def ends(project: Project) -> Seen:
    """Each response has a length or comes in chunks, so that one that is cut is noticed."""
    found = {name: set(each) for name, each in _earlier(project).get("ends", {}).items()}
    for name, each in project.client.ends.items():
        found.setdefault(name, set()).update(each)
    if not found:
        raise NotVisible("no request succeeded")
    are_proved = not any(end.startswith("nothing") for several in found.values() for end in several)
    return judged(are_proved, {"ends": {name: sorted(each) for name, each in found.items()}})
