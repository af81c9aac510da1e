"""The sandbox's world is one that a marketer would believe, and its metrics are those of its events."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from integration_tests.sandbox import NOW, Sandbox, SandboxSettings
from integration_tests.sandbox.times import parse_record_time

Record = dict[str, Any]
ALWAYS = "2000-01-01"
SENDS = {
    "Email": "emailSend",
    "Push": "pushSend",
    "WebPush": "webPushSend",
    "InApp": "inAppSend",
    "SMS": "smsSend",
    "Embedded": "embeddedSend",
    "RCS": "rcsSend",
    "WhatsApp": "whatsAppSend",
}
# Of SMS, RCS and web pushes nobody tells who opens them.
OPENS = {
    "Email": "emailOpen",
    "Push": "pushOpen",
    "InApp": "inAppOpen",
    "Embedded": "embeddedImpression",
    "WhatsApp": "whatsAppSeen",
}


@pytest.fixture(scope="module")
def world() -> Sandbox:
    return Sandbox(SandboxSettings())


def events(sandbox: Sandbox, *data_types: str) -> list[Record]:
    return [record for name in data_types for record in sandbox.truth(name, ALWAYS, sandbox.now())]


def at(record: Record) -> datetime:
    return datetime.fromtimestamp((parse_record_time(record["createdAt"]) or 0) / 1000, timezone.utc)


def by_campaign(records: Iterable[Record]) -> dict[int, list[Record]]:
    """In order of time; without records whose campaignId is odd."""
    found: dict[int, list[Record]] = defaultdict(list)
    for record in sorted(records, key=at):
        if isinstance(record.get("campaignId"), int):
            found[record["campaignId"]].append(record)
    return found


def is_machine(record: Record) -> bool:
    return record.get("isBot") is True or record.get("proxySource") is not None


def opened(sandbox: Sandbox, medium: str) -> set[str]:
    """The messages that people opened."""
    return {record["messageId"] for record in events(sandbox, OPENS[medium]) if not is_machine(record)}


def test_every_campaign_has_the_medium_of_its_template_and_of_its_channel(world: Sandbox) -> None:
    kinds = world.core.world.template_kinds
    types = {thing["templateId"]: thing["messageTypeId"] for thing in world.truth_list("templates")}
    channels = {thing["id"]: thing["channelId"] for thing in world.truth_list("message_types")}
    media = {thing["id"]: thing["messageMedium"] for thing in world.truth_list("channels")}
    campaigns = world.truth_list("campaigns")
    assert len(campaigns) == 85
    for campaign in campaigns:
        template = campaign["templateId"]
        assert campaign["messageMedium"] == kinds[template][1] == media[channels[types[template]]]
    of_campaigns = {campaign["id"]: campaign["templateId"] for campaign in campaigns}
    named = [thing for thing in world.truth_list("templates") if "campaignId" in thing]
    assert [thing for thing in named if of_campaigns[thing["campaignId"]] != thing["templateId"]] == []


def test_a_recurring_campaign_sends_nothing_itself_its_children_do(world: Sandbox) -> None:
    sent = by_campaign(events(world, *SENDS.values()))
    parents = {c["id"] for c in world.truth_list("campaigns") if c["campaignState"] == "Recurring"}
    assert len(parents) == 3
    assert parents & set(sent) == set()
    assert len({child["id"] for child in world.truth_list("child_campaigns")} & set(sent)) > 5


def test_a_campaign_sends_between_its_start_and_its_end(world: Sandbox) -> None:
    campaigns = {campaign["id"]: campaign for campaign in world.truth_list("campaigns")}
    sent = by_campaign(events(world, *SENDS.values()))
    assert len(sent) > 40
    for campaign, messages in sent.items():
        start, end = (campaigns[campaign].get(name) for name in ("startAt", "endedAt"))
        assert start is not None
        assert start <= at(messages[0]).timestamp() * 1000
        assert end is None or at(messages[-1]).timestamp() * 1000 <= end


def test_a_weekend_day_sends_under_half_of_a_weekday(world: Sandbox) -> None:
    days = Counter(at(record).date() for record in events(world, *SENDS.values()))
    del days[NOW.date()]
    weekends = [count for day, count in days.items() if day.weekday() >= 5]
    weekdays = [count for day, count in days.items() if day.weekday() < 5]
    assert len(weekends) >= 8
    assert max(weekends) < min(weekdays) / 2


def test_open_rates_differ_by_a_fifth_between_any_two_media(world: Sandbox) -> None:
    rates = []
    for medium in OPENS:
        sent = {record["messageId"] for record in events(world, SENDS[medium])}
        rates.append(len(sent & opened(world, medium)) / len(sent))
    assert all(higher >= 1.2 * lower > 0 for lower, higher in pairwise(sorted(rates))), rates


def test_open_rates_fall_over_a_campaigns_life(world: Sandbox) -> None:
    for medium in ("Email", "InApp", "WhatsApp"):
        who, rates = opened(world, medium), []
        campaigns = [each for each in by_campaign(events(world, SENDS[medium])).values() if len(each) >= 12]
        for third in range(3):
            messages = [m for each in campaigns for m in each[len(each) * third // 3 : len(each) * (third + 1) // 3]]
            rates.append(sum(message["messageId"] in who for message in messages) / len(messages))
        assert rates[0] > 1.3 * rates[2], (medium, rates)


def test_names_are_those_that_a_marketer_gives_one_of_them_in_another_script(world: Sandbox) -> None:
    own = [thing for thing in world.truth_list("campaigns") if "recurringCampaignId" not in thing]
    names = [thing["name"] for thing in own]
    assert len(set(names)) == len(names) == 60
    other = [name for name in names if any(c.isalpha() and not unicodedata.name(c).startswith("LATIN") for c in name)]
    assert len(other) == 1
    assert not any(character in name for name in names for character in "#_\n\t")
    assert not any(name.split()[-1].isdigit() for name in names)
    parents = {thing["id"]: thing["name"] for thing in own}
    for child in world.truth_list("child_campaigns"):
        name, _, day = child["name"].rpartition(", ")
        assert name == parents[child["recurringCampaignId"]]
        assert datetime.fromisoformat(day).date() <= NOW.date() + timedelta(days=4)


Counted = dict[int, dict[str, float]]


def recounted(sandbox: Sandbox, start: str = ALWAYS, end: str = "2100-01-01") -> Counted:
    """Metrics of campaigns that have any, by Iterable's definitions."""
    found: dict[int, dict[str, list[Record]]] = defaultdict(dict)
    for data_type in (
        *("emailSend", "emailSendSkip", "emailOpen", "emailClick", "emailBounce", "emailUnSubscribe", "emailComplaint"),
        *("purchase", "pushSend", "pushOpen", "pushBounce", "pushUninstall"),
        *("inAppSend", "inAppDelivery", "inAppOpen", "inAppClick", "inAppClose"),
        *("smsSend", "smsClick", "smsBounce", "smsReceived"),
    ):
        for campaign, records in by_campaign(sandbox.truth(data_type, start, end)).items():
            found[campaign][data_type] = records
    return {campaign: _figures(its) for campaign, its in found.items()}


