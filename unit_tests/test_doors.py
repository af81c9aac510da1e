"""Which door a window goes through."""

import logging
import threading

import pytest

from source_iterable.api import IterableClient
from source_iterable.config import Config
from source_iterable.exports.doors import LARGE_BYTES, LARGE_SECONDS, ExportDoors, is_large
from source_iterable.exports.jobs import JOBS_AT_ONCE, JobsTransport
from source_iterable.exports.streaming import StreamingTransport
from source_iterable.exports.windows import Window
from source_iterable.rate_budget import Place

SMALL, LARGE = Window(0, 3600), Window(0, 400 * 86_400)


def doors(method: str = "auto") -> ExportDoors:
    config = Config.parse(
        {"api_key": "k", "start_date": "2024-01-01T00:00:00Z", "export_method": method, "rate_limit_factor": 100_000}
    )
    logger = logging.getLogger("airbyte")
    return ExportDoors(IterableClient(config, logger), config, logger)


@pytest.mark.parametrize(
    ("window", "large"),
    [
        (Window(0, LARGE_SECONDS), False),
        (Window(0, LARGE_SECONDS + 1), True),
        (Window(0, 10 * LARGE_SECONDS, 1000), False),
        (Window(0, 60, LARGE_BYTES + 1), True),
    ],
)
def test_what_is_known_of_its_size_counts_and_its_length_only_without(window: Window, large: bool) -> None:
    assert is_large(window) is large


def test_a_forced_method_is_used_for_everything() -> None:
    for method, kind in (("streaming", StreamingTransport), ("jobs", JobsTransport)):
        for window in (SMALL, LARGE):
            transport, place = doors(method)._enter("emailSend", window)
            assert isinstance(transport, kind)
            place.__exit__(None, None, None)


def test_large_windows_that_wait_for_a_job_do_not_hold_up_small_ones() -> None:
    export = doors()
    for _ in range(JOBS_AT_ONCE):
        while not isinstance(export._jobs.try_enter(), Place):
            pass
    threading.Thread(target=lambda: _enter_until_stopped(export), daemon=True).start()
    while not export._turns[True].locked():
        pass
    taken: list[object] = []
    thread = threading.Thread(target=lambda: taken.append(export._enter("emailOpen", SMALL)[0]))
    thread.start()
    thread.join(10)
    assert isinstance(taken[0], StreamingTransport)
    export._client.stop()


def _enter_until_stopped(export: ExportDoors) -> None:
    with pytest.raises(Exception, match="terminated"):
        export._enter("emailSend", LARGE)
