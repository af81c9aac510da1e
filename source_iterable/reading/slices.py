"""Slices: long responses, received whole or not at all, retried, and skipped if Iterable cannot return them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import requests

from source_iterable.api.parts import Part, receive
from source_iterable.api.request import Parameters, Request, Timeout
from source_iterable.api.retry import SLICE
from source_iterable.errors import (
    ApiError,
    BrokenResponse,
    IterableError,
    NotFound,
    ServerError,
    TimedOut,
    TooLarge,
    TransientError,
    Unreachable,
)
from source_iterable.reading.context import StreamContext

# After this many skipped slices in a row, the slices are not to blame.
MAX_SKIPPED_IN_A_ROW = 10


class SliceReader:
    """Reads the slices of one stream and logs the skipped ones. Thread-safe.

    `read_timeout` is in seconds, until a response begins and between its packets; `max_bytes` limits a response.
    """

    def __init__(
        self, stream_name: str, context: StreamContext, read_timeout: float, max_bytes: int, json_lines: bool = True
    ) -> None:
        self._stream_name = stream_name
        self._context = context
        self._timeout = Timeout(30.0, read_timeout)
        self._max_bytes = max_bytes
        self._json_lines = json_lines
        self._lock = threading.Lock()
        self._skipped = 0
        self._in_a_row = 0

    def get(self, what: str, path: str, parameters: Parameters) -> Part | None:
        """The whole response to GET `path`; None if it is skipped, with a warning that names `what`.

        Skips what does not exist (404), and what after its retries still returns GenericError, times out or breaks off.
        Anything else raises IterableError, and so do too many skipped in a row.
        """

        def spool(response: requests.Response) -> Part:
            return receive(response, self._max_bytes, self._json_lines)

        try:
            part = self._context.client.fetch(Request(path, parameters, timeout=self._timeout), spool, SLICE)
        except NotFound:
            self._context.logger.warning(f"{self._stream_name}: {what} no longer exists; skipped.")
            return None
        except TooLarge as error:
            raise IterableError(f"{self._stream_name}: {what} cannot be read. {error}") from None
        except (BrokenResponse, TimedOut, ServerError, Unreachable) as error:
            if not isinstance(error, (BrokenResponse, TimedOut)) and not _is_of_the_slice(error):
                raise
            self._skip(what, error)
            return None
        with self._lock:
            self._in_a_row = 0
        return part

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Log at the end of the block how many slices were skipped."""
        yield
        if self._skipped:
            self._context.logger.warning(
                f"{self._stream_name}: {self._skipped} skipped because Iterable could not return them; see above."
            )

    def _skip(self, what: str, error: IterableError) -> None:
        with self._lock:
            self._skipped += 1
            self._in_a_row += 1
            in_a_row = self._in_a_row
        self._context.logger.warning(f"{self._stream_name}: {what} skipped. {error}")
        if in_a_row >= MAX_SKIPPED_IN_A_ROW:
            raise TransientError(
                f"{self._stream_name}: Iterable could not return {in_a_row} slices in a row, the last one {what}. {error} "
                "The next sync resumes here."
            )


def _is_of_the_slice(error: IterableError) -> bool:
    """Whether an error means that Iterable can never return this slice, rather than that the API is out of order.

    500 GenericError, sometimes spelled `Generic Error` (both seen); 503 `Request timeout` of lists/getUsers (reference).
    """
    if not isinstance(error, ApiError):
        return False
    generic = error.status == 500 and error.code.replace(" ", "") == "GenericError"
    return generic or (error.status == 503 and error.msg.lower().startswith("request timeout"))
