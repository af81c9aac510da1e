"""What every handler gets: the state of the sandbox, and the parameters of the request."""

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from .events import Events
from .exports import Exports
from .faults import Fault
from .jobs import Jobs
from .limits import Limits
from .messages import Refusal, RequestLogEntry, Response
from .metrics import Metrics
from .settings import SandboxSettings
from .times import Clock, parse_date
from .world import World


class Core:
    """All state of a sandbox: the project, its data, its limits, its faults and its log."""

    def __init__(self, settings: SandboxSettings) -> None:
        self.settings = settings
        self.clock = Clock(settings.now)
        self.world = World(settings, self.clock)
        self.metrics = Metrics(self.world, self.clock)
        self.events = Events(settings, self.world)
        self.exports = Exports(self.world.people, self.events, self.clock)
        self.jobs = Jobs(settings, self.exports, self.clock)
        self.limits = Limits(settings.rate_limit_factor)
        self.faults: list[Fault] = []
        self.log: list[RequestLogEntry] = []
        self.lock = threading.RLock()  # one request at a time passes limits and faults
        ids = [thing["id"] for thing in self.world.things("lists")]
        self.broken_lists: dict[int, str | None] = {ids[place]: kind for place, kind in settings.broken_lists.items()}
        self.list_calls = 0
        self.base_url = self.files_url = ""  # known once the servers listen


@dataclass
class Params:
    """A request's parameters. The methods raise Refusal if one is missing or wrong."""

    path: dict[str, str]
    query: dict[str, list[str]]
    body: Any = None
    fault: Fault | None = None  # for the handler: expired, and those of jobs
    url_path: str = ""  # below the root

    def one(self, name: str) -> str | None:
        """A parameter of the query; the last if it comes more than once."""
        return self.query.get(name, [None])[-1]

    def required(self, name: str) -> str:
        value = self.one(name)
        if not value:
            raise Refusal(f"Missing required parameter: {name}")
        return value

    def number(self, name: str, default: int | None = None) -> int:
        """A whole number, of the path or the query; required if there is no default."""
        if default is not None and not self.one(name):
            return default
        return _numbers(name, [self.path.get(name) or self.required(name)])[0]

    def numbers(self, name: str) -> list[int]:
        return _numbers(name, self.query.get(name, []))

    def flag(self, name: str) -> bool:
        """True or false; false if it is missing."""
        return self.choice(name, ("true", "false")) == "true"

    def choice(self, name: str, choices: Collection[str]) -> str | None:
        """One of these values, or None if it is missing."""
        for value in self.query.get(name, []):
            if value not in choices:
                raise Refusal(f"Invalid value for {name}: {value}")
        return self.one(name)

    def date(self, name: str) -> int | None:
        """A date in epoch milliseconds, or None if it is missing."""
        if not (text := self.one(name)):
            return None
        if (ms := parse_date(text)) is None:
            raise Refusal(f"Invalid date for {name}: {text}")
        return ms


def _numbers(name: str, texts: list[str]) -> list[int]:
    if not all(text.isascii() and text.lstrip("-").isdigit() for text in texts):
        raise Refusal(f"Invalid value for {name}: {texts}")
    return [int(text) for text in texts]


Handler = Callable[[Core, Params], Response]
