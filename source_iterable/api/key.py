"""Key: whether Iterable accepts the key, and the first response that tells its time; each found out once for all threads."""

from __future__ import annotations

import threading
from collections.abc import Callable

from source_iterable.api.clock import Clock
from source_iterable.errors import BadKey, Forbidden, IterableError, LocalError, ServerError, Stopped

# Endpoints that every project has.
_PATHS = ("channels", "lists")


class Key:
    """The verdict on a key. Thread-safe.

    `probe` requests a path; it raises BadKey for any 401, and other IterableErrors.
    """

    def __init__(self, probe: Callable[[str], object], clock: Clock) -> None:
        self._probe = probe
        self._clock = clock
        self._lock = threading.Lock()
        # Whether Iterable accepts it; None if that is not known yet. Any success says so.
        self.is_accepted: bool | None = None
        # How each request for Iterable's time failed.
        self._failures: list[IterableError] = []

    def works(self, refused: str = "") -> bool:
        """Whether Iterable accepts the key at all, though not at the path `refused`: a key may lack single ones (seen).

        False if Iterable does not tell; then the next call asks again.
        """
        with self._lock:
            if self.is_accepted is None:
                try:
                    self._try(refused)
                except (Stopped, LocalError):
                    raise
                except IterableError:
                    return False
            return self.is_accepted is True

    def hear(self) -> None:
        """Get any response, so that the clock is set. Threads that wait for another one's request share its failure."""
        tried = len(self._failures)
        with self._lock:
            if self._clock.has_heard:
                return
            if len(self._failures) > tried:
                raise self._failures[-1]
            try:
                self._try()
            except IterableError as error:
                if not self._clock.has_heard:
                    self._failures.append(error)
                    raise

    def _try(self, refused: str = "") -> None:
        """Note the verdict: success at one endpoint, or refusal by all. Raises IterableError without a verdict.

        An endpoint that is out of order is no verdict, and must not stop all others.
        """
        failure: ServerError | None = None
        for path in _PATHS:
            try:
                if path != refused:
                    self._probe(path)
                    return
            except (BadKey, Forbidden):
                pass
            except ServerError as error:
                failure = error
        if failure is not None:
            raise failure
        if self.is_accepted is None:  # else another thread has had a success meanwhile
            self.is_accepted = False
