"""campaigns_metrics: whose numbers may change is asked in every sync, everyone else once a week, wherever a sync ends."""

from __future__ import annotations

import itertools
import json
import logging
import re
from collections.abc import Collection
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import requests_mock

from source_iterable.streams import campaigns_metrics
from source_iterable.streams.campaigns_metrics import CampaignsMetrics
from unit_tests.contexts import ROOT, Read, a_context, gather

START = "2024-01-01T00:00:00Z"
NOW = datetime(2024, 6, 1, 12, tzinfo=timezone.utc)
# Ended long ago; going on, or ended a few days ago.
OLD, NEW = list(range(101, 301)), [500, 501, 502]


def milliseconds(time: datetime) -> int:
    return int(time.timestamp() * 1000)


def a_campaign(id: int) -> dict[str, Any]:
    if id == NEW[-1]:
        return {"id": id, "campaignState": "Finished", "endedAt": milliseconds(NOW - timedelta(days=5))}
    if id in NEW:
        return {"id": id, "campaignState": "Running", "createdAt": milliseconds(NOW - timedelta(days=99))}
    return {"id": id, "campaignState": "Finished", "endedAt": milliseconds(NOW - timedelta(days=99))}


class Hours:
    """Stands in for the module `time`: an hour passes whenever anyone looks."""

    monotonic = itertools.count(0.0, 3_600.0).__next__


def a_sync(
    state: dict[str, Any] | None,
    days: float = 0,
    full: bool = False,
    fails: bool = False,
    without: Collection[int] = (),
    **changes: Any,
) -> tuple[Read, list[list[int]]]:
    """A sync so many days after the first one: what it read, and the campaigns of each request.

    The reports leave out the campaigns `without` numbers.
    """
    asked: list[list[int]] = []

    def report(request: Any, context: Any) -> str:
        ids = [int(each) for each in re.findall(r"campaignid=(\d+)", request.url.lower())]
        if fails and not set(ids) & set(NEW):
            context.status_code = 400
        asked.append(ids)
        return "id,Sends\n" + "".join(f"{each},5\n" for each in ids if each not in without)

    listed = [{**a_campaign(each), "type": "Blast"} for each in [*OLD, *NEW]]
    with requests_mock.Mocker() as server, a_context(**changes) as context:
        server.get(ROOT + "campaigns", json={"campaigns": listed, "totalCampaignsCount": len(listed)})
        server.get(ROOT + "campaigns/metrics", text=report)
        context.client.clock.now = lambda: (NOW + timedelta(days=days)).timestamp()  # type: ignore[method-assign]
        context.full = ["campaigns_metrics"] if full else []
        return gather(CampaignsMetrics().read(context, state or {})), asked


def ids(read: Read) -> list[int]:
    return [each["id"] for each in read.records]


def test_the_first_sync_reads_all_newest_first_and_the_next_one_those_that_go_on() -> None:
    first, asked = a_sync(None)
    assert sorted(ids(first)) == [*OLD, *NEW]
    assert asked[0] == NEW[::-1] and asked[1][0] == OLD[-1]
    assert first.records[0] == {"id": 502, "countedAt": "2024-06-01T12:00:00+00:00", "data": {"id": 502, "Sends": 5}}
    assert first.states[-1] == {"countedAt": "2024-06-01T12:00:00+00:00", "start_date": START, "turned": "2024-06-01"}
    second, _ = a_sync(first.states[-1], days=0.2)
    assert sorted(ids(second)) == NEW
    assert {each["countedAt"] for each in second.records} == {"2024-06-01T16:48:00+00:00"}


