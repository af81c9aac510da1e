"""A probe: a claim that the connector relies on, and what a project shows of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeVar

from integration_tests.live.client import OK, Answer, Client
from integration_tests.live.errors import NoAnswer, NotVisible, Unexpected
from integration_tests.live.words import Words, kind, public
from source_iterable.api.request import ShapeError, holder_of

T = TypeVar("T")
Verdict = Literal["holds", "differs", "not visible"]
# Why probes of export jobs see nothing, unless a later run may start some.
NO_JOBS = "no export job was to be started"
# Minutes that a run may take.
LONGEST = 9.5


class Seen(NamedTuple):
    """What was seen.

    `facts` can be compared with those of another project; `fields`, the kinds of the fields of records, too, by name;
    `counts` cannot. `oddities`: names from oddities.py. `is_finished`: False if a later run is to go on.
    """

    verdict: Verdict
    facts: Mapping[str, Any] = {}
    counts: Mapping[str, Any] = {}
    fields: Mapping[str, Any] = {}
    oddities: tuple[str, ...] = ()
    reason: str = ""
    is_finished: bool = True


@dataclass
class Project:
    """What the probes share.

    `jobs`: whether export jobs may be started. `earlier`: the entry of this probe in the report, if it was not finished.
    `requests`: how many requests of each endpoint had each status, in earlier runs.
    """

    client: Client
    words: Words
    now: datetime
    jobs: bool = False
    earlier: Mapping[str, Any] = field(default_factory=dict)
    requests: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._made: dict[object, Any] = {}

    def once(self, make: Callable[..., T], *arguments: object) -> T:
        """`make(project, *arguments)`, called once in a run; raises again what that has raised."""
        key = (make, *arguments)
        if key not in self._made:
            try:
                self._made[key] = make(self, *arguments)
            except (NotVisible, Unexpected, NoAnswer) as reason:
                self._made[key] = reason
        made = self._made[key]
        if isinstance(made, Exception):
            raise made
        result: T = made
        return result

    def statuses(self) -> dict[str, dict[str, int]]:
        """How many requests of each endpoint had each status, in all runs."""
        endpoints = dict.fromkeys([*self.requests, *self.client.statuses])
        found: dict[str, dict[str, int]] = {}
        for endpoint in endpoints:
            now: Mapping[str, int] = self.client.statuses.get(endpoint, {})
            before = self.requests.get(endpoint, {})
            found[endpoint] = {each: before.get(each, 0) + now.get(each, 0) for each in sorted({*before, *now})}
        return found


class Probe(NamedTuple):
    """`relied_on`: the file of the connector that relies on the claim.

    `look` may yield what it has seen so far. `begin` is called before all probes but the first, for what must be requested
    early. Those with the largest `last` come last; `always`: also in a run that goes on with an earlier one.
    """

    name: str
    claim: str
    relied_on: str
    look: Callable[[Project], Seen | Iterator[Seen]]
    begin: Callable[[Project], object] | None = None
    last: int = 0
    always: bool = False


# In the order in which their modules are imported; probes.py has them in that of a run.
MADE: list[Probe] = []
Look = TypeVar("Look", bound=Callable[[Project], "Seen | Iterator[Seen]"])


def probe(
    name: str,
    claim: str,
    relied_on: str,
    begin: Callable[[Project], object] | None = None,
    last: int = 0,
    always: bool = False,
) -> Callable[[Look], Look]:
    """Make a probe of a function."""

    def made(look: Look) -> Look:
        MADE.append(Probe(name, claim, relied_on, look, begin, last, always))
        return look

    return made


def judged(
    holds: bool,
    facts: Mapping[str, Any],
    counts: Mapping[str, Any] | None = None,
    *oddities: str | None,
    fields: Mapping[str, Any] | None = None,
) -> Seen:
    """Seen, one way or the other; oddities may be None."""
    odd = tuple(each for each in oddities if each)
    return Seen("holds" if holds else "differs", facts, counts or {}, fields or {}, odd)


def list_in(answer: Answer, name: str) -> list[dict[str, Any]]:
    """The items of a list, also of one wrapped in `params`, or none. Raises NotVisible or Unexpected."""
    if not answer.is_whole:
        raise NotVisible("the answer is too large to be read whole, or breaks off")
    found: Any = None
    with suppress(ShapeError):
        found = holder_of(answer.json, name)[name]
    if answer.status != OK or not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise Unexpected({"status": answer.status, "type": public(answer.content_type), "list": kind(found)})
    return found


def some_in(answer: Answer, name: str) -> list[dict[str, Any]]:
    """The same, where there are some. Raises NotVisible or Unexpected."""
    found = list_in(answer, name)
    if not found:
        raise NotVisible("the project has none")
    return found


def run(
    probes: Iterable[Probe], project: Project, done: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[Probe, Seen, float]]:
    """Run the probes that are not finished: each with what it saw, maybe several times, and its seconds so far."""
    wanted = [each for each in probes if each.always or is_wanted(done.get(each.name, {}), project.jobs)]
    for number, each in enumerate(wanted):
        if number == 1:  # the key is known to work, or the caller has ended
            _begin(wanted, project)
        begun = project.client.clock()
        project.earlier = done.get(each.name, {})
        for seen in _looks(each, project):
            if not seen.is_finished and not seen.facts and project.earlier.get("facts"):
                continue  # what an earlier run has seen is more
            yield each, seen, project.client.clock() - begun


def is_wanted(earlier: Mapping[str, Any], jobs: bool) -> bool:
    """Whether a probe is to be run, by its entry in an earlier report, and by whether export jobs may be started."""
    return not earlier.get("is_finished") or (jobs and earlier.get("reason") == NO_JOBS)


def _begin(probes: Iterable[Probe], project: Project) -> None:
    for each in probes:
        if each.begin is not None:
            with suppress(Exception):  # the probe itself will say so
                each.begin(project)


def _looks(each: Probe, project: Project) -> Iterator[Seen]:
    try:
        seen = each.look(project)
        if isinstance(seen, Seen):
            yield seen
        else:
            yield from seen
    except NotVisible as missing:
        yield Seen("not visible", reason=str(missing))
    except NoAnswer as failure:
        yield Seen("not visible", {}, {}, {}, (), _reason(str(failure)), False)
    except Unexpected as answer:
        yield Seen("differs", answer.facts)
    except Exception as fault:  # an answer is so different that the probe could not even look at it
        yield Seen("differs", {"failure": public(type(fault).__name__)}, {"line": _line_of(fault)})


def _reason(failure: str) -> str:
    return f"no answer ({failure})" if " " not in failure else failure


def _line_of(fault: Exception) -> int:
    """Where in the code it was raised."""
    trace = fault.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return 0 if trace is None else trace.tb_lineno
