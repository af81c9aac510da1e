"""Everything behind the doors, in one place: the project, its data, its limits, its faults and its log."""

from __future__ import annotations

from .events import Events
from .exports import Exports
from .faults import Faults
from .jobs import Jobs
from .library import Library
from .limits import Limits
from .log import RequestLog
from .settings import SandboxSettings
from .times import Clock
from .world import World


class Core:
    """The state that the request handlers, the control API and the tests share."""

    def __init__(self, settings: SandboxSettings) -> None:
        self.settings = settings
        self.clock = Clock(settings.now)
        self.world = World(settings, self.clock)
        self.library = Library(settings, self.world)
        self.events = Events(settings, self.world)
        self.exports = Exports(self.world, self.events, self.clock)
        self.jobs = Jobs(settings, self.exports, self.clock)
        self.limits = Limits(settings.rate_limit_factor, settings.shared_limits)
        self.faults = Faults()
        self.log = RequestLog()
        self.broken_lists: dict[int, str] = {
            self.world.lists[place]["id"]: kind for place, kind in settings.broken_lists.items()
        }
        self.base_url = ""  # known once the server listens
        self.files_url = ""
        self.list_calls = 0

    @property
    def root(self) -> str:
        """What nextPageUrl begins with."""
        return "/api/" if self.settings.relative_next_page else self.base_url
