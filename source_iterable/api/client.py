"""IterableClient: sends requests with the key, within the rate budgets, retries them, and raises errors as exceptions."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

import requests

from source_iterable.api.clock import Clock, Key
from source_iterable.api.exact_json import NOT_JSON, parsed
from source_iterable.api.listed import Listed, receive_list
from source_iterable.api.rate_budget import Permit, RateBudgets
from source_iterable.api.request import TIMEOUT, Parameters, Request, Shape, Timeout, as_requested
from source_iterable.api.retry import (
    ONCE,
    RATE_LIMITED,
    RESPONSE,
    RetryPolicy,
    pause_after,
    pause_after_429,
    retry_after_in,
)
from source_iterable.api.session import Session
from source_iterable.api.spooled import whole
from source_iterable.api.wording import Wording, cause_before_the_server, lacks_permission
from source_iterable.config import Config, is_loopback
from source_iterable.errors import BadKey, RateLimited, Stopped, TooLarge, WrongContent
from source_iterable.process.progress import Progress

T = TypeVar("T")
CANCEL_TIMEOUT = Timeout(5.0, 10.0)
# Statuses of responses whose Date is Iterable's. Others may come from a proxy or gateway with a clock of its own.
_OF_ITERABLE = (200, 400, 401, 403, 404, 429)
# Seconds: shorter waits for a limit are not reported. Scaled by `pace`, but not below the second.
SHORT_WAIT, SHORTEST_WAIT = 2.0, 0.2
# Bytes of a response that is no list: it is received into memory.
JSON_BYTES = 80 * 2**20
# Seconds that a Retry-After header may ask for; more ends the stream.
MAX_RETRY_AFTER = 3600.0


def _as_it_is(value: Any) -> Any:
    return value


class IterableClient:
    """Talks to the Iterable API. All threads of a sync share one client.

    Every request waits for its endpoint's rate budget. `pace` scales every pause, for tests.
    """

    def __init__(self, config: Config, logger: logging.Logger, progress: Progress | None = None) -> None:
        self._base_url = config.base_url
        self.logger = logger
        host = urlsplit(self._base_url)
        self.is_local = is_loopback(host.hostname)
        self.clock = Clock(logger)
        self.budgets = RateBudgets(config.rate_limit_factor)
        self.pace = 1 / max(config.rate_limit_factor, 1.0)
        self.progress = progress or Progress()
        self.progress.short_wait = max(SHORT_WAIT * self.pace, SHORTEST_WAIT)
        self._stop = threading.Event()
        self._why_stopped = ""
        self._when_stopped: list[Callable[[], None]] = []
        self.key = Key(partial(self.probe, retry=RESPONSE), self.clock)
        private = bool(config.excluded_fields or config.hashed_fields)
        self._wording = Wording(config.api_key, host.netloc, private)
        self._session = Session(self.is_local, config.api_key)

    def fetch(self, request: Request, read: Callable[[requests.Response], T], permit: Permit | None = None) -> T:
        """Send `request` and return `read(response)`, retried as the request says.

        Args:
            permit: already acquired from the endpoint's rate budget, for the first attempt.

        Raises:
            IterableError: what the last attempt raised. Forbidden for a 401, too, if the key works elsewhere.
        """
        try:
            return self._fetch(request, read, permit)
        except BadKey as error:
            if self.key.works(request.path):
                raise lacks_permission(error) from None
            raise

    def json(self, request: Request, shape: Shape[T] = _as_it_is, permit: Permit | None = None) -> T:
        """Send `request` and return what `shape` makes of the response's JSON; its ShapeError is a broken response."""
        return self.fetch(request, partial(self._parsed, request, shape), permit)

    def get_json(self, path: str, parameters: Parameters | None = None, shape: Shape[T] = _as_it_is) -> T:
        """GET `path` and return what `shape` makes of its JSON; its ShapeError is a broken response."""
        return self.json(Request(path, parameters or {}), shape)

    def get_text(self, path: str, parameters: Parameters | None = None, shape: Shape[T] = _as_it_is) -> T:
        """GET `path` and return what `shape` makes of its UTF-8 text; its ShapeError is a broken response.

        Invalid bytes become U+FFFD.
        """
        request = Request(path, parameters or {})
        return self.fetch(request, partial(self._parsed, request, shape, as_text=True))

    def get_list(
        self,
        path: str,
        parameters: Parameters | None,
        selector: str,
        key: str | None,
        shape: Callable[[Listed], T],
    ) -> T:
        """GET `path` and return what `shape` makes of its list named `selector`, which is received item by item.

        Its ShapeError is a broken response. The items have a `key`, or are texts without one; the caller closes them. Those
        that are too long are left out, with a warning.
        """
        request = Request(path, parameters or {})
        return self.fetch(request, partial(self._received, request, selector, key, shape))

    def probe(self, path: str, timeout: Timeout = TIMEOUT, retry: RetryPolicy = ONCE) -> None:
        """GET `path`, and see that it returns JSON. Raises IterableError; BadKey for any 401."""
        request = Request(path, timeout=timeout, retry=retry)
        self._fetch(request, partial(self._parsed, request, _as_it_is))

    def cancel(self, path: str) -> None:
        """DELETE `path` once, even while the sync is being terminated. Raises IterableError or RequestException."""
        request, url = Request(path, method="DELETE"), urljoin(self._base_url, path)
        with self.budgets.for_path(path).acquire(time.sleep):
            response = self._session.delete(url, timeout=CANCEL_TIMEOUT, stream=True)
        with response:
            if response.status_code >= 300:
                raise self._wording.error_of(response, request)

    def with_retries(self, policy: RetryPolicy, what: str, operation: Callable[[], T]) -> T:
        """Run `operation`, retried according to `policy`; `what` names it in the log.

        Raises the last attempt's error, which says how many there were.
        """
        attempt = 1
        while True:
            try:
                return operation()
            except policy.after as error:
                if policy.ends(attempt, error):
                    error.attempts = attempt
                    raise
                self.progress.count("retries")
                with self.progress.waiting(f"a retry of {what}: {error}"):
                    self.wait(pause_after(attempt) * self.pace)
            attempt += 1

    def wait(self, seconds: float) -> None:
        """Wait. Raises Stopped if the sync is terminated meanwhile."""
        if self._stop.wait(seconds):
            raise Stopped(self._why_stopped)

    def stop(self, why: str = "The sync was terminated.") -> None:
        """Interrupt all waits; no further request is sent. `why` is what the interrupted streams report."""
        self._why_stopped = self._why_stopped or why
        self._stop.set()
        for wake in self._when_stopped:
            wake()

    @property
    def is_stopped(self) -> bool:
        """Whether the sync is being terminated."""
        return self._stop.is_set()

    def when_stopped(self, wake: Callable[[], None]) -> None:
        """Have `stop` call this, for threads that wait for something else than `wait`."""
        self._when_stopped.append(wake)

    def now(self) -> float:
        """Seconds since the epoch, by Iterable's clock or this machine's, whichever is earlier.

        If Iterable has not answered anything yet, `channels` is requested. Raises IterableError if that fails, too.
        """
        if not self.clock.has_heard:
            self.key.hear()
        return self.clock.now()

    def _fetch(self, request: Request, read: Callable[[requests.Response], T], permit: Permit | None = None) -> T:
        def attempt() -> T:
            response = self._send(request, permit)
            with response, self.progress.waiting(f"the rest of the response to {request}"):
                try:
                    result = read(response)
                except TooLarge as error:
                    raise TooLarge(f"{request}: {error}", error.expected_bytes) from None
            self.key.is_accepted = True
            return result

        return self.with_retries(request.retry, str(request), attempt)

    def _send(self, request: Request, permit: Permit | None) -> requests.Response:
        """One attempt: a response of status 200 with its body still unread. Waits out 429s."""
        times, waited = 0, 0.0
        while True:
            if permit is None or permit.arrival is not None:
                budget = self.budgets.for_path(request.path)
                with self.progress.waiting(f"the rate limit of {request}", budget.turn.ends):
                    permit = budget.acquire(self.wait)
            with permit, self.progress.waiting(f"a response to {request}"):
                response = self._exchange(request)
            if response.status_code == 200:
                return response
            if response.status_code != 429 or waited >= RATE_LIMITED:
                raise self._wording.error_of(response, request)
            times += 1
            waited += self._wait_out(response, request, times)

    def _exchange(self, request: Request) -> requests.Response:
        """The response to a request, after redirects within the API."""
        self.wait(0)
        options = {"params": request.parameters, "json": request.body, "timeout": request.timeout}
        url = urljoin(self._base_url, request.path)
        try:
            response = self._session.send_to(request.method, url, str(request), **options)
        except (requests.RequestException, ValueError) as error:
            raise cause_before_the_server(self._session, error) or self._wording.no_response(request, error) from None
        if response.status_code in _OF_ITERABLE:
            self.clock.hear(response.headers)
        return response

    def _wait_out(self, response: requests.Response, request: Request, times: int) -> float:
        """Wait after so many 429s in a row. Returns the seconds."""
        response.close()
        retry_after = retry_after_in(response.headers.get("Retry-After", ""), self.clock.at_iterable())
        if retry_after > MAX_RETRY_AFTER:
            message = f"Iterable answered 429 to {request} and asks to wait {retry_after:,.0f} seconds; a sync waits"
            raise RateLimited(f"{message} {MAX_RETRY_AFTER:,.0f} at most. The next sync will retry it.", 429)
        seconds = pause_after_429(times, retry_after)
        why = self.budgets.why_exceeded()
        self.logger.warning(f"Iterable answered 429 to {request}{why} Waiting {seconds:.1f} s.")
        self.progress.count("retries")
        end = time.monotonic() + seconds
        with self.progress.waiting(f"Iterable's rate limit ({request})", lambda: end):
            self.wait(seconds)
        return seconds

    def _parsed(self, request: Request, shape: Shape[T], response: requests.Response, as_text: bool = False) -> T:
        """The JSON of a response, or its text, in the shape that was requested. Raises BrokenResponse."""
        body = whole(response, JSON_BYTES)
        content = parsed(body)
        if not as_text or content is not NOT_JSON:
            self._must_be_data(request, content)
        with as_requested(request):
            return shape(body.decode("utf-8-sig", errors="replace") if as_text else content)

    def _received(
        self,
        request: Request,
        selector: str,
        key: str | None,
        shape: Callable[[Listed], T],
        response: requests.Response,
    ) -> T:
        """The list in a response, in the shape that was requested. Raises BrokenResponse."""
        with as_requested(request), ExitStack() as failing:
            listed = receive_list(response, selector, key, partial(self._must_be_data, request))
            failing.callback(listed.items.close)
            made = shape(listed)
            failing.pop_all()
        for each in listed.left_out:
            self.logger.warning(f"{request}: {each}")
            self.progress.count("skipped")
        return made

    def _must_be_data(self, request: Request, content: Any) -> None:
        """Raise BrokenResponse for what is no JSON, or an error of Iterable."""
        if content is NOT_JSON:
            raise WrongContent(f"The response to {request} is not JSON.")
        self._wording.refuse_error_object(request, content)
