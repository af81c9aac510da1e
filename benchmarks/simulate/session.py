"""The network in virtual time: what stands in for the connector's HTTP sessions, and the responses that come through it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from email.utils import formatdate
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.structures import CaseInsensitiveDict

from benchmarks.simulate.bulk import Bulk, Piece
from benchmarks.simulate.iterable import FILE_HOST, NOW, Answer, Iterable
from benchmarks.simulate.scheduler import Scheduler

_ROOT = "/api/"


class Network:
    """Carries requests to an Iterable, and answers back. Every request and response of a simulation takes the same way."""

    def __init__(self, scheduler: Scheduler, iterable: Iterable, seed: int) -> None:
        self._scheduler = scheduler
        self._iterable = iterable
        self._random = random.Random(seed)

    def exchange(self, method: str, url: str, query: Mapping[str, Any], body: Mapping[str, Any]) -> requests.Response:
        """The response to a request, its body still to come."""
        project = self._iterable.project
        self._scheduler.sleep(project.latency / 2 + self._jitter())
        path = url if url.startswith(FILE_HOST) else urlsplit(url).path.removeprefix(_ROOT)
        answer = self._iterable.answer(method, path, query, body, self._scheduler.now)
        response = requests.Response()
        response.status_code = answer.status
        response.headers = CaseInsensitiveDict({"Date": formatdate(NOW + self._scheduler.now, usegmt=True)})
        response.raw = _Raw(self._scheduler.sleep, answer)
        self._scheduler.sleep(answer.after + project.latency / 2 + self._jitter())
        return response

    def _jitter(self) -> float:
        most = self._iterable.project.jitter
        return self._random.uniform(0.0, most) if most else 0.0


class _Raw:
    """The body of a response as it arrives, like urllib3's."""

    chunked = False

    def __init__(self, sleep: Callable[[float], None], answer: Answer) -> None:
        self._sleep = sleep
        self.answer = answer
        body = answer.body
        self.length_remaining = body.size if isinstance(body, Bulk) else len(body)

    def stream(self, amount: int, decode_content: bool) -> Iterator[bytes | Piece]:
        """Yield its pieces, each when it has arrived."""
        body = self.answer.body
        if isinstance(body, Bulk):
            for piece in body.pieces():
                self._sleep(len(piece) / self.answer.rate)
                yield piece
        elif body:
            yield body

    def close(self) -> None:
        """What has not arrived never will."""

    def release_conn(self) -> None:
        """There is none."""


class Session:
    """Stands in for source_iterable.api.session.Session."""

    def __init__(self, network: Network, loopback: bool = False, api_key: str = "") -> None:
        self._network = network

    def send_to(self, method: str, url: str, what: str, **options: Any) -> requests.Response:
        """The response to a request."""
        return self._network.exchange(method, url, options.get("params") or {}, options.get("json") or {})

    def delete(self, url: str, **options: Any) -> requests.Response:
        """The response to a DELETE."""
        return self.send_to("DELETE", url, url, **options)
