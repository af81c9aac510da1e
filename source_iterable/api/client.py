"""IterableClient: sends requests with the key, within the rate budgets, retries them, and raises errors as exceptions."""

from __future__ import annotations

import email.utils
import logging
import threading
import time
from collections.abc import Callable, Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

import orjson
import requests
from requests.adapters import HTTPAdapter

from source_iterable import __version__
from source_iterable.api.parts import Part, network_pieces, receive
from source_iterable.api.rate_budget import Permit, RateBudgets
from source_iterable.api.request import TIMEOUT, Parameters, Request, Timeout
from source_iterable.api.retry import MAX_RATE_LIMITED, ONCE, RESPONSE, RetryPolicy, pause_after, retry
from source_iterable.config import Config
from source_iterable.errors import (
    ApiError,
    BadKey,
    BadRequest,
    BrokenResponse,
    Forbidden,
    IterableError,
    NotFound,
    ServerError,
    Stopped,
    TimedOut,
    Unreachable,
)
from source_iterable.progress import Progress

T = TypeVar("T")
CANCEL_TIMEOUT = Timeout(5.0, 10.0)
MAX_REDIRECTS = 5
_ERRORS: dict[int, type[ApiError]] = {401: BadKey, 403: Forbidden, 404: NotFound}
_HINTS = {
    401: "Check that the API key is a server-side key of this project and that the region matches the project.",
    403: "Give the API key the permission for this endpoint, or leave the stream out.",
}


