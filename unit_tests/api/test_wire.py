"""How slowly a response may come: in virtual time, and over a connection."""

from __future__ import annotations

import http.client
import io
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from source_iterable.api import wire
from source_iterable.api.wire import Lines, TooSlow, Wire
from source_iterable.errors import BrokenResponse, Unreachable
from source_iterable.exports.file_host import FileHost
from unit_tests.contexts import a_client, answering

KB = 2**10


class Slow(io.RawIOBase):
    """A connection that sends pieces, each after so many seconds, and is its own clock. Silence ends at its timeout."""

    def __init__(self, pieces: Iterable[tuple[float, bytes]], timeout: float | None = 7200.0) -> None:
        self.pieces: Iterator[tuple[float, bytes]] = iter(pieces)
        self.now, self.timeout = 1000.0, timeout
        self.next: tuple[float, bytes] | None = None

    def clock(self) -> float:
        return self.now

    def gettimeout(self) -> float | None:
        return self.timeout

    def settimeout(self, seconds: float | None) -> None:
        assert seconds is None or seconds > 0, "as a socket takes it"
        self.timeout = seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        pause, piece = self.next or next(self.pieces, (0.0, b""))
        if self.timeout is not None and pause > self.timeout:
            self.now += self.timeout
            self.next = (pause - self.timeout, piece)
            raise TimeoutError
        self.now += pause
        size = min(len(buffer), len(piece))
        buffer[:size] = piece[:size]
        self.next = (0.0, piece[size:]) if piece[size:] else None
        return size


def a_wire(connection: Slow) -> Wire:
    return Wire(connection, connection, connection.clock)  # type: ignore[arg-type]


def body_of(connection: Slow) -> bytes:
    """What comes as a body, behind a head that has been read."""
    made = a_wire(connection)
    made.begin_body()
    return io.BufferedReader(made).read()


def head_of(connection: Slow, heads: int = 1) -> float:
    """Read so many heads. Returns how long it took."""
    begun, made = connection.now, a_wire(connection)
    head = Lines(made)
    for _ in range(heads):
        while head.readline(1000) not in (b"\r\n", b""):
            pass
    return connection.now - begun


@pytest.mark.parametrize("pause", [1.0, 60.0, 299.0])
def test_a_body_that_trickles_is_ended_after_ten_minutes(pause: float) -> None:
    connection = Slow(((pause, b" ") for _ in iter(int, 1)), 300.0)
    with pytest.raises(TimeoutError):
        body_of(connection)
    assert 600 <= connection.now - 1000 - pause <= 600 + pause


def test_a_body_at_the_least_rate_may_last_for_days() -> None:
    assert len(body_of(Slow((600.0, b"x" * 64 * KB) for _ in range(1000)))) == 64_000 * KB
    assert len(body_of(Slow((1.0, b"x" * 110) for _ in range(100_000)))) == 11_000_000


def test_a_byte_less_than_the_least_rate_is_too_slow_also_after_a_fast_beginning() -> None:
    slow = ((600.0, b"x" * (64 * KB - 1)) for _ in iter(int, 1))
    with pytest.raises(TimeoutError):
        body_of(Slow(slow))
    trickle = [(1.0, b"x")] * 2000
    for beginning in ([(1.0, b"x" * 10_000_000)], [(1.0, b"x" * KB)] * 2000):
        with pytest.raises(TimeoutError):
            body_of(Slow([*beginning, *trickle]))


def test_the_last_ten_minutes_may_bring_little() -> None:
    assert len(body_of(Slow([(1.0, b"x" * KB)] * 600 + [(60.0, b"x")] * 9))) == 600 * KB + 9
    assert len(body_of(Slow([(0.0, b"x"), (599.0, b"x")]))) == 2


def test_the_first_byte_of_a_body_may_take_as_long_as_the_connection_lets_it() -> None:
    assert body_of(Slow([(7200.0, b"x"), (1.0, b"y")])) == b"xy"
    for timeout in (7199.0, 300.0):
        with pytest.raises(TimeoutError):
            body_of(Slow([(7200.0, b"x")], timeout))


