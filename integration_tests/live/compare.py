"""Where two reports differ: what somebody's project has, and what the sandbox has instead."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
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
    latency: float = 0.0,
    **options: Any,
) -> dict[str, Any]:
    """The report on a sandbox, after `prepare`: within Iterable's limits, but in its time, which passes in an instant.

    `minutes`: of its time; the default suffices for all data types. `latency`: seconds of its time for each request.
    `options` go into the configuration.
    """
    with Sandbox(settings) as sandbox:
        prepare(sandbox)
        config = Config.parse(
            {
                "api_key": settings.api_key,
                "start_date": "2020-01-01T00:00:00Z",
                "project_type": settings.project_type,
                "api_base_url": sandbox.base_url,
                **options,
            }
        )
        client = client_of(sandbox, config, minutes, latency)
        project = Project(client, Words(config.api_key), client.now(), jobs=True)
        made = report.begun(project)
        for _ in report.fill(project, made):
            pass
        return made


def client_of(sandbox: Sandbox, config: Config, minutes: float, latency: float = 0.0) -> Client:
    """A client in a sandbox's time, which is what passes while a probe sleeps."""
    clock = sandbox.core.clock.elapsed

    class Slow(Client):
        def _once(self, *arguments: Any, **named: Any) -> Any:
            sandbox.advance(min(latency, max(self.left, 0.0)))
            return super()._once(*arguments, **named)

    return (Slow if latency else Client)(config, sandbox.advance, clock, clock() + 60 * minutes, sandbox.now)


def differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> Iterator[str]:
    """A line for each thing that is otherwise there than here. What is visible on one side only is none."""
    for name, seen in there["probes"].items():
        ours = here["probes"].get(name)
        if ours is None:
            yield f"{name}: there is no such probe here"
            continue
        if "not visible" in (seen["verdict"], ours["verdict"]):
            continue
        if seen["verdict"] != ours["verdict"]:
            yield f"{name}: {seen['verdict']} there, {ours['verdict']} here"
        for line in _of_facts(seen.get("facts", {}), ours.get("facts", {})):
            yield f"{name}: {line}"
        for line in _of_fields(_merged(seen.get("fields", {})), _merged(ours.get("fields", {}))):
            yield f"{name}: {line}"
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
        of_records = value.items() if isinstance(value, Mapping) else ((name, value),)
        for field, kinds in of_records:
            found.setdefault(field, set()).update(_types(kinds))
    return found


def _of_fields(there: Mapping[str, set[str]], here: Mapping[str, set[str]]) -> Iterator[str]:
    """Types that fields have there only, and fields that are there only. What texts look like differs anywhere."""
    for name in [name for name in there if name in here]:
        if more := there[name] - here[name]:
            yield f"{name} is also {_text(sorted(more))} there"
    if missing := [name for name in there if name not in here and not name.startswith("own:")]:
        yield f"fields there, not here: {_text(missing)}"


def _types(kinds: Any) -> set[str]:
    return {json_type(each) for each in kinds if isinstance(each, str)} - {"null"} if isinstance(kinds, list) else set()


def _text(value: Any) -> str:
    if isinstance(value, Iterable) and not isinstance(value, (str, Mapping)):
        return ", ".join(map(str, value)) or "nothing"
    return str(value)
