"""Numbers that agree with Iterable's, by hand: persons, media, bounces, experiments, reconciliation; and own fields."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import duckdb
import pytest

from integration_tests.models import DATABASE, FILE, Built, Record, in_duckdb, in_postgres
from integration_tests.test_models_rows import only, statements, table
from integration_tests.warehouses import PostgresWarehouse

pytestmark = pytest.mark.models

ANN, BOB, DAN = "ann@x.example", "bob@y.example", "dan@x.example"
AT = datetime.fromisoformat
US, EU = {"project": "us"}, {"project": "eu"}
VARIABLES = {
    "iterable_timezone": "America/New_York",
    "iterable_user_columns": [
        {"field": "plan", "name": "plan", "kind": "text"},
        {"field": "loyaltyPoints", "name": "loyalty_points", "kind": "number"},
        {"field": "age", "name": "age", "kind": "integer"},
        {"field": "vip", "name": "is_vip", "kind": "boolean"},
        {"field": "since", "name": "member_since", "kind": "time"},
        {"field": "shoeSize", "name": "shoe_size", "kind": "integer"},
    ],
    "iterable_event_columns": [{"field": "qty", "name": "quantity", "kind": "integer"}],
}
PROFILE = {"plan": "pro", "loyaltyPoints": "12.5", "age": 30, "vip": True, "since": "2026-01-01 01:00:00 +01:00"}
METRICS = {
    "Total Email Sends": 6,
    "Total Email Opens": 6,
    "Unique Email Opens": 2,
    "Unique Email Opens (filtered)": 2,
    "Total Purchases": 1,
    "Revenue": 12.5,
    "Total Complaints": 1,
    "Total Unsubscribes": 2,
    "Total SMS Sent": "none",
}


def sent(message: str, campaign: int, at: str = "2026-03-02 15:00", **more: Any) -> Record:
    return {**US, "message_id": message, "campaign_id": campaign, "created_at": at, **more}


def later(message: str, at: str, campaign: int = 1, **more: Any) -> Record:
    return {**US, "message_id": message, "campaign_id": campaign, "created_at": at, **more}


# Campaign 1 is a triggered one: Ann gets it three times; Bob, somebody unknown and one who has only a userId once each.
# The third time is 03:59 in UTC, and the day before in New York.
RAW: dict[str, list[Record]] = {
    "users": [
        {**US, "email": ANN, "itbl_user_id": "ann", "user_id": None, "shoe_size": "38", "data": json.dumps(PROFILE)},
        {**US, "email": BOB, "data": '{"loyaltyPoints": "many", "age": 30.5, "vip": "perhaps", "since": "long ago"}'},
        {**US, "email": None, "user_id": "eve"},
        {**US, "email": " Dan@x.example", "email_list_ids": "[100]"},
        {**EU, "email": DAN, "email_list_ids": "[100]"},
    ],
    "forgotten_users": [{**US, "hash": hashlib.sha256(DAN.encode()).hexdigest(), "identifier_type": "email"}],
    "list_users": [
        {**US, "list_id": 200, "user_identifier": DAN, "email": DAN},
        {**US, "list_id": 200, "user_identifier": BOB, "email": BOB},
        {**EU, "list_id": 200, "user_identifier": DAN, "email": DAN},
    ],
    "campaigns": [
        *(
            {**US, "id": number, "start_at": "2026-03-02 15:00", "created_at": "2026-03-01"}
            for number in (1, 2, 3, 4, 5, 6)
        ),
        {**US, "id": 8, "created_at": "2020-01-01", "message_medium": "Email"},
        {**EU, "id": 1, "start_at": "2026-03-02 15:00"},
    ],
    "email_send": [
        sent("m1", 1, email=ANN, experiment_id=20, template_id=5),
        sent("m2", 1, email=None, itbl_user_id="ann", experiment_id=20, template_id=5),
        sent("m3", 1, "2026-03-11 03:59", email=ANN, experiment_id=20, template_id=6),
        sent("m4", 1, email=BOB, experiment_id=20, template_id=6),
        sent("m5", 1),
        sent("m6", 1, user_id="eve"),
        sent("m7", 8, "2026-03-03 15:00", email=BOB, experiment_id=21, template_id=7),
        sent("m8", 8, "2026-03-03 15:00", email=BOB, experiment_id=21, template_id=5),
        {**sent("m1", 1, email=DAN), **EU},
    ],
    "sms_send": [sent("m20", 2, email=ANN)],
    "push_send": [sent("m21", 3, email=ANN), sent("m9", 8, "2026-03-03 15:00", email=ANN)],
    "web_push_send": [sent("m22", 4, email=ANN)],
    "rcs_send": [sent("m23", 5, email=ANN)],
    "in_app_send": [sent("m24", 6, email=ANN)],
    "in_app_delivery": [later("m24", "2026-03-02 16:00", 6, email=ANN)],
    "email_open": [
        later("m1", "2026-03-02 16:00", email=ANN, proxy_source=None),
        later("m2", "2026-03-02 16:00", email=ANN),
        later("m2", "2026-03-02 17:00", email=ANN),
        later("m3", "2026-03-11 04:30", email=ANN),
        later("m4", "2026-03-02 16:00", email=BOB, proxy_source="Apple"),
        later("m5", "2026-03-02 16:00"),
    ],
    "email_click": [
        later("m1", "2026-03-02 16:30", email=ANN),
        later("m3", "2026-03-11 04:30", email=ANN),
        later("m4", "2026-03-02 16:30", email=BOB, is_bot=True),
    ],
    "sms_click": [
        later("m20", "2026-03-02 16:00", 2, email=ANN, itbl_user_id="a1"),
        later("m20", "2026-03-02 16:01", 2, email=None, itbl_user_id="a1"),
    ],
    "hosted_unsubscribe_click": [
        later("m1", "2026-03-02 16:31", email=ANN),
        later("m1", "2026-03-02 16:32", email=ANN),
        later("m4", "2026-03-02 16:31", email=BOB, is_bot=True),
    ],
    "email_unsubscribe": [
        later("m1", "2026-03-02 17:00", email=ANN, unsub_source="EmailLink"),
        later("m2", "2026-03-02 17:00", email=ANN, unsub_source="EmailLink"),
        later("m6", "2026-03-02 17:00", user_id="eve", unsub_source="HardBounce"),
    ],
    "email_bounce": [
        later("m4", "2026-03-02 15:01", email=BOB, recipient_state="SoftBounce"),
        later("m6", "2026-03-02 15:01", user_id="eve", recipient_state="HardBounce"),
        later("m7", "2026-03-03 15:01", 8, email=BOB, recipient_state="SoftBounce"),
        later("m7", "2026-03-03 15:02", 8, email=BOB, recipient_state="HardBounce"),
        later("m8", "2026-03-03 15:01", 8, email=BOB, recipient_state=None),
    ],
    "email_send_skip": [
        *(sent(f"s{number}", 1, email=ANN, reason="FrequencyCapped") for number in (1, 2)),
        sent("s3", 1, email=BOB, reason="FrequencyCapped"),
        sent("s4", 1, email=BOB, reason="Unsubscribed"),
    ],
    "sms_send_skip": [sent("s5", 2, "2026-03-03 03:00", email=ANN)],
    "purchase": [
        later("m1", "2026-03-10 12:00", email=ANN, total=12.5),
        later(
            "m1",
            "2026-03-11 12:00",
            email=ANN,
            total=8,
            itbl_internal='{"documentCreatedAt": "2026-03-20 00:00:00 +00:00"}',
        ),
        later("m1", "2026-03-13 12:00", email=ANN, total=100),
    ],
    "custom_event": [
        {**US, "email": ANN, "created_at": "2026-03-04", "event_name": "cart", "data": '{"qty": 3}'},
        {**US, "email": ANN, "created_at": "2026-03-04", "event_name": "cart", "data": '{"qty": "three"}'},
    ],
    # As Airbyte's connector wrote them: without ids, some of them twice. Later ones have ids.
    "push_open": [
        {**later("m21", "2026-03-02 16:00", 3, email=ANN), "_event_id": None, "_airbyte_extracted_at": "2026-03-03"},
        {**later("m21", "2026-03-02 16:00", 3, email=ANN), "_event_id": None, "_airbyte_extracted_at": "2026-03-04"},
        {**later("m21", "2026-03-02 16:05", 3, email=ANN), "_event_id": None, "_airbyte_extracted_at": "2026-03-04"},
        {**later("m21", "2026-03-02 16:09", 3, email=ANN), "_event_id": "given", "_airbyte_extracted_at": "2026-03-05"},
    ],
    "in_app_open": [
        later("m24", "2026-03-02 16:00", 6, email=ANN),
        later("m24", "2026-03-02 16:00", 6, email=ANN),
        later("m24", "2026-03-02 16:00", 6, email=BOB),
    ],
    "experiments": [
        {**US, "id": 20, "name": "Subject", "status": "winner_found", "campaign_id": 1, "start_date": "2026-03-02"},
        {**US, "id": 21, "name": "Send time"},
        {**US, "id": 22, "name": "Draft"},
    ],
    "experiment_variants": [
        {**US, "id": 1, "experiment_id": 20, "template_id": 5, "name": "A", "is_control": True, "is_winner": False},
        {**US, "id": 2, "experiment_id": 20, "template_id": 6, "name": "B", "is_control": False, "is_winner": True},
        {**US, "id": 1, "experiment_id": 21, "template_id": 7, "name": "Morning"},
        {**US, "id": 2, "experiment_id": 21, "template_id": 7, "name": "Evening"},
    ],
    "campaigns_metrics": [
        {**US, "id": 1, "counted_at": "2026-03-12", "data": json.dumps(METRICS)},
        {**US, "id": 1, "counted_at": "2026-03-05", "data": '{"Total Email Sends": 1}'},
        {**US, "id": 2, "counted_at": "2026-03-12", "data": '{"Unique SMS Clicks": 1}'},
        {**US, "id": 8, "counted_at": "2026-03-12", "data": '{"Total Email Sends": 70}'},
        {**US, "id": 99, "counted_at": "2026-03-12", "data": '{"Total Email Sends": 70}'},
        {**EU, "id": 1, "counted_at": "2026-03-12", "data": '{"Total Email Sends": 70}'},
    ],
    "campaigns_metrics_daily": [
        {**US, "campaign_id": 1, "date": "2026-03-02", "sends": 50},
        {**US, "campaign_id": 1, "date": "2026-03-05", "sends": 4, "total_opens": 0},
        {**US, "campaign_id": 1, "date": "2026-03-11", "sends": 1, "total_opens": 1, "revenue": 8},
        {**US, "campaign_id": 1, "date": "2026-03-13", "sends": 50},
    ],
}


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def models(
    request: pytest.FixtureRequest, postgres_server: PostgresWarehouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Built]:
    folder = tmp_path_factory.mktemp(request.param)
    raw = [*statements(RAW), "ALTER TABLE iterable.in_app_open DROP COLUMN _event_id"]
    if request.param == "duckdb":
        with duckdb.connect(str(folder / FILE)) as file:
            for statement in raw:
                file.execute(statement)
        yield in_duckdb(folder / FILE, folder, **VARIABLES)
        return
    with postgres_server.database(DATABASE) as database:
        for statement in raw:
            database.execute(statement)
        yield in_postgres(database.to, folder, **VARIABLES)


def of_campaign(models: Built, campaign: int, project: str = "us") -> Record:
    where = f"WHERE campaign_id = {campaign} AND source_relation = '{project}'"
    return only(models, f"SELECT * FROM iterable__campaign_performance {where}")


def test_messages_and_persons(models: Built) -> None:
    found = of_campaign(models, 1)
    messages = {
        "sent": 6,
        "delivered": 5,
        "messages_opened": 4,
        "messages_opened_by_machines": 1,
        "messages_clicked": 2,
    }
    messages |= {"messages_opened_or_clicked": 4, "unsubscribed": 2}
    persons = {"unique_sends": 4, "unique_opens": 2, "unique_opens_with_machines": 3, "unique_clicks": 1}
    persons |= {"unique_clicks_with_machines": 2, "unique_opens_or_clicks": 2, "unique_unsubscribes": 1}
    events = {"total_opens": 5, "total_opens_by_machines": 1, "total_clicks": 2, "total_clicks_by_machines": 1}
    expected = messages | persons | events
    assert {name: found[name] for name in expected} == expected
    rates = {"open": 4 / 5, "click": 2 / 5, "click_to_open": 2 / 4, "unsubscribe": 2 / 5}
    rates |= {"unique_open": 2 / 5, "unique_click": 1 / 5, "unique_click_to_open": 1 / 2}
    assert {name: found[f"{name}_rate"] for name in rates} == pytest.approx(rates)
    assert of_campaign(models, 1, "eu")["unique_sends"] == 1


def test_days_are_those_of_the_time_zone_and_persons_do_not_add_up(models: Built) -> None:
    days = models.rows(
        "SELECT sent_on, sent, messages_opened, unique_opens FROM iterable__campaign_performance_daily"
        " WHERE campaign_id = 1 AND source_relation = 'us' ORDER BY sent_on"
    )
    assert [tuple(row.values()) for row in days] == [(date(2026, 3, 2), 5, 3, 2), (date(2026, 3, 10), 1, 1, 1)]
    event = "SELECT created_at, created_on FROM iterable__events WHERE message_id = 'm3' AND event_name = 'emailSend'"
    assert only(models, event) == {"created_at": AT("2026-03-11 03:59"), "created_on": date(2026, 3, 10)}


def test_a_medium_has_no_rates_that_its_events_cannot_tell(models: Built) -> None:
    names = ("delivery", "bounce", "open", "click", "click_to_open", "unique_open", "unique_click_to_open", "complaint")
    found = {}
    for campaign in (1, 2, 3, 4, 5, 6):
        row = of_campaign(models, campaign)
        found[row["message_medium"]] = {name for name in names if row[f"{name}_rate"] is not None}
    assert found == {
        "Email": set(names),
        "SMS": {"delivery", "bounce", "click"},
        "Push": {"delivery", "bounce", "open", "unique_open"},
        "Web push": {"click"},
        "RCS": set(),
        "InApp": set(names) - {"bounce", "complaint"},
    }
    assert (of_campaign(models, 4)["click_rate"], of_campaign(models, 2)["click_rate"]) == (0, 1)


def test_bounces_and_clicks_on_the_hosted_page(models: Built) -> None:
    columns = ("bounced", "hard_bounced", "soft_bounced")
    assert [of_campaign(models, 1)[name] for name in columns] == [2, 1, 1]
    assert [of_campaign(models, 8)[name] for name in columns] == [2, 1, 0], (
        "a soft one before a hard one, and one of no state"
    )
    domains = models.rows(
        "SELECT sum(hard_bounced) AS hard, sum(soft_bounced) AS soft FROM iterable__deliverability"
        " WHERE domain = 'y.example'"
    )
    assert [tuple(map(int, row.values())) for row in domains] == [(1, 1)]
    hosted = of_campaign(models, 1)
    assert (hosted["total_hosted_unsubscribe_clicks"], hosted["unique_hosted_unsubscribe_clicks"]) == (2, 1)


def test_skips(models: Built) -> None:
    columns = ("message_medium", "coalesce(reason, '')", "skips", "unique_users", "first_skipped_on")
    assert table(models, "iterable__send_skips", "campaign_id", *columns) == [
        (1, "Email", "FrequencyCapped", 3, 2, date(2026, 3, 2)),
        (1, "Email", "Unsubscribed", 1, 1, date(2026, 3, 2)),
        (2, "SMS", "", 1, 1, date(2026, 3, 2)),
    ]


def test_experiments(models: Built) -> None:
    columns = ("status", "variant_name", "is_winner", "template_id", "sent", "messages_opened", "unique_opens")
    shown = f"SELECT experiment_name, {', '.join(columns)}, open_rate FROM iterable__experiments"
    rows = models.rows(f"{shown} ORDER BY experiment_id, variant_id")
    assert [tuple(row.values()) for row in rows] == [
        ("Subject", "winner_found", "A", False, 5, 2, 2, 1, 1.0),
        ("Subject", "winner_found", "B", True, 6, 2, 1, 1, 0.5),
        ("Send time", None, "Morning", None, 7, None, None, None, None),
        ("Send time", None, "Evening", None, 7, None, None, None, None),
        ("Draft", *[None] * 8),
    ]


def test_forgotten_users_are_in_no_model_of_users(models: Built) -> None:
    for name in ("users", "user_lists", "user_engagement"):
        keys = models.rows(f"SELECT source_relation, unique_user_key FROM iterable__{name}")
        found = {tuple(row.values()) for row in keys}
        assert not {key for project, key in found if project == "us" and "dan" in key.lower()}, name
        assert ("eu", DAN) in found, "another project has not forgotten them"
    lists = table(models, "iterable__user_lists", "source_relation", "list_id", "unique_user_key")
    assert lists == [("eu", 100, DAN), ("eu", 200, DAN), ("us", 200, BOB)]


def test_what_identifies_a_user_without_an_email_address(models: Built) -> None:
    users = models.rows("SELECT unique_user_key FROM iterable__users WHERE source_relation = 'us'")
    assert {row["unique_user_key"] for row in users} == {ANN, BOB, "eve"}
    assert only(models, "SELECT unique_user_key FROM iterable__messages WHERE message_id = 'm6'") == {
        "unique_user_key": "eve"
    }


def test_own_fields_are_typed_columns(models: Built) -> None:
    columns = ("plan", "loyalty_points", "age", "is_vip", "member_since", "shoe_size")
    assert table(models, "iterable__users", "unique_user_key", *columns)[:2] == [
        (ANN, "pro", 12.5, 30, True, AT("2026-01-01 00:00"), 38),
        (BOB, None, None, None, None, None, None),
    ]
    carts = models.rows("SELECT quantity FROM iterable__events WHERE event_name = 'customEvent' ORDER BY quantity")
    assert {row["quantity"] for row in carts} == {3, None}


def test_events_without_an_id_get_one_of_what_they_hold(models: Built) -> None:
    opens = models.rows("SELECT event_id, event_name, created_at FROM iterable__events WHERE event_name LIKE '%Open'")
    pushes = [row for row in opens if row["event_name"] == "pushOpen"]
    assert sorted(row["created_at"].minute for row in pushes) == [0, 5, 9], "copies of a row are one event"
    assert {len(row["event_id"]) for row in pushes} == {32, len("given")}
    assert len([row for row in opens if row["event_name"] == "inAppOpen"]) == 2, "in a table without the column, too"


def test_users_and_campaigns(models: Built) -> None:
    columns = ("sent", "messages_opened", "total_opens", "first_sent_at", "first_opened_at", "first_clicked_at")
    where = "WHERE campaign_id = 1 AND source_relation = 'us' ORDER BY unique_user_key"
    rows = models.rows(f"SELECT unique_user_key, {', '.join(columns)} FROM iterable__user_campaigns {where}")
    when = AT("2026-03-02 15:00"), AT("2026-03-02 16:00"), AT("2026-03-02 16:30")
    assert [tuple(row.values()) for row in rows] == [
        (ANN, 3, 3, 4, *when),
        (BOB, 1, 0, 0, when[0], None, None),
        ("eve", 1, 0, 0, when[0], None, None),
    ]
    opens = "SELECT events, events_by_machines, unique_users FROM iterable__campaign_events"
    found = only(models, f"{opens} WHERE event_name = 'emailOpen' AND campaign_id = 1")
    assert list(found.values()) == [6, 1, 2]
    ann = f"SELECT events, last_event_at FROM iterable__user_events WHERE unique_user_key = '{ANN}'"
    assert list(only(models, f"{ann} AND event_name = 'emailOpen'").values()) == [4, AT("2026-03-11 04:30")]


def test_reconciliation(models: Built) -> None:
    columns = ("iterable_metric", "ours", "iterables", "likely_reason", "not_comparable_because")
    rows = table(models, "iterable__metric_reconciliation", "source_relation", "report", "campaign_id", *columns)
    began = "the campaign began before the first loaded send"
    late = "late events: stored after Iterable counted"
    several = "events that Iterable did not have yet, or users with several identifiers"
    life, days = ("us", "campaigns_metrics"), ("us", "campaigns_metrics_daily", 1)
    assert rows == [
        ("eu", life[1], 1, "Total Email Sends", 1, 70, None, "events are not loaded up to when Iterable counted"),
        (*life, 1, "Revenue", 20.5, 12.5, late, None),
        (*life, 1, "Total Complaints", 0, 1, None, "no events of this kind are loaded"),
        (*life, 1, "Total Email Opens", 6, 6, None, None),
        (*life, 1, "Total Email Sends", 6, 6, None, None),
        (*life, 1, "Total Purchases", 2, 1, late, None),
        (*life, 1, "Total Unsubscribes", 3, 2, "unsubscribes by bounces and complaints", None),
        (*life, 1, "Unique Email Opens", 3, 2, "machines", None),
        (*life, 1, "Unique Email Opens (filtered)", 2, 2, None, None),
        (*life, 2, "Unique SMS Clicks", 2, 1, several, None),
        (*life, 8, "Total Email Sends", 2, 70, None, began),
        (*life, 99, "Total Email Sends", 0, 70, None, "it is not known when the campaign began"),
        (*days, "revenue", 8, 8, None, None),
        (*days, "sends", 1, 5, "events that are not loaded", None),
        (*days, "total_opens", 1, 1, None, None),
    ]
    (warning,) = [result for result in models.results if "agrees" in result["unique_id"]]
    assert (warning["status"], warning["failures"]) == ("warn", 6)
