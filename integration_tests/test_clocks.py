"""Clocks that are off: no window, day or state is ahead of Iterable's time."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest

from integration_tests.connector import config_for, state_of, sync
from integration_tests.sandbox import Sandbox, SandboxSettings

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)


def test_a_clock_that_is_ahead_loses_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """This machine's clock, seen from a sandbox that is fixed on a day in the past, is far ahead."""
    with Sandbox(SandboxSettings(days=3, events_per_day=600, data_types=["emailOpen", "user"], now=NOW)) as sandbox:
        config = config_for(sandbox, days=3)
        seen, state = set(), []
        for _ in range(5):
            result = sync(config, ["email_open", "users", "list_sizes", "campaigns_metrics_daily"], state)
            assert result.failure is None
            state = result.state
            seen |= {record["_event_id"] for record in result.records["email_open"]}
            now = sandbox.now()
            for name in ("email_open", "users"):
                cursor = next(iter(result.states[name].values()))
                assert now <= datetime.fromisoformat(cursor) < now + timedelta(minutes=5), "as the test went on"
            for name in ("list_sizes", "campaigns_metrics_daily"):
                assert result.states[name]["date"] == now.date().isoformat()
            sandbox.advance(24 * 3600)
        truth = sandbox.truth("emailOpen", NOW - timedelta(days=3), now)
        assert len(seen) == len({json.dumps(record, sort_keys=True) for record in truth}) > 1000
    told = [record.message for record in caplog.records if "clock of this machine" in record.message]
    assert len(told) == 5, "once a sync"
    assert "ahead of Iterable's" in told[0]
    assert "2026-03-01T12:00:0" in told[0]


def test_one_request_tells_all_streams_the_time() -> None:
    with Sandbox(SandboxSettings(days=1, events_per_day=100, now=NOW)) as sandbox:
        result = sync(config_for(sandbox, days=1), ["email_open", "email_send", "email_click", "users"])
        assert result.failure is None
        assert sandbox.count("channels") == 1
        assert sandbox.requests[0].endpoint == "channels"


def test_a_state_ahead_of_iterables_time_is_kept_and_told(caplog: pytest.LogCaptureFixture) -> None:
    with Sandbox(SandboxSettings(days=1, events_per_day=100, now=NOW)) as sandbox:
        given = state_of("email_open", createdAt="2026-03-01T15:00:00+00:00")
        result = sync(config_for(sandbox, days=1), ["email_open"], given)
        assert result.failure is None
        assert [entry.endpoint for entry in sandbox.requests] == ["channels"]
        assert result.states.get("email_open", {}).get("createdAt") == "2026-03-01T15:00:00+00:00"
    (told,) = [record.message for record in caplog.records if "is in the future" in record.message]
    assert "2026-03-01T15:00:00+00:00" in told
    assert "it is now 2026-03-01T12:0" in told
    assert "set createdAt" in told
