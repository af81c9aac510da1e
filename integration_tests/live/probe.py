"""A probe: a claim that the connector relies on, and what a project shows of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from traceback import extract_tb
from typing import Any, Literal, NamedTuple, TypeVar

from integration_tests.live.client import Client, NoAnswer, NotVisible, Unexpected
from integration_tests.live.words import Words, public

T = TypeVar("T")
Verdict = Literal["holds", "differs", "not visible"]
# Why probes of export jobs see nothing, unless a later run may start some.
NO_JOBS = "no export job was to be started"
# Minutes that a run may take.
LONGEST = 9.5


class Seen(NamedTuple):
    """What a probe saw.

    `facts` can be compared with those of another project; so can `fields`, the kinds of the fields of records by name;
    `counts` cannot. `oddities`: names from oddities.py. `is_finished`: False if a later run is to go on.
    """

    verdict: Verdict
    facts: Mapping[str, Any] = {}
    counts: Mapping[str, Any] = {}
    fields: Mapping[str, Any] = {}
    oddities: tuple[str, ...] = ()
    reason: str = ""
    is_finished: bool = True


def judged(
    holds: bool,
    facts: Mapping[str, Any],
    counts: Mapping[str, Any] | None = None,
    *oddities: str | None,
    fields: Mapping[str, Any] | None = None,
) -> Seen:
    """The claim holds, or it differs; oddities may be None."""
    odd = tuple(each for each in oddities if each)
    return Seen("holds" if holds else "differs", facts, counts or {}, fields or {}, odd)


@dataclass
class Project:
    """What the probes share.

    `jobs`: whether export jobs may be started. `earlier`: the entry of this probe in the report, if it was not finished.
    `requests`: how many requests of each endpoint had each status in earlier runs.
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
        """`make(project, *arguments)`, called once in a run; raises again what that raised."""
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
        now: Mapping[str, Mapping[str, int]] = self.client.statuses
        found: dict[str, dict[str, int]] = {}
        for endpoint in dict.fromkeys([*self.requests, *now]):
            counts: Counter[str] = Counter()
            for run in (self.requests, now):
                counts.update(run.get(endpoint, {}))
            found[endpoint] = dict(sorted(counts.items()))
        return found


class Probe(NamedTuple):
    """`relied_on`: the file of the connector that relies on the claim.

    `look` may yield what it has seen so far. `begin` is called before all probes but the first, for what must be requested
    early. Probes with the largest `last` come last; `always`: also in a run that goes on with an earlier one.
    """

    name: str
    claim: str
    relied_on: str
    look: Callable[[Project], Seen | Iterator[Seen]]
    begin: Callable[[Project], object] | None = None
    last: int = 0
    always: bool = False


# In the order in which their modules are imported.
MADE: list[Probe] = []
Look = TypeVar("Look", bound=Callable[..., "Seen | Iterator[Seen]"])


def probe(
    name: str,
    relied_on: str,
    begin: Callable[[Project], object] | None = None,
    last: int = 0,
    always: bool = False,
) -> Callable[[Look], Look]:
    """Make a probe of a function, whose docstring is the claim. `relied_on` is below source_iterable/."""

    def made(look: Look) -> Look:
        claim = (look.__doc__ or "").removesuffix(".")
        MADE.append(Probe(name, claim, f"source_iterable/{relied_on}", look, begin, last, always))
        return look

    return made


def probe_each(name: str, relied_on: str, *cases: Mapping[str, Any]) -> Callable[[Look], Look]:
    """Make a probe for each case, which is passed to the function, and fills name and docstring."""

    def made(look: Look) -> Look:
        claim = (look.__doc__ or "").removesuffix(".")
        for case in cases:
            one = partial(look, **case)
            MADE.append(Probe(name.format(**case), claim.format(**case), f"source_iterable/{relied_on}", one))
        return look

    return made


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
                continue  # an earlier run has seen more
            yield each, seen, project.client.clock() - begun


def is_wanted(earlier: Mapping[str, Any], jobs: bool) -> bool:
    """Whether to run a probe, by its entry in an earlier report, and by whether export jobs may be started."""
    return not earlier.get("is_finished") or (jobs and earlier.get("reason") == NO_JOBS)


def _begin(probes: Iterable[Probe], project: Project) -> None:
    for each in probes:
        if each.begin is not None:
            with suppress(Exception):  # the probe itself will say so
                each.begin(project)


def _looks(each: Probe, project: Project) -> Iterator[Seen]:
    try:
        seen = each.look(project)
        yield from [seen] if isinstance(seen, Seen) else seen
    except NotVisible as missing:
        yield Seen("not visible", reason=str(missing))
    except NoAnswer as failure:
        reason = f"no answer ({failure})" if " " not in str(failure) else str(failure)
        yield Seen("not visible", reason=reason, is_finished=False)
    except Unexpected as answer:
        yield Seen("differs", answer.facts)
    except Exception as fault:  # an answer is so different that the probe could not even look at it
        line = extract_tb(fault.__traceback__)[-1].lineno
        yield Seen("differs", {"failure": public(type(fault).__name__)}, {"line": line})
