"""Wording: what goes wrong with a request, as the exception that says so to the user, without the key or personal values."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

import requests

from source_iterable.api import exact_json
from source_iterable.api.body import whole
from source_iterable.api.proof import is_error_object
from source_iterable.api.request import Request
from source_iterable.api.retry import RATE_LIMITED
from source_iterable.api.wire import HEAD_SECONDS, SlowHead
from source_iterable.errors import (
    BadKey,
    BadRequest,
    BrokenResponse,
    ConfigError,
    EndUnknown,
    Forbidden,
    IterableError,
    NotFound,
    RateLimited,
    ServerError,
    TimedOut,
    TooLarge,
    Unreachable,
)
from source_iterable.process.machine import causes, local_cause

# Bytes of the body of an error, and characters of its message that are shown.
_ERROR_BYTES, _MESSAGE_LENGTH = 64 * 2**10, 300
_ERRORS = {401: BadKey, 403: Forbidden, 404: NotFound, 408: ServerError, 425: ServerError, 429: RateLimited}
_HINTS = {
    401: "Check that the API key is a server-side key of this project and that the region matches the project.",
    403: "Give the API key the permission for this endpoint, or leave the stream out.",
    429: f"The sync has waited for over {RATE_LIMITED / 60:.0f} minutes; the next one will retry it. Does another program "
    "use the same project?",
}
_TUNNEL = re.compile(r"Tunnel connection failed: (\d{3})")


class Wording:
    """Words the errors of requests with one key to one origin."""

    def __init__(self, api_key: str, origin: str) -> None:
        self._api_key = api_key
        self._origin = origin

    def redacted(self, text: str, hidden: Iterable[str] = ()) -> str:
        """A text of a response as it may be shown: short, without the key, and without what is `hidden`."""
        text = text.replace(self._api_key, "****")
        for value in hidden:
            # Iterable may quote it in lower case, or as it stood in the URL.
            for form in (value, quote(value), quote(value, ""), quote_plus(value)):
                text = re.sub(re.escape(form), "****", text, flags=re.IGNORECASE)
        return text[:_MESSAGE_LENGTH]

    def error_of(self, response: requests.Response, request: Request) -> IterableError:
        """The error for a response whose status says that it holds no data. Closes the response."""
        status = response.status_code
        with response:
            if status == 407:
                return _asks_for_a_password("A proxy in front of Iterable")
            if status < 400:
                return BrokenResponse(f"Iterable answered {request} with {status}, which holds no data.")
            code, msg = (self.redacted(text, request.personal_values) for text in _code_and_msg(response))
        reason = self.redacted(response.reason or "no message", request.personal_values)
        said = f"{code}: {msg}" if code and msg else msg or code or reason
        kind = _ERRORS.get(status, ServerError if status >= 500 else BadRequest)
        message = f"Iterable answered {request} with {status} ({said}). {_HINTS.get(status, '')}"
        return kind(message.strip(), status, code, msg)

    def refuse_error_object(self, request: Request, value: Any) -> None:
        """Raise BrokenResponse for the JSON of a response with status 200 that is an error."""
        if is_error_object(value) and value["code"] != "Success":
            said = self.redacted(f"{value['code']}: {value['msg']}", request.personal_values)
            raise BrokenResponse(f"Iterable answered {request} with status 200 and an error ({said}).")

    def no_response(self, request: Request, error: Exception) -> IterableError:
        """The error for a request without a response, where neither this machine nor a proxy is to blame."""
        if isinstance(error, requests.ReadTimeout):
            return TimedOut(f"No response to {request} within {request.timeout.read:.0f} seconds.")
        if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
            why = f"the certificate of {self._origin} cannot be verified. Check for a proxy that intercepts TLS"
            return Unreachable(f"No response to {request}: {why}, and set REQUESTS_CA_BUNDLE to its certificate.")
        if isinstance(error, (requests.exceptions.InvalidHeader, requests.exceptions.ContentDecodingError)):
            return BrokenResponse(f"The response to {request} has headers that contradict each other.")
        if any(isinstance(cause, SlowHead) for cause in causes(error)):
            return Unreachable(f"No response to {request}: its head took longer than {HEAD_SECONDS:.0f} seconds.")
        why = "timed out" if isinstance(error, requests.Timeout) else "broke or was refused"
        return Unreachable(f"No response to {request}: the connection to {self._origin} {why}.")


def lacks_permission(error: BadKey) -> Forbidden:
    """What a 401 means where the key works elsewhere."""
    return Forbidden(str(error).replace(_HINTS[401], _HINTS[403]), error.status, error.code, error.msg)


def cause_before_the_server(session: requests.Session, url: str, error: Exception) -> IterableError | None:
    """What this machine or a proxy lacks, if that is why a request got no response."""
    return local_cause(error) or _proxy_trouble(session, url, error)


def _proxy_trouble(session: requests.Session, url: str, error: Exception) -> IterableError | None:
    """What to do about a proxy that lets no request through to the host of `url`, None if none is to blame."""
    if isinstance(error, requests.exceptions.InvalidProxyURL):
        return ConfigError(
            "The environment variable HTTPS_PROXY is not the URL of a proxy, with scheme, host and port."
        )
    if not isinstance(error, requests.exceptions.ProxyError):
        return None
    proxies = session.merge_environment_settings(url, {}, None, None, None)["proxies"]
    # With or without a scheme, as requests takes it. A password that is not URL-encoded may hold anything, even an @.
    given = (requests.utils.select_proxy(url, proxies) or "").rpartition("://")[2].rpartition("@")[2]
    proxy = urlsplit(f"//{given}").netloc
    if not proxy:
        return None
    refused = _TUNNEL.search(str(error))
    status = refused[1] if refused else ""
    if status == "407":
        return _asks_for_a_password(f"The proxy {proxy}")
    host = urlsplit(url).hostname
    if status.startswith("4") and status not in ("408", "429"):
        refusal = f"The proxy {proxy} refuses connections to {host} ({status})"
        return ConfigError(f"{refusal}: allow {host} there, or set NO_PROXY for it.")
    if refused:
        return Unreachable(f"The proxy {proxy} answered {status}: check that it can reach {host}.")
    return Unreachable(f"The proxy {proxy} cannot be reached. Check that it runs, and check HTTPS_PROXY.")


def _asks_for_a_password(proxy: str) -> ConfigError:
    example = "http://user:password@host:port"  # ignore-https-check
    return ConfigError(
        f"{proxy} asks for a user and password (407): put the right ones into HTTPS_PROXY, as in {example}."
    )


def _code_and_msg(response: requests.Response) -> tuple[str, str]:
    try:
        body = exact_json.loads(whole(response, _ERROR_BYTES))
        return str(body.get("code") or ""), str(body.get("msg") or "")
    except (ValueError, AttributeError, BrokenResponse, EndUnknown, TooLarge):
        return "", ""
