"""Probes of the key and of errors; and of what all probes together have met, which stand last in the report."""

from __future__ import annotations

from typing import Any

from integration_tests.live import oddities
from integration_tests.live.client import FORBIDDEN, NOT_FOUND, OK, RATE_LIMITED, UNAUTHORIZED, Answer
from integration_tests.live.probe import NotVisible, Project, Seen, judged, probe
from integration_tests.live.words import kind


def headers_of(project: Project, answer: Answer) -> list[str]:
    """The names of an answer's headers."""
    return project.words.of(name.lower() for name in answer.headers)


def error_of(project: Project, answer: Answer) -> dict[str, Any]:
    """What an error looks like."""
    body = answer.json
    error = body if isinstance(body, dict) else {}
    return {
        "status": answer.status,
        "type": project.words.shown(answer.content_type),
        "code": project.words.shown(error["code"]) if isinstance(error.get("code"), str) else kind(error.get("code")),
        "names": project.words.of(error),
    }


@probe("key", "The key is taken in the header Api-Key", "source_iterable/api/session.py")
def key(project: Project) -> Seen:
    answer = project.client.get("lists")
    body = answer.json
    return judged(
        answer.status == OK and isinstance(body, dict) and "lists" in body,
        {
            "status": answer.status,
            "type": project.words.shown(answer.content_type),
            "encoding": project.words.shown(answer.headers.get("Content-Encoding", "none")),
            "in chunks": "Transfer-Encoding" in answer.headers,
            "headers": headers_of(project, answer),
        },
    )


@probe("wrong key", "A wrong key gets 401, with a code in JSON", "source_iterable/api/client.py")
def wrong_key(project: Project) -> Seen:
    answer = project.client.get("lists", headers={"Api-Key": "0" * 32})
    facts = error_of(project, answer)
    return judged(
        answer.status == UNAUTHORIZED and facts["code"] in ("BadApiKey", "Unauthorized", "InvalidApiKey"),
        {**facts, "headers": headers_of(project, answer)},
    )


@probe("unknown path", "A path that does not exist gets 404", "source_iterable/api/client.py")
def unknown_path(project: Project) -> Seen:
    answer = project.client.get("this/path/does/not/exist")
    return judged(answer.status == NOT_FOUND, error_of(project, answer))


@probe("wrong parameter", "A wrong parameter gets 400, with a code in JSON", "source_iterable/exports/refusals.py")
def wrong_parameter(project: Project) -> Seen:
    answer = project.client.get("campaigns", page=1, pageSize=0)
    facts = error_of(project, answer)
    return judged(answer.status == 400 and {"code", "msg"} <= set(facts["names"]), facts)


@probe("rate limits", "Within the published limits, no request gets 429", "source_iterable/api/rate_budget.py", last=2)
def rate_limit(project: Project) -> Seen:
    limited = [answer for _, answer in project.client.refused if answer.status == RATE_LIMITED]
    waits = [answer.headers["Retry-After"] for answer in limited if "Retry-After" in answer.headers]
    return judged(
        not limited,
        {
            "retry-after": "never" if not waits else kind(waits[0]),
            **({"error": error_of(project, limited[0]), "headers": headers_of(project, limited[0])} if limited else {}),
        },
        {"requests": project.client.sent, "refused": len(limited)},
        oddities.LIMITED if limited else None,
        oddities.RETRY_AFTER if waits else None,
    )


@probe(
    "refusals",
    "A key that may not use an endpoint gets 401 or 403, with a code in JSON",
    "source_iterable/errors.py",
    last=2,
)
def refusals(project: Project) -> Seen:
    refused = [each for each in project.client.refused if each[1].status in (UNAUTHORIZED, FORBIDDEN)]
    if not refused:
        raise NotVisible("the key may use all endpoints")
    codes = {each: error_of(project, answer) for each, answer in refused}
    return judged(
        all("code" in facts["names"] for facts in codes.values()),
        {"endpoints": codes, "headers": headers_of(project, refused[0][1])},
        {"refused": len(refused)},
        oddities.REFUSED,
    )


@probe("redirects", "No endpoint redirects", "source_iterable/api/client.py", last=2)
def redirects(project: Project) -> Seen:
    return judged(project.client.redirects == 0, {}, {"redirects": project.client.redirects})
