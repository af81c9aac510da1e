"""CatchUpBarrier: lets streams of a sync wait for each other where they share requests or Iterable's limits."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Future
from typing import TypeVar

from source_iterable.api.client import IterableClient
from source_iterable.api.spooled import SpooledResponse

# What a stream may need: a response, by its key; any response, until it says which; to read its new events; or to know how
# much there is in the responses for others.
Need = int | str
ANY_RESPONSE = "any response"
NEW_EVENTS = "new events"
COUNTS = "counts"
K = TypeVar("K", bound=Need)
# Responses kept for streams that have not come to them yet. Each takes memory, or a descriptor and disk.
MOST_KEPT = 16
# Seconds between looks whether the others have caught up.
_LOOK_SECONDS = 0.1


class CatchUpBarrier:
    """Knows what each stream of a sync still needs of what it shares with others. Thread-safe.

    Rereading waits until all export streams have read their new events. list_users and events need the users of the same
    lists. Iterable allows five such requests a minute, and a large list takes an hour: so each list is requested once, and
    kept until every expected stream that needs it has taken it. Without expected streams nothing is kept, and nobody waits.
    list_sizes needs no more than what the others have counted, and keeps nothing.
    """

    def __init__(self, client: IterableClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._needs: dict[str, set[Need]] = {}
        # Responses, once the first stream that comes has them; and how many streams are taking each.
        self._kept: dict[Need, Future[SpooledResponse]] = {}
        self._taking: Counter[Need] = Counter()
        # What was counted in responses, by their keys.
        self._counts: dict[Need, int] = {}
        # Keys whose responses took longest in an earlier sync: who needs them gets them first.
        self.first: Collection[Need] = ()

    def expect(self, needs: Mapping[str, Need]) -> None:
        """Name the streams of this sync that share something, each with what it needs, before any of them begins."""
        self._needs = {stream: {need} for stream, need in needs.items()}

    def need(self, stream: str, needs: Iterable[Need]) -> None:
        """Say what a stream needs from now on."""
        with self._lock:
            if stream in self._needs:
                self._needs[stream] = set(needs)
            self._drop()

    def done(self, stream: str) -> None:
        """A stream needs nothing more: it has it all, has failed, or will never begin."""
        self.need(stream, ())

    def wait(self) -> None:
        """Wait until all streams have read their new events. Raises Stopped."""
        with self._client.progress.waiting("other streams to read what is new"):
            self._wait_while(lambda: bool(self._needed_by(NEW_EVENTS)))

    def get(self, stream: str, key: Need, request: Callable[[], SpooledResponse]) -> SpooledResponse:
        """The response of this key, which the caller closes. Raises what `request` raised, to every stream."""
        # While much is kept that only others are still to take: whoever is behind never waits.
        self._wait_while(
            lambda: len(self._kept) >= MOST_KEPT and stream not in self._needed_by(ANY_RESPONSE, *self._kept)
        )
        with self._lock:
            # From now on: a stream whose own requests are all under way is not behind.
            self._needs.get(stream, set()).discard(key)
            is_first = key not in self._kept
            response = self._kept.setdefault(key, Future())
            self._taking[key] += 1
        try:
            if is_first:
                try:
                    response.set_result(request())
                except BaseException as error:
                    response.set_exception(error)
            return response.result().shared()
        finally:
            with self._lock:
                self._taking[key] -= 1
                self._drop()

    def in_order(self, keys: Iterable[K]) -> list[K]:
        """The keys, those that take longest first: at the end, nothing else would be under way beside them."""
        return sorted(keys, key=lambda key: key not in self.first)

    @property
    def is_counting(self) -> bool:
        """Whether a stream needs COUNTS: then whoever requests a response notes its `count` before it returns it."""
        with self._lock:
            return bool(self._needed_by(COUNTS))

    def note(self, key: Need, count: int) -> None:
        """Note what was counted in the response of a key."""
        with self._lock:
            self._counts[key] = count

    def counts(self, keys: Collection[K]) -> dict[K, int | None]:
        """Those keys that were counted, with the counts, and those that no stream will get any more, with None.

        Waits until there is one. Raises Stopped.
        """
        with self._client.progress.waiting("other streams to read the same lists"):
            self._wait_while(lambda: not self._known(keys))
        with self._lock:
            return {key: self._counts.get(key) for key in self._known(keys)}

    def _known(self, keys: Collection[K]) -> list[K]:
        """Those keys whose counts are known, or for which there will be none."""
        every_key = keys if self._needed_by(ANY_RESPONSE) else ()
        coming: set[Need] = set().union(every_key, self._kept, *self._needs.values())
        return [key for key in keys if key not in coming or key in self._counts]

    def close(self) -> None:
        """Close all responses."""
        with self._lock:
            self._needs.clear()
            self._drop()

    def _wait_while(self, is_ahead: Callable[[], bool]) -> None:
        while True:
            with self._lock:
                if not is_ahead():
                    return
            self._client.wait(_LOOK_SECONDS)

    def _needed_by(self, *needs: Need) -> set[str]:
        """The streams that need any of these."""
        return {stream for stream, needed in self._needs.items() if not needed.isdisjoint(needs)}

    def _drop(self) -> None:
        """Close the responses that nobody needs any more."""
        for key, response in list(self._kept.items()):
            if not self._taking[key] and not self._needed_by(key, ANY_RESPONSE):
                del self._kept[key]
                if response.exception() is None:
                    response.result().close()
