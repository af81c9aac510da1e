"""Where two reports differ: what somebody's project has, and what the sandbox has instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from integration_tests.live import report
from integration_tests.live.client import Client
from integration_tests.live.probe import Project
from integration_tests.live.words import Words, json_type
from integration_tests.sandbox import Sandbox, SandboxSettings
from source_iterable.config import Config


def of_sandbox(
    settings: SandboxSettings,
    prepare: Callable[[Sandbox], object] = lambda sandbox: None,
    minutes: float = 30.0,
    **options: Any,
) -> dict[str, Any]:
    """The report on a sandbox, after `prepare`: within Iterable's limits, but in its time, which passes in an instant.

    `minutes`: of its time; the default suffices for all data types. `options` go into the configuration.
    """
    with Sandbox(settings) as sandbox:
        prepare(sandbox)
        raw = {
            "api_key": settings.api_key,
            "start_date": "2020-01-01T00:00:00Z",
            "project_type": settings.project_type,
            "api_base_url": sandbox.base_url,
            **options,
        }
        client = client_of(sandbox, Config.parse(raw), minutes)
        project = Project(client, Words(settings.api_key), client.now(), jobs=True)
        made = report.begun(project)
        for _ in report.fill(project, made):
            pass
        return made


def client_of(sandbox: Sandbox, config: Config, minutes: float) -> Client:
    """A client in a sandbox's time, which passes while a probe sleeps."""
    clock = sandbox.core.clock.elapsed
    return Client(config, sandbox.advance, clock, clock() + 60 * minutes, sandbox.now)


def differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> Iterator[str]:
    """A line for each thing that differs between a report from there and one from here, where both can see it."""
    for name, seen in there["probes"].items():
        ours = here["probes"].get(name)
        if ours is None:
            yield f"{name}: there is no such probe here"
            continue
        if "not visible" in (seen["verdict"], ours["verdict"]):
            continue
        if seen["verdict"] != ours["verdict"]:
            yield f"{name}: {seen['verdict']} there, {ours['verdict']} here"
        yield from (f"{name}: {line}" for line in _of_facts(seen.get("facts", {}), ours.get("facts", {})))
        fields = (_merged(each.get("fields", {})) for each in (seen, ours))
        yield from (f"{name}: {line}" for line in _of_fields(*fields))
        for odd in sorted({*seen.get("oddities", ())} - {*ours.get("oddities", ())}):
            yield f"{name}: there, {odd}; not here"


def _of_facts(there: Any, here: Any, path: str = "") -> Iterator[str]:
    if isinstance(there, Mapping) and isinstance(here, Mapping):
        for name, value in there.items():
            place = f"{path}, {name}" if path else name
            if name in here:
                yield from _of_facts(value, here[name], place)
    elif isinstance(there, list) and isinstance(here, list):
        more = [each for each in there if each not in here and not str(each).startswith("own:")]
        if more:
            yield f"{path} has {_text(more)} there, not here"
    elif there != here:
        yield f"{path} is {_text(there)} there, {_text(here)} here"


def _merged(fields: Mapping[str, Any]) -> dict[str, set[str]]:
    """The JSON types of each field, whatever record it is in: an oddity may be in any."""
    found: dict[str, set[str]] = {}
    for name, value in fields.items():
        for field, kinds in value.items() if isinstance(value, Mapping) else [(name, value)]:
            types = {json_type(str(each)) for each in kinds} if isinstance(kinds, list) else set()
            found.setdefault(field, set()).update(types - {"null"})
    return found


def _of_fields(there: Mapping[str, set[str]], here: Mapping[str, set[str]]) -> Iterator[str]:
    """Types that fields have there only, and fields that are there only. What texts look like differs anywhere."""
    for name in there:
        if name in here and (more := there[name] - here[name]):
            yield f"{name} is also {_text(sorted(more))} there"
    if missing := [name for name in there if name not in here and not name.startswith("own:")]:
        yield f"fields there, not here: {_text(missing)}"


def _text(value: Any) -> str:
    return (", ".join(map(str, value)) or "nothing") if isinstance(value, list) else str(value)
