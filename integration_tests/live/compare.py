"""Where two reports differ: what somebody's project has, and what the sandbox has instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from integration_tests.live import report
from integration_tests.live.client import Client
from integration_tests.live.probe import Project
from integration_tests.live.words import Words
from integration_tests.sandbox import Sandbox, SandboxSettings
from source_iterable.config import Config


def of_sandbox(
    settings: SandboxSettings,
    prepare: Callable[[Sandbox], object] = lambda sandbox: None,
    minutes: float = 30.0,
) -> dict[str, Any]:
    """The report on a sandbox, after `prepare`: within Iterable's limits, but in its time, which passes in an instant.

    `minutes`: of its time; the default suffices for all data types.
    """
    with Sandbox(settings) as sandbox:
        prepare(sandbox)
        config = Config.parse(
            {
                "api_key": settings.api_key,
                "start_date": "2020-01-01T00:00:00Z",
                "project_type": settings.project_type,
                "api_base_url": sandbox.base_url,
            }
        )
        client = Client(config, sandbox.advance, sandbox.core.clock.elapsed)
        project = Project(client, Words(config), sandbox.now(), jobs=True, minutes=minutes)
        made = report.begun(project)
        for _ in report.fill(project, made):
            pass
        return made


def differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> Iterator[str]:
    """A line for each fact that is another one there than here. What is visible on one side only is none."""
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
        for odd in sorted({*seen.get("oddities", ())} - {*ours.get("oddities", ())}):
            yield f"{name}: there, {odd}; not here"


def _of_facts(there: Any, here: Any, path: str = "") -> Iterator[str]:
    if isinstance(there, Mapping) and isinstance(here, Mapping):
        for name, value in there.items():
            # The names of a project's own are hashes, which nobody else has.
            if name.startswith("own:"):
                continue
            place = f"{path}, {name}" if path else name
            if name in here:
                yield from _of_facts(value, here[name], place)
            elif _is_leaf(value):
                yield f"{place} is {_text(value)} there, missing here"
    elif isinstance(there, list) and isinstance(here, list) and all(map(_is_word, [*there, *here])):
        more = [each for each in there if each not in here and not str(each).startswith("own:")]
        if more:
            yield f"{path} has {_text(more)} there, not here"
    elif there != here:
        yield f"{path} is {_text(there)} there, {_text(here)} here"


def _is_leaf(value: Any) -> bool:
    return not isinstance(value, Mapping)


def _is_word(value: Any) -> bool:
    return not isinstance(value, (Mapping, list))


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) or "nothing" if isinstance(value, list) else str(value)
