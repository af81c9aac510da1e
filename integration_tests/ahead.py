"""Processes that tests judge, started ahead of them, a few at a time: one alone mostly waits, or leaves a core idle."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import pytest

T = TypeVar("T")
AT_ONCE = 2


@contextmanager
def started_ahead(
    request: pytest.FixtureRequest, work: Mapping[str, Callable[..., T]], at_once: int = AT_ONCE
) -> Iterator[Callable[[pytest.Item], T]]:
    """Do the work of all selected cases of these tests of a module, with the cases' parameters, in their order.

    Yields a function that waits for a case's result. It raises what the work raised.
    """
    cases = [
        item
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.path == request.path and item.originalname in work
    ]
    # pytest makes the folder of all tmp_paths when it is first asked for, and two threads would delete each other's.
    request.getfixturevalue("tmp_path_factory").getbasetemp()
    pool = ThreadPoolExecutor(at_once)
    try:
        results = {case.nodeid: pool.submit(work[case.originalname], **_parameters(case)) for case in cases}
        yield lambda case: results[case.nodeid].result()
    finally:
        pool.shutdown(cancel_futures=True)


def _parameters(case: pytest.Function) -> dict[str, object]:
    return case.callspec.params if hasattr(case, "callspec") else {}
