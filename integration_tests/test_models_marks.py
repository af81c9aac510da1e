"""Events that were taken away from the raw tables, by `forget` or `load --reload`: no model has them afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from integration_tests.models import DATABASE, FILE, Built, in_duckdb, in_postgres
from integration_tests.test_models_rows import ANN, BOB, statements
from integration_tests.warehouses import PostgresWarehouse

pytestmark = pytest.mark.models

MARKS = """
CREATE TABLE iterable._source_iterable_tables (name text, private text, generation text);
INSERT INTO iterable._source_iterable_tables VALUES ('email_send', '', 'a'), ('email_open', '', 'b'), ('users', '', 'c');
"""
Run = Callable[..., None]
Build = Callable[..., Built]


@pytest.fixture(params=["duckdb", "postgres"])
def warehouse(
    request: pytest.FixtureRequest, postgres_server: PostgresWarehouse, tmp_path: Path
) -> Iterator[tuple[Run, Build]]:
    """Runs SQL on the raw tables, and builds the models, with flags of dbt."""
    if request.param == "duckdb":

        def run(*sql: str) -> None:
            with duckdb.connect(str(tmp_path / FILE)) as database:
                for statement in sql:
                    database.execute(statement)

        yield run, lambda *flags: in_duckdb(tmp_path / FILE, tmp_path, *flags)
        return
    with postgres_server.database(DATABASE) as server:

        def run(*sql: str) -> None:
            for statement in sql:
                server.execute(statement)

        yield run, lambda *flags: in_postgres(server.to, tmp_path, *flags)


def addresses(built: Built, model: str) -> set[str]:
    return {row["email"] for row in built.rows(f"SELECT DISTINCT email FROM {model} WHERE email IS NOT NULL")}


def test_what_was_forgotten_is_in_no_model(warehouse: tuple[Run, Build]) -> None:
    run, build = warehouse
    run(*statements(), MARKS)
    assert addresses(build(), "iterable__events") == {ANN, BOB}
    events = ("email_send", "email_bounce", "email_unsubscribe", "journey_exit")
    run(
        *(f"DELETE FROM iterable.{table} WHERE email = '{BOB}'" for table in events),
        "UPDATE iterable._source_iterable_tables SET generation = 'd' WHERE name = 'email_send'",
    )
    built = build()
    assert addresses(built, "iterable__events") == addresses(built, "iterable__messages") == {ANN}


def test_a_build_without_new_marks_keeps_events(warehouse: tuple[Run, Build]) -> None:
    run, build = warehouse
    run(*statements(), MARKS)
    build()
    run(
        f"DELETE FROM iterable.email_send WHERE email = '{BOB}'",
        "UPDATE iterable._source_iterable_tables SET generation = 'd' WHERE name = 'users'",
        "INSERT INTO iterable._source_iterable_tables VALUES ('push_send', '', 'e')",
    )
    sends = "SELECT count(*) AS n FROM iterable__events WHERE event_name = 'emailSend'"
    assert build().rows(sends) == [{"n": 4}], "old events may be deleted from the raw tables to save space"


def test_users_that_were_loaded_again_from_the_beginning(warehouse: tuple[Run, Build]) -> None:
    run, build = warehouse
    run(
        *statements(),
        MARKS,
        "CREATE TABLE iterable._source_iterable_loads (number bigint)",
        "INSERT INTO iterable._source_iterable_loads VALUES (7)",
        "ALTER TABLE iterable.users ADD COLUMN _load_number bigint",
        "UPDATE iterable.users SET _load_number = 7",
    )
    build("--select", "+iterable__users")
    # A dataset that was dropped counts its loads from 1.
    run(
        "UPDATE iterable.users SET _load_number = 1, city = 'Oslo'",
        "UPDATE iterable._source_iterable_loads SET number = 1",
        "UPDATE iterable._source_iterable_tables SET generation = 'd' WHERE name = 'users'",
    )
    built = build("--select", "+iterable__user_lists")
    assert built.rows("SELECT DISTINCT city FROM iterable__users") == [{"city": "Oslo"}], (
        "the view is there all the time"
    )
