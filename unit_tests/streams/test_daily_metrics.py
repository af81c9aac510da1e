"""Which campaigns are requested for a day, and which of their metrics become columns."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest

from source_iterable.streams.daily_metrics import columns, has_numbers
from source_iterable.streams.metrics import was_sent
from source_iterable.streams.moving import moving_of

DAY = date(2026, 3, 10)


def at(back: int, hour: int = 12) -> int:
    """Milliseconds of an hour of a day so many days before."""
    moment = datetime(2026, 3, 10, hour, tzinfo=timezone.utc) - timedelta(days=back)
    return int(moment.timestamp() * 1000)


@pytest.mark.parametrize(
    ("campaign", "requested"),
    [
        ({"campaignState": "Finished", "endedAt": at(30, 0)}, True),
        ({"campaignState": "Finished", "endedAt": at(31, 23)}, False),
        ({"campaignState": "Finished", "endedAt": at(31), "updatedAt": at(1)}, False),
        # updatedAt stays at the last edit: this one was sent later.
        ({"campaignState": "Finished", "createdAt": at(50), "updatedAt": at(40), "startAt": at(1)}, True),
        ({"campaignState": "Finished", "createdAt": at(50), "updatedAt": at(40), "startAt": at(31)}, False),
        ({"campaignState": "Finished", "createdAt": at(20), "updatedAt": at(40)}, True),
        ({"campaignState": "Finished", "createdAt": at(50), "updatedAt": at(20), "startAt": at(40)}, True),
        ({"campaignState": "Archived", "updatedAt": at(30)}, True),
        ({"campaignState": "Archived", "updatedAt": at(31)}, False),
        ({"campaignState": "Aborted"}, True),  # nobody says when it ended
        ({"campaignState": "Finished", "endedAt": "2026-02-08T00:00:00Z"}, True),
        ({"campaignState": "Finished", "endedAt": "2026-02-07 23:59:59 +00:00"}, False),
        ({"campaignState": "Recurring", "endedAt": at(400), "updatedAt": at(400)}, True),
        ({"campaignState": "Running", "updatedAt": at(400)}, True),
        ({"campaignState": "Archived", "type": "Triggered", "endedAt": at(400)}, True),
        ({"campaignState": "Archived", "type": "Blast", "endedAt": at(400)}, False),
        ({"campaignState": "Draft", "type": "Triggered"}, False),
        ({"campaignState": "Scheduled"}, False),
        ({"campaignState": "SomethingNew", "updatedAt": at(0)}, True),
        ({"campaignState": "Running", "createdAt": at(0, 23)}, True),
        ({"campaignState": "Running", "createdAt": at(-1, 23)}, True),  # Iterable's day may begin later than in UTC
        ({"campaignState": "Running", "createdAt": at(-2, 0)}, False),
        ({"campaignState": "Running", "createdAt": at(-2), "startAt": at(2)}, True),
        ({"campaignState": "Running", "createdAt": at(2), "startAt": at(-3)}, True),
        ({}, True),
        ({"createdAt": "0001-01-01 00:00:00", "endedAt": "9999-12-31 00:00:00"}, True),
    ],
)
def test_campaigns_whose_numbers_may_have_moved(campaign: dict[str, Any], requested: bool) -> None:
    moving = moving_of({"id": 1, **campaign})
    assert (was_sent(campaign) and moving.first <= DAY.toordinal() <= moving.last) is requested


@pytest.mark.parametrize(
    ("cells", "has"),
    [
        ({}, False),
        ({"Total Email Sends": 0, "Revenue": 0.0}, False),
        ({"Total Email Sends": 0, "Revenue": 0.5}, True),
        ({"Revenue": -3}, True),
        ({"Something New": 1}, True),
        ({"Something New": "no number"}, True),
    ],
)
def test_a_range_excludes_a_campaign_only_if_all_is_empty_or_0(cells: dict[str, Any], has: bool) -> None:
    assert has_numbers({"id": 7, **cells}) is has


# Reports of real projects, by what others read of them.
@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("Total Email Sends", "sends"),
        ("Total Pushes Sent", "sends"),
        ("Total SMS Sent", "sends"),
        ("Total SMS Sends", "sends"),
        ("Total In-App Sent", "sends"),
        ("Total InApp Sends", "sends"),
        ("Total Web Push Sends", "sends"),
        ("Total Embedded Sends", "sends"),
        ("Total WhatsApp Sends", "sends"),
        ("sent", "sends"),
        ("Total Emails Delivered", "delivered"),
        ("Total Email Delivered", "delivered"),
        ("Total Pushes Delivered", "delivered"),
        ("Total In-Apps Delivered", "delivered"),
        ("Total Email Opens", "totalOpens"),
        ("Total Pushes Opened", "totalOpens"),
        ("Total In-App Opens", "totalOpens"),
        ("Unique Email Opens", "uniqueOpens"),
        ("Unique Pushes Opened", "uniqueOpens"),
        ("Total Emails Clicked", "totalClicks"),
        ("Total Email Clicked", "totalClicks"),
        ("Total SMS Clicks", "totalClicks"),
        ("Unique Email Clicks", "uniqueClicks"),
        ("Unique SMS Click", "uniqueClicks"),
        ("Total Emails Bounced", "bounces"),
        ("Total Email Bounced", "bounces"),
        ("Total SMS Bounced", "bounces"),
        ("Total Unsubscribes", "unsubscribes"),
        ("Total Complaints", "complaints"),
        ("Total Purchases", "purchases"),
        ("Purchases", "purchases"),
        ("Revenue", "revenue"),
        # Others, which only look like these.
        ("Unique Email Sends", None),
        ("Unique Emails Delivered", None),
        ("Unique Email Opens (filtered)", None),
        ("Total Email Opens (filtered)", None),
        ("Unique Email Opens Or Clicks", None),
        ("Unique Unsubscribes", None),
        ("Unique Purchases", None),
        ("Purchases / M (Email)", None),
        ("Revenue / M (Email)", None),
        ("Total Email Send Skips", None),
        ("Total Email Holdout", None),
        ("Total Hosted Unsubscribe Clicks", None),
        ("Total Inbound SMS", None),
        ("Total App Uninstalls", None),
        ("Email Open Rate", None),
        ("Average Order Value", None),
        ("Total Custom Conversions", None),
    ],
)
def test_a_metric_and_its_column(name: str, column: str | None) -> None:
    assert columns({name: 7}) == ({} if column is None else {column: 7})


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"Total Purchases": 3, "Purchases": 9}, {"purchases": 3}),
        ({"Total Email Sends": 4, "Total SMS Sent": 3}, {"sends": 7}),
        ({"Total Email Sends": 4, "Total Emails Sent": 4}, {"sends": 4}),
        ({"Total Email Sends": 4, "Total SMS Sent": 3, "Total Sends": 8}, {"sends": 8}),
        ({"Total In-App Opens": 2, "Total InApp Opens": 2}, {"totalOpens": 2}),
        ({"Total SMS Sent": 2**63}, {}),
        ({"Total Email Sends": 1.7e308, "Total SMS Sent": 1.7e308}, {}),
        ({"Total SMS Sent": 1e300, "Revenue": 1e300}, {"revenue": 1e300}),
        ({"Total SMS Sent": 0}, {"sends": 0}),
        ({"Total Email Sends": 4.0, "Revenue": 2}, {"sends": 4, "revenue": 2}),
        ({"Total Email Sends": 4.5, "Revenue": 2.5}, {"revenue": 2.5}),
        ({"Total Email Sends": "many"}, {}),
        ({"Total Emails Delivered": -3}, {"delivered": -3}),
        ({}, {}),
    ],
)
def test_what_is_no_number_or_no_whole_one_stays_in_data(row: dict[str, Any], expected: dict[str, Any]) -> None:
    found = columns(row)
    assert found == expected
    assert all(type(value) is int for column, value in found.items() if column != "revenue")
