"""Which campaigns are requested for a day."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest

from source_iterable.streams.daily_metrics import may_have_changed, span_of

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
    span = span_of({"id": 1, **campaign})
    assert (span is not None and may_have_changed(span, DAY)) is requested
