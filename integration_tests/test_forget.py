"""`source-iterable forget`: no row about a person is left, all others stay, and no later load brings one back."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import pytest

from integration_tests import preloaded
from integration_tests.connector import config_for, time_text
from integration_tests.sandbox import NOW, Sandbox, SandboxSettings
from integration_tests.test_load import load
from integration_tests.test_load_destinations import put
from integration_tests.warehouses import BucketWarehouse, DuckDBWarehouse, ParquetWarehouse, Row, Warehouse, texts
from source_iterable.config import Config
from source_iterable.load.tables import table_of
from source_iterable.records.private_fields import PrivateFields
from source_iterable.streams.table import STREAMS

pytestmark = pytest.mark.warehouses

DOCS = Path(__file__).parents[1] / "docs" / "erasure.md"
# From before the first sign-up: `users` has all profiles.
DAYS = 500
EVENTS = ("email_open", "email_send", "custom_event", "push_send", "in_app_open")
PEOPLE = ("users", "events", "list_users", *EVENTS)
STREAMS_READ = f"users,events,list_users,templates,forgotten_users,{','.join(EVENTS)}"
HYBRID = Config.parse({"api_key": "k", "start_date": "2024-01-01T00:00:00Z", "project_type": "Hybrid"})
HYBRID_USERS, OPENS = (table_of(STREAMS[name], HYBRID) for name in ("users", "email_open"))
Tables = dict[str, list[Row]]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A hybrid project: its events have one identifier each."""
    with Sandbox(SandboxSettings(users=40, days=3, events_per_day=300, project_type="Hybrid")) as made:
        yield made


