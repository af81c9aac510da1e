"""Probes of metrics and experiments."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from itertools import pairwise
from typing import Any

from integration_tests.live import oddities
from integration_tests.live.answers import Items, fields_of, list_in, some_in, type_of
from integration_tests.live.client import FORBIDDEN, NOT_FOUND, OK, Answer, NotVisible, Unexpected
from integration_tests.live.items import PAGE, newest
from integration_tests.live.probe import Project, Seen, judged, probe
from integration_tests.live.words import kind, kinds
from source_iterable.api.proof import not_csv
from source_iterable.api.request import ShapeError
from source_iterable.reading.search import MONTH
from source_iterable.records.timestamps import rfc3339
from source_iterable.streams.daily_metrics import columns, has_numbers
from source_iterable.streams.metrics import WITHOUT_METRICS, campaign_rows

# Campaigns of a report: their ids fit in a URL of 2,048 bytes.
_CAMPAIGNS = 50
# Days of which a report is the sum, and how long ago the last of them is: the numbers of the last days still move.
_DAYS, _AGO = 3, 4
_PARTS = ("experiments/{}", "experiments/{}/variants", "experiments/{}/totals")
# Who opens on two days counts on both.
_NO_SUMS = ("uniqueOpens", "uniqueClicks")


def _sent(project: Project, most: int = _CAMPAIGNS) -> list[int]:
    """The newest campaigns that may have metrics. Raises NotVisible."""
    ids = [each["id"] for each in newest(project, "campaigns") if each.get("campaignState") not in WITHOUT_METRICS]
    if not ids:
        raise NotVisible("no campaign was sent")
    return ids[:most]


def _report(project: Project, campaigns: list[int], **dates: Any) -> tuple[Answer, Items]:
    """A report on campaigns, and its rows. Raises Unexpected."""
    answer = project.client.get("campaigns/metrics", campaignId=campaigns, **dates)
    try:
        if answer.status == OK and answer.is_whole:
            return answer, campaign_rows(answer.text)
    except ShapeError:
        pass
    raise Unexpected({"status": answer.status, "type": type_of(answer), "is whole": answer.is_whole})


@probe("metrics of campaigns", "streams/metrics.py")
def metrics(project: Project) -> Seen:
    """GET campaigns/metrics is CSV with at most a row for each campaign, by id; cells may be empty."""
    asked = _sent(project)
    answer, rows = _report(project, asked, startDateTime=(project.now - timedelta(days=90)).date().isoformat())
    ids = [row["id"] for row in rows]
    if not ids:
        raise NotVisible("no campaign has metrics")
    return judged(
        len(set(ids)) == len(ids) and set(ids) <= set(asked),
        {
            "type": type_of(answer),
            "filled columns": sorted({name for row in rows for name in columns(row)}),
            "kinds": sorted({each for row in rows for each in kinds(row.values())}),
        },
        {"campaigns": len(asked), "rows": len(rows), "names": len({name for row in rows for name in row})},
    )


@probe("metrics by day", "streams/daily_metrics.py")
def by_day(project: Project) -> Seen:
    """Sends, opens, clicks and other totals of days add up to those of the days together."""
    asked = _sent(project)
    first = project.now.date() - timedelta(days=_AGO + _DAYS)
    edges = [(first + timedelta(days=day)).isoformat() for day in range(_DAYS + 1)]

    def numbers(start: str, end: str) -> dict[tuple[int, str], float]:
        """The numbers of these days, by campaign and name."""
        _, rows = _report(project, asked, startDateTime=start, endDateTime=end)
        return {(row["id"], name): value for row in rows for name, value in columns(row).items()}

    whole = numbers(edges[0], edges[-1])
    sums: defaultdict[tuple[int, str], float] = defaultdict(float)
    for day in pairwise(edges):
        for key, value in numbers(*day).items():
            sums[key] += value
    differing = {key[1] for key, value in whole.items() if abs(sums[key] - value) > 1e-6 * max(abs(value), 1)}
    moved = {campaign for (campaign, _), value in whole.items() if value}
    if not moved:
        raise NotVisible("no campaign has numbers in these days")
    facts = {"do not add up": sorted(differing)}
    return judged(differing <= set(_NO_SUMS), facts, {"campaigns with numbers": len(moved)})


@probe("metrics of a month", "streams/daily_metrics.py")
def of_a_month(project: Project) -> Seen:
    """A campaign that has only zeros and empty cells in a month, or no row, has no numbers on every third of its days."""
    sent = _sent(project, PAGE)
    # The oldest edits are of campaigns that have probably ended.
    asked = list(dict.fromkeys([*sent[: _CAMPAIGNS // 2], *sent[-_CAMPAIGNS // 2 :]]))
    first = project.now.date() - timedelta(days=_AGO + MONTH)

    def having(after: int, days: int) -> tuple[set[int], Items]:
        """The campaigns with numbers on so many days, and all rows."""
        start = first + timedelta(days=after)
        dates = {"startDateTime": start.isoformat(), "endDateTime": (start + timedelta(days=days)).isoformat()}
        _, rows = _report(project, asked, **dates)
        return {row["id"] for row in rows if has_numbers(row)}, rows

    in_month, rows = having(0, MONTH)
    # Each takes six seconds: a run has ten minutes for everything.
    on_days = set[int]().union(*(having(after, 1)[0] for after in range(0, MONTH, 3)))
    if not on_days:
        raise NotVisible("no campaign has numbers in this month")
    quiet = set(asked) - in_month
    zeros = {row["id"] for row in rows if row["id"] in quiet and len(row) > 1}
    empty = {row["id"] for row in rows if row["id"] in quiet and len(row) == 1}
    told = {"zeros": zeros, "empty cells": empty, "no row": quiet - zeros - empty}
    return judged(
        on_days <= in_month,
        {"without numbers": sorted(name for name, ids in told.items() if ids)},
        {"campaigns": len(asked), "with numbers": len(on_days), "missing in the month": len(on_days - in_month)},
    )


def _ask_experiments(project: Project) -> Answer:
    return project.client.get("experiments", limit=PAGE, offset=0, may_refuse=True)


@probe("experiments", "streams/experiments.py")
def experiments(project: Project) -> Seen:
    """GET experiments takes limit and offset, and has totalCount; or experiments are not offered: 403 or 404."""
    client, answer = project.client, project.once(_ask_experiments)
    if answer.status in (FORBIDDEN, NOT_FOUND):
        return judged(True, {"status": answer.status, "offered": False}, {}, oddities.NO_EXPERIMENTS)
    full = some_in(answer, "experiments")
    one = list_in(client.get("experiments", limit=1, offset=0), "experiments")
    second = list_in(client.get("experiments", limit=1, offset=1), "experiments")
    total = answer.object.get("totalCount")
    are_all = isinstance(total, int) and (total == len(full) or len(full) == PAGE < total)
    return judged(
        are_all and len(one) == 1 and len(second) == min(len(full) - 1, 1) and second != one,
        {
            "offered": True,
            "status": answer.status,
            "totalCount": kind(total),
            "status with a larger page": client.get("experiments", limit=PAGE + 1, offset=0).status,
        },
        {"experiments": len(full)},
        fields={"an experiment": fields_of(project, full)},
    )


@probe("parts of an experiment", "streams/experiments.py")
def parts(project: Project) -> Seen:
    """experiments/{id}, /variants and /totals tell of the same variants."""
    answer = project.once(_ask_experiments)
    if answer.status in (FORBIDDEN, NOT_FOUND):
        raise NotVisible("experiments are not offered")
    listed = some_in(answer, "experiments")
    # Drafts may lack parts.
    started = [each for each in listed if each.get("status") not in ("draft", "ready")] or listed
    answers = [project.client.get(path, started[0]["id"], may_fail=True) for path in _PARTS]
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


@probe("trends of an experiment", "streams/experiment_trends.py")
def trends(project: Project) -> Seen:
    """experiments/{id}/trends has points by variant and metric, each with a time."""
    answer = project.once(_ask_experiments)
    if answer.status in (FORBIDDEN, NOT_FOUND):
        raise NotVisible("experiments are not offered")
    listed = [each for each in some_in(answer, "experiments") if each.get("status") not in ("draft", "ready")]
    if not listed:
        raise NotVisible("no experiment has begun")
    running = [each for each in listed if each.get("status") == "running"] or listed
    path, end = "experiments/{}/trends", project.now.strftime("%Y-%m-%dT%H:%M:%SZ")
    periods: list[dict[str, Any]] = [
        {"startDateTime": _days_before(project, days), "endDateTime": end} for days in (30, 1)
    ]
    of_month, of_day, plain = (
        project.client.get(path, running[0]["id"], may_refuse=True, may_fail=True, **period)
        for period in [*periods, {}]
    )
    variants = [each for each in of_month.object.get("variants") or [] if isinstance(each, dict)]
    held = of_month.object.get("holdout")
    series = [points for each in (*variants, held or {}) for points in (each.get("series") or {}).values()]
    points = [each for some in series for each in some]
    interval = of_month.object.get("interval")
    return judged(
        of_month.status == OK and all(rfc3339(each.get("time")) for each in points) and bool(variants),
        {
            "statuses": [of_month.status, of_day.status, plain.status],
            "interval": project.words.shown(interval),
            "the same interval for a day": of_day.object.get("interval") == interval,
            "times": kinds(each.get("time") for each in points),
            "values": kinds(each.get("value") for each in points),
            "holdout": kind(held and held.get("id")),
        },
        {"variants": len(variants), "series": len(series), "points": len(points)},
        fields={"trends": fields_of(project, [of_month.object]), "a variant": fields_of(project, variants)},
    )


def _days_before(project: Project, days: int) -> str:
    return (project.now - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


@probe("metrics of experiments", "streams/metrics.py")
def experiment_metrics(project: Project) -> Seen:
    """GET experiments/metrics is an object of headers and rows, or CSV."""
    emails = [each["id"] for each in newest(project, "campaigns") if each.get("messageMedium", "Email") == "Email"]
    if not emails:
        raise NotVisible("the project has no campaigns by email")
    start = (project.now - timedelta(days=365)).date().isoformat()
    answer = project.client.get("experiments/metrics", campaignId=emails[:_CAMPAIGNS], startDateTime=start)
    if answer.status == NOT_FOUND:
        raise NotVisible("experiments are not offered")
    # Iterable's own client takes it for CSV, the reference for an object.
    form, rows = kind(answer.json), answer.body.count(b"\n")
    if isinstance(answer.object.get("headers"), str):
        form, rows = "headers and rows", len(answer.object.get("rows") or [])
    elif answer.json is None and not not_csv(answer.text) and "," in answer.text.partition("\n")[0]:
        form = "CSV"
    return judged(
        answer.status == OK and form in ("headers and rows", "CSV"),
        {"status": answer.status, "type": type_of(answer), "is": form},
        {"rows": rows},
        oddities.EXPERIMENTS_AS_CSV if form == "CSV" else None,
    )
