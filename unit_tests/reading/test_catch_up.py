"""CatchUpBarrier: one request for all streams, little kept, nobody waits for ever."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from source_iterable.api.spooled import SpooledResponse
from source_iterable.errors import Stopped, TransientError
from source_iterable.process.progress import Progress
from source_iterable.reading.catch_up import ANY_RESPONSE, COUNTS, NEW_EVENTS, CatchUpBarrier
from unit_tests.contexts import a_context

FAST, SLOW, SIZES = "events", "list_users", "list_sizes"


class Client:
    """What a barrier needs of a client: a wait that lets others go on, and that ends when the sync is stopped."""

    def __init__(self) -> None:
        self.progress = Progress()
        self.waits = 0
        self.waited = threading.Event()
        self.stopped = threading.Event()

    def wait(self, seconds: float) -> None:
        self.waits += 1
        self.waited.set()
        if self.stopped.wait(min(seconds, 0.001)):
            raise Stopped("The sync was terminated.")


class Server:
    """Counts requests, and which of its responses are still open."""

    def __init__(self) -> None:
        self.requests: list[int] = []
        self.files: list[io.BytesIO] = []
        self._lock = threading.Lock()

    def request(self, key: int) -> SpooledResponse:
        with self._lock:
            self.requests.append(key)
            content = b"".join(b"%d-%d@example.com\n" % (key, number) for number in range(key * 100))
            self.files.append(io.BytesIO(content))
            return SpooledResponse(self.files[-1], len(content))

    @property
    def open(self) -> int:
        return sum(not file.closed for file in self.files)


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def server() -> Server:
    return Server()


def shared(client: Client, *streams: str) -> CatchUpBarrier:
    made = CatchUpBarrier(client)  # type: ignore[arg-type]
    made.expect(dict.fromkeys(streams, ANY_RESPONSE))
    return made


def users(part: SpooledResponse) -> list[bytes]:
    return b"".join(part.chunks()).split(b"\n")[:-1]


def take(parts: CatchUpBarrier, server: Server, stream: str, key: int) -> list[bytes]:
    part = parts.get(stream, key, lambda: server.request(key))
    try:
        return users(part)
    finally:
        part.close()


def test_two_streams_get_the_same_response_of_one_request(client: Client, server: Server) -> None:
    parts = shared(client, FAST, SLOW)
    for stream in (FAST, SLOW):
        parts.need(stream, range(1, 9))
    first = [take(parts, server, FAST, key) for key in range(1, 9)]
    second = [take(parts, server, SLOW, key) for key in range(1, 9)]
    assert first == second
    assert [len(each) for each in first] == [100 * key for key in range(1, 9)]
    assert server.requests == list(range(1, 9))
    assert server.open == 0


def test_a_response_is_kept_for_a_stream_that_has_not_begun(client: Client, server: Server) -> None:
    parts = shared(client, FAST, SLOW)
    parts.need(FAST, [1, 2])
    take(parts, server, FAST, 1)
    assert server.open == 1
    parts.need(SLOW, [2])  # which resumes behind it
    assert server.open == 0
    take(parts, server, FAST, 2)
    take(parts, server, SLOW, 2)
    assert server.requests == [1, 2]
    assert server.open == 0


@pytest.mark.parametrize("streams", [(), (FAST,)])
def test_a_stream_alone_keeps_nothing(client: Client, server: Server, streams: tuple[str, ...]) -> None:
    parts = shared(client, *streams)
    parts.need(FAST, [1])
    part = parts.get(FAST, 1, lambda: server.request(1))
    assert server.open == 1
    part.close()
    assert server.open == 0


def test_readers_at_the_same_time_do_not_disturb_each_other(client: Client, server: Server) -> None:
    parts = shared(client, FAST, SLOW)
    for stream in (FAST, SLOW):
        parts.need(stream, [90])
    one, other = (parts.get(stream, 90, lambda: server.request(90)) for stream in (FAST, SLOW))
    pairs = list(zip(one.chunks(), other.chunks(), strict=True))
    assert len(pairs) > 1
    assert all(left == right for left, right in pairs)
    assert len(b"".join(left for left, _ in pairs).split()) == 9000
    one.close()
    assert len(users(other)) == 9000, "it is open for the other one"
    other.close()
    assert server.open == 0


def test_a_failure_is_everybodys(client: Client, server: Server) -> None:
    parts = shared(client, FAST, SLOW)
    for stream in (FAST, SLOW):
        parts.need(stream, [1, 2])
    asked = []

    def fail() -> SpooledResponse:
        asked.append(1)
        raise TransientError("The list is broken.")

    for stream in (FAST, SLOW):
        with pytest.raises(TransientError, match="The list is broken"):
            parts.get(stream, 1, fail)
    assert asked == [1]
    assert take(parts, server, FAST, 2) == take(parts, server, SLOW, 2)


@pytest.mark.parametrize("ends", ["takes", "done", "stopped"])
def test_a_stream_far_ahead_waits_for_the_other(client: Client, server: Server, ends: str) -> None:
    parts = shared(client, FAST, SLOW)
    for stream in (FAST, SLOW):
        parts.need(stream, range(100))

    def ahead() -> Any:
        return [len(take(parts, server, FAST, key)) for key in range(100)]

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(ahead)
        assert client.waited.wait(60)
        assert len(server.requests) == 16, "so many are kept"
        if ends == "takes":
            assert [len(take(parts, server, SLOW, key)) for key in range(100)] == [100 * key for key in range(100)]
        elif ends == "done":
            parts.done(SLOW)
        else:
            client.stopped.set()
            with pytest.raises(Stopped):
                running.result(60)
            parts.close()
            assert server.open == 0
            return
        assert running.result(60) == [100 * key for key in range(100)]
    assert sorted(server.requests) == list(range(100))
    assert server.open == 0


def test_requests_under_way_do_not_let_a_stream_get_far_ahead(client: Client, server: Server) -> None:
    """A stream has several: one that takes long is no reason to keep all others."""
    parts = shared(client, FAST, SLOW)
    for stream in (FAST, SLOW):
        parts.need(stream, range(200))
    long_one = threading.Event()

    def slow() -> SpooledResponse:
        assert long_one.wait(60)
        return server.request(0)

    with ThreadPoolExecutor(4) as pool:
        slow_one = pool.submit(lambda: parts.get(FAST, 0, slow).close())
        others = [pool.submit(take, parts, server, FAST, key) for key in range(1, 200)]
        assert client.waited.wait(60)
        # All threads but the slow one's wait now; each may have had one more under way.
        while client.waits < 20:
            client.waited.wait(60)
        assert server.open <= 16 + 3
        long_one.set()
        parts.done(SLOW)
        slow_one.result(60)
        assert sum(len(each.result(60)) for each in others) == sum(100 * key for key in range(1, 200))
    assert server.open == 0


def test_a_response_that_is_under_way_is_not_freed_under_its_reader(client: Client, server: Server) -> None:
    """Even if its stream says meanwhile that it takes no more."""
    parts = shared(client, FAST, SLOW)
    for stream in (FAST, SLOW):
        parts.need(stream, [5])
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> SpooledResponse:
        begun.set()
        assert go_on.wait(60)
        return server.request(5)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(lambda: users(parts.get(FAST, 5, slow)))
        assert begun.wait(60)
        parts.done(FAST)
        parts.done(SLOW)
        go_on.set()
        assert len(running.result(60)) == 500


def test_who_is_behind_never_waits(client: Client, server: Server) -> None:
    """Whatever the orders in which the two take them."""
    parts = shared(client, FAST, SLOW)
    for stream in (FAST, SLOW):
        parts.need(stream, range(60))
    with ThreadPoolExecutor(8) as pool:
        orders = {FAST: range(60), SLOW: range(59, -1, -1)}
        taken = [pool.submit(take, parts, server, stream, key) for pair in zip(*orders.values(), strict=True)
                 for stream, key in zip(orders, pair, strict=True)]  # fmt: skip
        assert sum(len(each.result(60)) for each in taken) == 2 * sum(100 * key for key in range(60))
    assert sorted(server.requests) == list(range(60))
    assert server.open == 0


@pytest.mark.parametrize("succeeds", [True, False])
def test_a_count_is_waited_for_as_long_as_a_response_may_still_come(
    client: Client, server: Server, succeeds: bool
) -> None:
    parts = CatchUpBarrier(client)  # type: ignore[arg-type]
    parts.expect({FAST: ANY_RESPONSE, SIZES: COUNTS})
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> SpooledResponse:
        begun.set()
        assert go_on.wait(60)
        if not succeeds:
            raise TransientError("The list is broken.")
        parts.note(7, 700)
        return server.request(7)

    def waits_on() -> bool:
        before = client.waits
        while client.waits < before + 3 and not counting.done():
            client.waited.wait(60)
        return not counting.done()

    with ThreadPoolExecutor(2) as pool, ExitStack() as ending:
        ending.callback(client.stopped.set)
        ending.callback(go_on.set)
        counting = pool.submit(parts.counts, [7])
        assert waits_on(), "until the other stream says what it needs"
        parts.need(FAST, [7])
        assert waits_on(), "until it requests that"
        getting = pool.submit(parts.get, FAST, 7, slow)
        assert begun.wait(60)
        assert waits_on(), "until the response is there"
        go_on.set()
        assert counting.result(60) == {7: 700 if succeeds else None}
        assert (getting.exception(60) is None) == succeeds


def test_what_is_counted_is_known_although_another_stream_is_behind(client: Client, server: Server) -> None:
    parts = CatchUpBarrier(client)  # type: ignore[arg-type]
    parts.expect({FAST: ANY_RESPONSE, SLOW: ANY_RESPONSE, SIZES: COUNTS})
    assert parts.is_counting
    take(parts, server, FAST, 7)
    parts.note(7, 700)
    client.stopped.set()  # it must not wait
    assert parts.counts([7, 8]) == {7: 700}
    parts.done(SIZES)
    assert not parts.is_counting


def test_what_no_stream_needs_is_not_waited_for(client: Client) -> None:
    parts = shared(client, FAST, SIZES)
    parts.need(FAST, [1, 2])
    parts.need(SIZES, [COUNTS])
    assert parts.counts([1, 2, 3]) == {3: None}
    parts.done(FAST)
    assert parts.counts([1, 2]) == {1: None, 2: None}


def test_new_events_come_first() -> None:
    with a_context() as context:
        barrier = context.barrier
        barrier.expect({"a": NEW_EVENTS, "b": NEW_EVENTS, "list_users": ANY_RESPONSE})
        barrier.done("a")
        waiter = threading.Thread(target=barrier.wait)
        waiter.start()
        assert waiter.is_alive()
        barrier.done("b")
        waiter.join(5)
        assert not waiter.is_alive()
        barrier.expect({"a": NEW_EVENTS})
        context.client.stop()
        with pytest.raises(Stopped):
            barrier.wait()
