"""What builds of the dbt package cost: `python -m benchmarks.models_cost --events 1000000`.

Makes raw tables as `load` does, of so many events, and builds the models; adds 1 % and some changed users, and builds again.
Nine tenths of what is new happened on the newest day, one tenth in the 30 days before. Prints CPU and wall seconds, from
which dbt's own start is subtracted, and peak memory.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import duckdb
import psycopg2

from benchmarks.measure import ROOT, Failed, measure
from source_iterable.config import Config
from source_iterable.load.postgres import Postgres
from source_iterable.load.rows import definitions, quoted
from source_iterable.load.tables import Table, table_of
from source_iterable.streams.table import STREAMS

# Shares of the event types. The messages of sends are sent once; the others are about a message of theirs.
SHARES = {
    "email_send": 0.45,
    "push_send": 0.1,
    "email_open": 0.28,
    "email_click": 0.06,
    "email_bounce": 0.01,
    "email_unsubscribe": 0.005,
    "custom_event": 0.075,
    "purchase": 0.02,
}
CAMPAIGNS, DAYS, NEWEST = 85, 365, "timestamptz '2026-03-10 00:00:00+00'"
_CONFIG = Config.parse({"api_key": "key", "start_date": "2024-01-01T00:00:00Z"})
_OF_SENDS = dict.fromkeys(("email_open", "email_click", "email_bounce", "email_unsubscribe"), "email_send")
_OTHERS = {
    "campaigns": f"SELECT range + 1 AS id, 'Campaign ' || range AS name, 'Finished' AS campaign_state, 'Email' AS "
    f"message_medium, 5 AS template_id FROM range({CAMPAIGNS})",
    "templates": "SELECT 5 AS template_id, 'Plain' AS name, 10 AS message_type_id",
    "message_types": "SELECT range + 10 AS id, 1 AS channel_id, 'Type ' || range AS name, 'OptOut' AS "
    "subscription_policy FROM range(3)",
    "channels": "SELECT 1 AS id, 'News' AS name, 'Marketing' AS channel_type, 'Email' AS message_medium",
    "journeys": "SELECT range + 1 AS id, 'Journey ' || range AS name FROM range(9)",
    "lists": "SELECT range AS id, 'List ' || range AS name, 'Standard' AS list_type FROM range(20)",
    "list_sizes": "SELECT 1 AS list_id, date '2026-03-01' + range::int AS date, range AS size FROM range(9)",
}


class Raw:
    """Raw tables in a DuckDB file, with room for `events` events."""

    def __init__(self, file: Path, events: int) -> None:
        self._database = duckdb.connect(str(file), config={"memory_limit": "2GB", "preserve_insertion_order": "false"})
        self._events = events
        self._users = max(events // 20, 100)
        self.tables = [table_of(STREAMS[name], _CONFIG) for name in [*SHARES, *_OTHERS, "users"]]

    def begin(self) -> None:
        """All events but the newest, users, and small tables."""
        self.run("CREATE SCHEMA iterable")
        for table in self.tables:
            columns = {each.name: each.type for each in table.columns} | _more(table)
            self.run(f"CREATE TABLE iterable.{table.name} ({definitions(columns)})")
        self.run("CREATE TABLE iterable._source_iterable_loads AS SELECT 1::bigint AS number")
        for name, select in _OTHERS.items():
            self.run(f"INSERT INTO iterable.{name} BY NAME {select}")
        self.add_users(0, self._users)
        for name, share in SHARES.items():
            self.add_events(name, 0, int(self._events * share), f"{NEWEST} - to_seconds(hash(n) % {DAYS * 86400})")

    def more(self) -> None:
        """1 % more events, and changed users. In tables of their own, new_<name>, too."""
        self.run("UPDATE iterable._source_iterable_loads SET number = 2")
        changed = self._users // 100
        self.run(f"DELETE FROM iterable.users WHERE user_id::bigint < {changed}")
        self.add_users(0, changed)
        for name, share in SHARES.items():
            first, count = int(self._events * share), max(int(self._events * share) // 100, 1)
            late = f"{NEWEST} - to_seconds(hash(n) % {30 * 86400})"
            today = f"{NEWEST} + to_seconds(hash(n) % 86400)"
            self.add_events(name, first, count, f"CASE WHEN n % 10 = 0 THEN {late} ELSE {today} END")

    def add_users(self, first: int, count: int) -> None:
        """Users of these numbers."""
        columns = {
            "email": "'user' || n || '@d' || n % 50 || '.example'",
            "user_id": "n::varchar",
            "profile_updated_at": NEWEST,
            "email_list_ids": "'[' || n % 20 || ']'",
            "city": "'Ulm'",
            "data": """'{"firstName": "Ann", "plan": "pro", "score": ' || n || '}'""",
            "_load_number": "(SELECT number FROM iterable._source_iterable_loads)",
        }
        values = ", ".join(f"{sql} AS {column}" for column, sql in columns.items())
        self.run(f"INSERT INTO iterable.users BY NAME SELECT {values} FROM range({first}, {first + count}) AS t(n)")

    def add_events(self, name: str, first: int, count: int, time: str) -> None:
        sends = int(self._events * SHARES[_OF_SENDS.get(name, name)])
        # An open is of any message, a new one of a new message.
        any_of = f"{sends} + hash(n) % {max(sends // 100, 1)}" if first else f"hash(n) % {sends}"
        message = "n" if name.endswith("_send") else any_of
        key = "push" if name == "push_send" else "email"
        medium = "NULL" if name in ("custom_event", "purchase") else f"'{key}' || md5(message::varchar)"
        columns = {
            "_event_id": f"md5('{name}' || n)",
            "created_at": time,
            "email": f"'user' || message % {self._users} || '@d' || message % {self._users} % 50 || '.example'",
            "user_id": f"(message % {self._users})::varchar",
            "message_id": medium,
            "campaign_id": f"message % {CAMPAIGNS} + 1",
            "template_id": "5",
            "workflow_id": "CASE WHEN message % 5 = 0 THEN message % 9 + 1 END",
            "is_bot": "n % 50 = 0",
            "user_agent": "'Mozilla/5.0 (Windows NT 10.0; Win64; x64) ' || n % 100",
            "ip": "'10.0.' || n % 250 || '.' || n % 240",
            "event_name": "'signed'",
            "total": "n % 100",
            "unsub_source": "'EmailLink'",
            "data": """'{"locale": "en", "number": ' || n || '}'""",
            "itbl_internal": """'{"documentCreatedAt": "2026-02-20 12:00:00 +00:00"}'""",
            "_load_number": "(SELECT number FROM iterable._source_iterable_loads)",
        }
        (table,) = [table for table in self.tables if table.name == name]
        held = {column.name for column in table.columns} | {*_more(table)}
        values = ", ".join(f"{sql} AS {column}" for column, sql in columns.items() if column in held)
        self.run(
            f"INSERT INTO iterable.{name} BY NAME SELECT {values} FROM "
            f"(SELECT n, ({message})::bigint AS message FROM range({first}, {first + count}) AS t(n)) ORDER BY created_at"
        )

    def run(self, sql: str) -> None:
        self._database.execute(sql)

    def close(self) -> None:
        self._database.close()

    def copy_to(self, url: str, folder: Path, condition: str) -> None:
        """Add the rows of events to which a condition applies, and all others, to PostgreSQL."""
        kinds = {**Postgres.types}
        with psycopg2.connect(url) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE SCHEMA IF NOT EXISTS iterable; SET search_path TO iterable")
            cursor.execute("CREATE TABLE IF NOT EXISTS _source_iterable_loads (number bigint)")
            cursor.execute("DELETE FROM _source_iterable_loads")
            for table in self.tables:
                columns = {each.name: each.type for each in table.columns} | _more(table)
                types = {name: kinds.get(kind, kind) for name, kind in columns.items()}
                cursor.execute(f"CREATE TABLE IF NOT EXISTS {table.name} ({definitions(types)})")
                if not _more(table):
                    cursor.execute(f"DELETE FROM {table.name}")
                if table.name == "users" and condition.endswith("2"):
                    cursor.execute(f"DELETE FROM users WHERE user_id::bigint < {self._users // 100}")
                where = f"WHERE {condition}" if _more(table) else ""
                self._copy(cursor, table.name, [*columns], f"iterable.{table.name} {where}", folder)
                if condition.endswith("1") and _more(table):
                    cursor.execute(f"CREATE INDEX ON {table.name} ({', '.join(table.key)})")
                    cursor.execute(f"CREATE INDEX ON {table.name} USING brin (_load_number)")
            self._copy(cursor, "_source_iterable_loads", ["number"], "iterable._source_iterable_loads", folder)
        connection.close()

    def _copy(
        self, cursor: psycopg2.extensions.cursor, name: str, columns: list[str], source: str, folder: Path
    ) -> None:
        path, names = folder / "rows.csv", ", ".join(map(quoted, columns))
        self.run(f"COPY (SELECT {names} FROM {source}) TO '{path}' (FORMAT csv, HEADER false)")
        with open(path, "rb") as rows:
            cursor.copy_expert(f"COPY {name} ({names}) FROM STDIN (FORMAT csv)", rows)
        path.unlink()


def _more(table: Table) -> dict[str, str]:
    """The column that `load` adds to merged tables."""
    return {"_load_number": "bigint"} if table.merged else {}


def main() -> None:
    """Make the tables, build and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--postgres", help="the URL of an empty database; by default a DuckDB file is built in")
    parser.add_argument("--dbt", default=str(ROOT / ".venv-models-test" / "bin" / "dbt"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="models-cost-") as name:
        folder = Path(name)
        file = folder / "tables.duckdb"
        environment = {"ITERABLE_DATABASE": str(file)} if not options.postgres else _of_url(options.postgres)
        for title, change in (("first", Raw.begin), ("second", Raw.more)):
            raw = Raw(file, options.events)
            change(raw)
            if options.postgres:
                raw.copy_to(options.postgres, folder, f"_load_number = {1 if title == 'first' else 2}")
            raw.close()
            for command in ("parse", "run", "test"):
                _report(f"{title} {command}", options.dbt, command, environment, folder)


def _report(title: str, dbt: str, command: str, environment: Mapping[str, str], folder: Path) -> None:
    places = [
        "--project-dir",
        str(ROOT / "dbt"),
        "--profiles-dir",
        str(ROOT / "dbt"),
        "--target-path",
        str(folder / "t"),
    ]
    settings = {**os.environ, **environment, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    # `run` makes no snapshots.
    places += ["--exclude", "path:snapshots"] if command == "test" else []
    with open(folder / "output", "wb") as output:
        try:
            run = measure([dbt, command, *places, "--log-path", str(folder)], settings, folder, output.fileno())
        except Failed as error:
            raise SystemExit(str(error)) from None
    print(f"{title}: {run.cpu:.1f} s of CPU, {run.wall:.1f} s, {run.peak_bytes / 2**20:,.0f} MB", flush=True)
    print((folder / "output").read_text(encoding="utf-8")[-200:] if run.exit_code else "", end="")


def _of_url(url: str) -> dict[str, str]:
    with psycopg2.connect(url) as connection:
        there = connection.get_dsn_parameters()
    names = {"PGHOST": "host", "PGUSER": "user", "PGDATABASE": "dbname", "PGPORT": "port"}
    return {"ITERABLE_TARGET": "postgres", **{name: there[key] for name, key in names.items() if key in there}}


if __name__ == "__main__":
    main()
