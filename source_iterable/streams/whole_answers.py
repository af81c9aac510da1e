"""Long answers as slices: received whole or not at all, tried again, and skipped where Iterable cannot give them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from source_iterable.api import Params
from source_iterable.errors import ApiError, IterableError, NotFound, ServerError, TimedOut, Unreachable
from source_iterable.exports.parts import Broken, Part, TooLarge, receive
from source_iterable.streams.context import StreamContext

ATTEMPTS = 3
# So many slices in a row cannot be had: it is not the slices.
MAX_SKIPPED_IN_A_ROW = 10


class WholeAnswers:
    """The answers of one stream's slices, for its threads; tells of the skipped ones.

    `read_timeout` is in seconds, until an answer begins and between two packets of it; `bound` is the size in bytes up
    to which an answer is taken.
    """

    def __init__(
        self, stream_name: str, context: StreamContext, read_timeout: float, bound: int, json_lines: bool = True
    ) -> None:
        self._stream_name = stream_name
        self._context = context
        self._timeout = (30.0, read_timeout)
        self._bound = bound
        self._json_lines = json_lines
        self._lock = threading.Lock()
        self._skipped = 0
        self._in_a_row = 0

    def get(self, what: str, path: str, params: Params) -> Part | None:
        """The answer to GET `path`, whole; None where it is skipped, which a warning says of `what`.

        Skipped is what does not exist (404), and what after its retries is still refused as GenericError, timed out or
        broken. Anything else raises IterableError, and so do too many skipped in a row.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                part = self._receive(what, path, params)
            except NotFound:
                self._context.logger.warning(f"{self._stream_name}: {what} does not exist any more; skipped.")
                return None
            except (Broken, ServerError, Unreachable) as error:
                if attempt < ATTEMPTS:
                    self._context.client.pause(attempt, f"the next attempt of {what}: {error}")
                elif isinstance(error, (Broken, TimedOut)) or _is_of_the_slice(error):
                    self._skip(what, error)
                    return None
                else:
                    raise
            except TooLarge:
                raise IterableError(f"Iterable's answer for {what} is over {self._bound:,} bytes.") from None
            else:
                with self._lock:
                    self._in_a_row = 0
                return part
        raise AssertionError("unreachable")

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Say at the end of the block how many slices were skipped."""
        yield
        if self._skipped:
            self._context.logger.warning(
                f"{self._stream_name}: {self._skipped} skipped, because Iterable could not give them; see above which."
            )

    def _receive(self, what: str, path: str, params: Params) -> Part:
        # One attempt: those of the client and ours would multiply.
        response = self._context.client.get(path, params, attempts=1, timeout=self._timeout, stream=True)
        with self._context.progress.waiting(f"the rest of an answer ({self._stream_name})"):
            return receive(response, self._bound, self._json_lines)

    def _skip(self, what: str, error: Exception) -> None:
        with self._lock:
            self._skipped += 1
            self._in_a_row += 1
            in_a_row = self._in_a_row
        self._context.logger.warning(f"{self._stream_name}: {what} skipped after {ATTEMPTS} attempts: {error}")
        if in_a_row >= MAX_SKIPPED_IN_A_ROW:
            raise Unreachable(
                f"{self._stream_name}: Iterable could not give {in_a_row} answers in a row, the last one for {what}: "
                f"{error} The next sync will go on from here."
            )


def _is_of_the_slice(error: Exception) -> bool:
    """Whether an error is Iterable's answer for what it cannot do, ever, rather than its being out of order.

    500 GenericError, written `Generic Error` at times (both seen); 503 `Request timeout` of lists/getUsers (reference).
    """
    if not isinstance(error, ApiError):
        return False
    generic = error.status == 500 and error.code.replace(" ", "") == "GenericError"
    return generic or (error.status == 503 and error.msg.lower().startswith("request timeout"))
