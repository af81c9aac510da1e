"""`forget` on rows that a test puts there: waiting ones, many persons, odd spellings, shared and hostile identifiers."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from integration_tests.connector import config_for
from integration_tests.sandbox import Sandbox, SandboxSettings
from integration_tests.test_forget import (
    HYBRID_USERS,
    OPENS,
    counted,
    forget,
)
from integration_tests.test_load_destinations import EARLIER, LATER, MEMBERS, USERS, identifiers, member, put
from integration_tests.warehouses import Warehouse
from source_iterable.load import forgetting
from source_iterable.load.persons import Persons
from source_iterable.records.private_fields import PrivateFields

pytestmark = pytest.mark.warehouses


def test_rows_that_wait_for_the_end_of_their_stream_are_forgotten_and_states_stay(
    warehouse: Warehouse, opened: Callable[..., Any], tmp_path: Path
) -> None:
    with Sandbox(SandboxSettings(users=1, days=1)) as sandbox:
        (tmp_path / "config.json").write_text(json.dumps(config_for(sandbox)))
    for part in (EARLIER, ""):
        with closing(opened(part)) as destination:
            destination.start_over([MEMBERS])
            put(destination, MEMBERS, tmp_path, member(1), member(2))
            destination.commit({"list_users": {"after": 2}})
    with closing(opened(LATER)) as destination:
        put(destination, USERS, tmp_path, {"email": "3@example.com", "data": {"userId": 7}})
        destination.commit({"users": {"last": 3}})
    done = forget(tmp_path, warehouse, "--email", "1@example.com", "--user-id", "7")
    assert (done.returncode, done.stderr) == (0, "")
    assert counted(done.stdout) == {"list_users, waiting": 2, "users": 1, "all": 3}
    for part in (EARLIER, LATER, ""):
        with closing(opened(part)) as resumed:
            kept = {"users": {"last": 3}} if part == LATER else {"list_users": {"after": 2}}
            assert resumed.states([MEMBERS, USERS]) == kept
            put(resumed, MEMBERS, tmp_path, member(3))
            resumed.commit({"list_users": {}}, [MEMBERS] if part != LATER else [])
        assert part == LATER or identifiers(warehouse) == ["2", "3"]
    assert warehouse.rows("users") == []


def test_many_persons_are_forgotten_at_once(
    warehouse: Warehouse, opened: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "FEW", 2)
    users = [
        {"email": "A@x.com", "userId": "a", "data": {}},
        {"email": None, "userId": "b", "itblUserId": "bb", "data": {"email": 5}},
        {"email": "c@x.com", "userId": "c", "data": {}},
        {"email": "d@x.com", "itblUserId": "dd", "data": {"userId": 7}},
    ]
    opens = [
        {"userId": "a"},
        {"itblUserId": "bb"},
        {"email": "a@x.com"},
        {"email": "c@x.com"},
        {"itblUserId": "dd"},
        {},
    ]
    time = "2024-05-01T10:20:30+00:00"
    with closing(opened()) as destination:
        put(destination, HYBRID_USERS, tmp_path, *users)
        put(
            destination,
            OPENS,
            tmp_path,
            *({"_event_id": str(n), "createdAt": time, **each} for n, each in enumerate(opens)),
        )
        destination.commit({})
        persons = Persons(PrivateFields().hash)
        for kind, text in (("email", "a@X.com "), ("userId", "b"), ("userId", "7"), ("email", "nobody@x.com")):
            persons.add(kind, text)
        erased = forgetting.forget(destination, persons, {})
    assert erased == ({("users", False): 3, ("email_open", False): 4}, {}, 1, [])
    assert [row["email"] for row in warehouse.rows("users")] == ["c@x.com"]
    assert sorted(row["_event_id"] for row in warehouse.rows("email_open")) == ["3", "5"]


def test_identifiers_are_compared_as_python_does(
    warehouse: Warehouse, opened: Callable[..., Any], tmp_path: Path
) -> None:
    with Sandbox(SandboxSettings(users=1, days=1)) as sandbox:
        (tmp_path / "config.json").write_text(json.dumps(config_for(sandbox)))
    time = "2024-05-01T10:20:30+00:00"
    emails = ["änna@x.com\n", "\tänna@x.com", "ÄNNA@X.com", "\u00a0Änna@x.com", "anna@x.com"]
    opens = [{"_event_id": str(n), "createdAt": time, "email": email} for n, email in enumerate(emails)]
    with closing(opened()) as destination:
        put(destination, OPENS, tmp_path, *opens)
        destination.commit({})
    done = forget(tmp_path, warehouse, "--email", "Änna@x.com")
    assert (done.returncode, done.stderr) == (0, "")
    assert [row["email"] for row in warehouse.rows("email_open")] == ["anna@x.com"]


def test_more_profiles_than_identifiers_are_deleted_only_if_all_are_wanted(
    warehouse: Warehouse, opened: Callable[..., Any], tmp_path: Path
) -> None:
    with Sandbox(SandboxSettings(users=1, days=1)) as sandbox:
        (tmp_path / "config.json").write_text(json.dumps(config_for(sandbox)))
    users = [{"email": f"{n}@x.com", "userId": "unknown", "data": {}} for n in range(5)]
    with closing(opened()) as destination:
        put(destination, USERS, tmp_path, *users, {"email": "b@x.com", "userId": "b", "data": {}})
        destination.commit({})
    done = forget(tmp_path, warehouse, "--email", "1@x.com", "--email", "b@x.com")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Nothing was deleted: 2 identifiers lead to at least 6 profiles of users. ")
    assert len(warehouse.rows("users")) == 6
    done = forget(tmp_path, warehouse, "--email", "1@x.com", "--all-profiles")
    assert (done.returncode, done.stderr) == (0, "")
    assert [row["email"] for row in warehouse.rows("users")] == ["b@x.com"]


def test_what_no_sql_may_hold_is_forgotten_too(
    warehouse: Warehouse, opened: Callable[..., Any], tmp_path: Path
) -> None:
    with Sandbox(SandboxSettings(users=1, days=1)) as sandbox:
        (tmp_path / "config.json").write_text(json.dumps(config_for(sandbox)))
    hostile = "a'); DROP TABLE users; --\\' %s \" \x1b@example.com"
    with closing(opened()) as destination:
        nul = "nul\0id" if warehouse.keeps_nul else "id"
        put(
            destination,
            USERS,
            tmp_path,
            {"email": hostile, "userId": nul, "data": {}},
            {"email": "b@x.com", "data": {}},
        )
        destination.commit({})
    done = forget(tmp_path, warehouse, "--email", hostile)
    assert (done.returncode, done.stderr) == (0, "")
    assert "DROP" not in done.stdout
    assert [row["email"] for row in warehouse.rows("users")] == ["b@x.com"]
