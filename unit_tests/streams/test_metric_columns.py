"""Which metrics become columns."""

from __future__ import annotations

from typing import Any

import pytest

from source_iterable.streams.daily_metrics import columns


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
