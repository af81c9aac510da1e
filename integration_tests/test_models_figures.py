"""Figures of the models, recomputed from the sandbox's truth."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

import pytest

from integration_tests.models import EVENTS, NOW, Built, Record
from integration_tests.sandbox import Sandbox
from integration_tests.test_exports import event_ids
from source_iterable.records.timestamps import rfc3339

pytestmark = pytest.mark.models

SENDS = {"emailSend": "Email", "pushSend": "Push", "inAppSend": "InApp", "smsSend": "SMS"}


@pytest.fixture(scope="module")
def truth(project: Sandbox) -> dict[str, list[Record]]:
    """Every event once, by type, its time as a datetime in UTC without a zone."""
    found: dict[str, list[Record]] = {}
    for stream, data_type in EVENTS.items():
        events = project.truth(data_type, NOW - timedelta(days=100), NOW)
        once = dict(zip((event_ids(stream, [event])[0] for event in events), events, strict=True))
        found[data_type] = [
            {**event, "at": _moment(event["createdAt"])} for event in once.values() if _moment(event.get("createdAt"))
        ]
    return found


def _moment(value: Any) -> datetime | None:
    text = rfc3339(value)
    return None if text is None else datetime.fromisoformat(text[:19])


def by_person(event: Record) -> bool:
    return event.get("isBot") is not True and event.get("proxySource") is None


def test_messages_by_medium(built: Built, truth: dict[str, list[Record]]) -> None:
    rows = built.rows("SELECT message_medium, count(*) AS n FROM iterable__messages GROUP BY 1")
    found = {row["message_medium"]: row["n"] for row in rows}
    for data_type, medium in SENDS.items():
        assert found[medium] == len({event["messageId"] for event in truth[data_type] if "messageId" in event})


def test_the_open_rate_of_campaigns(built: Built, truth: dict[str, list[Record]]) -> None:
    bounced = {event.get("messageId") for event in truth["emailBounce"]}
    opened = {event.get("messageId") for event in truth["emailOpen"] if by_person(event)}
    arrived = {event.get("messageId") for event in [*truth["emailOpen"], *truth["emailClick"]]}
    sent: dict[int, set[str]] = defaultdict(set)
    for event in truth["emailSend"]:
        if "messageId" in event and isinstance(event.get("campaignId"), int):
            sent[event["campaignId"]].add(event["messageId"])
    rows = {
        row["campaign_id"]: row
        for row in built.rows("SELECT * FROM iterable__campaign_performance WHERE message_medium = 'Email'")
    }
    checked = 0
    for campaign, messages in sent.items():
        if campaign in rows:
            delivered = messages - (bounced - arrived)
            assert rows[campaign]["sent"] == len(messages)
            assert rows[campaign]["delivered"] == len(delivered)
            assert rows[campaign]["open_rate"] == pytest.approx(len(messages & opened) / len(delivered))
            checked += 1
    assert checked > 10


def test_unique_opens_are_those_of_users(built: Built, truth: dict[str, list[Record]]) -> None:
    opened = {event.get("messageId") for event in truth["emailOpen"] if by_person(event)}
    users: dict[int, set[str]] = defaultdict(set)
    for event in truth["emailSend"]:
        if event.get("messageId") in opened and isinstance(event.get("campaignId"), int):
            users[event["campaignId"]].add(event["itblUserId"])
    rows = built.rows(
        "SELECT * FROM iterable__campaign_performance WHERE message_medium = 'Email' AND unique_opens > 0"
    )
    found = {row["campaign_id"]: row["unique_opens"] for row in rows}
    assert found == {campaign: len(names) for campaign, names in users.items() if campaign in found}
    assert len(found) > 10
    assert any(row["unique_opens"] < row["messages_opened"] for row in rows)


def test_iterables_own_numbers_agree(built: Built) -> None:
    rows = built.rows("SELECT * FROM iterable__metric_reconciliation WHERE not_comparable_because IS NULL")
    assert len(rows) > 500
    assert not [row for row in rows if row["difference"]]


def test_who_may_be_mailed(built: Built, project: Sandbox) -> None:
    users = {user["email"]: user for user in project.truth("user", "2000-01-01", NOW)}
    expected = 0
    for user in users.values():
        for kind in project.truth_list("message_types"):
            chosen = kind["id"] in (user.get("subscribedMessageTypeIds") or [])
            if kind["subscriptionPolicy"] == "OptOut":
                chosen = kind["id"] not in (user.get("unsubscribedMessageTypeIds") or [])
            expected += chosen and kind["channelId"] not in (user.get("unsubscribedChannelIds") or [])
    rows = built.rows(
        "SELECT count(*) AS n FROM iterable__user_subscriptions WHERE message_type_id IS NOT NULL AND may_be_mailed"
    )
    assert rows[0]["n"] == expected > 100


def test_opens_of_the_last_week(built: Built, truth: dict[str, list[Record]]) -> None:
    opens = ("emailOpen", "pushOpen", "inAppOpen", "whatsAppSeen", "embeddedImpression")
    newest = max(event["at"] for events in truth.values() for event in events)
    known = {row["itbl_user_id"] for row in built.rows("SELECT itbl_user_id FROM iterable__users")}
    expected = sum(
        by_person(event) and event["at"] > newest - timedelta(days=7) and event.get("itblUserId") in known
        for data_type in opens
        for event in truth[data_type]
    )
    assert built.rows("SELECT sum(opens_7_days) AS n FROM iterable__user_engagement")[0]["n"] == expected > 0


def test_users_who_entered_a_journey(built: Built, truth: dict[str, list[Record]]) -> None:
    entered: dict[int, set[str]] = defaultdict(set)
    for events in truth.values():
        for event in events:
            if isinstance(event.get("workflowId"), int) and event.get("itblUserId"):
                entered[event["workflowId"]].add(event["itblUserId"])
    rows = built.rows("SELECT workflow_id, users_entered FROM iterable__journey_funnel")
    assert {row["workflow_id"]: row["users_entered"] for row in rows if row["users_entered"]} == {
        journey: len(users) for journey, users in entered.items()
    }


def test_bounces_by_domain(built: Built, truth: dict[str, list[Record]]) -> None:
    bounced = {event.get("messageId") for event in truth["emailBounce"]}
    sends = {event["messageId"]: event for event in truth["emailSend"] if "messageId" in event}
    expected: dict[str, list[bool]] = defaultdict(list)
    for message, event in sends.items():
        if "@" in str(event.get("email")):
            expected[event["email"].partition("@")[2].lower()].append(message in bounced)
    rows = built.rows(
        "SELECT domain, sum(sent) AS sent, sum(bounced) AS bounced FROM iterable__deliverability GROUP BY 1"
    )
    assert {row["domain"]: (row["sent"], row["bounced"]) for row in rows} == {
        domain: (len(messages), sum(messages)) for domain, messages in expected.items()
    }


def test_sizes_of_lists(built: Built, project: Sandbox) -> None:
    rows = built.rows("SELECT list_id, size FROM iterable__list_growth")
    assert {row["list_id"]: row["size"] for row in rows} == {
        each["listId"]: each["size"] for each in project.truth_list("list_sizes")
    }
