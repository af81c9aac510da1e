"""FileHost: fetches the files of export jobs."""

from __future__ import annotations

import requests

from source_iterable.api.client import IterableClient
from source_iterable.api.request import TIMEOUT
from source_iterable.api.session import PrivateAddress, Session
from source_iterable.api.spooled import SpooledResponse, receive
from source_iterable.api.wording import cause_before_the_server
from source_iterable.errors import BrokenResponse, Unreachable

# Files have up to 10 MB (reference); anything over this is not an export file.
MOST_BYTES = 512 * 2**20


class FileHost:
    """Fetches files of export jobs behind presigned links, from a host that must not see the key. Thread-safe."""

    def __init__(self, client: IterableClient) -> None:
        self._client = client
        self._session = Session(client.is_local)

    def receive(self, url: str, max_bytes: int = MOST_BYTES) -> SpooledResponse:
        """GET a presigned URL, once.

        Raises Unreachable, BrokenResponse, EndUnknown, TooLarge, ConfigError if a proxy refuses, LocalError or Stopped.
        """
        self._client.wait(0)
        with self._client.progress.waiting("a file of an export job"):
            try:
                response = self._session.send_to("GET", url, "A link to a file", timeout=TIMEOUT)
            except (PrivateAddress, requests.exceptions.InvalidSchema, requests.exceptions.InvalidURL):
                raise BrokenResponse("The link to an export file is not an https URL of a public host.") from None
            except (requests.RequestException, ValueError) as error:
                cause = cause_before_the_server(self._session, error)
                raise cause or Unreachable("The storage host could not be reached.") from None
            if response.status_code != 200:
                response.close()
                raise BrokenResponse(f"The storage host answered {response.status_code}.")
            return receive(response, max_bytes)
