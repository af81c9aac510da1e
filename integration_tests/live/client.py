"""Requests of the probes: within Iterable's limits and the time of a run, and nothing decided about the answers."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cached_property, partial
from typing import Any
from urllib.parse import quote, urlsplit

import orjson
import requests

from integration_tests.live.errors import NoAnswer, NotVisible
from source_iterable.api.body import CHUNK, CLOSE, LENGTH, ends_with, pieces
from source_iterable.api.rate_budget import RateBudgets
from source_iterable.api.session import api_session, file_session
from source_iterable.config import Config, is_loopback
from source_iterable.errors import BrokenResponse, EndUnknown

OK, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, RATE_LIMITED, SERVER_ERROR = 200, 401, 403, 404, 429, 500
REFUSALS = (UNAUTHORIZED, FORBIDDEN)
NO_TIME = "no time was left"
# How a body ends, and whether it is compressed.
ENDS = {
    (LENGTH, False): "length",
    (LENGTH, True): "length, compressed",
    (CHUNK, False): "chunks",
    (CHUNK, True): "chunks, compressed",
    (CLOSE, False): "nothing",
    (CLOSE, True): "nothing, compressed",
}
# Bytes of a body that are read unless a probe wants fewer.
MANY_BYTES = 32 << 20
# Seconds that a request may take, from the first to the last; a shorter one for what is not worth so long.
PATIENCE, LITTLE_PATIENCE = 120.0, 30.0
# Requests that fail with 5xx or 429, and the pauses after 5xx, in seconds.
_TRIES, _PAUSES = 3, (2.0, 8.0)
# The longest pause after a 429, and how many of them a run waits out.
_LONGEST_PAUSE, _MOST_LIMITED = 60.0, 3


@dataclass(frozen=True)
class Answer:
    """A response, or as much of it as was wanted.

    `is_whole`: its end was seen. `has_broken`: it broke off before. `seconds`: to its first byte, and to its last.
    `ends`: a word of ENDS.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_whole: bool = True
    has_broken: bool = False
    seconds: tuple[float, float] = (0.0, 0.0)
    ends: str = ""

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower() or "none"

    @cached_property
    def json(self) -> Any:
        """The body as JSON; None if it is none."""
        try:
            return orjson.loads(self.body)
        except ValueError:
            return None

    @property
    def object(self) -> dict[str, Any]:
        """The body's JSON object, what is in `params` of one that is wrapped, or an empty one."""
        body = self.json
        if not isinstance(body, dict):
            return {}
        return body["params"] if self.is_wrapped else body

    @property
    def is_wrapped(self) -> bool:
        return isinstance(self.json, dict) and isinstance(self.json.get("params"), dict)

    @cached_property
    def lines(self) -> list[bytes]:
        """The lines of the body that are not blank, without one that was cut off."""
        lines = self.body.split(b"\n")
        return [line for line in (lines if self.is_whole else lines[:-1]) if line.strip()]

    @cached_property
    def records(self) -> list[tuple[bytes, dict[str, Any]]]:
        """The lines of an export that hold an object, each with it."""
        found = []
        for line in self.lines if self.status == OK else ():
            with suppress(ValueError):
                record = orjson.loads(line)
                if isinstance(record, dict):
                    found.append((line, record))
        return found

    @property
    def is_export(self) -> bool:
        """Whether the answer holds records, or nothing."""
        return self.status == OK and (not self.lines or bool(self.records))


