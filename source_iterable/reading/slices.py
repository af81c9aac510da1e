"""Slices: long responses, received whole or not at all, and skipped only if Iterable says that it cannot return them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import NamedTuple

import requests

from source_iterable.api.request import Parameters, Request, Timeout
from source_iterable.api.retry import SLICE
from source_iterable.api.spooled import SpooledResponse, receive
from source_iterable.errors import (
    ApiError,
    BadKey,
    ConfigError,
    Forbidden,
    IterableError,
    LocalError,
    NotFound,
    RateLimited,
    Stopped,
    TransientError,
)
from source_iterable.reading.context import StreamContext

# After this many slices in a row that were skipped or not read, the slices are not to blame.
MAX_FAILED_IN_A_ROW = 10
# Slices that an error names.
NAMED = 3


def _not_shared(request: Callable[[], SpooledResponse]) -> SpooledResponse:
    return request()


class Unread(NamedTuple):
    """A slice that could not be read, though Iterable did not say that it never can. Its stream fails at the end."""

    what: str
    error: IterableError


class SliceReader:
    """Reads the slices of one stream. Thread-safe.

    `read_timeout` is in seconds, until a response begins and between its packets; `max_bytes` limits a response; `proof`
    raises BrokenResponse for one that is not what was requested.
    """

    def __init__(
        self,
        stream_name: str,
        context: StreamContext,
        read_timeout: float,
        max_bytes: int,
        proof: Callable[[Iterable[bytes]], None],
    ) -> None:
        self._stream_name = stream_name
        self._context = context
        self._timeout = Timeout(30.0, read_timeout)
        self._max_bytes = max_bytes
        self._proof = proof
        self._lock = threading.Lock()
        self._skipped = 0
        self._unread: list[Unread] = []
        self._in_a_row = 0

    def get(
        self,
        what: str,
        path: str,
        parameters: Parameters,
        share: Callable[[Callable[[], SpooledResponse]], SpooledResponse] = _not_shared,
    ) -> SpooledResponse | Unread | None:
        """The whole response to GET `path`; `what` names the slice in messages, `share` may know the response already.

        None if it is skipped, with a warning: it does not exist (404), or Iterable says after all retries that it cannot
        return it. Unread after any other failure of this slice alone.

        Raises:
            IterableError: the failure is not this slice's: the key, a proxy, the rate limit, this machine, or many in a row.
        """

        def spool(response: requests.Response) -> SpooledResponse:
            return receive(response, self._max_bytes, self._proof)

        try:
            request = Request(path, parameters, timeout=self._timeout, retry=SLICE)
            part = share(lambda: self._context.client.fetch(request, spool))
        except (BadKey, ConfigError, Forbidden, LocalError, RateLimited, Stopped):
            raise
        except NotFound:
            self._context.logger.warning(f"{self._stream_name}: {what} no longer exists; skipped.")
            return None
        except IterableError as error:
            return self.failed(what, error)
        with self._lock:
            self._in_a_row = 0
        return part

    def finish(self) -> None:
        """Report the skipped slices. Raises IterableError if any slice was left unread."""
        if self._skipped:
            self._context.logger.warning(
                f"{self._stream_name}: {self._skipped} skipped because Iterable could not return them; see above."
            )
        if self._unread:
            named = " ".join(f"{slice_.what}: {slice_.error}" for slice_ in self._unread[:NAMED])
            more = f" And {len(self._unread) - NAMED} more." if len(self._unread) > NAMED else ""
            raise TransientError(
                f"{self._stream_name} is incomplete, {len(self._unread)} of its parts could not be read. {named}{more} The "
                "next sync will read what is missing."
            )

    def failed(self, what: str, error: IterableError) -> Unread | None:
        """Note a slice that could not be read: Unread, or None if it is skipped. Raises TransientError like `get`."""
        skipped = is_permanent(error)
        unread = Unread(what, error)
        with self._lock:
            self._in_a_row += 1
            in_a_row = self._in_a_row
            if skipped:
                self._skipped += 1
            else:
                self._unread.append(unread)
        done = "skipped" if skipped else "not read; the next sync will retry it"
        self._context.logger.warning(f"{self._stream_name}: {what} {done}. {error}")
        if in_a_row >= MAX_FAILED_IN_A_ROW:
            raise TransientError(
                f"{self._stream_name}: Iterable could not return {in_a_row} slices in a row, the last one {what}. {error} "
                "The next sync resumes here."
            )
        return None if skipped else unread


def is_permanent(error: IterableError) -> bool:
    """Whether Iterable says that it can never return this slice, as opposed to being out of order.

    500 GenericError, sometimes spelled `Generic Error` (both seen); 503 `Request timeout` of lists/getUsers (reference).
    """
    if not isinstance(error, ApiError):
        return False
    generic = error.status == 500 and error.code.replace(" ", "") == "GenericError"
    return generic or (error.status == 503 and error.msg.lower().startswith("request timeout"))
