"""list_users and events, both selected: each list is requested once for both."""

from __future__ import annotations

from collections import Counter

import pytest

from integration_tests.connector import config_for, sync
from integration_tests.sandbox import Fault
from integration_tests.test_streams_members import FIRST, MIDDLE, a_sandbox, as_read, as_sent, keys, members


def test_both_streams_of_members_ask_for_each_list_once() -> None:
    # More lists than are kept for the slower of the two.
    with a_sandbox(lists=60, events_per_day=20) as sandbox:
        result = sync(config_for(sandbox), ["list_users", "events"])
        assert result.failure is None
        assert keys("list_users", result.records["list_users"]) == members(sandbox)
        assert sorted(map(as_sent, result.records["events"])) == sorted(map(as_read, sandbox.truth_list("events")))
        assert sandbox.count("lists/getUsers") == 60


def test_a_list_that_cannot_be_read_is_retried_for_both_streams_together(caplog: pytest.LogCaptureFixture) -> None:
    with a_sandbox() as sandbox:
        config = config_for(sandbox)
        broken = Fault("lists/getUsers", "status", times=None, when=lambda e: e.query["listId"] == [str(MIDDLE)])
        sandbox.add_fault(broken)
        sandbox.add_fault(
            Fault("lists/getUsers", "status", times=None, status=502, when=lambda e: e.query["listId"] == [str(FIRST)])
        )
        first = sync(config, ["list_users", "events"])
        asked = Counter(text for e in sandbox.requests for text in e.query.get("listId", []))
        assert asked[str(MIDDLE)] == asked[str(FIRST)] == 3
        assert set(asked.values()) == {1, 3}
        assert set(first.errors) == {"list_users", "events"}
        assert keys("list_users", first.records["list_users"]) == members(sandbox, without=(FIRST, MIDDLE))
        sandbox.clear_faults()
        sandbox.clear_requests()
        second = sync(config, ["list_users", "events"], first.state)
        assert second.failure is None
        read = [*first.records["list_users"], *second.records["list_users"]]
        assert keys("list_users", read) == members(sandbox, without=(MIDDLE,))
        # list_users lacks one list only; events needs all lists to know its users.
        assert sandbox.count("lists/getUsers") == 8
    warnings = [record.message for record in caplog.records if record.levelname == "WARNING"]
    for name in ("list_users", "events"):
        assert any(warning.startswith(f"{name}: list {MIDDLE} skipped") for warning in warnings)
        assert any(warning.startswith(f"{name}: list {FIRST} not read") for warning in warnings)
