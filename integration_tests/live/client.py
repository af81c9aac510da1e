"""Requests of the probes: within Iterable's limits and the time of a run. What an answer says is for a probe to judge.

The connector's client retries, words errors and drops what is incomplete; probes want statuses, headers and the way a
body ends. Sessions, rate budgets and the reading of bodies are the connector's.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cached_property, partial
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests

from source_iterable.api.rate_budget import RateBudgets
from source_iterable.api.request import segment
from source_iterable.api.session import Session
from source_iterable.api.spooled import pieces
from source_iterable.config import Config, is_loopback
from source_iterable.errors import BrokenResponse, EndUnknown

OK, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, RATE_LIMITED, SERVER_ERROR = 200, 401, 403, 404, 429, 500
REFUSALS = (UNAUTHORIZED, FORBIDDEN)
NO_TIME = "no time was left"
# Most bytes of a body to read, unless a probe wants fewer.
MAX_BYTES = 32 << 20
# Seconds that a request may take, and one that is not worth so long.
PATIENCE, LITTLE_PATIENCE = 120.0, 30.0
# Pauses before a request that got a 5xx is sent again, in seconds.
_PAUSES = (2.0, 8.0)
# The longest pause after a 429, and how many of them a run waits out.
_LONGEST_PAUSE, _MOST_LIMITED = 60.0, 3


class NotVisible(Exception):
    """The project has nothing to look at. The text says what is missing, and nothing about the project."""


class NoAnswer(Exception):
    """No usable answer came in time; a later run may get one. The text is the kind of failure."""


class Unexpected(Exception):
    """An answer has a form that the probe cannot read."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
        super().__init__()
        self.facts = facts


@dataclass(frozen=True)
class Answer:
    """A response, or as much of it as was wanted.

    `is_whole`: its end was seen. `has_broken`: it broke off before. `seconds`: to its first byte, and to its last.
    `ends`: what shows its end: length, chunks or nothing, and whether it is compressed.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_whole: bool
    has_broken: bool
    seconds: tuple[float, float]
    ends: str

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower() or "none"

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    @cached_property
    def json(self) -> Any:
        """The body as JSON; None if it is not JSON."""
        try:
            return orjson.loads(self.body)
        except ValueError:
            return None

    @property
    def object(self) -> dict[str, Any]:
        """The body's JSON object, or the object in its `params`; empty if it is not an object."""
        body: dict[str, Any] = self.json if isinstance(self.json, dict) else {}
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
    def parsed_lines(self) -> list[tuple[bytes, dict[str, Any]]]:
        """The lines of an export that hold an object, each with it."""
        found = []
        for line in self.lines if self.status == OK else ():
            with suppress(ValueError):
                record = orjson.loads(line)
                if isinstance(record, dict):
                    found.append((line, record))
        return found

    @property
    def records(self) -> list[dict[str, Any]]:
        """The objects of an export."""
        return [record for _, record in self.parsed_lines]

    @property
    def is_export(self) -> bool:
        """Whether the answer holds records, or nothing."""
        return self.status == OK and (not self.lines or bool(self.records))