@pytest.mark.parametrize("pauses", [[1] * 7, [0.1] * 75, [3, 3, 1], [20], [6.9, 0.2]])
def test_each_of_the_others_has_a_turn_a_week(pauses: list[float]) -> None:
    state, days, read = a_sync(None)[0].states[-1], 0.0, list[int]()
    for pause in pauses:
        days += pause
        done, _ = a_sync(state, days)
        assert {*NEW} <= {*ids(done)}
        read += [each for each in ids(done) if each in OLD]
        state = done.states[-1]
    assert set(read) == set(OLD)
    assert len(read) == len(OLD) or len(pauses) > 7, "nobody had two"


def test_a_turn_takes_so_many_minutes_and_goes_on_in_the_next_sync(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(campaigns_metrics, "time", Hours)
    caplog.set_level(logging.INFO)
    first, asked = a_sync(None)
    assert [len(each) for each in asked] == [3, len(asked[1])]
    reached = asked[1][-1]
    assert first.states[-1]["turn"] == {"day": "2024-06-01", "after": reached}
    assert "30 minutes (metrics_backfill_minutes) were spent on campaigns that ended long ago" in caplog.text
    assert f"those down to {reached} are read. The next sync continues." in caplog.text
    # It goes on the next day, and the turns of that day are taken afterwards.
    second, asked = a_sync(first.states[-1], days=1)
    assert asked[1][0] == reached - 1
    third, _ = a_sync(second.states[-1], days=1)
    assert third.states[-1]["turned"] == "2024-06-02"
    assert set(OLD) <= {*ids(first), *ids(second), *ids(third)}


def test_a_full_refresh_reads_all_at_once_and_says_how_long_that_takes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(campaigns_metrics, "time", Hours)
    caplog.set_level(logging.INFO)
    state = a_sync(None)[0].states[-1]
    full, _ = a_sync(state, full=True, rate_limit_factor=1)
    assert sorted(ids(full)) == [*OLD, *NEW]
    assert "campaigns_metrics: a full refresh reads all 203 campaigns that were sent, without a limit" in caplog.text


def test_a_sync_that_fails_keeps_what_was_new() -> None:
    failed, _ = a_sync(None, fails=True)
    assert failed.error is not None
    assert ids(failed) == NEW[::-1]
    again, _ = a_sync(failed.states[-1])
    assert sorted(ids(again)) == [*OLD, *NEW]


@pytest.mark.parametrize("state", [{}, {"countedAt": "yesterday", "start_date": START}, {"countedAt": NOW.isoformat()}])
def test_a_state_of_another_form_reads_all(state: dict[str, Any]) -> None:
    assert sorted(ids(a_sync(state)[0])) == [*OLD, *NEW]


def test_another_start_date_reads_all() -> None:
    state = json.loads(json.dumps(a_sync(None)[0].states[-1]))
    read, _ = a_sync(state, start_date="2023-01-01T00:00:00Z")
    assert sorted(ids(read)) == [*OLD, *NEW]


def test_another_start_date_leaves_no_numbers_of_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    state = a_sync(None)[0].states[-1]
    monkeypatch.setattr(campaigns_metrics, "time", Hours)
    latest: dict[int, Any] = {}
    for _ in range(9):
        read, _ = a_sync(state, start_date="2024-05-01T00:00:00Z", without=[NEW[0], *OLD[::2]])
        state = read.states[-1]
        latest |= {each["id"]: each["data"] for each in read.records}
    assert latest == {
        each: {"id": each} if each in (NEW[0], *OLD[::2]) else {"id": each, "Sends": 5} for each in [*OLD, *NEW]
    }
    assert state == {"countedAt": NOW.isoformat(), "start_date": "2024-05-01T00:00:00Z", "turned": "2024-06-01"}
    assert ids(a_sync(state, start_date="2024-05-01T00:00:00Z", without=NEW)[0]) == []


def test_a_state_from_the_future_loses_nothing() -> None:
    ahead = a_sync(None, days=400)[0].states[-1]
    now, _ = a_sync(ahead)
    assert sorted(ids(now)) == NEW, "those that had ended were read after their end"
    assert now.states[-1]["turned"] == "2024-06-01"
