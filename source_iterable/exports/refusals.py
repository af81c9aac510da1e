"""Refusals: remembers what a key may not export, so that it is not requested again."""

from __future__ import annotations

from collections.abc import Sequence

from source_iterable.exports.transport import Transport


class Refusals:
    """Which transports work for which data types. A key may lack an endpoint altogether, or a data type."""

    def __init__(self, transports: Sequence[Transport]) -> None:
        self._transports = transports
        self._refused: dict[Transport, set[str]] = {transport: set() for transport in transports}
        self._worked: set[Transport] = set()

    def add(self, transport: Transport, data_type: str) -> bool:
        """Record that a transport refused a data type. Returns whether another transport is left for it."""
        self._refused[transport].add(data_type)
        return any(data_type not in refused for refused in self._refused.values())

    def note_success(self, transport: Transport) -> None:
        """Record that a transport has worked."""
        self._worked.add(transport)

    def usable(self, data_type: str) -> list[Transport]:
        """The transports for a data type, without those that refused it or seem to refuse everything."""
        untried = [transport for transport in self._transports if data_type not in self._refused[transport]]
        promising = [each for each in untried if each in self._worked or len(self._refused_only_by(each)) < 2]
        return promising or untried

    def _refused_only_by(self, transport: Transport) -> set[str]:
        """The data types that only this transport refused: the transport is to blame, not the data type."""
        others = (self._refused[other] for other in self._transports if other is not transport)
        return self._refused[transport].difference(*others)
