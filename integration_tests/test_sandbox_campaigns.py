"""The sandbox's campaigns: they start and finish without a new updatedAt, and their metrics grow by day."""

from __future__ import annotations

import csv
from datetime import datetime, timedelta, timezone

from integration_tests.sandbox import Sandbox, SandboxSettings
from integration_tests.test_sandbox_api import ask

NOW = datetime(2026, 3, 10, 9, 30, tzinfo=timezone.utc)
SETTINGS = SandboxSettings(now=NOW, users=2, events_per_day=0)


def ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def test_what_is_sent_is_sent_after_its_last_edit_and_before_now() -> None:
    with Sandbox(SETTINGS) as sandbox:
        campaigns = sandbox.truth_list("campaigns")
    sent = [each for each in campaigns if "startAt" in each and each["campaignState"] != "Scheduled"]
    assert all(each["createdAt"] <= each["updatedAt"] <= each["startAt"] <= ms(NOW) for each in sent)
    ended = [each for each in campaigns if "endedAt" in each]
    assert all(each["startAt"] <= each["endedAt"] <= ms(NOW) for each in ended)
    later = [each for each in ended if each["endedAt"] > each["updatedAt"]]
    assert len(later) > len(ended) / 2


def test_a_scheduled_campaign_starts_and_finishes_on_time() -> None:
    with Sandbox(SETTINGS) as sandbox:
        scheduled = [each for each in sandbox.truth_list("campaigns") if each["campaignState"] == "Scheduled"]
        assert scheduled
        assert min(each["startAt"] for each in scheduled) > ms(NOW)
        one = min(scheduled, key=lambda each: each["startAt"])
        sandbox.advance((one["startAt"] - ms(NOW)) / 1000)

        def shown() -> dict[str, object]:
            campaigns = ask(sandbox, "campaigns", pageSize=1000).json()["campaigns"]
            return {each["id"]: each for each in campaigns}[one["id"]]

        assert shown() == {**one, "campaignState": "Running"}
        sandbox.advance(2 * 3600)
        end = one["startAt"] + 2 * 3_600_000
        finished = {**one, "campaignState": "Finished", "endedAt": end, "sendSize": one["id"] % 1000}
        assert shown() == finished
        sandbox.advance(timedelta(days=30).total_seconds())
        assert shown() == finished


def test_metrics_of_single_days_add_up_and_the_last_ones_grow() -> None:
    settings = SandboxSettings(now=NOW, days=20, users=5, metrics_deviations=("counted later",))
    with Sandbox(settings) as sandbox:
        ids = [thing["id"] for thing in sandbox.truth_list("campaigns")][:60]

        def sends(start: str, end: str) -> dict[str, int]:
            query = {"startDateTime": start, "endDateTime": end}
            text = ask(sandbox, "campaigns/metrics", campaignId=ids, **query).text
            return {row["id"]: int(row.get("Total Email Sends") or 0) for row in csv.DictReader(text.splitlines())}

        days = [sends(f"2026-03-{day:02}", f"2026-03-{day + 1:02}") for day in range(1, 9)]
        whole = sends("2026-03-01T00:00:00Z", "2026-03-09T00:00:00Z")
        assert whole == {each: sum(day.get(each, 0) for day in days) for each in whole}
        assert sum(whole.values()) > 0
        for row in sandbox.truth_list("campaigns_metrics_daily"):
            if row["date"] == "2026-03-04" and row["campaignId"] in ids:
                assert days[3][str(row["campaignId"])] == int(row.get("Total Email Sends", 0))
        grown = []
        for _ in range(4):
            grown.append(sum(sends("2026-03-10", "2026-03-11").values()))
            sandbox.advance(86_400)
        assert 0 < grown[0] < grown[1] < grown[2] == grown[3]


def test_what_a_test_changes_stays_as_the_test_has_it() -> None:
    with Sandbox(SETTINGS) as sandbox:
        one = next(each for each in sandbox.truth_list("campaigns") if each["campaignState"] == "Scheduled")
        sandbox.change("campaigns", one["id"], campaignState="Aborted")
        sandbox.advance(timedelta(days=30).total_seconds())
        changed = {each["id"]: each for each in sandbox.truth_list("campaigns")}[one["id"]]
        assert changed == {**one, "campaignState": "Aborted"}


def test_children_of_a_campaign_start_and_finish_too() -> None:
    with Sandbox(SETTINGS) as sandbox:
        before = {each["id"]: each["campaignState"] for each in sandbox.truth_list("child_campaigns")}
        sandbox.advance(timedelta(days=30).total_seconds())
        after = {each["id"]: each["campaignState"] for each in sandbox.truth_list("child_campaigns")}
    started = [each for each, state in before.items() if state == "Scheduled"]
    assert started
    assert {after[each] for each in started} == {"Finished"}


def test_a_deleted_thing_is_gone() -> None:
    with Sandbox(SETTINGS) as sandbox:
        for name, key in (("campaigns", "id"), ("templates", "templateId"), ("journeys", "id")):
            before = sandbox.truth_list(name)
            sandbox.delete(name, before[3][key])
            assert sandbox.truth_list(name) == before[:3] + before[4:]
