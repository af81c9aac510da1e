"""Which transport reads which window next: all are busy until the end, and nothing waits for a slow one."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from unittest.mock import Mock

import pytest

from source_iterable.api.client import IterableClient
from source_iterable.errors import Stopped
from source_iterable.exports import dispatcher
from source_iterable.exports.demand import Again
from source_iterable.exports.dispatcher import Dispatcher
from source_iterable.exports.transport import Transport
from source_iterable.exports.windows import UNIT_BYTES, Window
from unit_tests.contexts import a_config
from unit_tests.exports.fakes import FakeTransport, Wanted

GB = 10**9


@pytest.fixture
def client() -> Iterator[IterableClient]:
    made = IterableClient(a_config(), logging.getLogger("test"))
    yield made
    made.stop()


def a_stream(free: int = 4) -> FakeTransport:
    return FakeTransport("stream", free, seconds=2.0, period=60.0)


def jobs(seconds: float = 30.0, free: int = 4) -> FakeTransport:
    made = FakeTransport("jobs", free, seconds, period=seconds)
    made.window_bytes, made.spool_bytes = GB, 50 * 10**6
    return made


def known(transport: FakeTransport) -> FakeTransport:
    transport.durations.learn("x", 0, transport.durations.expected(0))
    return transport


def assigned(client: IterableClient, transports: list[Transport], *demands: Wanted) -> float | None:
    """Give what can be given now. Returns the seconds until more can be."""
    made = Dispatcher(client, lambda freed: transports)
    made._demands = dict.fromkeys(demands)
    with made.changing():
        return made._assign()


def test_all_transports_have_something_to_do(client: IterableClient) -> None:
    demands = [Wanted(str(number)) for number in range(20)]
    assert assigned(client, [a_stream(), jobs()], *demands) == 30
    assert [name for demand in demands for name, _ in demand.given] == ["stream"] * 4 + ["jobs"] * 4


def test_nothing_is_given_to_one_that_would_be_the_last_to_finish(client: IterableClient) -> None:
    # Four are read now, and the other transport may read four more in a minute.
    for seconds, by_jobs in ((30.0, 4), (61.0, 4), (63.0, 0), (600.0, 0)):
        demands = [Wanted(str(number), 10**6) for number in range(8)]
        assert assigned(client, [a_stream(), jobs(seconds)], *demands) == 60
        given = [name for demand in demands for name, _ in demand.given]
        assert given == ["stream"] * 4 + ["jobs"] * by_jobs
    # What is one too many is left to the faster one only if that has it in time.
    demands = [Wanted(str(number), 10**6) for number in range(9)]
    assigned(client, [a_stream(), jobs(63.0)], *demands)
    assert sum(name == "jobs" for demand in demands for name, _ in demand.given) == 1


def test_the_faster_transport_gets_all_it_can_read_at_once(client: IterableClient) -> None:
    demand = Wanted("a")
    slow = a_stream()
    slow.durations.learn("a", 0, 100.0)
    assigned(client, [slow, jobs(2.0)], demand)
    assert demand.given == [("jobs", 0)]


def test_a_transport_for_large_windows_takes_the_largest_and_the_other_one_the_rest(client: IterableClient) -> None:
    large, middle, small, unknown = (
        Wanted("large", 20 * GB),
        Wanted("middle", 2 * GB),
        Wanted("small", 10**7),
        Wanted("?"),
    )
    assigned(client, [a_stream(3), known(jobs(free=1))], large, middle, small, unknown)
    assert large.given == [("jobs", 1000)]
    assert middle.given == [("stream", 150)]
    assert small.given == [("stream", 10)]
    assert unknown.given == [("stream", 0)]


def test_what_is_left_is_shared_evenly(client: IterableClient) -> None:
    demand = Wanted("a", 1400 * 10**6)
    assigned(client, [known(jobs())], demand)
    assert demand.given == [("jobs", 350)] * 4
    # Less what the other transport reads meanwhile.
    demand = Wanted("a", 2 * GB)
    assigned(client, [a_stream(), known(jobs(100.0))], demand)
    assert demand.given == [("stream", 150)] * 4 + [("jobs", 200)] * 4
    assert demand.plan.bytes_left == pytest.approx(600 * 10**6, rel=0.01), "four windows for it, in a minute"


def test_the_first_windows_of_a_transport_of_which_nothing_is_known_are_not_the_largest(client: IterableClient) -> None:
    demand = Wanted("a", 100 * GB)
    assigned(client, [jobs()], demand)
    assert demand.given == [("jobs", 300)] * 4


def test_temporary_files_are_bounded(client: IterableClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "DISK_BYTES", 700 * 10**6)
    unlimited = a_stream(100)
    unlimited.spool_bytes = 256 * 2**20
    demand = Wanted("a", 100 * GB)
    assigned(client, [unlimited], demand)
    # 250 MB are kept for transports that take little.
    assert (len(demand.given), demand.spooled) == (2, 375_000_000)


def test_a_window_that_a_thread_waits_for_comes_first_whatever_is_on_disk(
    client: IterableClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "DISK_BYTES", 0)
    transport = a_stream()
    made = Dispatcher(client, lambda freed: [transport])
    waiting = Wanted("a", GB)
    with made.serving(waiting):
        opening = made.acquire("a", Window(0, 100, 10**6))
        assert opening.window == Window(0, 100, 10**6)
        assert opening.transport is transport
        assert waiting.given == []
        made.close()


def test_a_window_over_the_limit_of_one_transport_is_for_the_other(client: IterableClient) -> None:
    small, large = a_stream(), jobs(600.0)
    small.max_bytes = GB // 4
    made = Dispatcher(client, lambda freed: [small, large])
    assert made.acquire("a", Window(0, 100, GB)).transport is large
    assert made.acquire("a", Window(0, 100, GB // 4)).transport is small
    made.close()


def test_a_window_over_the_limits_of_all_transports_is_given_to_one_rather_than_to_none(client: IterableClient) -> None:
    small, large = a_stream(), jobs(600.0)
    small.max_bytes = GB // 4
    made = Dispatcher(client, lambda freed: [small, large])
    made.usable.refuse(large, "a")
    waiting = Again("a", Window(0, 100, GB))
    made._demands[waiting] = None
    with made.changing():
        made._assign()
    assert waiting.opening and waiting.opening.transport is small


def test_two_transports_never_leave_all_windows_to_each_other(client: IterableClient) -> None:
    # One is faster for small windows, the other one for large ones.
    one, other = a_stream(), jobs()
    for transport, empty, unit in ((one, 5.0, 12.0), (other, 2.0, 32.0)):
        transport.durations.learn("a", 0, empty)
        transport.durations.learn("a", UNIT_BYTES, unit)
    demands = [Wanted("small", 1000), Wanted("large", 400 * 10**6)]
    assigned(client, [one, other], *demands)
    assert all(demand.given for demand in demands)


def test_a_window_is_read_elsewhere_only_by_one_that_has_nothing_to_do_and_is_much_faster(
    client: IterableClient,
) -> None:
    one, other = a_stream(), jobs()
    made = Dispatcher(client, lambda freed: [one, other])
    window = Window(0, 100)

    def faster(seconds: float, of: Window = window) -> bool:
        return made.is_faster_elsewhere(other, "a", of, seconds)

    assert [faster(3.9), faster(4.1)] == [False, True], "two seconds are half of four"
    assert not made.is_faster_elsewhere(one, "a", window, 59.0), "the other one takes 30"
    # Eight windows: four now, four in a minute.
    large = window._replace(expected_bytes=8 * UNIT_BYTES)
    assert [faster(100.0, large), faster(130.0, large)] == [False, True]
    one.max_bytes = UNIT_BYTES
    assert not faster(1000.0, Window(0, 7, 8 * UNIT_BYTES)), "its parts, of a second each, are too large"
    made._demands = {Wanted("b"): None}
    assert not faster(1000.0), "something else waits for it"
    made._demands = {}
    one.free = 0
    assert not faster(1000.0), "not now"


def test_the_end_of_a_sync_ends_every_wait(client: IterableClient) -> None:
    made = Dispatcher(client, lambda freed: [a_stream(free=0)])
    raised: list[BaseException] = []

    def wait() -> None:
        try:
            made.acquire("a", Window(0, 100))
        except Stopped as error:
            raised.append(error)

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    while len(made._demands) < 3:
        pass
    client.stop()
    for thread in threads:
        thread.join(10)
    assert len(raised) == 3


def test_what_ends_the_thread_is_raised_to_whoever_waits(
    client: IterableClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    transport = a_stream()

    def fails() -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(transport, "try_acquire", fails)
    made = Dispatcher(client, lambda freed: [transport])
    for _ in range(2):
        with pytest.raises(RuntimeError, match="can't start new thread"):
            made.acquire("a", Window(0, 100))


def test_a_stream_for_which_there_is_no_thread_fails_and_the_next_one_does_not_wait_forever(
    client: IterableClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Dispatcher(client, lambda freed: [a_stream()])
    with monkeypatch.context() as no_thread:
        no_thread.setattr(threading.Thread, "start", Mock(side_effect=RuntimeError("no thread")))
        with pytest.raises(RuntimeError, match="no thread"), made.serving(Wanted("a")):
            pass
    assert not made._demands
    assert made.acquire("b", Window(0, 100)).window == Window(0, 100)
    made.close()


def test_a_transport_that_has_capacity_again_is_given_a_window(client: IterableClient) -> None:
    transport = FakeTransport("jobs", free=0, period=10**6)
    made = Dispatcher(client, lambda freed: [transport])
    opened: list[str] = []
    thread = threading.Thread(target=lambda: opened.append(made.acquire("a", Window(0, 100)).transport.name))
    thread.start()
    while made._thread is None:
        pass
    transport.free = 1
    made.wake()
    thread.join(10)
    assert opened == ["jobs"]
    made.close()


def test_what_is_waited_for_and_until_when_is_shown(client: IterableClient) -> None:
    transport = FakeTransport("stream", free=0, period=7.0)
    made = Dispatcher(client, lambda freed: [transport])
    thread = threading.Thread(target=lambda: made.acquire("emailSend", Window(0, 100)))
    thread.start()
    while not client.progress.waits() or made._next == 0.0:
        pass
    assert list(client.progress.waits()) == ["the export rate limit"]
    assert made._next - dispatcher.time.monotonic() == pytest.approx(7.0, abs=1.0)
    transport.free = 1
    made.wake()
    thread.join(10)
    made.close()
