"""Requests of the probes: within Iterable's limits, and nothing decided about the answers."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import orjson
import requests

from source_iterable.api.body import pieces
from source_iterable.api.rate_budget import RateBudgets
from source_iterable.api.session import api_session, file_session
from source_iterable.config import Config, is_loopback
from source_iterable.errors import BrokenResponse

OK = 200
UNAUTHORIZED, FORBIDDEN, NOT_FOUND, RATE_LIMITED = 401, 403, 404, 429
_REFUSALS = (UNAUTHORIZED, FORBIDDEN, RATE_LIMITED)
# Seconds to connect, and between two pieces of a response.
_TIMEOUT = (10.0, 120.0)
# Bytes of a body that are read unless a probe wants fewer; and seconds after which one that trickles is left.
MANY_BYTES = 32 << 20
_PATIENCE = 60.0
# Requests with the status 429 in a row, and the longest pause after one, in seconds.
_TRIES, _LONGEST_PAUSE = 3, 60.0


@dataclass(frozen=True)
class Answer:
    """A response, or as much of it as was wanted.

    `is_whole`: its end was seen. `has_broken`: it broke off before. `seconds`: to its first byte, and to its last.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_whole: bool = True
    has_broken: bool = False
    seconds: tuple[float, float] = (0.0, 0.0)

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower() or "none"

    @property
    def json(self) -> Any:
        """The body as JSON; None if it is none."""
        try:
            return orjson.loads(self.body)
        except ValueError:
            return None

    @property
    def lines(self) -> list[bytes]:
        """The lines of the body that are not blank, without one that was cut off."""
        lines = self.body.split(b"\n")
        return [line for line in (lines if self.is_whole else lines[:-1]) if line.strip()]


class NoAnswer(Exception):
    """No response came; the text is the sort of failure."""


@dataclass
class Client:
    """Sends requests with the key of a configuration, and counts them.

    `refused` has the answers to its key with the statuses 401, 403 and 429, by the endpoint that was asked.
    """

    config: Config
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    statuses: dict[str, Counter[str]] = field(default_factory=dict)
    refused: list[tuple[str, Answer]] = field(default_factory=list)
    redirects: int = 0

    def __post_init__(self) -> None:
        loopback = is_loopback(urlsplit(self.config.base_url).hostname)
        self._session = api_session(self.config.api_key, loopback)
        self._files = file_session(loopback)
        self._budgets = RateBudgets(self.config.rate_limit_factor, self.clock)

    @property
    def sent(self) -> int:
        return sum(each.total() for each in self.statuses.values())

    def get(
        self,
        endpoint: str,
        *names: object,
        most: int = MANY_BYTES,
        headers: Mapping[str, str] | None = None,
        **parameters: Any,
    ) -> Answer:
        """GET an endpoint, whose `{}` stand for the names. Raises NoAnswer."""
        return self._send("GET", endpoint, names, most, params=parameters, headers=headers)

    def post(self, endpoint: str, body: Mapping[str, Any]) -> Answer:
        """POST a body. Raises NoAnswer."""
        return self._send("POST", endpoint, (), MANY_BYTES, json=body)

    def file(self, url: str, most: int = MANY_BYTES) -> Answer:
        """GET a file of an export job, without the key. Raises NoAnswer."""
        answer = self._once(self._files, "GET", url, most)
        self._count("a file", answer)
        return answer

    def _send(self, method: str, endpoint: str, names: tuple[object, ...], most: int, **rest: Any) -> Answer:
        path = endpoint.format(*(quote(str(name), safe="") for name in names))
        for attempt in range(_TRIES):
            with self._budgets.of(path).acquire(self.sleep):
                answer = self._once(self._session, method, self.config.base_url + path, most, **rest)
            self._count(endpoint, answer)
            if answer.status in _REFUSALS and not rest.get("headers"):
                self.refused.append((endpoint, answer))
            if answer.status != RATE_LIMITED or attempt == _TRIES - 1:
                break
            asked = answer.headers.get("Retry-After", "")
            self.sleep(min(float(asked) if asked.isdecimal() else _LONGEST_PAUSE, _LONGEST_PAUSE))
        return answer

    def _count(self, endpoint: str, answer: Answer) -> None:
        self.statuses.setdefault(endpoint, Counter())[str(answer.status)] += 1
        self.redirects += 300 <= answer.status < 400

    def _once(self, session: requests.Session, method: str, url: str, most: int, **rest: Any) -> Answer:
        begun = self.clock()
        try:
            response = session.request(method, url, stream=True, timeout=_TIMEOUT, allow_redirects=False, **rest)
        except (requests.RequestException, ValueError) as error:
            # Its text holds the URL.
            raise NoAnswer(type(error).__name__) from None
        first, received, size, is_whole, has_broken = self.clock() - begun, [], 0, True, False
        with response:
            try:
                for piece in pieces(response):
                    received.append(piece)
                    size += len(piece)
                    if size > most or self.clock() - begun > _PATIENCE:
                        is_whole = False
                        break
            except BrokenResponse:
                is_whole, has_broken = False, True
            seconds = first, self.clock() - begun
            return Answer(response.status_code, response.headers, b"".join(received), is_whole, has_broken, seconds)
