"""How much of a limit its rate budget uses, and whether Iterable would ever answer 429, in an hour of any latency."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from benchmarks.simulate.iterable import Project
from benchmarks.simulate.limits import LIMITS, Limit
from benchmarks.simulate.primitives import Thread
from benchmarks.simulate.sync import Simulation
from source_iterable.api.client import IterableClient
from source_iterable.config import Config

HOUR = 3_600.0
# A request that each limit is for, and threads that make such requests at the same time: enough for the limit.
_REQUESTS = {
    "streamed exports": ("export/data.json", 12),
    "export jobs": ("export/0/files", 12),
    "users' events": ("export/userEvents", 40),
}


class Way(NamedTuple):
    """Seconds of one request: until it arrives, until Iterable answers, and until its response begins."""

    there: float
    answer: float
    back: float


class Regime(NamedTuple):
    """How long requests take, by chance and by the time of sending."""

    name: str
    way: Callable[[random.Random, float], Way]


def _steady(latency: float) -> Regime:
    return Regime(f"{latency:g} s", lambda _random, _now: Way(latency / 2, 0.0, latency / 2))


def _jitter(most: float) -> Regime:
    def way(random: random.Random, now: float) -> Way:
        return Way(0.01 + random.uniform(0.0, most), 0.0, 0.01 + random.uniform(0.0, most))

    return Regime(f"0 to {most:g} s of jitter each way", way)


def _change(before: float, after: float) -> Regime:
    def way(random: random.Random, now: float) -> Way:
        latency = before if now < HOUR / 2 else after
        return Way(latency / 2, 0.0, latency / 2)

    return Regime(f"{before:g} s, from half an hour on {after:g} s", way)


def _tenth(random: random.Random, now: float) -> Way:
    return Way(0.15 * random.uniform(0.9, 1.1), 0.0, 0.15 * random.uniform(0.9, 1.1))


def _late_response(random: random.Random, now: float) -> Way:
    return Way(0.075, random.uniform(1.0, 5.0) if random.random() < 0.01 else 0.0, 0.075)


def _late_request(random: random.Random, now: float) -> Way:
    return Way(0.075 + (random.uniform(0.2, 2.0) if random.random() < 0.01 else 0.0), 0.0, 0.075)


def _starts_and_files(random: random.Random, now: float) -> Way:
    return Way(0.075, random.choice((1.0, 0.1, 0.1)), 0.075)


def _searches(random: random.Random, now: float) -> Way:
    return Way(0.075, random.uniform(60.0, 600.0) if random.random() < 0.01 else 0.1, 0.075)


def _congestion(random: random.Random, now: float) -> Way:
    most = 0.5 if now % 120 < 60 else 0.0
    return Way(0.05 + random.uniform(most / 2, most), 0.0, 0.05 + random.uniform(most / 2, most))


REGIMES = [
    *map(_steady, (0.02, 0.15, 0.3, 1.5)),
    Regime("0.3 s, give or take 10 %", _tenth),
    *map(_jitter, (0.2, 0.5, 2.0)),
    Regime("0.15 s, 1 % of responses 1 to 5 s late", _late_response),
    Regime("0.15 s, 1 % of requests 0.2 to 2 s late", _late_request),
    Regime("0.15 s, 1 % of responses 1 to 10 minutes late", _searches),
    Regime("0.15 s, and 0.1 or 1 s at Iterable", _starts_and_files),
    Regime("0.1 s, every other minute 0.25 to 0.5 s more each way", _congestion),
    _change(0.3, 0.02),
    _change(0.02, 1.5),
]


@dataclass
class Hour:
    """One hour: the requests that were answered, what the limit allows, and what each kind of limiter would have refused."""

    regime: Regime
    limit: Limit
    requests: int
    leaky: int
    sliding: int

    @property
    def share(self) -> float:
        """Of what the limit allows."""
        return self.requests / (self.limit.most / self.limit.seconds * HOUR)


def hours(regimes: Sequence[Regime] = REGIMES, seed: int = 1, limits: Sequence[str] = tuple(_REQUESTS)) -> list[Hour]:
    """One hour of every regime for each limit that matters, by its name."""
    return [_hour(regime, limit, seed) for regime in regimes for limit in LIMITS if limit.name in limits]


def _hour(regime: Regime, limit: Limit, seed: int) -> Hour:
    path, threads = _REQUESTS[limit.name]
    simulation = Simulation(Project())
    scheduler, chance = simulation.scheduler, random.Random(seed)
    answered = 0

    def ask(client: IterableClient) -> None:
        nonlocal answered
        while scheduler.now < HOUR:
            with client.budgets.for_path(path).acquire(client.wait):
                way = regime.way(chance, scheduler.now)
                scheduler.sleep(way.there)
                simulation.iterable.limiters.refusing(f"GET {path}", scheduler.now)
                scheduler.sleep(way.answer + way.back)
            answered += scheduler.now <= HOUR

    def work() -> dict[str, float]:
        config = Config.parse({"api_key": "key", "start_date": "2024-01-01T00:00:00Z"})
        client = IterableClient(config, logging.getLogger("simulation"))
        asking = [Thread(scheduler, partial(ask, client), f"{limit.name} {n}") for n in range(threads)]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()
        return {limit.name: scheduler.now}

    run = simulation.run(work)
    return Hour(regime, limit, answered, run.refused["leaky"], run.refused["sliding"])
