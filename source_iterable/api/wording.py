"""Wording: turns what went wrong with a request into the exception that tells the user, without key or personal values."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

import requests

from source_iterable.api import exact_json
from source_iterable.api.masks import MASK, masked
from source_iterable.api.proof import is_error_object
from source_iterable.api.request import Request
from source_iterable.api.retry import RATE_LIMITED
from source_iterable.api.spooled import whole
from source_iterable.api.wire import HEAD_SECONDS, TooSlow
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
    WrongContent,
)
from source_iterable.process.machine import causes, local_cause

# Bytes of the body of an error, and characters of its message that are shown.
_ERROR_BYTES, _MESSAGE_LENGTH = 64 * 2**10, 300
_ERRORS = {401: BadKey, 403: Forbidden, 404: NotFound, 408: ServerError, 425: ServerError, 429: RateLimited}
_HINTS = {
    401: "Check that the API key is a server-side key of this project and that the region matches the project.",
    403: "Give the API key the permission for this endpoint, or leave the stream out.",
    429: f"The sync waited for {RATE_LIMITED / 60:.0f} minutes; the next one will retry it. Who else uses the project?",
}
_PASSWORD = "asks for a user and password (407): put the right ones into HTTPS_PROXY, as user:password@host:port."
_TUNNEL = re.compile(r"Tunnel connection failed: (\d{3})")


class Wording:
    """Words the errors of requests with one key to one host.

    With `private`, messages of Iterable's are masked, because they may name a person; its codes stay.
    """

    def __init__(self, api_key: str, host: str, private: bool = False) -> None:
        self._api_key = api_key
        self._host = host
        self._private = private

    def _redacted(self, text: str, request: Request, is_code: bool = False) -> str:
        """A text of a response as it may be shown: one short line without the key and personal values of the request."""
        text = text.replace(self._api_key, MASK)
        for value in request.personal_values:
            # Iterable may quote it in lower case, or as it stood in the URL.
            for form in (value, quote(value), quote(value, ""), quote_plus(value)):
                text = re.sub(re.escape(form), MASK, text, flags=re.IGNORECASE)
        if self._private and not is_code:
            text = masked(text)
        return " ".join(text.split())[:_MESSAGE_LENGTH]

    def error_of(self, response: requests.Response, request: Request) -> IterableError:
        """The error for a response whose status says that it holds no data. Closes the response."""
        status = response.status_code
        with response:
            if status == 407:
                return ConfigError(f"A proxy in front of Iterable {_PASSWORD}")
            if status < 400:
                return BrokenResponse(f"Iterable answered {request} with {status}, which holds no data.")
            code = msg = ""
            with suppress(ValueError, AttributeError, BrokenResponse, EndUnknown, TooLarge):
                body = exact_json.loads(whole(response, _ERROR_BYTES))
                code, msg = (str(body.get(name) or "") for name in ("code", "msg"))
        code = self._redacted(code, request, is_code=True)
        msg, reason = (self._redacted(text, request) for text in (msg, response.reason or "no message"))
        said = f"{code}: {msg}" if code and msg else msg or code or reason
        kind = _ERRORS.get(status, ServerError if status >= 500 else BadRequest)
        message = f"Iterable answered {request} with {status} ({said}). {_HINTS.get(status, '')}"
        return kind(message.strip(), status, code, msg)

    def refuse_error_object(self, request: Request, value: Any) -> None:
        """Raise WrongContent for the JSON of a response with status 200 that is an error."""
        if is_error_object(value) and value["code"] != "Success":
            code = self._redacted(str(value["code"]), request, is_code=True)
            said = f"{code}: {self._redacted(str(value['msg']), request)}"[:_MESSAGE_LENGTH]
            raise WrongContent(f"Iterable answered {request} with status 200 and an error ({said}).")

    def no_response(self, request: Request, error: Exception) -> IterableError:
        """The error for a request without a response, where neither this machine nor a proxy is to blame."""
        if any(isinstance(cause, TooSlow) for cause in causes(error)):
            return Unreachable(f"No response to {request}: its headers took longer than {HEAD_SECONDS:.0f} seconds.")
        if isinstance(error, requests.ReadTimeout):
            return TimedOut(f"No response to {request} within {request.timeout.read:.0f} seconds.")
        if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
            why = f"No response to {request}: the certificate of {self._host} cannot be verified"
            return Unreachable(f"{why}. If a proxy intercepts TLS, set REQUESTS_CA_BUNDLE to its certificate.")
        if isinstance(error, (requests.exceptions.InvalidHeader, requests.exceptions.ContentDecodingError)):
            return BrokenResponse(f"The response to {request} has headers that contradict each other.")
        why = "timed out" if isinstance(error, requests.Timeout) else "broke or was refused"
        return Unreachable(f"No response to {request}: the connection to {self._host} {why}.")


def lacks_permission(error: BadKey) -> Forbidden:
    """What a 401 means where the key works elsewhere."""
    return Forbidden(str(error).replace(_HINTS[401], _HINTS[403]), error.status, error.code, error.msg)


def cause_before_the_server(session: requests.Session, error: Exception) -> IterableError | None:
    """What this machine or a proxy lacks, and what to do, if that is why a request got no response."""
    if cause := local_cause(error):
        return cause
    if isinstance(error, requests.exceptions.InvalidProxyURL):
        return ConfigError("HTTPS_PROXY is not the URL of a proxy, with scheme, host and port.")
    if not isinstance(error, requests.exceptions.ProxyError) or error.request is None:
        return None
    url = str(error.request.url)
    proxies = session.merge_environment_settings(url, {}, None, None, None)["proxies"]
    # With or without a scheme, as requests takes it. A password that is not URL-encoded may hold anything, even an @.
    given = (requests.utils.select_proxy(url, proxies) or "").rpartition("://")[2].rpartition("@")[2]
    proxy = urlsplit(f"//{given}").netloc
    if not proxy:
        return None
    refused = _TUNNEL.search(str(error))
    if not refused:
        return Unreachable(f"The proxy {proxy} cannot be reached. Check that it runs, and check HTTPS_PROXY.")
    status, host = refused[1], urlsplit(url).hostname
    if status == "407":
        return ConfigError(f"The proxy {proxy} {_PASSWORD}")
    if status.startswith("4") and status not in ("408", "429"):
        return ConfigError(f"The proxy {proxy} refuses connections to {host} ({status}): allow it, or set NO_PROXY.")
    return Unreachable(f"The proxy {proxy} answered {status}: check that it can reach {host}.")
