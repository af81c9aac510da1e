"""SharedResponses: long responses that several streams read, each requested once per sync.

list_users and events need the users of the same lists. Iterable allows five lists a minute, and takes an hour for a large
one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from source_iterable.api.client import IterableClient
from source_iterable.api.spooled import SpooledResponse
from source_iterable.errors import IterableError

# Responses kept for streams that have not come to them yet. Each takes memory, or a descriptor and disk.
MOST_KEPT = 16
# Seconds between looks whether there is room again.
_LOOK_SECONDS = 0.1

Key = int | str


@dataclass
class _Response:
    """The outcome of one request, once there is one. The lock is held while it is under way; `users` wait for it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    part: SpooledResponse | None = None
    error: IterableError | None = None
    users: int = 0

    def take(self, request: Callable[[], SpooledResponse]) -> SpooledResponse:
        """The response for one stream, requested by the first that comes."""
        with self.lock:
            if self.part is None and self.error is None:
                try:
                    self.part = request()
                except IterableError as error:
                    self.error = error
            if self.error is not None:
                raise self.error
            assert self.part is not None
            return self.part.shared()

    def close(self) -> None:
        if self.part is not None:
            self.part.close()


class SharedResponses:
    """The shared responses of one sync. Thread-safe.

    A response is kept until every expected stream that wants it has taken it. Without expected streams nothing is kept.
    """

    def __init__(self, client: IterableClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        # What each stream is still to take; None: not known yet, so perhaps all.
        self._wanted: dict[str, set[Key] | None] = {}
        self._kept: dict[Key, _Response] = {}

    def expect(self, streams: Iterable[str]) -> None:
        """Name the streams of this sync that share their responses, before any of them begins."""
        self._wanted = dict.fromkeys(streams)

    def want(self, stream: str, keys: Iterable[Key]) -> None:
        """Say which responses a stream will take."""
        with self._lock:
            if stream in self._wanted:
                self._wanted[stream] = set(keys)
            self._drop()

    def done(self, stream: str) -> None:
        """A stream takes no more."""
        self.want(stream, ())

    def get(self, stream: str, key: Key, request: Callable[[], SpooledResponse]) -> SpooledResponse:
        """The response of this key, which the caller closes. Raises what `request` raised, to every stream."""
        self._wait_for_room(stream)
        with self._lock:
            # From now on: a stream whose own requests are all under way is not behind.
            (self._wanted.get(stream) or set()).discard(key)
            response = self._kept.get(key)
            if response is None and any(self._wants(other, key) for other in self._wanted if other != stream):
                response = self._kept[key] = _Response()
            if response is not None:
                response.users += 1
        if response is None:
            return request()
        try:
            return response.take(request)
        finally:
            with self._lock:
                response.users -= 1
                self._drop()

    def close(self) -> None:
        """Free everything."""
        with self._lock:
            self._wanted.clear()
            self._drop()

    def _wait_for_room(self, stream: str) -> None:
        """Wait while much is kept that only others are still to take: whoever is behind never waits."""
        while True:
            with self._lock:
                if len(self._kept) < MOST_KEPT or any(self._wants(stream, key) for key in self._kept):
                    return
            self._client.wait(_LOOK_SECONDS)

    def _wants(self, stream: str, key: Key) -> bool:
        wanted = self._wanted.get(stream, set())
        return wanted is None or key in wanted

    def _drop(self) -> None:
        """Free what nobody is to take any more."""
        for key, response in list(self._kept.items()):
            if response.users == 0 and not any(self._wants(stream, key) for stream in self._wanted):
                del self._kept[key]
                response.close()
