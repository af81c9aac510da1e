"""Runs the connector's own modules in virtual time: its threads, clocks, pauses, files and connections are replaced.

Whatever a module calls them: all names that mean one of the originals are replaced while the block runs, in all modules that
are imported, also where they are the default of a parameter.
"""

from __future__ import annotations

import concurrent.futures
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import FunctionType, ModuleType
from typing import Any

from benchmarks.simulate import pools
from benchmarks.simulate.bulk import Disk, SpoolFile
from benchmarks.simulate.iterable import NOW
from benchmarks.simulate.primitives import OF_THREADING
from benchmarks.simulate.scheduler import Scheduler
from benchmarks.simulate.session import Network, Session
from source_iterable.api import session

# A sync begins soon after this Python did, at the earliest: 0 would mean never to code that keeps a time in a variable.
_BOOT = 1_000.0
_PACKAGE = "source_iterable."


@contextmanager
def virtual(scheduler: Scheduler, network: Network, disk: Disk, seed: int) -> Iterator[None]:
    """Run the block, and the connector's code that it calls, in virtual time."""
    replacements = _replacements(scheduler, network, disk, seed)
    undo: list[tuple[Any, str, Any]] = []
    for name, module in sorted(sys.modules.items()):
        if name.startswith(_PACKAGE):
            for owner, attribute, value in _places(module):
                if (instead := replacements.get(id(value))) is not None:
                    undo.append((owner, attribute, value))
                    setattr(owner, attribute, instead)
            for function in _functions(module):
                if defaults := function.__defaults__:
                    undo.append((function, "__defaults__", defaults))
                    function.__defaults__ = tuple(replacements.get(id(each), each) for each in defaults)
    try:
        yield
    finally:
        for owner, attribute, value in reversed(undo):
            setattr(owner, attribute, value)


def _replacements(scheduler: Scheduler, network: Network, disk: Disk, seed: int) -> dict[int, Any]:
    """What is replaced, by its identity, and by what."""

    def monotonic() -> float:
        return _BOOT + scheduler.now

    def wall() -> float:
        return NOW + scheduler.now

    def instead(module: ModuleType, **members: Any) -> ModuleType:
        made = ModuleType(module.__name__)
        made.__dict__.update({**vars(module), **members})
        return made

    primitives = {name: partial(make, scheduler) for name, make in OF_THREADING.items()}
    clocks: dict[str, Any] = {"monotonic": monotonic, "time": wall, "sleep": scheduler.sleep}
    clocks["time_ns"] = lambda: int(wall() * 1e9)
    files = {"SpooledTemporaryFile": partial(SpoolFile, disk)}
    futures = {name: partial(getattr(pools, name), scheduler) for name in ("Future", "ThreadPoolExecutor", "wait")}
    generator = random.Random(seed)
    pairs: list[tuple[Any, Any]] = [
        (threading, instead(threading, **primitives)),
        (time, instead(time, **clocks)),
        (tempfile, instead(tempfile, **files)),
        (concurrent.futures, instead(concurrent.futures, **futures)),
        (random, generator),
        (session.Session, partial(Session, network)),
    ]
    for module, members in ((threading, primitives), (time, clocks), (tempfile, files), (concurrent.futures, futures)):
        pairs += [(getattr(module, name), made) for name, made in members.items()]
    pairs += [(getattr(random, name), getattr(generator, name)) for name in ("random", "uniform")]
    return {id(original): made for original, made in pairs}


def _places(module: ModuleType) -> Iterator[tuple[Any, str, Any]]:
    for name, value in list(vars(module).items()):
        yield module, name, value


def _functions(module: ModuleType) -> Iterator[FunctionType]:
    """The functions and methods of a module."""
    for value in list(vars(module).values()):
        if getattr(value, "__module__", None) == module.__name__:
            members = vars(value).values() if isinstance(value, type) else [value]
            yield from (each for each in members if isinstance(each, FunctionType))
