"""Probes of the key and of errors; and of what all probes together have met, which stand last in the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integration_tests.live import oddities
from integration_tests.live.client import FORBIDDEN, NOT_FOUND, OK, RATE_LIMITED, REFUSALS, UNAUTHORIZED, Answer
from integration_tests.live.errors import NotVisible
from integration_tests.live.items import lists_of_users
from integration_tests.live.probe import Project, Seen, judged, probe
from integration_tests.live.words import kind, public


def headers_of(answer: Answer) -> list[str]:
    """The names of an answer's headers."""
    return sorted({public(name.lower()) for name in answer.headers})


def error_of(project: Project, answer: Answer) -> dict[str, Any]:
    """What an error looks like."""
    error = answer.json if isinstance(answer.json, dict) else {}
    return {
        "status": answer.status,
        "type": public(answer.content_type),
        "code": public(error["code"]) if isinstance(error.get("code"), str) else kind(error.get("code")),
        "names": project.words.of(error),
    }


@probe("key", "The key is taken in the header Api-Key", "source_iterable/api/session.py", always=True)
def key(project: Project) -> Seen:
    answer = project.once(lists_of_users)
    if answer.status == FORBIDDEN:  # which no wrong key gets
        return judged(True, {"status": answer.status, **error_of(project, answer)})
    return judged(
        answer.status == OK and "lists" in answer.object,
        {
            "status": answer.status,
            "type": public(answer.content_type),
            "encoding": public(answer.headers.get("Content-Encoding", "none")),
            "in chunks": "Transfer-Encoding" in answer.headers,
            "headers": headers_of(answer),
        },
    )


@probe("wrong key", "A wrong key gets 401, with a code in JSON", "source_iterable/api/client.py")
def wrong_key(project: Project) -> Seen:
    answer = project.client.get("lists", headers={"Api-Key": "0" * 32}, may_refuse=True)
    facts = error_of(project, answer)
    return judged(
        answer.status == UNAUTHORIZED and facts["code"] in ("BadApiKey", "Unauthorized", "InvalidApiKey"),
        {**facts, "headers": headers_of(answer)},
    )


@probe("unknown path", "A path that does not exist gets 404", "source_iterable/api/client.py")
def unknown_path(project: Project) -> Seen:
    answer = project.client.get("this/path/does/not/exist")
    return judged(answer.status == NOT_FOUND, error_of(project, answer))


@probe("wrong parameter", "A wrong parameter gets 400, with a code in JSON", "source_iterable/api/client.py")
def wrong_parameter(project: Project) -> Seen:
    answer = project.client.get("campaigns", page=1, pageSize=0)
    facts = error_of(project, answer)
    return judged(answer.status == 400 and {"code", "msg"} <= set(facts["names"]), facts)


def _with_status(project: Project, *statuses: int) -> dict[str, int]:
    """How many answers had one of these statuses, by endpoint, in all runs."""
    counted = {name: sum(of.get(str(each), 0) for each in statuses) for name, of in project.statuses().items()}
    return {name: count for name, count in counted.items() if count}


def _errors(project: Project, *statuses: int) -> Mapping[str, Any]:
    """What the errors with these statuses look like, by endpoint; also those of earlier runs."""
    now = {name: error_of(project, each) for name, each in project.client.refused if each.status in statuses}
    return {**project.earlier.get("facts", {}).get("errors", {}), **now}


@probe(
    "rate limits",
    "Within the published limits, no request gets 429",
    "source_iterable/api/rate_budget.py",
    last=2,
    always=True,
)
def rate_limits(project: Project) -> Seen:
    limited = _with_status(project, RATE_LIMITED)
    answers = [answer for _, answer in project.client.refused if answer.status == RATE_LIMITED]
    waits = [answer.headers["Retry-After"] for answer in answers if "Retry-After" in answer.headers]
    earlier = project.earlier.get("facts", {})
    facts = {
        "errors": _errors(project, RATE_LIMITED),
        "Retry-After": kind(waits[0]) if waits else earlier.get("Retry-After", "never"),
        "headers": headers_of(answers[0]) if answers else earlier.get("headers", []),
    }
    return judged(
        not limited,
        facts,
        {"requests": sum(sum(each.values()) for each in project.statuses().values()), "refused": sum(limited.values())},
        oddities.LIMITED if limited else None,
        oddities.RETRY_AFTER if facts["Retry-After"] != "never" else None,
    )


@probe(
    "refusals",
    "A key that may not use an endpoint gets 401 or 403, with a code in JSON",
    "source_iterable/errors.py",
    last=2,
    always=True,
)
def refusals(project: Project) -> Seen:
    errors = _errors(project, *REFUSALS)
    if not errors:
        raise NotVisible("the key may use all endpoints")
    return judged(
        all("code" in each["names"] for each in errors.values()),
        {"errors": errors},
        {"endpoints": len(errors)},
        oddities.REFUSED,
    )


@probe("redirects", "No endpoint redirects", "source_iterable/api/client.py", last=2, always=True)
def redirects(project: Project) -> Seen:
    found = _with_status(project, *range(300, 400))
    return judged(not found, {"endpoints": sorted(found)}, {"redirects": sum(found.values())})


@probe(
    "ends",
    "Each response has a length or comes in chunks, so that one that is cut is noticed",
    "source_iterable/api/body.py",
    last=2,
    always=True,
)
def ends(project: Project) -> Seen:
    found = {name: set(each) for name, each in project.earlier.get("facts", {}).get("ends", {}).items()}
    for name, each in project.client.ends.items():
        found.setdefault(name, set()).update(each)
    if not found:
        raise NotVisible("no request succeeded")
    return judged(
        not any(each.startswith("nothing") for several in found.values() for each in several),
        {"ends": {name: sorted(each) for name, each in found.items()}},
    )
