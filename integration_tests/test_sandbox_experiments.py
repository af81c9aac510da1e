"""The sandbox's metrics by day, its experiments, and the contents of templates in other locales."""

from __future__ import annotations

import csv
from datetime import datetime, timezone
from typing import Any

from integration_tests.sandbox import Sandbox, SandboxSettings
from integration_tests.test_sandbox_api import ask
from integration_tests.test_sandbox_api import sandbox as sandbox


def test_metrics_of_single_days_add_up_and_the_last_ones_grow() -> None:
    now = datetime(2026, 3, 10, 9, 30, tzinfo=timezone.utc)
    with Sandbox(SandboxSettings(days=20, users=5, events_per_day=0, now=now)) as other:
        ids = [thing["id"] for thing in other.truth_list("campaigns")][:60]

        def sends(start: str, end: str) -> dict[str, int]:
            query = {"startDateTime": start, "endDateTime": end}
            text = ask(other, "campaigns/metrics", campaignId=ids, **query).text
            return {row["id"]: int(row.get("Total Email Sends") or 0) for row in csv.DictReader(text.splitlines())}

        days = [sends(f"2026-03-{day:02}", f"2026-03-{day + 1:02}") for day in range(1, 9)]
        whole = sends("2026-03-01T00:00:00Z", "2026-03-09T00:00:00Z")
        assert whole == {each: sum(day[each] for day in days) for each in whole}
        assert sum(whole.values()) > 0
        for row in other.truth_list("campaigns_metrics_daily"):
            if row["date"] == "2026-03-04" and row["campaignId"] in ids:
                assert days[3][str(row["campaignId"])] == int(row.get("Total Email Sends", 0))
        grown = []
        for _ in range(4):
            grown.append(sum(sends("2026-03-10", "2026-03-11").values()))
            other.advance(86_400)
        assert 0 < grown[0] < grown[1] < grown[2] == grown[3]


def test_experiments_by_limit_and_offset(sandbox: Sandbox) -> None:
    truth = sandbox.truth_list("experiments")
    listed: list[Any] = []
    while len(listed) < len(truth):
        answer = ask(sandbox, "experiments", limit=3, offset=len(listed)).json()
        assert answer["totalCount"] == len(truth)
        listed += answer["experiments"]
    assert [each["id"] for each in listed] == [each["id"] for each in truth]
    assert ask(sandbox, "experiments", limit=3, offset=len(truth)).json()["experiments"] == []
    assert len(ask(sandbox, "experiments").json()["experiments"]) == min(len(truth), 20)
    for query in ({"limit": 0}, {"limit": 1001}, {"offset": -1}):
        assert ask(sandbox, "experiments", **query).status_code == 400
    statuses = set()
    for thing in truth:
        details = ask(sandbox, f"experiments/{thing['id']}").json()
        assert {**details, "author": thing["author"]} == thing
        variants = ask(sandbox, f"experiments/{thing['id']}/variants").json()
        assert [each["variantId"] for each in variants["variants"]] == [each["id"] for each in thing["variants"]]
        totals = ask(sandbox, f"experiments/{thing['id']}/totals")
        assert totals.status_code == (404 if thing["status"] == "draft" else 200)
        statuses.add(thing["status"])
    assert statuses >= {"draft", "ready", "running", "finished", "winner_found"}
    assert ask(sandbox, "experiments/1").status_code == 404


def test_contents_in_other_locales(sandbox: Sandbox) -> None:
    templates = {thing["templateId"]: thing for thing in sandbox.truth_list("templates")}
    locales: dict[int, set[str]] = {}
    for content in sandbox.truth_list("template_locales"):
        medium = content.pop("messageMedium")
        locales.setdefault(content["templateId"], set()).add(content["locale"])
        path, query = f"templates/{medium.lower()}/get", {"templateId": content["templateId"]}
        assert ask(sandbox, path, **query, locale=content["locale"]).json() == content
        assert ask(sandbox, path, **query).json()["isDefaultLocale"] is True
        assert ask(sandbox, path, **query, locale="xx").status_code == 404
    for template_id, template in templates.items():
        if client_id := template.get("clientTemplateId"):
            (entry,) = ask(sandbox, "templates/getByClientTemplateId", clientTemplateId=client_id).json()["templates"]
            assert entry["templateId"] == template_id
            assert set(entry["locales"][1:]) == locales.get(template_id, set())
    assert ask(sandbox, "templates/getByClientTemplateId", clientTemplateId="nobody's").json() == {"templates": []}
