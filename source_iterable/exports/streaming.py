"""The streaming transport: `GET export/data.json`, one answer a window, four requests a minute."""

from __future__ import annotations

from collections.abc import Iterator

from source_iterable.api import TIMEOUT, IterableClient
from source_iterable.errors import ServerError, TimedOut
from source_iterable.exports.parts import Broken, Part, TooLarge, receive
from source_iterable.exports.transport import Split
from source_iterable.exports.windows import Window
from source_iterable.rate_budget import Place

PATH = "export/data.json"
# Bytes of an answer that are spooled at most; a larger window is cut in half.
SPOOL_BYTES = 256 * 2**20
_ATTEMPTS = 3


class StreamingTransport:
    """Reads a window as one streamed answer."""

    def __init__(self, client: IterableClient, spool_bytes: int = SPOOL_BYTES) -> None:
        self._client = client
        self.spool_bytes = spool_bytes

    def try_enter(self) -> Place | float:
        """A place of the endpoint's budget, or the seconds after which to ask again."""
        return self._client.budgets.of(PATH).try_place()

    def read(self, data_type: str, window: Window, place: Place) -> Iterator[Part]:
        """The window's answer as one part. Raises Split when the window should be read in halves, or an IterableError."""
        parameters = {"dataTypeName": data_type, **window.parameters}
        try:
            response = self._client.get(PATH, parameters, attempts=_ATTEMPTS, timeout=TIMEOUT, stream=True, place=place)
            with self._client.progress.waiting(f"the rest of an answer ({data_type}, {window})"):
                part = receive(response, self.spool_bytes)
        except TooLarge:
            raise Split(f"the answer is over {self.spool_bytes:,} bytes", self.spool_bytes) from None
        except (Broken, TimedOut, ServerError) as error:
            raise Split(str(error)) from None
        yield part
