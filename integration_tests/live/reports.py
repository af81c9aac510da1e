"""Probes of metrics and experiments."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from integration_tests.live import oddities
from integration_tests.live.client import FORBIDDEN, NOT_FOUND, OK, Answer
from integration_tests.live.errors import NotVisible, Unexpected
from integration_tests.live.items import Items, fields_of, newest
from integration_tests.live.probe import Project, Seen, judged, list_in, probe, some_in
from integration_tests.live.words import kind, kinds, public
from source_iterable.api.proof import not_csv
from source_iterable.api.request import ShapeError
from source_iterable.streams.metric_columns import columns
from source_iterable.streams.metrics import WITHOUT_METRICS, campaign_rows

# Campaigns of a report: their ids fit in a URL of 2,048 bytes.
_CAMPAIGNS = 50
# Days of which a report is the sum, and how long ago the last of them is: the numbers of the last days still move.
_DAYS, _AGO = 3, 4
_PAGE = 1000
_PARTS = ("experiments/{}", "experiments/{}/variants", "experiments/{}/totals")
_NO_SUMS = ("uniqueOpens", "uniqueClicks")


def _sent(project: Project) -> list[int]:
    """The newest campaigns that may have metrics. Raises NotVisible."""
    ids = [each["id"] for each in newest(project, "campaigns") if each.get("campaignState") not in WITHOUT_METRICS]
    if not ids:
        raise NotVisible("no campaign was sent")
    return ids[:_CAMPAIGNS]


def _rows(answer: Answer) -> Items:
    """The rows of a report. Raises Unexpected."""
    try:
        if answer.status == OK and answer.is_whole:
            return campaign_rows(answer.body.decode("utf-8", "replace"))
    except ShapeError:
        pass
    raise Unexpected({"status": answer.status, "type": public(answer.content_type), "is whole": answer.is_whole})


@probe(
    "metrics of campaigns",
    "GET campaigns/metrics is CSV with at most a row for each campaign, by id; cells may be empty",
    "source_iterable/streams/metrics.py",
)
def metrics(project: Project) -> Seen:
    asked = _sent(project)
    start = (project.now - timedelta(days=90)).date().isoformat()
    answer = project.client.get("campaigns/metrics", campaignId=asked, startDateTime=start)
    rows = _rows(answer)
    ids = [row["id"] for row in rows]
    if not ids:
        raise NotVisible("no campaign has metrics")
    return judged(
        len(set(ids)) == len(ids) and set(ids) <= set(asked),
        {
            "type": public(answer.content_type),
            "filled columns": sorted({name for row in rows for name in columns(row)}),
            "kinds": sorted({each for row in rows for each in kinds(row.values())}),
        },
        {"campaigns": len(asked), "rows": len(rows), "names": len({name for row in rows for name in row})},
    )


@probe(
    "metrics by day",
    "Sends, opens, clicks and other totals of days add up to those of the days together",
    "source_iterable/streams/daily_metrics.py",
)
def by_day(project: Project) -> Seen:
    asked = _sent(project)
    first = project.now.date() - timedelta(days=_AGO + _DAYS)
    edges = [(first + timedelta(days=day)).isoformat() for day in range(_DAYS + 1)]

    def report(start: str, end: str) -> dict[int, dict[str, Any]]:
        answer = project.client.get("campaigns/metrics", campaignId=asked, startDateTime=start, endDateTime=end)
        return {row["id"]: columns(row) for row in _rows(answer)}

    whole = report(edges[0], edges[-1])
    days = [report(start, end) for start, end in zip(edges, edges[1:], strict=False)]
    sums: dict[int, dict[str, float]] = {}
    for day in days:
        for campaign, row in day.items():
            for name, value in row.items():
                sums.setdefault(campaign, {})[name] = sums.get(campaign, {}).get(name, 0) + value
    differing = sorted(
        {
            name
            for campaign, row in whole.items()
            for name, value in row.items()
            if abs(sums.get(campaign, {}).get(name, 0) - value) > 1e-6 * max(abs(value), 1)
        }
    )
    moved = sum(any(row.values()) for row in whole.values())
    if not moved:
        raise NotVisible("no campaign has numbers in these days")
    return judged(not set(differing) - set(_NO_SUMS), {"do not add up": differing}, {"campaigns with numbers": moved})


def _ask_experiments(project: Project) -> Answer:
    return project.client.get("experiments", limit=_PAGE, offset=0, may_refuse=True)


@probe(
    "experiments",
    "GET experiments takes limit and offset, and has totalCount; or experiments are not offered: 403 or 404",
    "source_iterable/streams/experiments.py",
)
def experiments(project: Project) -> Seen:
    client, answer = project.client, project.once(_ask_experiments)
    if answer.status in (FORBIDDEN, NOT_FOUND):
        return judged(True, {"status": answer.status, "offered": False}, {}, oddities.NO_EXPERIMENTS)
    full = some_in(answer, "experiments")
    one = list_in(client.get("experiments", limit=1, offset=0), "experiments")
    second = list_in(client.get("experiments", limit=1, offset=1), "experiments")
    total = answer.object.get("totalCount")
    return judged(
        len(one) == 1
        and isinstance(total, int)
        and (total == len(full) or len(full) == _PAGE < total)
        and len(second) == min(len(full) - 1, 1)
        and second != one,
        {
            "offered": True,
            "status": answer.status,
            "totalCount": kind(total),
            "status with a larger page": client.get("experiments", limit=_PAGE + 1, offset=0).status,
        },
        {"experiments": len(full)},
        fields={"an experiment": fields_of(project, full)},
    )


@probe(
    "parts of an experiment",
    "experiments/{id}, /variants and /totals tell of the same variants",
    "source_iterable/streams/experiments.py",
)
def parts(project: Project) -> Seen:
    client, answer = project.client, project.once(_ask_experiments)
    if answer.status in (FORBIDDEN, NOT_FOUND):
        raise NotVisible("experiments are not offered")
    listed = some_in(answer, "experiments")
    # Drafts may lack parts.
    started = [each for each in listed if each.get("status") not in ("draft", "ready")] or listed
    answers = [client.get(path, started[0]["id"], may_fail=True) for path in _PARTS]
    ids = [
        {variant.get(key) for variant in each.object.get("variants") or []}
        for each, key in zip(answers, ("id", "variantId", "id"), strict=True)
    ]
    return judged(
        all(each.status == OK for each in answers[:2]) and bool(ids[0]) and ids[0] == ids[1] and ids[2] <= ids[0],
        {
            "statuses": [each.status for each in answers],
            "times": {name: kind(answers[0].object.get(name)) for name in ("creationDate", "startDate", "finishDate")},
            "totals of all variants": ids[2] == ids[0],
        },
        {"variants": [len(each) for each in ids]},
        fields={name: fields_of(project, [each.object]) for name, each in zip(_PARTS, answers, strict=True)},
    )


@probe(
    "metrics of experiments",
    "GET experiments/metrics is an object of headers and rows, or CSV",
    "source_iterable/streams/metrics.py",
)
def experiment_metrics(project: Project) -> Seen:
    emails = [each["id"] for each in newest(project, "campaigns") if each.get("messageMedium", "Email") == "Email"]
    if not emails:
        raise NotVisible("the project has no campaigns by email")
    start = (project.now - timedelta(days=365)).date().isoformat()
    answer = project.client.get("experiments/metrics", campaignId=emails[:_CAMPAIGNS], startDateTime=start)
    if answer.status == NOT_FOUND:
        raise NotVisible("experiments are not offered")
    is_object = isinstance(answer.object.get("headers"), str)
    # Iterable's own client takes it for CSV, the reference for this object.
    text = answer.body.decode("utf-8", "replace")
    is_csv = not is_object and answer.json is None and not not_csv(text) and "," in text.partition("\n")[0]
    return judged(
        answer.status == OK and (is_object or is_csv),
        {
            "status": answer.status,
            "type": public(answer.content_type),
            "is": "headers and rows" if is_object else "CSV" if is_csv else kind(answer.json),
        },
        {"rows": len(answer.object.get("rows") or []) if is_object else answer.body.count(b"\n")},
        oddities.EXPERIMENTS_AS_CSV if is_csv else None,
    )
