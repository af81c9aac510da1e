"""A probe: a claim that the connector relies on, and what a project shows of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeVar

from integration_tests.live.client import FORBIDDEN, OK, UNAUTHORIZED, Answer, Client, NoAnswer
from integration_tests.live.words import Words, kind

T = TypeVar("T")
Verdict = Literal["holds", "differs", "not visible"]
# Why probes of export jobs see nothing, unless a later run may start some.
NO_JOBS = "no export job was to be started"
# Seconds that a run may take.
LONGEST = 9.5 * 60


class NotVisible(Exception):
    """The project has nothing to look at; the text says what is missing, and nothing of the project."""


class Unexpected(Exception):
    """An answer is not of the form that all others rely on."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
        super().__init__()
        self.facts = facts


class Seen(NamedTuple):
    """What was seen. `facts` can be compared with those of another project, `counts` cannot.

    `oddities`: names from oddities.py. `is_finished`: False if a later run is to go on.
    """

    verdict: Verdict
    facts: Mapping[str, Any] = {}
    counts: Mapping[str, Any] = {}
    oddities: tuple[str, ...] = ()
    reason: str = ""
    is_finished: bool = True


@dataclass
class Project:
    """What the probes share.

    `earlier`: the entry of this probe in the report, if it was not finished. `jobs`: whether export jobs may be started.
    """

    client: Client
    words: Words
    now: datetime
    jobs: bool = False
    minutes: float = LONGEST / 60
    earlier: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._made: dict[object, Any] = {}
        self._end = self.client.clock() + 60 * self.minutes

    @property
    def left(self) -> float:
        """Seconds that are left of the run."""
        return self._end - self.client.clock()

    def once(self, make: Callable[..., T], *arguments: object) -> T:
        """`make(project, *arguments)`, called once in a run; raises again what that has raised, but for NoAnswer."""
        key = (make, *arguments)
        if key not in self._made:
            try:
                self._made[key] = make(self, *arguments)
            except (NotVisible, Unexpected) as reason:
                self._made[key] = reason
        made = self._made[key]
        if isinstance(made, Exception):
            raise made
        result: T = made
        return result


class Probe(NamedTuple):
    """`relied_on`: the file of the connector that takes the claim for true.

    `begin` is called before all probes but the first, for what must be requested early. Those with the largest `last` come
    last.
    """

    name: str
    claim: str
    relied_on: str
    look: Callable[[Project], Seen]
    begin: Callable[[Project], object] | None = None
    last: int = 0


# In the order in which their modules are imported; probes.py has them in that of a run.
MADE: list[Probe] = []


def probe(
    name: str, claim: str, relied_on: str, begin: Callable[[Project], object] | None = None, last: int = 0
) -> Callable[[Callable[[Project], Seen]], Callable[[Project], Seen]]:
    """Make a probe of a function."""

    def made(look: Callable[[Project], Seen]) -> Callable[[Project], Seen]:
        MADE.append(Probe(name, claim, relied_on, look, begin, last))
        return look

    return made


def judged(
    holds: bool, facts: Mapping[str, Any], counts: Mapping[str, Any] | None = None, *oddities: str | None
) -> Seen:
    """Seen, one way or the other; oddities may be None."""
    return Seen("holds" if holds else "differs", facts, counts or {}, tuple(each for each in oddities if each))


def list_in(answer: Answer, name: str) -> list[dict[str, Any]]:
    """The items of a list, also of one wrapped in `params`. Raises NotVisible if there are none, or Unexpected."""
    if answer.status in (UNAUTHORIZED, FORBIDDEN):
        raise NotVisible("the key may not read this")
    body = answer.json
    holders = [body, body.get("params")] if isinstance(body, dict) else []
    found = next((each[name] for each in holders if isinstance(each, dict) and name in each), None)
    if answer.status != OK or not isinstance(found, list):
        raise Unexpected({"status": answer.status, "type": answer.content_type, "list": kind(found)})
    if not found:
        raise NotVisible("the project has none")
    return [each for each in found if isinstance(each, dict)]


def _begin(probes: Iterable[Probe], project: Project) -> None:
    for each in probes:
        if each.begin is not None:
            with suppress(NotVisible, Unexpected, NoAnswer):  # the probe itself will say so
                each.begin(project)


def _is_wanted(earlier: Mapping[str, Any], project: Project) -> bool:
    return not earlier.get("is_finished") or (project.jobs and earlier.get("reason") == NO_JOBS)


def _line_of(fault: Exception) -> int:
    """Where in the code it was raised."""
    trace = fault.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return 0 if trace is None else trace.tb_lineno


def run(
    probes: Iterable[Probe], project: Project, done: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[Probe, Seen, float]]:
    """Run the probes that are not finished: each with what it saw, and its seconds."""
    wanted = [each for each in probes if _is_wanted(done.get(each.name, {}), project)]
    for number, each in enumerate(wanted):
        if number == 1:  # now the key is known to work, or the caller has ended
            _begin(wanted, project)
        begun = project.client.clock()
        project.earlier = done.get(each.name, {})
        try:
            if project.left <= 0:
                raise NoAnswer
            seen = each.look(project)
        except NotVisible as missing:
            seen = Seen("not visible", reason=str(missing))
        except Unexpected as answer:
            seen = Seen("differs", answer.facts)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as fault:
            # An answer is so different that the probe could not even look at it.
            seen = Seen("differs", {"failure": type(fault).__name__}, {"line": _line_of(fault)})
        except NoAnswer as failure:
            reason = "no answer" if str(failure) else "no time was left"
            seen = Seen(
                "not visible", {"failure": str(failure)} if str(failure) else {}, reason=reason, is_finished=False
            )
        yield each, seen, project.client.clock() - begun
