"""The files that a command is given: configuration, catalog and states. What is not read from them is not checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import msgspec

from source_iterable.errors import ConfigError
from source_iterable.process.environment import filled, without_file
from source_iterable.reading.stream import State


class CatalogStream(msgspec.Struct):
    """A stream as discover shows it."""

    name: str
    json_schema: dict[str, Any]


class ConfiguredStream(msgspec.Struct):
    """A stream of a catalog."""

    stream: CatalogStream
    sync_mode: Literal["full_refresh", "incremental"]


class _Catalog(msgspec.Struct):
    streams: list[ConfiguredStream]


class _Descriptor(msgspec.Struct):
    name: str
    namespace: str | None = None


class _StreamState(msgspec.Struct):
    stream_descriptor: _Descriptor
    stream_state: dict[str, Any] | None = None


class _GlobalState(msgspec.Struct):
    stream_states: list[_StreamState]
    shared_state: dict[str, Any] | None = None


class StateMessage(msgspec.Struct):
    """A state as the protocol hands it over."""

    stream: _StreamState | None = None
    global_: _GlobalState | None = msgspec.field(name="global", default=None)
    data: dict[str, Any] | None = None


class _NoState(msgspec.Struct, forbid_unknown_fields=True):
    """`{}`, which older platforms hand over."""


def configuration(path: str | Path | None) -> dict[str, Any]:
    """The configuration in a file, or without one that of the environment, which fills what the file leaves out.

    Its options are not yet checked. Raises ConfigError.
    """
    return without_file() if path is None else filled(_read("configuration", path, dict[str, Any]))


def catalog(path: str | Path) -> list[ConfiguredStream]:
    """The streams of the catalog in a file. Raises ConfigError."""
    found: _Catalog = _read("catalog", path, _Catalog)
    return found.streams


def states(path: str | Path) -> dict[str, State]:
    """The states in a file, by stream. Raises ConfigError."""
    given = _read("state", path, list[StateMessage] | _NoState | None)
    return states_of(given if isinstance(given, list) else [])


def states_of(messages: list[StateMessage]) -> dict[str, State]:
    """The states by stream; the last one counts. What is in the form of the first platforms (`data`) is not read.

    Raises ConfigError.
    """
    found: list[_StreamState] = []
    for message in messages:
        if message.global_:
            if message.global_.shared_state:
                why = "The state is GLOBAL with a shared part, which this connector does not write."
                raise ConfigError(f"{why} Reset the streams.")
            found += message.global_.stream_states
        elif message.stream:
            found.append(message.stream)
        elif not message.data:
            why = "The state has an entry that does not match its type."
            raise ConfigError(f"{why} Correct the state, or reset the streams.")
    # Streams of Iterable have no namespace.
    named = [(each.stream_descriptor, each.stream_state) for each in found]
    return {descriptor.name: state or {} for descriptor, state in named if descriptor.namespace is None}


def _read(what: str, path: str | Path, kind: Any) -> Any:
    try:
        return msgspec.convert(json.loads(Path(path).read_text(encoding="utf-8")), kind)
    except OSError as error:
        why = f"cannot be read: {error.strerror}."
    except RecursionError:
        why = "is not valid: it is nested too deep."
    except (ValueError, msgspec.ValidationError) as error:
        why = f"is not valid: {error}."
    raise ConfigError(f"The {what} file {path} {why}")
