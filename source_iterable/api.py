"""IterableClient: one session with the key, the region, the rate budgets and the retries; errors become exceptions."""

from __future__ import annotations

import email.utils
import logging
import random
import threading
import time
from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urljoin, urlsplit

import orjson
import requests
from requests.adapters import HTTPAdapter

from source_iterable import __version__
from source_iterable.config import Config
from source_iterable.errors import (
    ApiError,
    BadKey,
    BadRequest,
    Forbidden,
    NotFound,
    ServerError,
    Stopped,
    TimedOut,
    Unreachable,
)
from source_iterable.progress import Progress
from source_iterable.rate_budget import Place, RateBudgets

# Seconds to connect, and between two packets of an answer.
TIMEOUT = (30.0, 300.0)
CANCEL_TIMEOUT = (5.0, 10.0)
ATTEMPTS = 5
# After so many answers of 429 in a row (about twenty minutes), something else than a rate limit is wrong.
MAX_RATE_LIMITED = 25
MAX_REDIRECTS = 5
# Parameters of a query: a list repeats its key.
Params = Mapping[str, "str | int | list[str] | list[int]"]

_ERRORS: dict[int, type[ApiError]] = {401: BadKey, 403: Forbidden, 404: NotFound}
_BROKEN = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)


class IterableClient:
    """Talks to the Iterable API. All threads of a sync share one client.

    Every request waits for its endpoint's budget. Answers of 429 are waited out; 5xx, refused and broken connections are
    tried again, `ATTEMPTS` times in all unless a call says otherwise. `pace` scales every pause, for tests.
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
        # Files of export jobs lie on another host, which must not see the key.
        self._file_session = _session()

    def get(
        self,
        path: str,
        params: Params | None = None,
        *,
        attempts: int = ATTEMPTS,
        timeout: tuple[float, float] = TIMEOUT,
        stream: bool = False,
        place: Place | None = None,
    ) -> requests.Response:
        """GET `path` (below the API's root). With `stream` the body is left to be read, within `timeout` seconds a packet.

        `place` is a place of the endpoint's budget that the caller has taken already.
        Raises ApiError, Unreachable or Stopped.
        """
        return self._request("GET", path, params, None, attempts, timeout, stream, place)

    def get_json(self, path: str, params: Params | None = None) -> Any:
        """GET `path` and parse its JSON. An answer that is no JSON counts as broken and is asked for again."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return orjson.loads(self.get(path, params).content)
            except orjson.JSONDecodeError:
                if attempt < ATTEMPTS:
                    self.pause(attempt, f"GET {path} again after an answer that is not JSON")
        raise Unreachable(f"Iterable's answer to GET {path} is not JSON, {ATTEMPTS} times in a row.")

    def post_json(self, path: str, body: Mapping[str, Any], *, place: Place | None = None) -> Any:
        """POST a JSON body and parse the JSON of the answer. Tried once: a job started twice would run twice."""
        return orjson.loads(self._request("POST", path, None, body, 1, TIMEOUT, False, place).content)

    def cancel(self, path: str) -> None:
        """DELETE `path`, once, also while the sync is being terminated."""
        with self.budgets.of(path).place(time.sleep):
            response = self._session.delete(
                urljoin(self._base_url, path), timeout=CANCEL_TIMEOUT, allow_redirects=False
            )
        if response.status_code >= 300:
            raise self._error(response, f"DELETE {path}")

    def open_file(self, url: str) -> requests.Response:
        """GET a presigned URL without the key; the body is left to be read. Raises for the status as requests does."""
        self.wait(0)
        response = self._file_session.get(url, timeout=TIMEOUT, stream=True)
        response.raise_for_status()
        return response

    def wait(self, seconds: float) -> None:
        """Wait, unless the sync is terminated meanwhile; raises Stopped then."""
        if self._stop.wait(seconds):
            raise Stopped("The sync was terminated.")

    def pause(self, attempt: int, why: str, cap: float = 60.0) -> None:
        """A growing random pause before the next attempt: up to 1, 2, 4 ... `cap` seconds."""
        with self.progress.waiting(why):
            self.wait(random.uniform(0.5, 1.0) * min(2.0 ** (attempt - 1), cap) * self.pace)

    def stop(self) -> None:
        """End all waiting; no request is sent any more."""
        self._stop.set()

    def _request(
        self,
        method: str,
        path: str,
        params: Params | None,
        body: Mapping[str, Any] | None,
        attempts: int,
        timeout: tuple[float, float],
        stream: bool,
        place: Place | None,
    ) -> requests.Response:
        what = f"{method} {path}"
        attempt = rate_limited = 0
        while True:
            if place is None:
                with self.progress.waiting(f"the rate limit of {path.split('?')[0]}"):
                    place = self.budgets.of(path).place(self.wait)
            try:
                with place, self.progress.waiting(f"an answer to {what}"):
                    response = self._send(method, path, params, body, timeout, stream)
            except _BROKEN as error:
                if stream and isinstance(error, requests.ReadTimeout):
                    raise TimedOut(f"No answer to {what} within {timeout[1]:.0f} seconds.") from None
                attempt += 1
                if attempt >= attempts:
                    raise Unreachable(
                        f"No complete answer to {what} from {self._origin} ({_reason(error)}), tried {attempt} times."
                    ) from None
                self.pause(attempt, f"the next attempt of {what} after {_reason(error)}")
            else:
                if response.status_code < 300:
                    return response
                if response.status_code == 429 and rate_limited < MAX_RATE_LIMITED:
                    rate_limited += 1
                    self._wait_out(response, what, rate_limited)
                else:
                    attempt += 1
                    if response.status_code < 500 or attempt >= attempts:
                        raise self._error(response, what)
                    response.close()
                    self.pause(attempt, f"the next attempt of {what} after an answer of {response.status_code}")
            place = None

    def _send(
        self,
        method: str,
        path: str,
        params: Params | None,
        body: Mapping[str, Any] | None,
        timeout: tuple[float, float],
        stream: bool,
    ) -> requests.Response:
        self.wait(0)
        url = urljoin(self._base_url, path)
        for _ in range(MAX_REDIRECTS):
            response = self._session.request(
                method, url, params=params, json=body, timeout=timeout, stream=stream, allow_redirects=False
            )
            if not response.is_redirect:
                return response
            url, params = urljoin(url, response.headers["Location"]), None
            response.close()
            # requests would carry our Api-Key header along to any host.
            if _origin(url) != self._origin:
                raise BadRequest(
                    f"{method} {path} was redirected to another host ({urlsplit(url).hostname}); "
                    "the API key is not sent there. Check the API base URL.",
                    response.status_code,
                    "",
                    "",
                )
        raise Unreachable(f"{method} {path} was redirected {MAX_REDIRECTS} times.")

    def _wait_out(self, response: requests.Response, what: str, times: int) -> None:
        told = _retry_after(response)
        response.close()
        seconds = told if told is not None else random.uniform(0.5, 1.0) * min(2.0 ** (times - 1), 60.0)
        self._logger.warning(
            f"Iterable's rate limit is used up although this sync keeps to it (429 to {what}): another program probably "
            f"uses the same project. Waiting {seconds:.1f} s."
        )
        with self.progress.waiting(f"{what}: rate limited by Iterable"):
            self.wait(seconds)

    def _error(self, response: requests.Response, what: str) -> ApiError:
        status = response.status_code
        code, msg = (text.replace(self._api_key, "****") for text in _code_and_msg(response))
        response.close()
        said = f"{code}: {msg}" if code and msg else msg or code or response.reason or "no message"
        kind = _ERRORS.get(status, ServerError if status >= 500 else BadRequest)
        if status == 401:
            hint = "Check that the API key is a server-side key of this project and that the region is the project's."
        elif status == 403:
            hint = "Give the API key the permission for this endpoint, or leave the stream out."
        else:
            hint = ""
        return kind(f"Iterable answered {what} with {status} ({said}). {hint}".strip(), status, code, msg)


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


def _reason(error: Exception) -> str:
    if isinstance(error, requests.Timeout):
        return "a timeout"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "a broken answer"
    return "a broken or refused connection"


def _code_and_msg(response: requests.Response) -> tuple[str, str]:
    try:
        body = orjson.loads(response.content)
        return str(body.get("code") or ""), str(body.get("msg") or "")[:1000]
    except (orjson.JSONDecodeError, AttributeError, requests.RequestException):
        return "", ""


def _retry_after(response: requests.Response) -> float | None:
    """Seconds told by a Retry-After header, which holds seconds or a date (RFC 9110)."""
    text = response.headers.get("Retry-After", "")
    try:
        return max(float(text), 0.0)
    except ValueError:
        pass
    try:
        return max(email.utils.parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    except ValueError:
        return None