@dataclass
class Client:
    """Sends requests with the key of a configuration, and counts them.

    `end`: the time of `clock` at which a run ends; no request, and no pause, goes on beyond it. `now`: the time of day, by
    which probes choose what to ask for. `refused` has the answers with 401, 403 and 429 to the project's key, by endpoint;
    `ends` says how those with 200 end.
    """

    config: Config
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    end: float = float("inf")
    now: Callable[[], datetime] = partial(datetime.now, timezone.utc)
    ends: dict[str, set[str]] = field(default_factory=dict)
    statuses: dict[str, Counter[str]] = field(default_factory=dict)
    refused: list[tuple[str, Answer]] = field(default_factory=list)

    def __post_init__(self) -> None:
        loopback = is_loopback(urlsplit(self.config.base_url).hostname)
        self._session = api_session(self.config.api_key, loopback)
        self._files = file_session(loopback)
        factor = self.config.rate_limit_factor
        # Raised limits are for syncs: probes have nothing to hurry for.
        self._budgets = RateBudgets(factor if loopback else min(factor, 1.0), self.clock)
        self._limited = 0

    @property
    def left(self) -> float:
        """Seconds that are left of the run."""
        return self.end - self.clock()

    def pause(self, seconds: float) -> None:
        """Wait. Raises NoAnswer if the run would end meanwhile."""
        if seconds > self.left:
            raise NoAnswer(NO_TIME)
        self.sleep(seconds)

    def get(
        self,
        endpoint: str,
        *names: object,
        most: int = MANY_BYTES,
        patience: float = PATIENCE,
        may_refuse: bool = False,
        may_fail: bool = False,
        headers: Mapping[str, str] | None = None,
        **parameters: Any,
    ) -> Answer:
        """GET an endpoint, whose `{}` stand for the names.

        Raises NotVisible for 401 and 403 unless it `may_refuse`; NoAnswer if none came in time, for 429, and for 5xx unless
        it `may_fail`.
        """
        answer = self._tried(endpoint, names, most, patience, params=parameters, headers=headers)
        if answer.status in REFUSALS and not may_refuse:
            raise NotVisible("the key may not read this")
        if answer.status >= SERVER_ERROR and not may_fail:
            raise NoAnswer("server error")
        return answer

    def post(self, endpoint: str, body: Mapping[str, Any]) -> Answer:
        """POST a body, once. Raises NoAnswer."""
        with self._budgets.for_path(endpoint).acquire(self.pause):
            answer = self._once(self._session, "POST", self.config.base_url + endpoint, MANY_BYTES, PATIENCE, json=body)
        self._count(endpoint, answer)
        if answer.status == RATE_LIMITED or answer.status >= SERVER_ERROR:
            raise NoAnswer("rate limit" if answer.status == RATE_LIMITED else "server error")
        return answer

    def file(self, url: str) -> Answer:
        """GET a file of an export job, without the key. Raises NoAnswer."""
        answer = self._once(self._files, "GET", url, MANY_BYTES, PATIENCE)
        self._count("a file", answer)
        return answer

    def _tried(self, endpoint: str, names: tuple[object, ...], most: int, patience: float, **rest: Any) -> Answer:
        path = endpoint.format(*(quote(str(name), safe="") for name in names))
        for attempt in range(_TRIES):
            with self._budgets.for_path(path).acquire(self.pause):
                answer = self._once(self._session, "GET", self.config.base_url + path, most, patience, **rest)
            self._count(endpoint, answer)
            is_ours = not rest.get("headers")
            if is_ours and answer.status in (*REFUSALS, RATE_LIMITED):
                self.refused.append((endpoint, answer))
            if answer.status == RATE_LIMITED:
                self._wait_for_limit(answer)
            elif answer.status < SERVER_ERROR or attempt == _TRIES - 1:
                return answer
            else:
                self.pause(_PAUSES[attempt])
        raise NoAnswer("rate limit")

    def _wait_for_limit(self, answer: Answer) -> None:
        self._limited += 1
        if self._limited > _MOST_LIMITED:
            raise NoAnswer("rate limit")
        asked = answer.headers.get("Retry-After", "")
        self.pause(min(float(asked) if asked.isdecimal() else _LONGEST_PAUSE, _LONGEST_PAUSE))

    def _count(self, endpoint: str, answer: Answer) -> None:
        self.statuses.setdefault(endpoint, Counter())[str(answer.status)] += 1
        if answer.status == OK:
            self.ends.setdefault(endpoint, set()).add(answer.ends)

    def _once(
        self, session: requests.Session, method: str, url: str, most: int, patience: float, **rest: Any
    ) -> Answer:
        """One request, in a thread that is left behind if it takes too long, wherever it hangs. Raises NoAnswer."""
        if self.left <= 0:
            raise NoAnswer(NO_TIME)
        results: queue.SimpleQueue[Answer | NoAnswer] = queue.SimpleQueue()

        def send() -> None:
            try:
                results.put(_read(session, method, url, most, self.clock, rest))
            except Exception as error:  # whose text holds the URL
                results.put(NoAnswer(type(error).__name__))

        threading.Thread(target=send, daemon=True).start()
        try:
            result = results.get(timeout=max(min(patience, self.left), 1.0))
        except queue.Empty:
            raise NoAnswer("too slow") from None
        if isinstance(result, NoAnswer):
            raise result
        return result


def _read(
    session: requests.Session, method: str, url: str, most: int, clock: Callable[[], float], rest: Mapping[str, Any]
) -> Answer:
    begun = clock()
    with session.request(method, url, stream=True, timeout=PATIENCE, allow_redirects=False, **rest) as response:
        first, received, size, is_whole, has_broken = clock() - begun, [], 0, True, False
        ends = ENDS[ends_with(response), "Content-Encoding" in response.headers]
        try:
            for piece in pieces(response):
                received.append(piece)
                size += len(piece)
                if size > most:
                    is_whole = False
                    break
        except BrokenResponse:
            is_whole, has_broken = False, True
        except EndUnknown:
            pass  # the probe of ends will tell
        seconds = first, clock() - begun
        return Answer(response.status_code, response.headers, b"".join(received), is_whole, has_broken, seconds, ends)
