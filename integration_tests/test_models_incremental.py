"""Builds that read only what is new, whatever came in between: their tables are those of a full build."""

from __future__ import annotations

import random
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import duckdb
import psycopg2
import psycopg2.errors
import pytest

from integration_tests.models import DATABASE, EVENTS, FILE, MODELS, everything, in_duckdb, in_postgres
from integration_tests.test_models_marks import Build, Run, warehouse  # noqa: F401
from integration_tests.test_models_rows import RAW, statements
from integration_tests.warehouses import PostgresWarehouse
from source_iterable.load.marks import BEGIN

pytestmark = pytest.mark.models

ROUNDS = 4
NUMBERED = [table for table in RAW if table in EVENTS or table == "users"]
# The events of each round. An ID is made of all that an event says, so that stays when it is read again. Only the person may
# change: hashed, by a changed option.
DRAWN = {"email_send": 12, "push_send": 4, "email_open": 15, "email_click": 6, "email_bounce": 2, "purchase": 3}
# Some of these have no email address: their profile tells it, which may come or change after them.
WITHOUT_EMAIL = ("push_send", "purchase")


def in_order() -> Iterator[str]:
    """The raw tables as `load` makes them, of two projects."""
    yield from statements()
    yield "CREATE TABLE iterable._source_iterable_loads (number bigint)"
    yield "INSERT INTO iterable._source_iterable_loads VALUES (1)"
    for table in RAW:
        yield f"ALTER TABLE iterable.{table} ADD COLUMN project text; UPDATE iterable.{table} SET project = 'us'"
    for table in ("users", *WITHOUT_EMAIL):
        yield f"ALTER TABLE iterable.{table} ADD COLUMN itbl_user_id text"
    for table in NUMBERED:
        yield f"ALTER TABLE iterable.{table} ADD COLUMN _load_number bigint; UPDATE iterable.{table} SET _load_number = 1"


def drawn(number: int, dice: random.Random) -> Iterator[str]:
    """What a load may commit, with this number: new events and old ones again, and users new, changed, gone or forgotten."""
    yield f"UPDATE iterable._source_iterable_loads SET number = {number}"
    # The newest event of each number is newer, so that others leave the last 7 days.
    events = [event for event in range(100, 130) if day_of(event) <= 8 + 4 * number]
    for table, count in DRAWN.items():
        for _ in range(count):
            project, event = dice.choice(["us", "us", "eu"]), dice.choice(events)
            key = f"_event_id = '{table}-{event}' AND project = '{project}'"
            moment = f"2026-03-{day_of(event):02} 10:{event % 60:02}+00"
            time = "NULL" if event % 11 == 0 else f"CAST('{moment}' AS timestamp with time zone)"
            # Of few messages, so that some are sent again: earlier, too, and alone on their day.
            values = {
                "project": f"'{project}'",
                "_load_number": str(number),
                "_event_id": f"'{table}-{event}'",
                "email": f"'user{event % 5}@{dice.choice('xxxz')}.example'",
                "created_at": time,
                "campaign_id": ["1", "2", "3", "NULL"][event % 4],
            }
            if table in WITHOUT_EMAIL:
                values |= {"email": "NULL", "itbl_user_id": f"'itbl{event % 5}'"} if event % 3 else {}
            if table == "purchase":
                values["total"] = str(event % 9)
            else:
                values["message_id"] = f"'message {event % 20}'"
            if table in ("email_open", "email_click"):
                values["is_bot"] = ["true", "false"][event % 2]
                del values["campaign_id"]
            if table == "email_bounce":
                del values["campaign_id"]
            yield f"DELETE FROM iterable.{table} WHERE {key}"
            yield f"INSERT INTO iterable.{table} ({', '.join(values)}) VALUES ({', '.join(values.values())})"
    *changed, gone, forgotten = (f"user{user}@x.example" for user in dice.sample(range(5), 5))
    for email in (*changed, gone):
        yield f"DELETE FROM iterable.users WHERE email = '{email}'"
    for email in changed:
        columns = "project, email, itbl_user_id, city, email_list_ids, _load_number"
        values = f"'us', '{email}', 'itbl{dice.randrange(5)}', 'City {number}', '[{number}]', {number}"
        yield f"INSERT INTO iterable.users ({columns}) VALUES ({values})"
    yield "DELETE FROM iterable.forgotten_users"
    yield f"INSERT INTO iterable.forgotten_users VALUES ('{sha256(forgotten.encode()).hexdigest()}', 'us')"


def day_of(event: int) -> int:
    return (event * 7) % 28 + 1


def test_many_small_builds_are_one_full_build(warehouse: tuple[Run, Build]) -> None:  # noqa: F811
    run, build = warehouse
    dice = random.Random(31)
    run(*in_order())
    build()
    for number in range(2, 2 + ROUNDS):
        run(*drawn(number, dice))
        built = build()
        assert {result["status"] for result in built.results} <= {"success", "pass", "warn"}
    events = built.rows("SELECT count(*) AS rows, count(DISTINCT build_number) AS builds FROM iterable__events")[0]
    assert events["builds"] == 1 + ROUNDS, "a build leaves what is not new"
    assert built.rows("SELECT count(*) AS rows FROM iterable__messages WHERE sent_count > 1") != [{"rows": 0}]
    small = everything(built)
    run("DROP SCHEMA analytics CASCADE")
    full = everything(build())
    for name in MODELS:
        assert small[name] == full[name], name


