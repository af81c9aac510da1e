"""Slices: the many requests of one stream, of which some may fail without failing the stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

from source_iterable.api.ahead import run_ahead
from source_iterable.api.request import Parameters, Request, Timeout
from source_iterable.api.retry import SLICE
from source_iterable.api.spooled import Proof, SpooledResponse, receive
from source_iterable.errors import (
    ApiError,
    BadRequest,
    BrokenResponse,
    EndUnknown,
    IterableError,
    NotFound,
    ServerError,
    TimedOut,
    TooLarge,
    TransientError,
    Unreachable,
)
from source_iterable.reading.stream import StreamContext

# After this many consecutive slices that were skipped or not read, the slices are not to blame.
MAX_FAILED_IN_A_ROW = 10
# Nor after so many in all that were not read: 1 % of a million users. The state names each of them, in 350 KB.
MOST_UNREAD = 10_000
# Slices that an error names.
NAMED = 3
# Errors of one slice. The others are no fault of it: the key, a proxy, the rate limit, this machine, the end of the sync.
_OF_A_SLICE = (NotFound, BadRequest, ServerError, Unreachable, TimedOut, BrokenResponse, EndUnknown, TooLarge)

K = TypeVar("K")


@contextmanager
def skipping(context: StreamContext, stream_name: str, what: str, permanent: bool = False) -> Iterator[None]:
    """Skip the block, with a warning, where Iterable says that `what` it reads no longer exists (404).

    If `permanent`, where Iterable says that it can never return it, instead.
    """
    try:
        yield
    except ApiError as error:
        if not (error.is_permanent if permanent else isinstance(error, NotFound)):
            raise
        skip(context, stream_name, what, error)


def skip(context: StreamContext, stream_name: str, what: str, error: ApiError | None = None) -> None:
    """Warn that `what` is skipped, and count it: it no longer exists, or Iterable says that it can never return it."""
    why = "no longer exists; skipped." if error is None or isinstance(error, NotFound) else f"skipped. {error}"
    context.logger.warning(f"{stream_name}: {what} {why}")
    context.progress.count("skipped")


def chunks_of(response: SpooledResponse | None) -> Iterator[bytes]:
    """Yield a slice's response in chunks of whole lines, then close it; nothing if there is none."""
    if response is not None:
        with closing(response):
            yield from response.chunks()


@dataclass
class SliceReader(Generic[K]):
    """Reads the slices of one stream: long responses, received whole or not at all.

    `timeout` is in seconds, until a response begins and between its packets; `max_bytes` limits a response; `proof` raises
    BrokenResponse for one that is not what was requested; `name` names a slice in messages. `unread` are the slices that
    failed, though Iterable did not say that it can never return them, each with what went wrong.
    """

    stream_name: str
    context: StreamContext
    timeout: float
    max_bytes: int
    proof: Proof
    name: Callable[[K], str]
    unread: dict[K, str] = field(default_factory=dict)
    _skipped: int = 0
    _failed_in_a_row: int = 0

    def request(self, path: str, parameters: Parameters) -> SpooledResponse:
        """The whole response to GET `path`. Raises IterableError."""
        request = Request(path, parameters, timeout=Timeout(30.0, self.timeout), retry=SLICE)
        return self.context.client.fetch(request, partial(receive, max_bytes=self.max_bytes, proof=self.proof))

    def read(
        self, keys: Iterable[K], fetch: Callable[[K], SpooledResponse], threads: int
    ) -> Iterator[tuple[K, SpooledResponse | None]]:
        """Yield each slice as it arrives, with its `result`. `fetch` makes its `request`s, in so many threads.

        Raises IterableError: the failure is not this slice's, or too many have failed.
        """
        for key, outcome in run_ahead(partial(self.attempt, fetch), keys, threads, ordered=False):
            yield key, self.result(key, outcome)

    @staticmethod
    def attempt(fetch: Callable[[K], SpooledResponse], key: K) -> SpooledResponse | IterableError:
        """`fetch(key)`, or how this slice failed. Raises IterableError if that is no fault of it."""
        try:
            return fetch(key)
        except _OF_A_SLICE as error:
            return error

    def result(self, key: K, outcome: SpooledResponse | IterableError) -> SpooledResponse | None:
        """The response of an `attempt`, which the caller closes; None if the slice was skipped or is now in `unread`.

        Skipped, with a warning, is a slice that does not exist (404), or that Iterable says after all retries that it
        cannot return. Raises TransientError after too many failures.
        """
        if isinstance(outcome, IterableError):
            self.failed(key, outcome)
            return None
        self._failed_in_a_row = 0
        return outcome

    def failed(self, key: K, error: IterableError) -> None:
        """Note a slice that could not be read. Raises TransientError after too many failures."""
        what = self.name(key)
        if isinstance(error, NotFound):
            skip(self.context, self.stream_name, what, error)
            return
        self._failed_in_a_row += 1
        if isinstance(error, ApiError) and error.is_permanent:
            skip(self.context, self.stream_name, what, error)
            self._skipped += 1
        else:
            self.unread[key] = f"{what}: {error}"
            self.context.logger.warning(f"{self.stream_name}: {what} not read; the next sync will retry it. {error}")
        too_many = ""
        if self._failed_in_a_row >= MAX_FAILED_IN_A_ROW:
            too_many = f"{MAX_FAILED_IN_A_ROW} consecutive requests failed, most recently for {what}"
        elif len(self.unread) >= MOST_UNREAD:
            too_many = f"{MOST_UNREAD:,} slices could not be read, most recently {what}"
        if too_many:
            raise TransientError(f"{self.stream_name}: {too_many}. {error} The next sync resumes from the last state.")

    def finish(self) -> None:
        """Report the skipped slices. Raises TransientError if any slice was left unread."""
        if self._skipped:
            self.context.logger.warning(
                f"{self.stream_name}: {self._skipped} skipped because Iterable could not return them; see above."
            )
        if self.unread:
            named = " ".join(list(self.unread.values())[:NAMED])
            more = f" And {len(self.unread) - NAMED} more." if len(self.unread) > NAMED else ""
            raise TransientError(
                f"{self.stream_name} is incomplete: {len(self.unread)} of its slices could not be read. {named}{more} The "
                "next sync will read what is missing."
            )