def _figures(its: dict[str, list[Record]]) -> dict[str, float]:
    def total(data_type: str) -> int:
        return len(its.get(data_type, ()))

    def people(*data_types: str, count: Callable[[Record], bool] = lambda record: True) -> int:
        return len({r["itblUserId"] for each in data_types for r in its.get(each, ()) if count(r)})

    amounts = [record["total"] for record in its.get("purchase", ())]
    return {
        "Total Email Sends": total("emailSend"),
        "Total Email Send Skips": total("emailSendSkip"),
        "Total Emails Bounced": total("emailBounce"),
        "Total Email Opens": total("emailOpen"),
        "Unique Email Opens": people("emailOpen"),
        "Unique Email Opens (filtered)": people("emailOpen", count=lambda record: not is_machine(record)),
        "Unique Email Opens Or Clicks": people("emailOpen", "emailClick"),
        "Total Emails Clicked": total("emailClick"),
        "Unique Email Clicks": people("emailClick"),
        "Total Complaints": total("emailComplaint"),
        "Total Unsubscribes": total("emailUnSubscribe"),
        "Unique Unsubscribes": people("emailUnSubscribe"),
        "Total Purchases": total("purchase"),
        "Unique Purchases": people("purchase"),
        "Revenue": sum(amount for amount in amounts if isinstance(amount, float)),
        "Total Pushes Sent": total("pushSend"),
        "Total Pushes Bounced": total("pushBounce"),
        "Total App Uninstalls": total("pushUninstall"),
        "Unique Pushes Opened": people("pushOpen"),
        "Total In-App Sent": total("inAppSend"),
        "Total In-Apps Delivered": total("inAppDelivery"),
        "Unique In-App Opens": people("inAppOpen"),
        "Total In-App Clicks": total("inAppClick"),
        "Total In-App Closes": total("inAppClose"),
        "Total SMS Sent": total("smsSend"),
        "Total SMS Bounced": total("smsBounce"),
        "Total Inbound SMS": total("smsReceived"),
        "Unique SMS Clicks": people("smsClick"),
    }


