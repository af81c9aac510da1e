"""IterableClient: sends requests with the key, within the rate budgets, retries them, and raises errors as exceptions."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

import requests

from source_iterable.api import exact_json
from source_iterable.api.body import whole
from source_iterable.api.clock import Clock
from source_iterable.api.rate_budget import Permit, RateBudgets
from source_iterable.api.request import TIMEOUT, Parameters, Request, Timeout
from source_iterable.api.retry import (
    ONCE,
    RATE_LIMITED,
    RESPONSE,
    RetryPolicy,
    pause_after,
    pause_after_429,
    retry,
    retry_after_in,
)
from source_iterable.api.session import PrivateAddress, api_session, file_session
from source_iterable.api.spooled import SpooledResponse, receive
from source_iterable.api.wording import HINTS, Wording, asks_for_a_password, proxy_trouble
from source_iterable.config import Config, is_loopback
from source_iterable.errors import (
    BadKey,
    BadRequest,
    BrokenResponse,
    Forbidden,
    IterableError,
    LocalError,
    RateLimited,
    ServerError,
    Stopped,
    TimedOut,
    Unreachable,
)
from source_iterable.process.machine import local_cause
from source_iterable.process.progress import Progress

T = TypeVar("T")
CANCEL_TIMEOUT = Timeout(5.0, 10.0)
MAX_REDIRECTS = 5
# Statuses of responses whose time counts. Others may be those of a proxy or gateway, which has a clock of its own.
_OF_ITERABLE = (200, 400, 401, 403, 404, 429)
# Seconds that limits of requests a second may take; and the least, however much faster than Iterable's the budgets are.
SHORT_WAIT, SHORTEST_WAIT = 2.0, 0.2
# Bytes of a JSON or text response: a page of 1,000 catalog items has up to 30 MB, a million hashes of forgotten users
# 67 MB.
JSON_BYTES = 80 * 2**20
# Seconds that a Retry-After header may ask for; more ends the stream.
MAX_RETRY_AFTER = 3600.0


class ShapeError(ValueError):
    """JSON that is not what the endpoint returns; str() says how, as the end of a sentence."""


def _as_it_is(value: Any) -> Any:
    return value


class IterableClient:
    """Talks to the Iterable API. All threads of a sync share one client.

    Every request waits for its endpoint's rate budget. `pace` scales every pause, for tests.
    """

    def __init__(self, config: Config, logger: logging.Logger, progress: Progress | None = None) -> None:
        self._base_url = config.base_url
        self._origin = _origin(self._base_url)
        self._logger = logger
        self.progress = progress or Progress(logger)
        self.clock = Clock(logger)
        self.budgets = RateBudgets(config.rate_limit_factor)
        self.pace = 1 / max(config.rate_limit_factor, 1.0)
        self._stop = threading.Event()
        self._why_stopped = ""
        self._key_works: bool | None = None
        self._key_lock = threading.Lock()
        # How often Iterable was asked for its time in vain, and how that ended.
        self._unheard: list[IterableError] = []
        loopback = is_loopback(urlsplit(self._base_url).hostname)
        self._wording = Wording(config.api_key, self._origin)
        self._session = api_session(config.api_key, loopback)
        # Export files are on another host, which must not see the key.
        self._file_session = file_session(loopback)

    def fetch(
        self,
        request: Request,
        read: Callable[[requests.Response], T],
        policy: RetryPolicy = RESPONSE,
        permit: Permit | None = None,
    ) -> T:
        """Send `request` and return `read(response)`, retried according to `policy`.

        Args:
            permit: already acquired from the endpoint's rate budget, for the first attempt.

        Raises:
            IterableError: what the last attempt raised.
        """
        try:
            return self._received(request, read, policy, permit)
        except BadKey as error:
            if self.key_works(request.path):
                message = str(error).replace(HINTS[401], HINTS[403])
                raise Forbidden(message, error.status, error.code, error.msg) from None
            raise

    def _received(
        self,
        request: Request,
        read: Callable[[requests.Response], T],
        policy: RetryPolicy = RESPONSE,
        permit: Permit | None = None,
    ) -> T:
        permits = [] if permit is None else [permit]

        def attempt() -> T:
            response = self._send(request, permits.pop() if permits else None)
            with response, self.progress.waiting(f"the rest of the response to {request}"):
                result = read(response)
            self._key_works = True
            return result

        return self.with_retries(policy, str(request), attempt)

    def get_json(
        self,
        path: str,
        parameters: Parameters | None = None,
        shape: Callable[[Any], T] = _as_it_is,
        shown: str | None = None,
    ) -> T:
        """GET `path` and return what `shape` makes of its JSON; ShapeError of `shape` counts as a broken response.

        `shown` is the path in messages, if it is private.
        """
        request = Request(path, parameters or {}, shown=shown)
        return self.fetch(request, lambda response: self._parsed(request, response, shape))

    def get_text(self, path: str, parameters: Parameters | None = None, shape: Callable[[str], T] = _as_it_is) -> T:
        """GET `path` and return what `shape` makes of its UTF-8 text; ShapeError of `shape` counts as a broken response.

        Invalid bytes become U+FFFD.
        """
        request = Request(path, parameters or {})

        def read(response: requests.Response) -> T:
            text = whole(response, JSON_BYTES)
            with suppress(ValueError):
                self._wording.refuse_error_object(request, exact_json.loads(text))
            return _shaped(request, text.decode("utf-8-sig", errors="replace"), shape)

        return self.fetch(request, read)

    def post_json(self, path: str, body: Mapping[str, Any], permit: Permit | None = None) -> Any:
        """POST a JSON body and parse the JSON of the response. Not retried."""
        request = Request(path, method="POST", body=body)
        return self.fetch(request, lambda response: self._parsed(request, response, _as_it_is), ONCE, permit)

    def probe(self, path: str, timeout: Timeout) -> None:
        """GET `path` once, and see that it returns JSON. Raises IterableError; BadKey for any 401."""
        request = Request(path, timeout=timeout)
        self._received(request, lambda response: self._parsed(request, response, _as_it_is), ONCE)

    def cancel(self, path: str) -> None:
        """DELETE `path` once, even while the sync is being terminated."""
        url = urljoin(self._base_url, path)
        with (
            self.budgets.for_path(path).acquire(time.sleep),
            self._session.delete(url, timeout=CANCEL_TIMEOUT, stream=True) as response,
        ):
            if response.status_code >= 300:
                raise self._wording.error_of(response, f"DELETE {path}")

    def receive_file(self, url: str, max_bytes: int) -> SpooledResponse:
        """GET a presigned URL, once and without the key.

        Raises Unreachable, BrokenResponse, EndUnknown, TooLarge, ConfigError if a proxy refuses, LocalError or Stopped.
        """
        self.wait(0)
        with self.progress.waiting("a file of an export job"):
            try:
                response = self._get_file(url)
            except (PrivateAddress, requests.exceptions.InvalidSchema, requests.exceptions.InvalidURL):
                raise BrokenResponse("A link to a file leads to no https URL of a public host.") from None
            except (requests.RequestException, ValueError) as error:
                trouble = local_cause(error) or proxy_trouble(self._file_session, url, error)
                raise trouble or Unreachable("The storage host could not be reached.") from None
            if response.status_code != 200:
                response.close()
                raise BrokenResponse(f"The storage host answered {response.status_code}.")
            return receive(response, max_bytes)

    def _get_file(self, url: str) -> requests.Response:
        for _ in range(MAX_REDIRECTS):
            response = self._file_session.get(url, timeout=TIMEOUT, stream=True)
            if not response.is_redirect:
                return response
            response.close()
            url = _joined(url, response.headers["Location"], "A link to a file")
        raise BrokenResponse(f"A link to a file was redirected {MAX_REDIRECTS} times.")

    def with_retries(self, policy: RetryPolicy, what: str, operation: Callable[[], T]) -> T:
        """Run `operation`, retried according to `policy`; `what` names it in the log. Raises the last attempt's error."""

        def pause(attempt: int, error: IterableError) -> None:
            with self.progress.waiting(f"a retry of {what}: {error}"):
                self.wait(pause_after(attempt) * self.pace)

        return retry(policy, operation, pause)

    def wait(self, seconds: float) -> None:
        """Wait. Raises Stopped if the sync is terminated meanwhile."""
        if self._stop.wait(seconds):
            raise Stopped(self._why_stopped)

    def limit_teller(self) -> Callable[[float], None]:
        """Made when a wait for a limit begins: tells the platform how long it will take, unless the whole wait is short."""
        begun = time.monotonic()

        def tell(seconds: float) -> None:
            if time.monotonic() - begun + seconds >= max(SHORT_WAIT * self.pace, SHORTEST_WAIT):
                self.progress.limited(seconds)

        return tell

    def stop(self, why: str = "The sync was terminated.") -> None:
        """Interrupt all waits; no further request is sent. `why` is what the interrupted streams report."""
        if not self._stop.is_set():
            self._why_stopped = why
            self._stop.set()

    def now(self) -> float:
        """Seconds since the epoch, by Iterable's clock or this machine's, whichever is earlier.

        If Iterable has not answered anything yet, `channels` is requested. Raises IterableError if that fails, too.
        """
        if not self.clock.has_heard:
            self._hear()
        return self.clock.now()

    def _hear(self) -> None:
        """Get a response, whatever it says. Threads that wait while another one tries share what it comes to."""
        tried = len(self._unheard)
        with self._key_lock:
            if self.clock.has_heard:
                return
            if len(self._unheard) > tried:
                raise self._unheard[-1]
            try:
                self._try_key()
            except IterableError as error:
                if not self.clock.has_heard:
                    self._unheard.append(error)
                    raise

    def key_works(self, refused: str = "") -> bool:
        """Whether Iterable accepts the key at all, though not at the path `refused`: a key may lack single ones (seen).

        False if Iterable does not tell; then the next call asks again.
        """
        with self._key_lock:
            if self._key_works is None:
                try:
                    self._try_key(refused)
                except (Stopped, LocalError):
                    raise
                except IterableError:
                    return False
            return self._key_works is True

    def _try_key(self, refused: str = "") -> None:
        """Note the verdict of two endpoints that every project has: success of one, or refusal by both.

        One that is out of order is no verdict, and must not stop all others. Raises IterableError without a verdict.
        """
        failure: ServerError | None = None
        for path in [path for path in ("channels", "lists") if path != refused]:
            try:
                self._received(request := Request(path), partial(self._parsed, request, shape=_as_it_is))
                return
            except (BadKey, Forbidden):
                pass
            except ServerError as error:
                failure = error
        if failure is not None:
            raise failure
        if self._key_works is None:  # else another thread has had a success meanwhile
            self._key_works = False

    def _send(self, request: Request, permit: Permit | None) -> requests.Response:
        """One attempt: a response of status 200 with its body still unread. Waits out 429s."""
        times, waited = 0, 0.0
        while True:
            if permit is None:
                with self.progress.waiting(f"the rate limit of {request.shown or request.path}"):
                    permit = self.budgets.for_path(request.path).acquire(self.wait, self.limit_teller())
            with permit, self.progress.waiting(f"a response to {request}"):
                response = self._exchange(request)
            permit = None
            if response.status_code == 200:
                return response
            if response.status_code != 429 or waited >= RATE_LIMITED:
                break
            times += 1
            waited += self._wait_out(response, request, times)
        if response.status_code == 407:
            response.close()
            raise asks_for_a_password("A proxy in front of Iterable")
        if response.status_code < 400:
            response.close()
            raise BrokenResponse(f"Iterable answered {request} with {response.status_code}, which holds no data.")
        raise self._wording.error_of(response, str(request), request.personal_values)

    def _exchange(self, request: Request) -> requests.Response:
        self.wait(0)
        url, parameters = urljoin(self._base_url, request.path), request.parameters
        for _ in range(MAX_REDIRECTS):
            try:
                response = self._session.request(
                    request.method,
                    url,
                    params=parameters,
                    json=request.body,
                    timeout=request.timeout,
                    stream=True,
                )
            except requests.ReadTimeout:
                raise TimedOut(f"No response to {request} within {request.timeout.read:.0f} seconds.") from None
            except (requests.RequestException, ValueError) as error:
                trouble = local_cause(error) or proxy_trouble(self._session, url, error)
                raise trouble or self._wording.no_response(request, error) from None
            if response.status_code in _OF_ITERABLE:
                self.clock.hear(response.headers)
            if not response.is_redirect:
                return response
            response.close()
            url, parameters = _joined(url, response.headers["Location"], str(request)), {}
            # requests would forward our Api-Key header to any host.
            if _origin(url) != self._origin:
                host = self._wording.shown(str(urlsplit(url).hostname))
                raise BadRequest(
                    f"{request} was redirected to another host ({host}); the API key is not sent there. "
                    "Check the API base URL.",
                    response.status_code,
                )
        raise Unreachable(f"{request} was redirected {MAX_REDIRECTS} times.")

    def _wait_out(self, response: requests.Response, request: Request, times: int) -> float:
        """Wait after so many 429s in a row. Returns the seconds."""
        retry_after = retry_after_in(response.headers.get("Retry-After", ""), self.clock.at_iterable())
        response.close()
        if retry_after is not None and retry_after > MAX_RETRY_AFTER:
            raise RateLimited(
                f"Iterable answered 429 to {request} and asks to wait {retry_after:,.0f} seconds; a sync waits "
                f"{MAX_RETRY_AFTER:,.0f} at most. The next sync will retry it.",
                429,
            )
        seconds = pause_after_429(times, retry_after)
        self._logger.warning(
            f"Iterable answered 429 to {request}{self.budgets.why_exceeded()} Waiting {seconds:.1f} s."
        )
        self.progress.limited(seconds)
        with self.progress.waiting(f"Iterable's rate limit ({request})"):
            self.wait(seconds)
        return seconds

    def _parsed(self, request: Request, response: requests.Response, shape: Callable[[Any], T]) -> T:
        """The JSON of a response, in the shape that was requested. Raises BrokenResponse."""
        try:
            value = exact_json.loads(whole(response, JSON_BYTES))
        except ValueError:
            raise BrokenResponse(f"The response to {request} is not JSON.") from None
        self._wording.refuse_error_object(request, value)
        return _shaped(request, value, shape)


def _shaped(request: Request, content: Any, shape: Callable[[Any], T]) -> T:
    try:
        return shape(content)
    except ShapeError as error:
        raise BrokenResponse(f"The response to {request} {error}.") from None


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _joined(url: str, location: str, what: str) -> str:
    try:
        joined = urljoin(url, location)
        _ = urlsplit(joined).port  # raises for a port that is no number
    except ValueError:
        raise BrokenResponse(f"{what} was redirected to an invalid URL.") from None
    return joined
