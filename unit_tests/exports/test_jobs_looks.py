"""When a job is looked at, how long jobs are expected to take, and when one is given up."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from source_iterable.api.client import IterableClient
from source_iterable.errors import JobFailed, WindowFailed
from source_iterable.exports import jobs
from source_iterable.exports.durations import Durations
from source_iterable.exports.export_job import ExportJob
from source_iterable.exports.jobs import JobsTransport
from source_iterable.exports.windows import Window
from unit_tests.contexts import a_config
from unit_tests.exports.jobs_api import ROOT, WINDOW, Api, page, read, serve


@pytest.fixture
def client() -> IterableClient:
    return IterableClient(a_config(), logging.getLogger("test"))


class Passing:
    """A clock that moves when the client waits, and the times when jobs were looked at."""

    def __init__(self, api: Api, client: IterableClient, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.looks = 0.0, list[float]()
        client.pace = 1.0
        monkeypatch.setattr(client, "wait", self._wait)
        monkeypatch.setattr(jobs.time, "monotonic", lambda: self.now)
        self._page = api._page
        api.server.get(f"{ROOT}export/7/files", json=self._look)

    def _wait(self, seconds: float) -> None:
        self.now += seconds

    def _look(self, request: Any, context: Any) -> Any:
        self.looks.append(round(self.now, 2))
        return self._page(request, context)


def test_the_first_job_is_looked_at_ever_less_often(
    api: Api, client: IterableClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    passing = Passing(api, client, monkeypatch)
    api.pages = [*[page("queued")] * 45, page("completed")]
    assert read(JobsTransport(client)) == []
    pauses = [round(later - earlier, 2) for earlier, later in zip([0.0, *passing.looks], passing.looks, strict=False)]
    assert pauses[:8] == [2, 1, 1, 1, 1, 1, 1, 1.0]
    assert pauses == [2, *sorted(pauses[1:])]
    assert pauses[-1] == 30
    # No more than an eighth late.
    assert all(pause <= max(1, look / 9 + 0.01) for pause, look in zip(pauses[1:], passing.looks[1:], strict=True))


def test_a_job_is_looked_at_when_it_is_probably_done(
    api: Api, client: IterableClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    passing = Passing(api, client, monkeypatch)
    transport = JobsTransport(client)
    transport.durations.learn("emailOpen", 0, 20.0)
    api.pages = [*[page("running")] * 3, page("completed")]
    assert read(transport) == []
    assert passing.looks == [19, 20.19, 21.45, 22.79]
    # It completed between the last two looks: 22.12. The median of both jobs is 21.06.
    assert transport.durations.expected(0) == pytest.approx(21.06, abs=0.01)
    assert transport.durations.last["emailSend"] == (0, 22.1)
    passing.now, passing.looks = 0.0, []
    transport.durations = Durations(30.0)
    transport.durations.learn("emailOpen", 0, 600.0)
    api.pages = [*[page("running")] * 3, page("completed")]
    read(transport)
    assert passing.looks == [30, 60, 90, 120], "it may be done much earlier"


def test_while_nothing_is_known_the_oldest_job_shows_how_long_they_take(
    api: Api, client: IterableClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    passing = Passing(api, client, monkeypatch)
    transport = JobsTransport(client)
    older = ExportJob(client, 6)
    transport._running[older] = 30.0
    monkeypatch.setattr(older, "cancel", lambda: None)
    api.pages = [page("running"), page("completed")]
    read(transport)
    assert passing.looks == [30, 60]
    transport.durations = Durations(30.0)
    passing.now, passing.looks = 0.0, []

    def wait(seconds: float) -> None:
        passing.now += seconds
        if passing.now == 12:
            transport.durations.learn("emailOpen", 0, 12.5)

    monkeypatch.setattr(client, "wait", wait)
    api.pages = [page("completed")]
    read(transport)
    assert passing.looks == [12], "as soon as another one has completed"


def test_a_job_without_progress_is_given_up_after_a_day(
    api: Api, client: IterableClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    passing = Passing(api, client, monkeypatch)
    monkeypatch.setattr(jobs, "LONGEST_POLL", 10_000.0)  # fewer polls
    api.pages = [page("queued")]
    with pytest.raises(JobFailed, match="Iterable kept export job 7 queued for 24 hours"):
        read(JobsTransport(client))
    assert 86_400 < passing.now <= 96_402
    assert api.cancelled == 1


@pytest.mark.parametrize(
    ("window", "failure"), [(WINDOW, JobFailed), (WINDOW._replace(expected_bytes=10**9), WindowFailed)]
)
def test_a_job_that_lingers_is_cancelled_if_its_window_is_read_faster_elsewhere(
    api: Api, client: IterableClient, monkeypatch: pytest.MonkeyPatch, window: Window, failure: type[JobFailed]
) -> None:
    passing = Passing(api, client, monkeypatch)
    transport = JobsTransport(client)
    transport.durations.learn("emailOpen", 0, 20.0)
    asked: list[tuple[float, float]] = []

    def elsewhere(seconds: float) -> bool:
        asked.append((round(passing.now), round(seconds)))
        return passing.now > 45

    api.pages = [page("enqueued")]
    with pytest.raises(WindowFailed, match="not completed export job 7 within") as caught:
        read(transport, window, elsewhere)
    assert type(caught.value) is failure
    # What is left of the 20 seconds that others took, and then half as long again as it has taken.
    assert asked[0] == (19, 1)
    assert asked[1] == (20, 10)
    assert asked[-1][1] == pytest.approx(asked[-1][0] / 2, abs=1)
    assert 45 < passing.now < 50
    assert api.cancelled == 1
    assert transport.within(0) == 4
    assert transport.durations.expected(window.expected_bytes) > 30, "jobs are slower than they were"


def test_jobs_that_never_complete_are_expected_to_take_ever_longer(
    api: Api, client: IterableClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    passing = Passing(api, client, monkeypatch)
    transport = JobsTransport(client)
    expected = []
    for _ in range(4):
        transport.durations = Durations(30.0)
        began = passing.now
        api.pages = [page("enqueued")]
        with pytest.raises(JobFailed):
            read(transport, elsewhere=lambda _: passing.now - began > 25)  # noqa: B023  called before the next one
        expected.append(transport.durations.expected(0) / (passing.now - began))
    assert expected == pytest.approx([2, 4, 8, 16], rel=0.01)
    assert not transport.durations.last, "the next sync tries again"
    api.pages = [page("completed")]
    read(transport)
    transport.durations = Durations(30.0)
    began = passing.now
    api.pages = [page("enqueued")]
    with pytest.raises(JobFailed):
        read(transport, elsewhere=lambda _: passing.now - began > 25)
    assert transport.durations.expected(0) / (passing.now - began) == pytest.approx(2, rel=0.01)


def test_a_job_that_has_files_is_under_way(api: Api, client: IterableClient, monkeypatch: pytest.MonkeyPatch) -> None:
    passing = Passing(api, client, monkeypatch)
    transport = JobsTransport(client)
    api.pages = [page("running", "a")] * 45 + [page("completed", "a"), page("completed")]
    serve(api, "a")
    assert len(read(transport, elsewhere=lambda _: True)) == 1, "nothing is known of jobs"
    transport.durations = Durations(30.0)
    transport.durations.learn("emailOpen", 0, 20.0)
    passing.now = 0.0
    api.pages = [page("running", "a")]
    with pytest.raises(JobFailed, match="not completed"):
        read(transport, elsewhere=lambda _: True)
    assert 80 <= passing.now < 90, "four times as long as others"


def test_a_slot_is_free_when_its_job_has_probably_completed(
    api: Api, client: IterableClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    passing = Passing(api, client, monkeypatch)
    transport = JobsTransport(client)
    seen: list[tuple[int, int]] = []

    def elsewhere(seconds: float) -> bool:
        if passing.now > 10:
            seen.append((transport.within(17), transport.within(20)))
        return False

    api.pages = [page("queued")] * 10 + [page("completed")]
    read(transport, elsewhere=elsewhere)
    assert seen[0] == (3, 4), "it began 12 seconds ago, and takes 30"
