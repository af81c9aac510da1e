"""What handlers, control API and tests share: the project, its data, its limits, its faults and its log."""

import threading

from .events import Events
from .exports import Exports
from .faults import Faults
from .jobs import Jobs
from .limits import Limits
from .messages import RequestLog
from .metrics import Metrics
from .settings import SandboxSettings
from .times import Clock
from .world import World


class Core:
    """All state of a sandbox."""

    def __init__(self, settings: SandboxSettings) -> None:
        self.settings = settings
        self.clock = Clock(settings.now)
        self.world = World(settings, self.clock)
        self.metrics = Metrics(self.world, self.clock)
        self.events = Events(settings, self.world)
        self.exports = Exports(self.world.people, self.events, self.clock)
        self.jobs = Jobs(settings, self.exports, self.clock)
        self.limits = Limits(settings.rate_limit_factor, settings.shared_limits)
        self.faults = Faults()
        self.log = RequestLog()
        self.lock = threading.RLock()  # one request at a time passes limits and faults
        ids = [thing["id"] for thing in self.world.things("lists")]
        self.broken_lists: dict[int, str | None] = {ids[place]: kind for place, kind in settings.broken_lists.items()}
        self.list_calls = 0
        self.base_url = self.files_url = ""  # known once the servers listen
