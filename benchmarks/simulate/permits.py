"""How much of each limit the rate budgets use, and whether Iterable would ever answer 429, in one virtual hour of jitter."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.simulate.iterable import Answer, Iterable, Project
from benchmarks.simulate.limits import LIMITS, Limit
from benchmarks.simulate.primitives import Thread
from benchmarks.simulate.sync import Simulation
from source_iterable.api.client import IterableClient
from source_iterable.config import Config

HOUR = 3_600.0
JITTER = 2.0
# A request that each limit is for, and the threads of the connector that make such requests at the same time.
_REQUESTS = {
    "streamed exports": ("export/data.json", 12),
    "users' events": ("export/userEvents", 8),
    "export jobs": ("export/0/files", 12),
    "users of lists": ("lists/1/size", 8),
    "campaign metrics": ("campaigns/metrics", 2),
    "users": ("users/getFields", 2),
}


@dataclass
class Hour:
    """One hour: the requests that were answered, what the limit allows, and what each kind of limiter would have refused."""

    limit: Limit
    threads: int
    requests: int
    leaky: int
    sliding: int

    @property
    def share(self) -> float:
        """Of what the limit allows."""
        return self.requests / (self.limit.most / self.limit.seconds * HOUR)


class _Empty(Iterable):
    """Has nothing but limits."""

    def respond(self, method: str, path: str, query: Mapping[str, Any], body: Mapping[str, Any], now: float) -> Answer:
        return Answer(b"{}")


def hours(jitter: float = JITTER, seed: int = 1) -> list[Hour]:
    """One hour for each limit that matters."""
    return [_hour(limit, jitter, seed) for limit in LIMITS if limit.name in _REQUESTS]


def _hour(limit: Limit, jitter: float, seed: int) -> Hour:
    path, threads = _REQUESTS[limit.name]
    simulation = Simulation(Project(jitter=jitter, latency=0.02), seed, _Empty)
    answered = 0

    def ask(client: IterableClient) -> None:
        nonlocal answered
        scheduler = simulation.scheduler
        while scheduler.now < HOUR:
            with client.budgets.for_path(path).acquire(client.wait):
                simulation.network.exchange("GET", f"/api/{path}", {}, {})
            answered += scheduler.now <= HOUR

    def work() -> dict[str, float]:
        config = Config.parse({"api_key": "key", "start_date": "2024-01-01T00:00:00Z"})
        client = IterableClient(config, logging.getLogger("simulation"))
        asking = [Thread(simulation.scheduler, partial(ask, client), f"{limit.name} {n}") for n in range(threads)]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()
        return {limit.name: simulation.scheduler.now}

    run = simulation.run(work)
    return Hour(limit, threads, answered, run.refused["leaky"], run.refused["sliding"])