def test_silence_in_a_body_lasts_ten_minutes_at_most_and_leaves_the_timeout_as_it_was() -> None:
    connection = Slow([(5000.0, b"x" * 100_000), (601.0, b"y")])
    with pytest.raises(TimeoutError):
        body_of(connection)
    assert connection.now - 1000 == 5600
    assert connection.timeout == 7200.0


def test_a_body_that_came_with_its_head_has_begun() -> None:
    connection = Slow([(1.0, b"HTTP/1.1 200 OK\r\n\r\n{"), (601.0, b"}")])
    made = a_wire(connection)
    head = Lines(made)
    assert [head.readline(1000), head.readline(1000)] == [b"HTTP/1.1 200 OK\r\n", b"\r\n"]
    made.begin_body()
    with pytest.raises(TimeoutError):
        head.read()
    assert connection.now - 1000 == 601


@pytest.mark.parametrize("pause", [0.5, 1.0, 59.0, 61.0])
def test_a_head_takes_a_minute_at_most(pause: float) -> None:
    connection = Slow((pause, b"x") for _ in iter(int, 1))
    with pytest.raises(TooSlow):
        head_of(connection)
    assert connection.now - 1000 == pytest.approx(60 + pause, abs=pause)


def test_a_head_may_begin_after_hours_and_each_has_a_minute() -> None:
    early = [(50.0, b"HTTP/1.1 103 Early\r\n"), (50.0, b"\r\n")]
    assert head_of(Slow([(7000.0, b"HTTP/1.1 200 OK\r\n"), (59.0, b"\r\n")])) == 7059
    assert head_of(Slow(early * 20), 20) == 2000
    together = [(0.0, b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 "), (59.0, b"OK\r\n\r\n")]
    assert head_of(Slow(together), 2) == 59
    with pytest.raises(TooSlow):
        head_of(Slow([together[0], (61.0, b"OK\r\n\r\n")]), 2)


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nContent-", b"H"])
def test_over_a_connection_a_head_that_does_not_end(monkeypatch: pytest.MonkeyPatch, head: bytes) -> None:
    monkeypatch.setattr(wire, "HEAD_SECONDS", 0.02)
    with answering(head, closes=False) as (root, _):
        with pytest.raises(Unreachable, match="its headers took longer than 60 seconds .tried 5 times"):
            a_client(root).get_json("lists")
        with pytest.raises(Unreachable):
            FileHost(a_client(root)).receive(f"{root}a", 100)


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 100\r\n\r\n[", b"Transfer-Encoding: chunked\r\n\r\n64\r\n[", b"\r\n["]
)
def test_over_a_connection_a_body_that_goes_silent(monkeypatch: pytest.MonkeyPatch, framing: bytes) -> None:
    monkeypatch.setattr(wire, "BODY_SECONDS", 0.02)
    with answering(b"HTTP/1.1 200 OK\r\n" + framing, closes=False) as (root, _):
        with pytest.raises(BrokenResponse, match="stalled"):
            a_client(root).get_json("lists")
        with pytest.raises(BrokenResponse, match="stalled"):
            FileHost(a_client(root)).receive(f"{root}a", 100)


def chunks_of(body: bytes) -> Lines:
    made = Lines(a_wire(Slow([(0.0, body)])))
    made.begin_body()
    return made


def test_a_line_of_chunks_ends() -> None:
    assert chunks_of(b"0\r\n").readline(100) == b"0\r\n"
    assert chunks_of(b"").readline() == b""
    for cut in (b"0", b"00000", b"1f\r"):
        with pytest.raises(http.client.HTTPException):
            chunks_of(cut).readline(100)


@pytest.mark.parametrize("size", [-1, -5])
def test_a_chunk_has_no_negative_size(size: int) -> None:
    made = chunks_of(b"%d\r\nx" % size)
    made.readline()
    with pytest.raises(http.client.HTTPException):
        made.read(size)


def test_a_body_without_chunks_is_read_as_it_is() -> None:
    assert chunks_of(b"5\r\nx").read() == b"5\r\nx"
