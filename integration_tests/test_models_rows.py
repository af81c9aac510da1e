"""The models of a few rows: every figure by hand, and the odd ones among them in both engines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

import duckdb
import pytest

from integration_tests.models import DATABASE, EVENTS, Built, Record, in_duckdb, in_postgres
from integration_tests.warehouses import PostgresWarehouse

pytestmark = pytest.mark.models

ANN, BOB, CID = "ann@x.example", "bob@y.example", "cid@x.example"
NUMBERS = (
    "id",
    "size",
    "list_id",
    "campaign_id",
    "recurring_campaign_id",
    "template_id",
    "message_type_id",
    "channel_id",
    "experiment_id",
    "send_size",
    *("sends", "bounces", "total_opens", "total_clicks", "complaints", "unsubscribes", "purchases"),
)
TIMES = (
    "created_at",
    "updated_at",
    "profile_updated_at",
    "_airbyte_extracted_at",
    "start_at",
    "counted_at",
    "start_date",
)
ARRAYS = ("labels", "list_ids", "suppression_list_ids", "email_list_ids", "user_list_ids", "unsubscribed_channel_ids")
CHOICES = ("unsubscribed_message_type_ids", "subscribed_message_type_ids")
TYPES = {
    **dict.fromkeys((*NUMBERS, "workflow_id"), "bigint"),
    **dict.fromkeys(TIMES, "timestamp with time zone"),
    **dict.fromkeys((*ARRAYS, *CHOICES, "data", "itbl_internal", "metrics"), "json"),
    **dict.fromkeys(("is_bot", "is_control", "is_winner"), "boolean"),
    **dict.fromkeys(("total", "percentage", "revenue"), "double precision"),
    "date": "date",
}
# The raw tables, with the columns that they have.
RAW: dict[str, list[Record]] = {
    "channels": [
        {"id": 1, "name": "News", "channel_type": "Marketing", "_airbyte_extracted_at": "2026-03-02"},
        {"id": 1, "name": "Old", "channel_type": "Marketing", "_airbyte_extracted_at": "2026-03-01"},
    ],
    "message_types": [
        {"id": 10, "channel_id": 1, "name": "Weekly", "subscription_policy": "OptOut"},
        {"id": 11, "channel_id": 1, "name": "Deals", "subscription_policy": "OptIn"},
    ],
    "list_users": [{"list_id": 200, "user_identifier": BOB, "email": BOB}],
    "forgotten_users": [{"hash": "0" * 64}],
    "lists": [{"id": 100, "name": "VIPs", "list_type": "Standard"}],
    "list_sizes": [
        {"list_id": 100, "date": "2026-03-01", "size": 10},
        {"list_id": 100, "date": "2026-03-02", "size": 13},
    ],
    "users": [
        {
            "email": ANN,
            "user_id": BOB,
            "profile_updated_at": "2026-03-01",
            "city": "Ulm",
            "email_list_ids": "[100]",
            "subscribed_message_type_ids": "[11]",
            "unsubscribed_message_type_ids": "[10]",
            "data": '{"firstName": "Ann", "lastName": "Lee"}',
        },
        {"email": ANN, "profile_updated_at": None, "city": "Bonn"},
        {
            "email": BOB,
            "profile_updated_at": "2026-03-01",
            "user_list_ids": '["100", null, "abc"]',
            "first_name": "Bob",
        },
        {"email": CID, "profile_updated_at": "2026-03-01", "unsubscribed_channel_ids": "[1]"},
    ],
    "templates": [{"template_id": 5, "name": "Plain", "message_type_id": 10, "creator_user_id": "me"}],
    "campaigns": [
        {
            "id": 1,
            "name": "Sale",
            "campaign_state": "Finished",
            "message_medium": "Email",
            "template_id": 5,
            "labels": '["a", null, "b"]',
            "list_ids": "[100, 100]",
            "suppression_list_ids": "[101]",
            "updated_at": "2026-03-01",
        },
        {"id": 1, "name": "Draft of a sale", "updated_at": None},
        {"id": 2, "name": "Weekly", "campaign_state": "Running", "send_size": 500, "updated_at": "2026-03-01"},
    ],
    "child_campaigns": [{"id": 3, "name": "Weekly #1", "recurring_campaign_id": 2, "updated_at": "2026-03-01"}],
    "campaigns_metrics": [{"id": 1, "counted_at": "2026-03-10", "data": '{"Total Email Sends": 5}'}],
    "campaigns_metrics_daily": [{"campaign_id": 1, "date": "2026-03-02", "sends": 3}],
    "experiments": [{"id": 20, "name": "Subject", "campaign_id": 1}],
    "experiment_variants": [{"id": 1, "experiment_id": 20, "template_id": 5, "name": "Plain", "is_winner": True}],
    "journeys": [{"id": 7, "name": "Welcome"}],
    "email_send": [
        {"message_id": "m1", "email": ANN, "campaign_id": 1, "workflow_id": 7, "created_at": "2026-03-01 10:00"},
        {"message_id": "m2", "email": BOB, "campaign_id": 1, "created_at": "2026-03-01 11:00"},
        {"message_id": "m3", "email": ANN, "campaign_id": 1, "created_at": "2026-03-02 09:00"},
        {"message_id": "m4", "email": BOB, "campaign_id": 3, "created_at": None},
    ],
    "email_send_skip": [
        {"email": ANN, "campaign_id": 1, "created_at": "2026-03-02 09:00", "reason": "FrequencyCapped"},
    ],
    "push_send": [{"message_id": "m5", "email": ANN, "campaign_id": 1, "created_at": "2026-03-02 09:00"}],
    "in_app_send": [{"message_id": "m6", "email": ANN, "campaign_id": 1, "created_at": "2026-03-03 09:00"}],
    "email_open": [
        {"message_id": "m1", "email": ANN, "workflow_id": 7, "created_at": "2026-03-01 12:00"},
        {"message_id": "m1", "email": ANN, "workflow_id": 7, "created_at": "2026-03-01 13:00"},
        {"message_id": "m3", "email": ANN, "created_at": "2026-03-02 09:01", "is_bot": True},
        {"message_id": None, "email": ANN, "created_at": "2031-01-01 00:00"},
    ],
    "email_click": [
        {"message_id": "m1", "email": ANN, "workflow_id": 7, "created_at": "2026-03-01 12:30"},
        {"message_id": "m3", "email": ANN, "created_at": "2026-03-02 09:02", "is_bot": True},
    ],
    "email_bounce": [{"message_id": "m2", "email": BOB, "created_at": "2026-03-01 11:01"}],
    "email_unsubscribe": [
        {"message_id": "m2", "email": BOB, "created_at": "2026-03-01 11:02", "unsub_source": "HardBounce"},
        {"message_id": "m1", "email": ANN, "created_at": "2026-03-04 08:00", "unsub_source": "EmailLink"},
    ],
    "hosted_unsubscribe_click": [{"message_id": "m5", "email": ANN, "created_at": "2026-03-04 08:00"}],
    "email_complaint": [{"message_id": "m3", "email": ANN, "created_at": "2026-03-05 08:00"}],
    "purchase": [
        {"email": ANN, "campaign_id": 1, "workflow_id": 7, "total": 12.5, "created_at": "2026-03-10 12:00"},
        {"email": ANN, "total": 5, "created_at": "2026-02-01 12:00"},
    ],
    "journey_exit": [{"email": BOB, "workflow_id": 7, "created_at": "2026-03-02 10:00"}],
    "custom_event": [
        {
            "email": ANN,
            "event_name": "signed",
            "created_at": "2026-02-20 10:00",
            "itbl_internal": '{"documentCreatedAt": "2026-02-20 12:00:00 +01:00"}',
            "data": '{"plan": "pro"}',
        }
    ],
}
AT = datetime.fromisoformat


def statements(raw: Mapping[str, list[Record]] = RAW) -> Iterator[str]:
    """The raw tables as SQL that both engines take."""
    yield "CREATE SCHEMA iterable"
    for table, rows in raw.items():
        if table in EVENTS:
            rows = [{"_event_id": f"{table}-{number}", **row} for number, row in enumerate(rows)]
        columns = {name: TYPES.get(name, "text") for row in rows for name in row}
        yield f"CREATE TABLE iterable.{table} ({', '.join(f'{name} {kind}' for name, kind in columns.items())})"
        for row in rows:
            values = ", ".join(_literal(row.get(name), kind) for name, kind in columns.items())
            yield f"INSERT INTO iterable.{table} VALUES ({values})"


def _literal(value: Any, kind: str) -> str:
    if value is None:
        return "NULL"
    zone = "+00" if kind.startswith("timestamp") else ""
    day = " 00:00" if zone and len(value) == 10 else ""
    return f"CAST('{value}{day}{zone}' AS {kind})"


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def models(
    request: pytest.FixtureRequest, postgres_server: PostgresWarehouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Built]:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "duckdb":
        with duckdb.connect(str(folder / "tables.duckdb")) as file:
            for statement in statements():
                file.execute(statement)
        # As in README: a file that is called like the schema, on which DuckDB then refuses views.
        yield in_duckdb((folder / "tables.duckdb").rename(folder / "iterable.duckdb"), folder)
        return
    with postgres_server.database(DATABASE) as database:
        for statement in statements():
            database.execute(statement)
        yield in_postgres(database.to, folder)


def table(models: Built, name: str, *columns: str) -> list[tuple[Any, ...]]:
    """These columns of a model, in order."""
    rows = models.rows(
        f"SELECT {', '.join(columns)} FROM {name} ORDER BY {', '.join(map(str, range(1, len(columns) + 1)))}"
    )
    return [
        tuple(float(value) if type(value).__name__ == "Decimal" else value for value in row.values()) for row in rows
    ]


def only(models: Built, query: str) -> Record:
    (row,) = models.rows(query)
    return row


def test_what_became_of_messages(models: Built) -> None:
    columns = ("sent_at", "message_medium", "email", "campaign_id", "workflow_id", "is_delivered")
    assert table(models, "iterable__messages", "message_id", *columns) == [
        ("m1", AT("2026-03-01 10:00"), "Email", ANN, 1, 7, True),
        ("m2", AT("2026-03-01 11:00"), "Email", BOB, 1, None, False),
        ("m3", AT("2026-03-02 09:00"), "Email", ANN, 1, None, True),
        ("m4", None, "Email", BOB, 3, None, True),
        ("m5", AT("2026-03-02 09:00"), "Push", ANN, 1, None, True),
        ("m6", AT("2026-03-03 09:00"), "InApp", ANN, 1, None, False),
    ]
    counts = ("opened", "opened_by_machine", "clicked", "clicked_by_machine", "unsubscribed", "complained", "bounced")
    assert table(models, "iterable__messages", "message_id", *(f"{name}_count" for name in counts)) == [
        ("m1", 2, 0, 1, 0, 1, 0, 0),
        ("m2", 0, 0, 0, 0, 0, 0, 1),
        ("m3", 0, 1, 0, 1, 0, 1, 0),
        ("m4", 0, 0, 0, 0, 0, 0, 0),
        ("m5", 0, 0, 0, 0, 0, 0, 0),
        ("m6", 0, 0, 0, 0, 0, 0, 0),
    ]
    first = only(models, "SELECT * FROM iterable__messages WHERE message_id = 'm1'")
    assert first["first_opened_at"] == AT("2026-03-01 12:00")
    assert first["first_clicked_at"] == AT("2026-03-01 12:30")
    assert first["first_unsubscribed_at"] == AT("2026-03-04 08:00")
    third = only(models, "SELECT * FROM iterable__messages WHERE message_id = 'm3'")
    assert third["first_opened_by_machine_at"] == AT("2026-03-02 09:01")
    assert third["first_clicked_by_machine_at"] == AT("2026-03-02 09:02")
    assert third["first_complained_at"] == AT("2026-03-05 08:00")
    second = only(models, "SELECT * FROM iterable__messages WHERE message_id = 'm2'")
    assert second["first_bounced_at"] == AT("2026-03-01 11:01")


def test_campaigns(models: Built) -> None:
    columns = ("campaign_name", "template_name", "message_type_name", "channel_name", "template_creator_user_id")
    assert table(
        models, "iterable__campaigns", "campaign_id", *columns, "is_campaign_recurring", "recurring_campaign_name"
    ) == [
        (1, "Sale", "Plain", "Weekly", "News", "me", False, None),
        (2, "Weekly", None, None, None, None, True, None),
        (3, "Weekly #1", None, None, None, None, False, "Weekly"),
    ]
    more = ("count_send_lists", "count_suppress_lists", "recurring_campaign_state", "recurring_campaign_send_size")
    found = table(models, "iterable__campaigns", "campaign_id", *more)
    assert found == [(1, 1, 1, None, None), (2, 0, 0, None, None), (3, 0, 0, "Running", 500)]
    assert table(models, "iterable__campaign_labels", "campaign_id", "label") == [(1, "a"), (1, "b")]
    lists = table(models, "iterable__campaign_lists", "campaign_id", "list_id", "is_suppression_list")
    assert lists == [(1, 100, False), (1, 101, True)]


def test_rates_of_campaigns(models: Built) -> None:
    sale = only(models, "SELECT * FROM iterable__campaign_performance WHERE campaign_id = 1")
    expected = {"sent": 5, "delivered": 3, "bounced": 1, "messages_opened": 1, "total_opens": 2, "messages_clicked": 1}
    expected |= {
        "messages_opened_by_machines": 1,
        "total_clicks": 1,
        "messages_opened_or_clicked": 1,
        "unsubscribed": 1,
    }
    expected |= {"complained": 1, "purchases": 1, "first_sent_on": date(2026, 3, 1), "last_sent_on": date(2026, 3, 3)}
    assert {name: sale[name] for name in expected} == expected
    rates = {"delivery": 3 / 5, "bounce": 1 / 5, "open": 1 / 3, "click": 1 / 3, "click_to_open": 1}
    rates |= {"unsubscribe": 1 / 3, "complaint": 1 / 3}
    assert {name: sale[f"{name}_rate"] for name in rates} == pytest.approx(rates)
    assert float(sale["revenue"]) == 12.5
    others = table(
        models, "iterable__campaign_performance", "campaign_id", "sent", "delivered", "open_rate", "revenue"
    )[1:]
    assert others == [(2, 0, 0, None, 0), (3, 1, 1, 0, 0)], "also the one whose send has no time"
    figures = (
        "sent",
        "delivered",
        "bounced",
        "messages_opened",
        "messages_clicked",
        "unsubscribed",
        "complained",
        "open_rate",
    )
    days = table(models, "iterable__campaign_performance_daily", "campaign_id", "sent_on", "message_medium", *figures)
    assert days == [
        (1, date(2026, 3, 1), "Email", 2, 1, 1, 1, 1, 1, 0, 1),
        (1, date(2026, 3, 2), "Email", 1, 1, 0, 0, 0, 0, 1, 0),
        (1, date(2026, 3, 2), "Push", 1, 1, 0, 0, 0, 0, 0, 0),
        (1, date(2026, 3, 3), "InApp", 1, 0, 0, 0, 0, 0, 0, None),
    ]
    domains = ("domain", "sent_on", "sent", "delivered", "bounced", "complained", "bounce_rate", "complaint_rate")
    assert table(models, "iterable__deliverability", *domains) == [
        ("x.example", date(2026, 3, 1), 1, 1, 0, 0, 0, 0),
        ("x.example", date(2026, 3, 2), 1, 1, 0, 1, 0, 1),
        ("y.example", date(2026, 3, 1), 1, 0, 1, 0, 1, None),
    ]


def test_users(models: Built) -> None:
    columns = (
        "first_name",
        "last_name",
        "city",
        "count_lists",
        "count_total_campaigns",
        "first_event_at",
        "last_event_at",
    )
    assert table(models, "iterable__users", "email", *columns) == [
        (ANN, "Ann", "Lee", "Ulm", 1, 1, AT("2026-02-01 12:00"), AT("2026-03-10 12:00")),
        (BOB, "Bob", None, None, 2, 2, AT("2026-03-01 11:00"), AT("2026-03-02 10:00")),
        (CID, None, None, None, 0, 0, None, None),
    ]
    lists = table(models, "iterable__user_lists", "unique_user_key", "list_id", "list_name", "list_type")
    assert lists == [(ANN, 100, "VIPs", "Standard"), (BOB, 100, "VIPs", "Standard"), (BOB, 200, None, None)]
    days = [f"{what}_{days}_days" for what in ("opens", "clicks", "purchases") for days in (7, 30, 90)]
    assert table(models, "iterable__user_engagement", "email", *days, "last_seen_by_email_at", "as_of") == [
        (ANN, 0, 2, 2, 0, 1, 1, 1, 1, 2, AT("2026-03-01 13:00"), AT("2026-03-10 12:00")),
        (BOB, 0, 0, 0, 0, 0, 0, 0, 0, 0, None, AT("2026-03-10 12:00")),
        (CID, 0, 0, 0, 0, 0, 0, 0, 0, 0, None, AT("2026-03-10 12:00")),
    ]


def test_who_may_be_mailed(models: Built) -> None:
    columns = ("unique_user_key", "coalesce(message_type_id, 0)", "channel_name", "has_unsubscribed", "may_be_mailed")
    channels = table(models, "iterable__user_subscriptions", *columns)
    assert channels == [
        *((ANN, 0, "News", False, True), (ANN, 10, "News", True, False), (ANN, 11, "News", False, True)),
        *((BOB, 0, "News", False, True), (BOB, 10, "News", False, True), (BOB, 11, "News", False, False)),
        *((CID, 0, "News", True, False), (CID, 10, "News", True, False), (CID, 11, "News", True, False)),
    ]
    wide = "SELECT DISTINCT unique_user_key FROM iterable__user_subscriptions WHERE is_unsubscribed_channel_wide"
    assert models.rows(wide) == [{"unique_user_key": CID}]


def test_journeys_and_lists(models: Built) -> None:
    columns = ("users_entered", "users_messaged", "users_opened", "users_clicked", "users_purchased", "users_exited")
    funnel = table(models, "iterable__journey_funnel", "workflow_id", "workflow_name", *columns, "sent", "delivered")
    assert funnel == [(7, "Welcome", 2, 1, 1, 1, 1, 1, 1, 1)]
    growth = table(models, "iterable__list_growth", "list_name", "counted_on", "size", "growth")
    assert growth == [("VIPs", date(2026, 3, 1), 10, None), ("VIPs", date(2026, 3, 2), 13, 3)]


def test_events(models: Built) -> None:
    assert only(models, "SELECT count(*) AS n FROM iterable__events")["n"] == sum(
        len(rows) for table, rows in RAW.items() if table in EVENTS
    )
    machines = (
        "SELECT count(*) AS n FROM iterable__events WHERE is_machine AND event_name IN ('emailOpen', 'emailClick')"
    )
    assert only(models, machines)["n"] == 2
    custom = only(models, "SELECT * FROM iterable__custom_events")
    assert (custom["custom_event_name"], custom["created_on"]) == ("signed", date(2026, 2, 20))
    stored = only(models, "SELECT stored_at FROM iterable__events WHERE event_name = 'customEvent'")
    assert stored["stored_at"] == AT("2026-02-20 11:00")
