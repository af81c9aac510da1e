"""UsableTransports: which transports the API key may use, for which data types."""

from __future__ import annotations

from collections.abc import Sequence

from source_iterable.exports.transport import Transport


class UsableTransports:
    """A key may lack an endpoint altogether, or a data type: what is refused is not requested again. Thread-safe."""

    def __init__(self, transports: Sequence[Transport]) -> None:
        self.all = list(transports)
        # The data types that each transport refused, and the transports that have worked.
        self._refused: dict[Transport, set[str]] = {transport: set() for transport in transports}
        self._worked: set[Transport] = set()

    def of(self, data_type: str, size: int = 0) -> list[Transport]:
        """The transports for a window of a data type, without those that refused it or seem to refuse everything.

        If all have refused it, all: another window of it gets the same error. A window of `size` bytes that is too large for
        any that is left is for all of these: it fails there, and is read in parts.
        """
        left = self._not_refused(data_type) or self.all
        left = [each for each in left if each in self._worked or len(self._refused[each]) < 2] or left
        return [each for each in left if size <= each.max_bytes] or left

    def refuse(self, transport: Transport, data_type: str) -> bool:
        """Note that Iterable refused a data type. Returns whether another transport is left for it."""
        self._refused[transport].add(data_type)
        return bool(self._not_refused(data_type))

    def confirm(self, transport: Transport) -> None:
        """Note that a transport has worked."""
        self._worked.add(transport)

    def _not_refused(self, data_type: str) -> list[Transport]:
        return [transport for transport, refused in self._refused.items() if data_type not in refused]
