"""Guessing what is hidden: whoever has all of an event but the address tries every address against the event's id."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest

from integration_tests.connector import config_for, state_of, sync, time_text
from integration_tests.sandbox import NOW, Sandbox, SandboxSettings
from integration_tests.test_load import load
from source_iterable.config import Config
from source_iterable.load import iterable
from source_iterable.reading.export_stream import EventStream
from source_iterable.streams.table import STREAMS

SALT = "a long random text"
NAMES = ["email_open", "push_send", "custom_event", "email_subscribe"]
USERS = 56


def fallen(stream: str, records: Iterable[dict[str, Any]], guesses: Iterable[str]) -> int:
    """In how many events the address is found: by the connector's own code, and without the salt."""
    found = STREAMS[stream]
    assert isinstance(found, EventStream)
    parser = found.events(stream, Config.parse({"api_key": "k", "start_date": "2024-01-01T00:00:00Z"}))
    count = 0
    for record in records:
        rest = {name: value for name, value in record.items() if name not in ("_event_id", "itblInternal", "data")}
        lines = "\n".join(json.dumps({**rest, **record["data"], "email": guess}) for guess in guesses)
        ids = [each["_event_id"] for each in parser.parse(lines.encode()).batch.records()]
        assert len(set(ids)) == len(ids) == USERS
        count += record["_event_id"] in ids
    return count


@pytest.mark.parametrize("salt", ["", SALT])
@pytest.mark.parametrize("option", [{"hashed_fields": ["email"]}, {"hashed_fields": ["kind:email"]}])
def test_guesses_of_an_address(salt: str, option: dict[str, list[str]]) -> None:
    """All events fall without a salt, as docs/private-fields.md says, and none with one: by whatever way they were read."""
    with Sandbox(SandboxSettings(seed=7, users=USERS, days=3, events_per_day=400, odd=False)) as sandbox:
        guesses = [user["email"] for user in sandbox.truth("user", NOW.replace(year=2020), NOW)]
        config = config_for(sandbox, hash_salt=salt, **option)
        for method in ("streaming", "jobs"):
            records = sync({**config, "export_method": method}, NAMES).records
            for name in NAMES:
                assert fallen(name, records[name], guesses) == (0 if salt else len(records[name])), (name, method)
        assert sum(map(len, records.values())) > 100
        # The events of single users have the ids of their exports.
        of_users = {each["_event_id"]: each for each in sync(config, ["events"]).records["events"]}
        for name in NAMES:
            again = [of_users[each["_event_id"]] for each in records[name] if each["_event_id"] in of_users]
            assert len(again) == len(records[name])
        # Rereading writes the ids that are there, and tells by them that nothing has changed.
        state = state_of("email_open", createdAt=time_text(NOW))
        first = sync({**config, "reread_window": 3}, ["email_open"], state)
        assert {each["_event_id"] for each in first.records["email_open"]} == {
            each["_event_id"] for each in records["email_open"]
        }
        sandbox.advance(86_400)
        second = sync({**config, "reread_window": 3}, ["email_open"], first.state)
        assert not {each["_event_id"] for each in second.records["email_open"]} & {
            each["_event_id"] for each in first.records["email_open"]
        }


@pytest.mark.parametrize("salt", ["", SALT])
def test_what_is_loaded_has_these_ids_and_is_deduplicated_by_them(
    salt: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    name = "email_open"
    with Sandbox(SandboxSettings(seed=7, users=USERS, days=3, events_per_day=400, odd=False)) as sandbox:
        config = config_for(sandbox, hash_salt=salt, hashed_fields=["email"], reread_window=3)
        file, other = tmp_path / "iterable.duckdb", tmp_path / "by_dlt.duckdb"
        to_dlt = dlt.pipeline(
            "iterable", str(tmp_path / "p"), destination=dlt.destinations.duckdb(str(other)), dataset_name="iterable"
        )
        for _ in range(2):
            assert load(tmp_path, config, "--to", str(file), "--streams", name).returncode == 0
            to_dlt.run(iterable(config, streams=[name]))
            # The second run reads all days again.
            sandbox.advance(86_400)
        sandbox.advance(-86_400)
        ids = sorted(each["_event_id"] for each in sync(config, [name]).records[name])
        assert len(ids) > 50
        for each in (file, other):
            with duckdb.connect(str(each), read_only=True) as database:
                rows = database.execute(f"SELECT _event_id FROM {each.stem}.iterable.{name} ORDER BY 1").fetchall()
            assert [row[0] for row in rows] == ids
        # Another salt is refused, before anything is written twice.
        changed = {**config, "hash_salt": "another"}
        done = load(tmp_path, changed, "--to", str(file), "--streams", name)
        assert done.returncode == 1
        assert "hash_salt has changed" in done.stderr