def agrees(rows: list[Record], expected: Counted) -> int:
    """How many rows tell of anything; asserts that all tell what is expected, with a row for each campaign of these."""
    told = {int(row["id"]): {name: float(cell) for name, cell in row.items() if name != "id"} for row in rows}
    for campaign, figures in expected.items():
        row = told[campaign]
        assert {name: figures[name] for name in row if name in figures} == {n: row[n] for n in row if n in figures}
    assert not any(any(row.values()) for campaign, row in told.items() if campaign not in expected)
    return sum(any(row.values()) for row in told.values())


def test_metrics_of_campaigns_are_counted_from_their_events_unique_ones_by_person(world: Sandbox) -> None:
    expected = recounted(world)
    assert agrees(world.truth_list("campaigns_metrics"), expected) > 40
    repeated = [each for each in expected.values() if 0 < each["Unique Email Opens"] < each["Total Email Opens"]]
    assert len(repeated) > 10


def test_metrics_of_days_are_counted_from_the_events_of_the_day(world: Sandbox) -> None:
    day, names = NOW.date() - timedelta(days=9), ("Unique Email Opens", "Total Email Opens")
    together: Counter[str] = Counter()
    for _ in range(7):
        edges = (day.isoformat(), (day + timedelta(days=1)).isoformat())
        rows = world.metrics(*edges)
        assert agrees(rows, recounted(world, *edges)) > 3
        of_day = [row for row in world.truth_list("campaigns_metrics_daily") if row["date"] == edges[0]]
        told = {row["id"]: row for row in rows}
        for row in of_day:
            assert {**row, "id": str(row["campaignId"])} == {**told[str(row["campaignId"])], **row}
        together.update({name: sum(int(row.get(name, 0)) for row in rows) for name in names})
        day += timedelta(days=1)
    whole = world.metrics((day - timedelta(days=7)).isoformat(), day.isoformat())
    unique, total = (sum(int(row.get(name, 0)) for row in whole) for name in names)
    assert together["Total Email Opens"] == total
    assert together["Unique Email Opens"] > unique, "who opens on two days counts on both, and once in the week"


def test_messages_that_bounced_were_not_delivered(world: Sandbox) -> None:
    sends, bounced = (
        by_campaign(events(world, "emailSend")),
        {each["messageId"] for each in events(world, "emailBounce")},
    )
    rows = {int(row["id"]): row for row in world.truth_list("campaigns_metrics")}
    lost = 0
    for campaign, messages in sends.items():
        undelivered = len(messages) - int(rows[campaign]["Total Emails Delivered"])
        # One that bounces later than on the next day counts as delivered.
        assert 0 <= undelivered <= sum(record["messageId"] in bounced for record in messages)
        lost += undelivered
    assert lost > 0.05 * sum(map(len, sends.values()))


