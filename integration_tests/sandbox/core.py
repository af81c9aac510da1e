"""What all endpoints share: the sandbox's state, the parameters of a request, and the row of an endpoint."""

import re
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from .events import Events
from .exports import Exports, Jobs
from .faults import Fault
from .fixtures import Record
from .http import Refusal, RequestLogEntry, Response, json_response
from .metrics import Metrics
from .settings import SandboxSettings
from .times import Clock, parse_date
from .world import World


class Core:
    """All state of a sandbox: the project, its data, its faults and its log."""

    def __init__(self, settings: SandboxSettings) -> None:
        self.settings = settings
        self.clock = Clock(settings.now)
        self.world = World(settings, self.clock)
        self.events = Events(settings, self.world)
        self.metrics = Metrics(settings, self.world, self.events, self.clock)
        self.exports = Exports(self.world.people, self.events, self.clock)
        self.jobs = Jobs(settings, self.exports, self.clock)
        self.faults: list[Fault] = []
        self.log: list[RequestLogEntry] = []
        self.lock = threading.RLock()  # one request at a time passes limits and faults
        self.list_calls = 0
        self.base_url = self.files_url = ""  # known once the servers listen

    def things(self, stream: str) -> list[Record]:
        """What the endpoints of a stream hold now."""
        metrics = {"campaigns_metrics": self.metrics.rows, "campaigns_metrics_daily": self.metrics.days}
        metrics |= {"experiments_metrics": self.metrics.experiments, "experiment_variants": self.metrics.variants}
        metrics |= {"experiment_trends": self.metrics.trends}
        made = {"jobs": self.jobs.recent, "events": self._events, **metrics}
        return made[stream]() if stream in made else self.world.things(stream)

    def _events(self) -> list[Record]:
        names = sorted({member["userIdentifier"] for member in self.world.things("list_users")})
        return [event for name in names for event in self.exports.user_events(name)]


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

    def choice(self, name: str, choices: Collection[str] = ("true", "false")) -> str | None:
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
# Turns the things into a response, under their selector.
Shape = Callable[[Core, Params, str, list[Any]], Response]


def single(core: Core, params: Params, selector: str, things: list[Any]) -> Response:
    """One thing, without the field that is the selector."""
    if not things:
        raise Refusal("Nothing at specified location", 404)
    return json_response({name: value for name, value in things[0].items() if name != selector})


def numbered(default: int, maximum: int, total: str, always: bool = True) -> Shape:
    """By `page` and `pageSize`. Without `always`, `total` comes only if the query has one of these."""

    def page_of(core: Core, params: Params, selector: str, things: list[Any]) -> Response:
        number, size = params.number("page", 1), params.number("pageSize", default)
        if number < 1 or not 1 <= size <= maximum:
            raise Refusal(f"page must be at least 1, and pageSize between 1 and {maximum}")
        response: dict[str, Any] = {selector: things[(number - 1) * size : number * size]}
        if always or "page" in params.query or "pageSize" in params.query:
            response[total] = len(things)
        for name, other in {"nextPageUrl": number + 1, "previousPageUrl": number - 1}.items():
            if 0 < other <= -(-len(things) // size):
                query = urlencode({**params.query, "page": [other], "pageSize": [size]}, doseq=True)
                response[name] = f"{core.base_url}{params.url_path}?{query}"
        return json_response(response)

    return page_of


def by_marker(core: Core, params: Params, selector: str, things: list[Any]) -> Response:
    """By `nextMarker`, the last key of the page before, and without values."""
    marker, size = params.one("nextMarker") or "", 10
    rest = [{n: value for n, value in thing.items() if n != "value"} for thing in things if thing["key"] > marker]
    return json_response({selector: rest[:size], **({"nextMarker": rest[size - 1]["key"]} if rest[size:] else {})})


@dataclass
class Row:
    """`GET path` returns `{selector: items}`, and `truth_list(stream)` the items.

    `Row("things", items=[{"id": 1}])` is all that a plain list takes: its selector is the end of the path, its stream
    the same in snake case. Without items it shows what the world has under the stream's name. A parameter of the path
    selects the items that have it in the field of its name.
    """

    path: str
    selector: str = ""
    stream: str = ""
    shape: Shape = lambda core, params, selector, things: json_response({selector: things})  # in one piece
    wanted: Callable[[Core, Params, list[Any]], list[Any]] | None = None  # the items that the query selects
    sorts: dict[str, str] = field(default_factory=dict)  # the names that `sort` takes, and their keys
    parents: str = ""  # the things that the first parameter of the path names, in any case
    items: list[Record] | None = None
    handler: Handler | None = None  # in place of the common one

    def __post_init__(self) -> None:
        self.selector = self.selector or self.path.rpartition("/")[2]
        self.stream = self.stream or re.sub("([A-Z])", r"_\1", self.path.rpartition("/")[2]).lower()

    def truth(self, core: Core) -> list[Record]:
        return [dict(item) for item in (core.things(self.stream) if self.items is None else self.items)]

    def respond(self, core: Core, params: Params) -> Response:
        if self.handler is not None:
            return self.handler(core, params)
        things: list[Any] = self.truth(core)
        if self.parents:
            (parent, value), *rest = params.path.items()
            if value.lower() not in {thing["name"].lower() for thing in core.world.things(self.parents)}:
                raise Refusal(f"{value} not found", 404)
            things = [thing for thing in things if thing[parent].lower() == value.lower()]
            things = [thing for thing in things if all(thing[name] == key for name, key in rest)]
        things = self.wanted(core, params, things) if self.wanted is not None else things
        response = self.shape(core, params, self.selector, self._sort(things, params) if self.sorts else things)
        wrapped = core.settings.wrapped_catalogs and self.path.startswith("catalogs") and "{itemId}" not in self.path
        if wrapped and isinstance(response.body, bytes):
            response.body = b'{"msg":"","code":"Success","params":%b}' % response.body
        return response

    def _sort(self, things: list[Any], params: Params) -> list[Any]:
        """In the order of `sort`; what lacks its key comes last."""
        text = params.one("sort") or "id"
        # "+name" reaches a server as " name" if the client did not encode the plus sign.
        key = self.sorts.get(text.lstrip("-+ "))
        if key is None:
            raise Refusal(f"Invalid sort field: {text}")
        having = sorted((thing for thing in things if key in thing), key=lambda t: t[key], reverse=text[0] == "-")
        return having + [thing for thing in things if key not in thing]
