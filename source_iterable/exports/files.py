"""The files of export jobs, behind presigned links to a host that must not see the key."""

from __future__ import annotations

import requests

from source_iterable.api.client import IterableClient
from source_iterable.api.request import TIMEOUT
from source_iterable.api.session import MAX_REDIRECTS, PrivateAddress, file_session, redirect_of
from source_iterable.api.spooled import SpooledResponse, receive
from source_iterable.api.wording import cause_before_the_server
from source_iterable.errors import BrokenResponse, Unreachable


class FileHost:
    """Fetches files, once each and without the key. Thread-safe."""

    def __init__(self, client: IterableClient) -> None:
        self._client = client
        self._session = file_session(client.is_local)

    def receive(self, url: str, max_bytes: int) -> SpooledResponse:
        """GET a presigned URL.

        Raises Unreachable, BrokenResponse, EndUnknown, TooLarge, ConfigError if a proxy refuses, LocalError or Stopped.
        """
        self._client.wait(0)
        with self._client.progress.waiting("a file of an export job"):
            return receive(self._response(url), max_bytes)

    def _response(self, url: str) -> requests.Response:
        for _ in range(MAX_REDIRECTS):
            try:
                response = self._session.get(url, timeout=TIMEOUT, stream=True)
            except (PrivateAddress, requests.exceptions.InvalidSchema, requests.exceptions.InvalidURL):
                raise BrokenResponse("A link to a file leads to no https URL of a public host.") from None
            except (requests.RequestException, ValueError) as error:
                cause = cause_before_the_server(self._session, url, error)
                raise cause or Unreachable("The storage host could not be reached.") from None
            if response.status_code == 200:
                return response
            if not response.is_redirect:
                response.close()
                raise BrokenResponse(f"The storage host answered {response.status_code}.")
            url = redirect_of(response, url, "A link to a file")
        raise BrokenResponse(f"A link to a file was redirected {MAX_REDIRECTS} times.")