@dataclass
class Client:
    """Sends requests with the key of a configuration, and counts them.

    `end`: the time of `clock` at which the run ends; no request or pause goes on beyond it. `now`: the time of day, by
    which probes choose what to ask for. `statuses`: how many requests of an endpoint had each status. `refused`: the
    answers with 401, 403 and 429 to the project's key, by endpoint. `ends`: how those with 200 end.
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
        self._session = Session(loopback, self.config.api_key)
        self._files = Session(loopback)
        factor = self.config.rate_limit_factor
        # Raised limits are for syncs: probes are in no hurry.
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
        most: int = MAX_BYTES,
        patience: float = PATIENCE,
        may_refuse: bool = False,
        may_fail: bool = False,
        headers: Mapping[str, str] | None = None,
        **parameters: Any,
    ) -> Answer:
        """GET an endpoint, whose `{}` stand for the names.

        Raises:
            NotVisible: for 401 and 403, unless it `may_refuse`.
            NoAnswer: none came in time; for 429; for 5xx, unless it `may_fail`.
        """
        path = endpoint.format(*map(segment, names))
        options = {"params": parameters, "headers": headers, "most": most, "patience": patience}
        answer = self._tried(endpoint, path, options)
        if answer.status in REFUSALS and not may_refuse:
            raise NotVisible("the key may not read this")
        if answer.status >= SERVER_ERROR and not may_fail:
            raise NoAnswer("server error")
        return answer

    def post(self, endpoint: str, body: Mapping[str, Any]) -> Answer:
        """POST a body, once. Raises NoAnswer."""
        answer = self._limited_once("POST", endpoint, endpoint, {"json": body})
        if answer.status == RATE_LIMITED or answer.status >= SERVER_ERROR:
            raise NoAnswer("rate limit" if answer.status == RATE_LIMITED else "server error")
        return answer

    def file(self, url: str) -> Answer:
        """GET a file of an export job, without the key. Raises NoAnswer."""
        return self._counted("a file", self._once(self._files, "GET", url))

    def _tried(self, endpoint: str, path: str, options: Mapping[str, Any]) -> Answer:
        for pause in (*_PAUSES, None):
            answer = self._limited_once("GET", endpoint, path, options)
            if answer.status in (*REFUSALS, RATE_LIMITED) and not options["headers"]:
                self.refused.append((endpoint, answer))
            if answer.status == RATE_LIMITED:
                self._wait_for_limit(answer)
            elif answer.status < SERVER_ERROR or pause is None:
                return answer
            else:
                self.pause(pause)
        raise NoAnswer("rate limit")

    def _wait_for_limit(self, answer: Answer) -> None:
        self._limited += 1
        if self._limited > _MOST_LIMITED:
            raise NoAnswer("rate limit")
        asked = answer.headers.get("Retry-After", "")
        self.pause(min(float(asked) if asked.isdecimal() else _LONGEST_PAUSE, _LONGEST_PAUSE))

    def _limited_once(self, method: str, endpoint: str, path: str, options: Mapping[str, Any]) -> Answer:
        """One request within its rate limit, counted."""
        with self._budgets.for_path(path).acquire(self.pause):
            return self._counted(endpoint, self._once(self._session, method, self.config.base_url + path, **options))

    def _counted(self, endpoint: str, answer: Answer) -> Answer:
        self.statuses.setdefault(endpoint, Counter())[str(answer.status)] += 1
        if answer.status == OK:
            self.ends.setdefault(endpoint, set()).add(answer.ends)
        return answer

    def _once(
        self,
        session: requests.Session,
        method: str,
        url: str,
        most: int = MAX_BYTES,
        patience: float = PATIENCE,
        **options: Any,
    ) -> Answer:
        """One request, in a thread that is left behind if it takes too long, wherever it hangs. Raises NoAnswer."""
        if self.left <= 0:
            raise NoAnswer(NO_TIME)
        future: Future[Answer] = Future()

        def send() -> None:
            try:
                future.set_result(self._read(session, method, url, most, options))
            except Exception as error:  # whose text holds the URL
                future.set_exception(NoAnswer(type(error).__name__))

        threading.Thread(target=send, daemon=True).start()
        try:
            return future.result(timeout=max(min(patience, self.left), 1.0))
        except FutureTimeout:
            raise NoAnswer("too slow") from None

    def _read(self, session: requests.Session, method: str, url: str, most: int, options: Mapping[str, Any]) -> Answer:
        begun = self.clock()
        with session.request(method, url, stream=True, timeout=PATIENCE, allow_redirects=False, **options) as response:
            first, body, has_broken = self.clock() - begun, bytearray(), False
            ends = "nothing" if response.raw.length_remaining is None else "length"
            ends = ("chunks" if response.raw.chunked else ends) + (
                ", compressed" if "Content-Encoding" in response.headers else ""
            )
            try:
                for piece in pieces(response):
                    body += piece
                    if len(body) > most:
                        break
            except BrokenResponse:
                has_broken = True
            except EndUnknown:
                pass  # the probe of ends tells it
            is_whole = not has_broken and len(body) <= most
            seconds = first, self.clock() - begun
            return Answer(response.status_code, response.headers, bytes(body), is_whole, has_broken, seconds, ends)