def test_a_model_that_missed_builds_in_which_an_event_changed_its_user(warehouse: tuple[Run, Build]) -> None:  # noqa: F811
    run, build = warehouse
    persons = "SELECT person FROM int_iterable__campaign_persons WHERE campaign_id = 77"
    users = "SELECT unique_user_key FROM int_iterable__user_activity WHERE unique_user_key LIKE 'known%'"
    send = "'push', 'known', 'message', 77, 1, CAST('2026-03-05 12:00+00' AS timestamp with time zone)"
    run(
        *in_order(),
        "INSERT INTO iterable.push_send (_event_id, itbl_user_id, message_id, campaign_id, _load_number, created_at) "
        f"VALUES ({send})",
    )
    assert build().rows(persons) == [{"person": "known"}]
    for email, flags in (("known@first.example", ("--select", "iterable__events")), ("known@second.example", ())):
        run(
            "UPDATE iterable._source_iterable_loads SET number = number + 1",
            "DELETE FROM iterable.users WHERE itbl_user_id = 'known'",
            "INSERT INTO iterable.users (email, itbl_user_id, _load_number) "
            f"SELECT '{email}', 'known', number FROM iterable._source_iterable_loads",
        )
        built = build(*flags)
    assert built.rows(persons) == [{"person": "known@second.example"}]
    assert built.rows(users) == [{"unique_user_key": "known@second.example"}]


def test_events_count_once_their_time_has_come(tmp_path: Path) -> None:
    last = "SELECT last_event_at FROM iterable__users WHERE unique_user_key = 'ann@x.example'"
    with duckdb.connect(str(tmp_path / FILE)) as database:
        for statement in in_order():
            database.execute(statement)
    expected = in_duckdb(tmp_path / FILE, tmp_path).rows(last)
    assert expected != [{"last_event_at": None}]
    # As if the events had been in the future when the models were built.
    with duckdb.connect(str(tmp_path / FILE)) as database:
        database.execute("UPDATE analytics.int_iterable__user_activity SET last_event_at = NULL")
        database.execute(
            "UPDATE analytics._source_iterable_progress SET upto = '2020-01-01 00:00:00' WHERE source = 'time'"
        )
    assert in_duckdb(tmp_path / FILE, tmp_path).rows(last) == expected


def test_what_commits_after_a_build_is_in_the_next(postgres_server: PostgresWarehouse, tmp_path: Path) -> None:
    send = "INSERT INTO iterable.email_send (_event_id, message_id, _load_number) SELECT '{0}', '{0}', number"
    sends = "SELECT message_id FROM iterable__messages WHERE message_id IN ('early', 'late') ORDER BY 1"
    with postgres_server.database(DATABASE) as server:
        for statement in in_order():
            server.execute(statement)
        in_postgres(server.to, tmp_path)
        with psycopg2.connect(server.to) as late, late.cursor() as cursor:
            cursor.execute("SET search_path TO iterable")
            late.commit()
            cursor.execute(BEGIN.partition(";")[2])
            cursor.execute(send.format("late") + " FROM iterable._source_iterable_loads")
            # No younger load can commit before it.
            with psycopg2.connect(server.to) as early, early.cursor() as other:
                other.execute("SET search_path TO iterable; SET lock_timeout TO 100")
                with pytest.raises(psycopg2.errors.LockNotAvailable):
                    other.execute(BEGIN.partition(";")[2])
            assert in_postgres(server.to, tmp_path).rows(sends) == []
        server.execute("UPDATE iterable._source_iterable_loads SET number = number + 1")
        server.execute(send.format("early") + " FROM iterable._source_iterable_loads")
        found = in_postgres(server.to, tmp_path).rows(sends)
        assert [row["message_id"] for row in found] == ["early", "late"]


def test_an_older_extraction_that_comes_late(warehouse: tuple[Run, Build]) -> None:  # noqa: F811
    run, build = warehouse
    time = "timestamp with time zone"
    extracted = "INSERT INTO iterable.email_send (_event_id, email, message_id, _airbyte_extracted_at) VALUES"
    profile = "INSERT INTO iterable.users (email, city, _airbyte_extracted_at) VALUES"
    run(
        *statements(),
        *(f"ALTER TABLE iterable.{table} ADD COLUMN _airbyte_extracted_at {time}" for table in NUMBERED),
        f"{extracted} ('a', 'new@x.example', 'm-a', CAST('2026-03-10 12:00+00' AS {time}))",
        f"{profile} ('new@x.example', 'Rome', CAST('2026-03-10 12:00+00' AS {time}))",
    )
    build()
    # A sync that began earlier commits later: an event and a user of its own, and other versions of those that are there.
    run(
        f"{extracted} ('b', 'late@x.example', 'm-b', CAST('2026-03-10 11:00+00' AS {time}))",
        f"{extracted} ('a', 'old@x.example', 'm-a', CAST('2026-03-10 11:00+00' AS {time}))",
        "DELETE FROM iterable.email_send WHERE email = 'new@x.example'",
        f"{profile} ('new@x.example', 'Bonn', CAST('2026-03-10 11:00+00' AS {time}))",
        f"{profile} ('newer@x.example', 'Oslo', CAST('2026-03-10 11:00+00' AS {time}))",
    )
    built = build()
    found = built.rows("SELECT email, message_id FROM iterable__messages WHERE message_id LIKE 'm-%' ORDER BY 2")
    assert [tuple(row.values()) for row in found] == [("new@x.example", "m-a"), ("late@x.example", "m-b")]
    cities = built.rows("SELECT city FROM iterable__users WHERE email LIKE 'new%' ORDER BY email")
    assert [row["city"] for row in cities] == ["Rome", "Oslo"]