def test_metrics_of_experiments_are_counted_from_the_messages_of_each_variant(world: Sandbox) -> None:
    sends, opens = by_campaign(events(world, "emailSend")), by_campaign(events(world, "emailOpen"))
    rows = world.truth_list("experiments_metrics")
    totals = {
        (each["experimentId"], each["value"]["templateId"]): each.get("metrics")
        for each in world.truth_list("experiment_variants")
    }
    for row in rows:
        campaign, template = int(row["Campaign ID"]), int(row["Template ID"])
        sent = [record for record in sends[campaign] if record["templateId"] == template]
        people = {record["itblUserId"] for record in opens[campaign] if record["templateId"] == template}
        assert (row["Total Email Sends"], row["Unique Email Opens"]) == (str(len(sent)), str(len(people)))
        metrics = totals[int(row["Experiment ID"]), template]
        assert metrics is None or (metrics["Total Email Sends"], metrics["Unique Email Opens"]) == (
            len(sent),
            len(people),
        )
    assert len(rows) == 39
    assert sum(row["Total Email Sends"] != "0" for row in rows) > 15


def totals(sandbox: Sandbox, name: str) -> int:
    return sum(int(row.get(name, 0)) for row in sandbox.truth_list("campaigns_metrics"))


def test_metrics_deviate_from_the_events_only_where_a_test_wants_it() -> None:
    def made(*deviations: str) -> Sandbox:
        return Sandbox(SandboxSettings(days=12, late_share=0.3, late_hours=12.0, metrics_deviations=deviations))

    exact, apart, missing, later = made(), made("machines apart"), made("late missing"), made("counted later")
    for sandbox in (exact, apart, missing, later):
        sandbox.advance(12 * 3600)  # late events arrive
    agrees(exact.truth_list("campaigns_metrics"), recounted(exact))
    filtered = totals(exact, "Unique Email Opens (filtered)")
    assert totals(apart, "Unique Email Opens") == totals(apart, "Unique Email Opens (filtered)") == filtered
    assert filtered < totals(exact, "Unique Email Opens")
    sends = {sandbox: totals(sandbox, "Total Email Sends") for sandbox in (exact, apart, missing, later)}
    assert sends[missing] < sends[exact] == sends[apart]
    assert sends[later] < sends[exact]
    for sandbox in (exact, missing, later):
        sandbox.advance(2 * 86_400)
    day = (NOW.date().isoformat(), (NOW.date() + timedelta(days=1)).isoformat())
    agrees(later.metrics(*day), recounted(exact, *day))
    told, real = missing.metrics(ALWAYS, day[0]), exact.metrics(ALWAYS, day[0])
    assert sum(int(r.get("Total Email Sends", 0)) for r in told) < sum(int(r.get("Total Email Sends", 0)) for r in real)


def test_of_campaigns_without_events_there_are_zeros_empty_cells_or_no_rows(world: Sandbox) -> None:
    day, next_day = (NOW.date() - timedelta(days=each) for each in (9, 8))
    rows = {int(row["id"]): row for row in world.metrics(day.isoformat(), next_day.isoformat())}
    active = recounted(world, day.isoformat(), next_day.isoformat())
    states = {campaign["id"]: campaign["campaignState"] for campaign in world.truth_list("campaigns")}
    seen = set()
    for campaign, state in states.items():
        row = rows.get(campaign)
        if state in ("Draft", "Scheduled"):
            assert row is None
        elif campaign not in active:
            seen.add("no row" if row is None else "empty cells" if len(row) == 1 else "zeros")
    assert seen == {"zeros", "empty cells", "no row"}


def test_the_sandbox_stays_small() -> None:
    files = Path(__file__).with_name("sandbox").glob("*.py")
    assert sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files) <= 2600