def forget(folder: Path, warehouse: Warehouse, *arguments: str) -> subprocess.CompletedProcess[str]:
    words = ["forget", "--config", str(folder / "config.json"), "--to", warehouse.to, *arguments]
    command = [*preloaded.python_for_load(), "-m", "source_iterable", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def read(folder: Path, config: Mapping[str, Any], warehouse: Warehouse, streams: str = STREAMS_READ) -> Tables:
    """Load, and return the tables of these streams that have rows."""
    done = load(folder, config, "--to", warehouse.to, "--streams", streams)
    assert done.returncode == 0, done.stderr
    return tables(warehouse)


def tables(warehouse: Warehouse) -> Tables:
    return {name: warehouse.rows(name) for name in [*PEOPLE, "templates", "forgotten_users"]}


def generations(warehouse: Warehouse) -> dict[str, str]:
    if isinstance(warehouse, (ParquetWarehouse, BucketWarehouse)):
        return {name: entry.get("generation", "") for name, entry in warehouse.manifest()["tables"].items()}
    rows = warehouse.query("SELECT name, generation FROM _source_iterable_tables")  # type: ignore[attr-defined]
    return {row["name"]: row["generation"] for row in rows}


def has_any(row: Any, names: set[str]) -> bool:
    """Whether one of these is a value in a row, however deep."""
    if isinstance(row, dict):
        return any(has_any(each, names) for each in row.values())
    if isinstance(row, list):
        return any(has_any(each, names) for each in row)
    if isinstance(row, str) and row[:1] in ("{", "["):
        return any(json.dumps(name, ensure_ascii=False) in row for name in names)
    return row in names


def without(before: Tables, names: set[str]) -> dict[str, list[str]]:
    return {table: texts([row for row in rows if not has_any(row, names)]) for table, rows in before.items()}


def as_texts(now: Tables) -> dict[str, list[str]]:
    return {table: texts(rows) for table, rows in now.items()}


def a_person(sandbox: Sandbox) -> Any:
    """A user with an email and a userId."""
    return next(user for user in sandbox.core.world.people.users if len(user.identifiers) == 3)


def counted(report: str) -> dict[str, int]:
    """The rows that a report counts, by table."""
    rows = re.findall(r"^ (\S+(?:, waiting)?) +│ +([\d,]+)$", report, re.MULTILINE)
    return {table: int(number.replace(",", "")) for table, number in rows}


def test_no_row_about_a_person_is_left_or_comes_back(sandbox: Sandbox, warehouse: Warehouse, tmp_path: Path) -> None:
    config, person = config_for(sandbox, days=DAYS), a_person(sandbox)
    names = set(person.identifiers.values())
    before, marks = read(tmp_path, config, warehouse), generations(warehouse)
    lost = {table: sum(has_any(row, names) for row in rows) for table, rows in before.items()}
    lost = {table: rows for table, rows in lost.items() if rows}
    events = [
        row for table in lost for row in before[table] if has_any(row, names) and table not in ("users", "events")
    ]
    assert [row for row in events if "email" not in row], "some are only found by another identifier"

    done = forget(tmp_path, warehouse, "--email", f" {person.identifiers['email'].upper()}")
    assert (done.returncode, done.stderr) == (0, "")
    assert counted(done.stdout) == {**lost, "all": sum(lost.values())}
    assert "in no row of users" not in done.stdout
    assert as_texts(tables(warehouse)) == without(before, names)
    now = generations(warehouse)
    assert {table for table, mark in marks.items() if now[table] != mark} == set(lost)

    # Iterable has no such member any more; events are older than the cursor.
    person.list_ids.clear()
    after = as_texts(read(tmp_path, config, warehouse))
    expected = without(before, names)
    # Of whole lists and users: read again, without the person.
    assert after == expected
    again = forget(tmp_path, warehouse, "--user-id", person.identifiers["userId"])
    assert again.returncode == 0
    assert again.stdout.startswith(
        "No table has a row about these persons. Nothing was deleted.\n\n1 of the identifiers "
    )
    assert (
        generations(warehouse).items()
        >= {table: now[table] for table in lost if table not in ("events", "list_users")}.items()
    )


def test_hashed_identifiers_are_found_by_the_salt(sandbox: Sandbox, warehouse: Warehouse, tmp_path: Path) -> None:
    hidden = {"hashed_fields": ["email", "userId", "itblUserId"], "hash_salt": "pepper"}
    config, person = config_for(sandbox, days=DAYS, **hidden), a_person(sandbox)
    names = {sha256(f"pepper{text}".encode()).hexdigest() for text in person.identifiers.values()}
    before = read(tmp_path, config, warehouse)
    assert sum(has_any(row, names) for rows in before.values() for row in rows) > 20
    listed = forget(tmp_path, warehouse, "--forgotten")
    assert listed.returncode == 0, listed.stderr
    assert re.findall(r"^- (\w+) of .*users", listed.stdout, re.MULTILINE) == ["email", "user_id", "user_identifier"]
    assert as_texts(tables(warehouse)) == as_texts(before)
    done = forget(tmp_path, warehouse, "--email", person.identifiers["email"])
    assert done.returncode == 0, done.stderr
    assert as_texts(tables(warehouse)) == without(before, names)


def test_tables_with_hashes_by_another_salt_are_named_and_the_others_are_searched(
    warehouse: Warehouse, opened: Callable[..., Any], tmp_path: Path
) -> None:
    with Sandbox(SandboxSettings(users=1, days=1)) as sandbox:
        salted = {salt: config_for(sandbox, hashed_fields=["email"], hash_salt=salt) for salt in ("old", "new")}
    hashed = {salt: PrivateFields.from_config(Config.parse(config)).hash for salt, config in salted.items()}
    for salt, stream in (("old", "email_open"), ("new", "users"), ("old", "list_users")):
        table = table_of(STREAMS[stream], Config.parse(salted[salt]))
        record = {"email": hashed[salt]("a@x.com"), **({"listId": 1} if stream == "list_users" else {"data": {}})}
        with closing(opened()) as destination:
            destination.start_over([table])
            put(destination, table, tmp_path, record)
            # list_users waits for its end.
            destination.commit({stream: {"after": 1}})
    (tmp_path / "config.json").write_text(json.dumps(salted["new"]))
    done = forget(tmp_path, warehouse, "--email", "a@x.com")
    said = "loaded with other private options. Run forget with that configuration, too."
    assert (done.returncode, done.stderr) == (1, f"Rows may be left in email_open, list_users: {said}\n")
    assert f"\nNot matched:\n- email_open was {said}\n- list_users was {said}\n" in done.stdout
    assert counted(done.stdout)["users"] == 1
    assert warehouse.rows("users") == []
    (tmp_path / "config.json").write_text(json.dumps(salted["old"]))
    done = forget(tmp_path, warehouse, "--email", "a@x.com")
    assert (done.returncode, done.stderr) == (1, f"Rows may be left in users: {said}\n")
    assert warehouse.rows("email_open") == []


@pytest.mark.parametrize("hashed", [[], ["email"]])
def test_all_whom_iterable_lists_are_forgotten(
    hashed: list[str], sandbox: Sandbox, warehouse: Warehouse, tmp_path: Path
) -> None:
    # The sandbox lists the hashes of these; without a salt ours are the same.
    names = {"email-forgotten-0", " Email-Forgotten-1", "USERID-forgotten-2"}
    time = time_text(NOW)
    others = {"email": "userid-forgotten-3", "userId": "email-forgotten-4"}
    about = [{"email": "email-forgotten-0"}, {"userId": "USERID-forgotten-2"}, others]
    about += [] if hashed else [{"email": " Email-Forgotten-1"}]
    sandbox.put_records(
        "emailOpen",
        [json.dumps({"createdAt": time, "messageId": f"m{n}", **each}).encode() for n, each in enumerate(about)],
        at=NOW,
    )
    config = config_for(sandbox, days=DAYS, hashed_fields=hashed, end_date=time_text(NOW.replace(year=NOW.year + 1)))
    sandbox.advance(60)
    before = read(tmp_path, config, warehouse)
    names |= {sha256(name.encode()).hexdigest() for name in names}
    lost = sum(has_any(row, names) for row in before["email_open"])
    assert lost == len(about) - 1
    done = forget(tmp_path, warehouse, "--forgotten")
    assert (done.returncode, done.stderr) == (0, "")
    assert counted(done.stdout) == {"email_open": lost, "all": lost}
    assert ("Not matched" in done.stdout) == bool(hashed)
    after = as_texts(tables(warehouse))
    assert after.pop("forgotten_users") == as_texts(before)["forgotten_users"]
    assert after == {table: rows for table, rows in without(before, names).items() if table in after}


def test_without_the_list_of_forgotten_users_nobody_is_taken_for_one(warehouse: Warehouse, tmp_path: Path) -> None:
    with Sandbox(SandboxSettings(users=3, days=1)) as sandbox:
        assert load(tmp_path, config_for(sandbox), "--to", warehouse.to, "--streams", "users").returncode == 0
    done = forget(tmp_path, warehouse, "--forgotten")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "There is no table forgotten_users: load the stream forgotten_users first.\n"


def test_a_dataset_that_no_load_has_made_is_not_made(
    warehouse: Warehouse, opened: Callable[..., Any], tmp_path: Path
) -> None:
    with Sandbox(SandboxSettings(users=1, days=1)) as sandbox:
        (tmp_path / "config.json").write_text(json.dumps(config_for(sandbox)))
    opened().close()

    def made() -> list[str]:
        if isinstance(warehouse, (ParquetWarehouse, BucketWarehouse)):
            return warehouse.files()
        return texts(warehouse.query("SELECT table_schema, table_name FROM information_schema.tables"))  # type: ignore[attr-defined]

    before = made()
    done = forget(tmp_path, warehouse, "--email", "a@x.com", "--dataset", "typo")
    assert (done.returncode, done.stderr) == (1, "There is no table of any stream: check --to and --dataset.\n")
    assert made() == before


def test_a_new_duckdb_file_has_no_byte_of_what_was_forgotten(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    warehouse, person = DuckDBWarehouse(tmp_path), a_person(sandbox)
    config = config_for(sandbox, days=DAYS)
    load(tmp_path, config, "--to", warehouse.to, "--streams", STREAMS_READ, "--custom-event-tables")
    done = forget(tmp_path, warehouse, "--email", person.identifiers["email"])
    assert "The DuckDB file may hold bytes of deleted rows" in done.stdout
    assert not Path(f"{warehouse.to}.wal").exists()
    before = as_texts(tables(warehouse))
    assert person.identifiers["email"].encode() in Path(warehouse.to).read_bytes(), "as the docs say"
    lines = re.findall(r"^    ((?:ATTACH|COPY) .*)$", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    with duckdb.connect("new.duckdb") as database:
        for sql in lines:
            database.execute(sql)
    Path("new.duckdb").rename(warehouse.to)
    assert as_texts(tables(warehouse)) == before
    content = Path(warehouse.to).read_bytes()
    assert {name for name, text in person.identifiers.items() if text.encode() in content} == set()
    second = load(tmp_path, config, "--to", warehouse.to, "--streams", "users,custom_event", "--custom-event-tables")
    assert (second.returncode, "2 streams had nothing new." in second.stdout) == (0, True)


def test_the_sql_for_destinations_of_dlt_deletes_the_same(sandbox: Sandbox, tmp_path: Path) -> None:
    warehouse, person = DuckDBWarehouse(tmp_path), a_person(sandbox)
    before = read(tmp_path, config_for(sandbox, days=DAYS), warehouse)
    command = [
        *preloaded.python_for_load(),
        "-m",
        "source_iterable",
        "forget",
        "--config",
        str(tmp_path / "config.json"),
    ]
    # Its name in dlt's spelling.
    arguments = ["--to", "filesystem", "--dataset", "ITERABLE", "--email", person.identifiers["email"].upper()]
    where = {"DESTINATION__FILESYSTEM__BUCKET_URL": str(tmp_path / "bucket"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, env=where, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Nothing was deleted: this command cannot delete rows in destinations of dlt.")
    ours = re.compile(rf"--|DELETE FROM iterable(?:_staging)?\.(?:{'|'.join(PEOPLE)}) ")
    said = [line for line in done.stdout.splitlines() if ours.match(line)]
    with duckdb.connect() as database:
        # Under another name than its schema.
        database.execute(f"ATTACH '{warehouse.to}' AS loaded; USE loaded; CREATE SCHEMA iterable_staging")
        for name in PEOPLE:
            database.execute(f"CREATE TABLE iterable_staging.{name} AS FROM iterable.{name}")
        database.execute("\n".join(said))
        names = set(person.identifiers.values())
        staging = {table: warehouse_rows(database, f"iterable_staging.{table}") for table in PEOPLE}
    assert as_texts(tables(warehouse)) == without(before, names)
    assert not [row for rows in staging.values() for row in rows if has_any(row, names)]


def warehouse_rows(database: duckdb.DuckDBPyConnection, table: str) -> list[Row]:
    result = database.execute(f"FROM {table}")
    names = [each[0] for each in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
