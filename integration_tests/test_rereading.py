"""reread_window: over many syncs, late events arrive, and nothing else comes twice."""

from __future__ import annotations

import json
import logging
import random
from collections import Counter
from datetime import datetime, timedelta, timezone
from itertools import islice
from typing import Any

import pytest
from airbyte_cdk.models import AirbyteStateMessageSerializer, ConfiguredAirbyteCatalogSerializer

from integration_tests.connector import Sync, catalog_for, config_for, state_of, sync
from integration_tests.sandbox import Sandbox, SandboxSettings
from source_iterable.airbyte.source import SourceIterable
from source_iterable.streams.table import EXPORTS

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)
EVENTS = {stream.name: stream.data_type for stream in EXPORTS if stream.name != "users"}
HOUR = 3600


def ids(records: list[dict[str, Any]]) -> list[str]:
    return [record["_event_id"] for record in records]


def hour_of(record: dict[str, Any]) -> int:
    return int(datetime.fromisoformat(record["createdAt"][:19] + "+00:00").timestamp()) // HOUR


@pytest.mark.parametrize(("late_hours", "seed"), [(0.1, 1), (12, 2), (150, 3)])
def test_many_syncs_have_every_event_and_repeat_only_what_is_near_a_late_one(late_hours: float, seed: int) -> None:
    name, pauses = "push_open", random.Random(seed)
    settings = SandboxSettings(
        seed=seed, days=4, events_per_day=120, data_types=["pushOpen"], now=NOW, late_share=0.1, late_hours=late_hours
    )
    with Sandbox(settings) as sandbox:
        config = config_for(sandbox, days=4, reread_window=7, lookback_window=5)
        written: list[dict[str, Any]] = []
        seen: set[str] = set()
        state: list[dict[str, Any]] = []
        repeated = 0
        for number in range(16):
            result = sync(config, [name], state)
            assert result.failure is None
            fresh = [record for record in result.records[name] if record["_event_id"] not in seen]
            again = [record for record in result.records[name] if record["_event_id"] in seen]
            assert {hour_of(record) for record in again} <= {hour_of(record) for record in fresh}
            assert max(Counter(ids(result.records[name])).values(), default=1) == 1, "twice in one sync"
            written += result.records[name]
            repeated += len(again)
            seen.update(ids(fresh))
            state = result.state
            assert len(json.dumps(state)) < 16 * 1024
            # The last sync comes after everything has arrived, and reads it again.
            pause = timedelta(hours=pauses.uniform(0.5, 30)) if number < 14 else timedelta(hours=24)
            sandbox.advance(pause.total_seconds())
        end = datetime.fromisoformat(result.states[name]["createdAt"])
        truth = sandbox.truth("pushOpen", NOW - timedelta(days=4), end, as_of=sandbox.now() - pause)
        assert len(seen) == len({json.dumps(record, sort_keys=True) for record in truth})
        late = sandbox.truth("pushOpen", NOW - timedelta(days=4), end)
        assert len(truth) > 1000
        assert repeated < len(written) * 0.35
        assert len(late) >= len(truth)


def test_a_sync_without_late_events_costs_one_window_a_day() -> None:
    with Sandbox(SandboxSettings(days=10, events_per_day=500, now=NOW)) as sandbox:
        config = config_for(sandbox, days=10, reread_window=7, export_method="streaming")
        requests: list[int] = []
        state: list[dict[str, Any]] = []
        records: list[int] = []
        for hours in (1, 5, 18, 1, 1):
            sandbox.clear_requests()
            result = sync(config, EVENTS, state)
            assert result.failure is None
            requests.append(sandbox.count("export/data.json"))
            records.append(sum(map(len, result.records.values())))
            state = result.state
            sandbox.advance(hours * 3600)
        assert requests == [52, 52, 52, 104, 52]
        start, end = NOW - timedelta(days=10), NOW + timedelta(hours=25)
        assert sum(records) == sum(len(sandbox.truth(each, start, end)) for each in EVENTS.values())


def test_new_events_of_all_streams_come_before_any_is_read_again() -> None:
    with Sandbox(SandboxSettings(days=3, events_per_day=500, now=NOW)) as sandbox:
        config = config_for(sandbox, days=3, reread_window=7, export_method="streaming")
        state = [each for name in EVENTS for each in state_of(name, createdAt="2026-03-01 06:00:00+00:00")]
        result = sync(config, EVENTS, state)
        assert result.failure is None
        starts = [str(entry.query["startDateTime"]) for entry in sandbox.requests if "startDateTime" in entry.query]
        new = [place for place, start in enumerate(starts) if "2026-03-01 06" in start]
        old = [place for place, start in enumerate(starts) if "2026-03-01 06" not in start]
        assert len(new) == len(EVENTS)
        assert max(new) < min(old)


@pytest.mark.parametrize("theirs", ["2026-03-01 06:00:00+00:00", "2026-03-01T06:00:00Z", "2026-03-01T06:00:00.000000"])
def test_a_state_of_the_published_connector_gets_what_it_has_missed(theirs: str) -> None:
    name = "email_open"
    with Sandbox(SandboxSettings(days=20, events_per_day=600, data_types=["emailOpen"], now=NOW)) as sandbox:
        config = config_for(sandbox, days=20, reread_window=7)
        first = sync(config, [name], state_of(name, createdAt=theirs))
        start = NOW - timedelta(days=7, hours=6)
        assert len(set(ids(first.records[name]))) == len(sandbox.truth("emailOpen", start, NOW))
        assert "sums" in first.states[name]["reread"]
        sandbox.advance(86_400)
        second = sync(config, [name], first.state)
        assert not set(ids(second.records[name])) & set(ids(first.records[name]))


def test_killed_at_any_moment_nothing_is_lost() -> None:
    name, moments = "push_open", random.Random(4)
    settings = SandboxSettings(
        days=6, events_per_day=900, data_types=["pushOpen"], now=NOW, late_share=0.3, late_hours=90
    )
    with Sandbox(settings) as sandbox:
        config = config_for(sandbox, days=6, reread_window=7)
        first = sync(config, [name])
        sandbox.advance(4 * 86_400)
        whole = set(ids(sync(config, [name], first.state).records[name]))
        assert len(whole) > 100
        lengths = set()
        for _ in range(8):
            result, state = Sync(), first.state
            catalog = ConfiguredAirbyteCatalogSerializer.load(catalog_for(config, [name]))
            given = [AirbyteStateMessageSerializer.load(each) for each in state]
            messages = SourceIterable().read(logging.getLogger("airbyte"), config, catalog, given)
            for message in islice(messages, moments.randrange(len(whole) + 10)):
                result.add(message)
            messages.close()
            lengths.add(len(result.states))
            rest = sync(config, [name], result.state or state)
            assert whole <= {*ids(result.records[name]), *ids(rest.records[name])}
        assert lengths == {0, 1}, "killed before the first state, and after it"


def test_without_the_option_the_state_has_no_fingerprints() -> None:
    with Sandbox(SandboxSettings(days=3, events_per_day=300, now=NOW)) as sandbox:
        config = config_for(sandbox, days=3, reread_window=7)
        first = sync(config, ["email_send"])
        assert set(first.states["email_send"]) == {"createdAt", "ids", "bytesADay", "took", "reread"}
        sandbox.advance(60)
        second = sync({**config, "reread_window": 0}, ["email_send"], first.state)
        assert set(second.states["email_send"]) == {"createdAt", "ids", "bytesADay", "took"}