class IterableClient:
    """Talks to the Iterable API. All threads of a sync share one client.

    Every request waits for its endpoint's rate budget. `pace` scales every pause, for tests.
    """

    def __init__(self, config: Config, logger: logging.Logger, progress: Progress | None = None) -> None:
        self._base_url = config.base_url
        self._origin = _origin(self._base_url)
        self._logger = logger
        self.progress = progress or Progress(logger)
        self.budgets = RateBudgets(config.rate_limit_factor)
        self.pace = 1 / max(config.rate_limit_factor, 1.0)
        self._stop = threading.Event()
        self._session = _session()
        self._api_key = config.api_key
        self._session.headers["Api-Key"] = config.api_key
        # Export files are on another host, which must not see the key.
        self._file_session = _session()

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
        permits = [] if permit is None else [permit]

        def attempt() -> T:
            response = self._send(request, permits.pop() if permits else None)
            with response, self.progress.waiting(f"the rest of the response to {request}"):
                return read(response)

        return self.with_retries(policy, str(request), attempt)

    def get_json(self, path: str, parameters: Parameters | None = None) -> Any:
        """GET `path` and parse its JSON."""
        return self.fetch(Request(path, parameters or {}), _json)

    def get_text(self, path: str, parameters: Parameters | None = None) -> str:
        """GET `path` as UTF-8 text; invalid bytes become U+FFFD."""
        return self.fetch(Request(path, parameters or {}), _body).decode("utf-8", errors="replace")

    def post_json(self, path: str, body: Mapping[str, Any], permit: Permit | None = None) -> Any:
        """POST a JSON body and parse the JSON of the response. Not retried."""
        return self.fetch(Request(path, method="POST", body=body), _json, ONCE, permit)

    def probe(self, path: str, timeout: Timeout) -> None:
        """GET `path` once and discard the response. Raises IterableError."""
        self.fetch(Request(path, timeout=timeout), _body, ONCE)

    def cancel(self, path: str) -> None:
        """DELETE `path` once, even while the sync is being terminated."""
        with self.budgets.of(path).acquire(time.sleep):
            response = self._session.delete(
                urljoin(self._base_url, path), timeout=CANCEL_TIMEOUT, allow_redirects=False
            )
        if response.status_code >= 300:
            raise self._error(response, f"DELETE {path}")

    def receive_file(self, url: str, max_bytes: int) -> Part:
        """GET a presigned URL, once and without the key. Raises Unreachable, BrokenResponse, TooLarge or Stopped."""
        self.wait(0)
        with self.progress.waiting("a file of an export job"):
            try:
                response = self._file_session.get(url, timeout=TIMEOUT, stream=True)
            except requests.RequestException:
                raise Unreachable("The storage host could not be reached.") from None
            if response.status_code >= 400:
                response.close()
                raise BrokenResponse(f"The storage host answered {response.status_code}.")
            return receive(response, max_bytes)

    def with_retries(self, policy: RetryPolicy, what: str, operation: Callable[[], T]) -> T:
        """Run `operation`, retried according to `policy`; `what` names it in the log. Raises the last attempt's error."""

        def pause(attempt: int, error: IterableError) -> None:
            with self.progress.waiting(f"a retry of {what}: {error}"):
                self.wait(pause_after(attempt) * self.pace)

        return retry(policy, operation, pause)

    def wait(self, seconds: float) -> None:
        """Wait. Raises Stopped if the sync is terminated meanwhile."""
        if self._stop.wait(seconds):
            raise Stopped("The sync was terminated.")

    def stop(self) -> None:
        """Interrupt all waits; no further request is sent."""
        self._stop.set()

    def _send(self, request: Request, permit: Permit | None) -> requests.Response:
        """One attempt: a successful response with its body still unread. Waits out 429s."""
        for limited in range(1, MAX_RATE_LIMITED + 2):
            if permit is None:
                with self.progress.waiting(f"the rate limit of {request.path}"):
                    permit = self.budgets.of(request.path).acquire(self.wait)
            with permit, self.progress.waiting(f"a response to {request}"):
                response = self._exchange(request)
            permit = None
            if response.status_code < 300:
                return response
            if response.status_code != 429 or limited > MAX_RATE_LIMITED:
                break
            self._wait_out(response, request, limited)
        raise self._error(response, str(request))

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
                    allow_redirects=False,
                )
            except requests.ReadTimeout:
                raise TimedOut(f"No response to {request} within {request.timeout.read:.0f} seconds.") from None
            except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
                why = "timed out" if isinstance(error, requests.Timeout) else "broke or was refused"
                raise Unreachable(f"No response to {request}: the connection to {self._origin} {why}.") from None
            if not response.is_redirect:
                return response
            url, parameters = urljoin(url, response.headers["Location"]), {}
            response.close()
            # requests would forward our Api-Key header to any host.
            if _origin(url) != self._origin:
                raise BadRequest(
                    f"{request} was redirected to another host ({urlsplit(url).hostname}); the API key is not sent there. "
                    "Check the API base URL.",
                    response.status_code,
                )
        raise Unreachable(f"{request} was redirected {MAX_REDIRECTS} times.")

    def _wait_out(self, response: requests.Response, request: Request, times: int) -> None:
        retry_after = _retry_after(response)
        response.close()
        seconds = pause_after(times) if retry_after is None else retry_after
        self._logger.warning(
            f"Iterable answered 429 to {request} although this sync keeps to the rate limit: another program probably uses "
            f"the same project. Waiting {seconds:.1f} s."
        )
        with self.progress.waiting(f"Iterable's rate limit ({request})"):
            self.wait(seconds)

    def _error(self, response: requests.Response, what: str) -> ApiError:
        status = response.status_code
        code, msg = (text.replace(self._api_key, "****") for text in _code_and_msg(response))
        response.close()
        said = f"{code}: {msg}" if code and msg else msg or code or response.reason or "no message"
        kind = _ERRORS.get(status, ServerError if status >= 500 else BadRequest)
        message = f"Iterable answered {what} with {status} ({said}). {_HINTS.get(status, '')}"
        return kind(message.strip(), status, code, msg)


def _session() -> requests.Session:
    session = requests.Session()
    adapter = HTTPAdapter(pool_connections=4, pool_maxsize=32)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.headers["User-Agent"] = f"source-iterable/{__version__}"
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return session


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _body(response: requests.Response) -> bytes:
    return b"".join(network_pieces(response))


def _json(response: requests.Response) -> Any:
    try:
        return orjson.loads(_body(response))
    except orjson.JSONDecodeError:
        path = urlsplit(str(response.url)).path
        raise BrokenResponse(f"The response to {response.request.method} {path} is not JSON.") from None


def _code_and_msg(response: requests.Response) -> tuple[str, str]:
    try:
        body = orjson.loads(_body(response))
        return str(body.get("code") or ""), str(body.get("msg") or "")[:1000]
    except (orjson.JSONDecodeError, AttributeError, BrokenResponse):
        return "", ""


def _retry_after(response: requests.Response) -> float | None:
    """The Retry-After header in seconds; it holds seconds or a date (RFC 9110)."""
    text = response.headers.get("Retry-After", "")
    try:
        return max(float(text), 0.0)
    except ValueError:
        pass
    try:
        return max(email.utils.parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    except ValueError:
        return None
