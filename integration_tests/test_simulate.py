"""`make simulate`: syncs in virtual time are exact, and what stands in for Iterable keeps its rules."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from benchmarks.simulate import bars, bounds, peers, permits
from benchmarks.simulate.campaigns import hourly
from benchmarks.simulate.cases import Case, cases
from benchmarks.simulate.iterable import NOW, Iterable, Project
from benchmarks.simulate.limits import LeakyBucket, Limit, SlidingWindow
from benchmarks.simulate.primitives import Condition, Event, Lock, Semaphore
from benchmarks.simulate.report import END, START, tables, with_tables
from benchmarks.simulate.scheduler import Deadlock, Scheduler
from benchmarks.simulate.sync import PARSING_RATE, Run, Simulation, sync
from source_iterable.api import client, rate_budget
from source_iterable.exports.windows import DAY, Window
from source_iterable.reading import together

CASES = {case.name: case for case in cases()}
IDLE = CASES["idle, 12 exports, D = 10"]
LARGE = Project({"emailSend": 2_000_000_000}, 90 * DAY, job_seconds=30.0)


def run(case: Case, method: str = "auto") -> Run:
    return sync(case.project, case.streams, method, case.since)


def test_a_sync_takes_exactly_as_long_each_time() -> None:
    # Changes with the code of the connector: faster is better, and slower is a matter of bars.py.
    assert round(run(IDLE).seconds, 6) == 27.87664
    assert run(IDLE) == run(IDLE)


def test_a_read_of_gigabytes_takes_exactly_as_long_each_time_and_no_memory() -> None:
    first, again = (sync(LARGE, ["email_send"]) for _ in range(2))
    assert first == again
    assert abs(first.read["emailSend"] - 2_000_000_000) < 1_000
    assert 0 < first.peak_disk < bars.DISK


def test_jitter_is_the_same_for_the_same_seed() -> None:
    seconds = [sync(Project(jitter=2.0), IDLE.streams, since=3_600, seed=seed).seconds for seed in (1, 1, 2)]
    assert seconds[0] == seconds[1] != seconds[2]


def test_after_a_run_the_connector_has_its_own_clock_and_threads_again() -> None:
    defaults = rate_budget.RateBudget.__init__.__defaults__
    threads, tick = threading.active_count(), together.TICK
    run(IDLE)
    assert rate_budget.RateBudget.__init__.__defaults__ == defaults == (time.monotonic,)
    assert vars(client)["threading"] is threading and vars(client)["time"] is time
    assert threading.active_count() == threads
    assert tick == together.TICK


@pytest.mark.parametrize(("job_seconds", "seconds"), [(2, 89), (30, 270), (120, 540)])
def test_the_bound_of_idle_syncs(job_seconds: float, seconds: float) -> None:
    assert bounds.exports(bounds.Windows(53, 0, job_seconds), 60e6) == seconds


def test_the_bound_of_many_windows_goes_on_as_that_of_fewer() -> None:
    windows = bounds.Windows(1_100, 128 * 2**20, 30.0)
    assert bounds.exports(windows, 60e6) == pytest.approx(
        bounds.exports(windows._replace(number=1_000), 60e6) * 1.1, 0.01
    )


def test_nothing_is_faster_than_possible() -> None:
    for name in ("idle, 12 exports, D = 10", "idle, 12 exports, D = 30", "idle, 53 exports and lists, D = 2"):
        assert run(CASES[name]).seconds >= CASES[name].bound
    # The bound of a large read is for windows of one size; jobs read larger ones. But all of it is parsed.
    large = CASES["one stream, 3.8 GB in 180 days, D = 30"]
    assert run(large).seconds > large.project.job_seconds + sum(large.project.data.values()) / PARSING_RATE


def test_what_a_first_sync_has_learned_makes_the_next_one_faster() -> None:
    case = CASES["users, email_send, _open, _click daily, D = 30"]
    known, unknown = (sync(case.project, case.streams, since=case.since, is_second=known) for known in (True, False))
    assert known.seconds < 0.75 * unknown.seconds
    # Nothing is received in vain, and no job is cancelled: it would be read again.
    assert known.counts["stream"] + known.counts["start"] < unknown.counts["stream"] + unknown.counts["start"]


def test_jobs_that_never_complete_hardly_delay_what_streaming_can_read() -> None:
    case = CASES["idle, 53 exports and lists, D = 30"]
    stuck = run(replace(case, project=replace(case.project, job_seconds=math.inf)))
    assert stuck.counts["start"] == stuck.counts["cancel"] <= 6
    assert stuck.seconds < 1.1 * run(case, "streaming").seconds


def test_peers_read_all_of_it() -> None:
    # Each checks that all bytes were read once.
    native, published = (read(LARGE, ["email_send"]) for read in (peers.native, peers.published))
    assert native.counts["start"] == 180
    assert published.counts["stream"] == 2
    assert peers.published(IDLE.project, IDLE.streams, IDLE.since).counts["429"] > 0


@pytest.mark.parametrize("regime", permits.REGIMES, ids=lambda regime: regime.name)
def test_the_budgets_keep_to_the_limits_whatever_the_latency(regime: permits.Regime) -> None:
    for hour in permits.hours([regime], seed=2, limits=("streamed exports", "export jobs")):
        assert hour.leaky == hour.sliding == 0


@pytest.mark.parametrize(("response_time", "share"), [(0.02, 0.98), (0.15, 0.92), (0.3, 0.86)])
def test_steady_latency_costs_half_of_itself(response_time: float, share: float) -> None:
    (regime,) = (each for each in permits.REGIMES if each.name == f"{response_time:g} s")
    (jobs,) = permits.hours([regime], limits=["export jobs"])
    assert share < jobs.share < share + 0.01


def test_a_request_that_is_late_by_more_than_a_permit_allows_for_is_counted() -> None:
    late = permits.Regime("late", lambda random, now: permits.Way(random.choice((0.1, 3.0)), 0.0, 0.1))
    (jobs,) = permits.hours([late], limits=["export jobs"])
    assert jobs.leaky > 0 and jobs.sliding > 0


def test_hourly_syncs_read_the_metrics_of_two_years_and_none_takes_40_minutes() -> None:
    # Raises if one came no further than the one before, or numbers are missing at the end. The case with 60,000 takes 30 s.
    run, done = hourly(Project(campaigns=3_000, span=730 * DAY), 6)
    assert run.seconds < 40 * 60 and not run.refused.total()
    assert [bool(each.state.get("search")) for each in done] == [True, True, False, False, False, False]
    assert max(each.longest_state for each in done) < 10_000
    with pytest.raises(ValueError, match="After 2 syncs, .* were not read"):
        hourly(Project(campaigns=3_000, span=730 * DAY), 2)


@pytest.mark.parametrize(
    ("kind", "accepted"),
    [(LeakyBucket, [True, True, False, True, False, True]), (SlidingWindow, [True, True, False, False, False, True])],
)
def test_two_in_ten_seconds(kind: Callable[[Limit], LeakyBucket | SlidingWindow], accepted: list[bool]) -> None:
    limiter = kind(Limit("two", "", 2, 10.0))
    assert [limiter.accepts(now) for now in (0.0, 0.0, 1.0, 5.0, 6.0, 10.0)] == accepted


def test_four_jobs_run_at_once_in_order_and_a_cancelled_one_makes_room() -> None:
    iterable = Iterable(Project(job_seconds=10.0))
    window = {"dataTypeName": "emailSend", **Window(NOW - 60, NOW).parameters}

    def states(now: float) -> list[str]:
        return [iterable.jobs.get(number, now).files(now)[0] for number in range(6)]

    for _ in range(6):
        iterable.respond("POST", "export/start", {}, window, 0.0)
    assert states(5.0) == ["running"] * 4 + ["enqueued"] * 2
    iterable.respond("DELETE", "export/0", {}, {}, 6.0)
    assert states(7.0) == ["cancelled", "running", "running", "running", "running", "enqueued"]
    assert states(15.9) == ["cancelled", "completed", "completed", "completed", "running", "running"]
    assert states(16.0)[4:] == ["completed", "running"]
    assert states(20.0)[5] == "completed"


def test_threads_wait_in_order_and_the_clock_jumps() -> None:
    scheduler, said = Scheduler(), list[tuple[float, str]]()
    lock, slots, event, changed = Lock(scheduler), Semaphore(scheduler, 2), Event(scheduler), Condition(scheduler)

    def hold(name: str, seconds: float) -> None:
        with slots, lock:
            scheduler.sleep(seconds)
            said.append((scheduler.now, name))
        with changed:
            changed.notify_all()

    def work() -> None:
        for name, seconds in (("first", 3_600.0), ("second", 1.0), ("third", 0.5)):
            scheduler.start(partial(hold, name, seconds), name)
        assert not event.wait(10.0)
        said.append((scheduler.now, "main"))
        with changed:
            changed.wait_for(lambda: len(said) == 4)

    scheduler.run(work)
    assert said == [(10.0, "main"), (3_600.0, "first"), (3_601.0, "second"), (3_601.5, "third")]


def test_a_simulation_in_which_all_wait_says_so() -> None:
    scheduler = Scheduler()
    lock = Lock(scheduler)

    def work() -> None:
        scheduler.start(lock.acquire, "other")
        lock.acquire()
        scheduler.wait()

    with pytest.raises(Deadlock, match="other"):
        scheduler.run(work)


def test_an_error_in_any_thread_ends_a_simulation() -> None:
    scheduler = Scheduler()

    def fail() -> None:
        raise KeyError("one")

    def work() -> None:
        scheduler.start(scheduler.wait, "other")
        scheduler.start(fail, "failing")
        scheduler.sleep(1.0)

    with pytest.raises(KeyError, match="one"):
        scheduler.run(work)


def test_data_that_were_not_read_are_noticed() -> None:
    with pytest.raises(ValueError, match="2,000,000,000 bytes of emailSend, 0 were read"):
        Simulation(LARGE).run(lambda: {"email_send": 1.0})


def test_faults_of_a_case() -> None:
    result = run(IDLE)
    result.seconds = 1.25 * IDLE.bound
    assert bars.faults(IDLE, {"auto": result}) == []
    result.seconds, result.peak_disk = 36.0, 2 * 10**9
    result.refused["leaky"] = 2
    slow, refused, disk = bars.faults(IDLE, {"auto": result})
    assert slow == "idle, 12 exports, D = 10 takes 36.0 s; it may take 28.8."
    assert "429 2 times" in refused and "2,000 MB" in disk


def test_every_bar_is_of_a_case() -> None:
    assert {*bars.RATIOS, *bars.SECONDS} <= CASES.keys()


def test_the_page_keeps_what_is_around_its_tables() -> None:
    page = with_tables(f"before\n{START}\nold\n{END}\nafter\n", tables([(IDLE, {"auto": run(IDLE)})], []))
    assert page.startswith(f"before\n{START}\n\n") and page.endswith(f"{END}\nafter\n")
    assert "| idle, 12 exports, D = 10 | 23 | 28 | 1.21 | 29" in page
    assert "old" not in page
