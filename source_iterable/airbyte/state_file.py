"""The option `--state-file`: the state of the last sync, read from a file and kept up to date in it."""

from __future__ import annotations

import argparse
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from airbyte_cdk.models import (
    AirbyteStateMessage,
    AirbyteStateMessageSerializer,
    AirbyteStateType,
    ConfiguredAirbyteCatalog,
    SyncMode,
)

from source_iterable.airbyte.messages import traced
from source_iterable.errors import ConfigError
from source_iterable.process.machine import trouble
from source_iterable.streams.table import STREAMS

_OPTION = "--state-file"
# What the CDK's help of `read` lacks.
HELP = f"""
  {_OPTION} FILE     start from the state in this file, if it exists, and keep it
                        up to date; not with --state"""


class StateFile:
    """A file with the latest state of each stream, in the form that `read --state` takes."""

    def __init__(self, path: Path) -> None:
        # Behind a link, the file is replaced, not the link.
        self._path = path.resolve()
        self._states: dict[str, dict[str, Any]] = {}

    @property
    def exists(self) -> bool:
        """Whether there is a state; an empty file is none."""
        return self._path.exists() and self._path.stat().st_size > 0

    def begin(self, states: list[AirbyteStateMessage], catalog: ConfiguredAirbyteCatalog) -> list[AirbyteStateMessage]:
        """Keep what was in the file, for streams that are not read now.

        Returns the states to go on from: none for an incremental stream that is to be read in full. Raises
        AirbyteTracedException.
        """
        if not os.access(self._path.parent, os.W_OK):
            raise traced(
                ConfigError(f"The state file {self._path} cannot be written: its folder is not there, or read-only.")
            )
        full = {
            each.stream.name
            for each in catalog.streams
            if each.sync_mode == SyncMode.full_refresh and _is_incremental(each.stream.name)
        }
        states = [single for state in states for single in _singles(state)]
        for state in states:
            self._add(state)
        return [state for state in states if _name(state) not in full]

    def update(self, state: AirbyteStateMessage) -> None:
        """Replace the state of a stream, in one go: the file is never half written. Raises AirbyteTracedException."""
        self._add(state)
        new = self._path.with_name(f"{self._path.name}.new")
        try:
            with open(new, "w", encoding="utf-8") as file:
                json.dump(list(self._states.values()), file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(new, self._path)
        except OSError as error:
            with suppress(OSError):
                new.unlink()
            place = f"the folder of the state file, {self._path.parent}"
            raise traced(trouble(error, place, "name a state file in another folder")) from error

    def _add(self, state: AirbyteStateMessage) -> None:
        if state.stream:
            dumped = AirbyteStateMessageSerializer.dump(state)
            self._states[_name(state)] = {"type": "STREAM", "stream": dumped["stream"]}


def _is_incremental(name: str) -> bool:
    return name in STREAMS and STREAMS[name].cursor_field is not None


def _name(state: AirbyteStateMessage) -> str:
    return state.stream.stream_descriptor.name if state.stream else ""


def _singles(state: AirbyteStateMessage) -> list[AirbyteStateMessage]:
    """A GLOBAL state as those of its streams. One with a shared part stays: it is refused later."""
    if state.global_ is None or state.global_.shared_state:
        return [state]
    return [AirbyteStateMessage(type=AirbyteStateType.STREAM, stream=each) for each in state.global_.stream_states]


def taken_from(arguments: list[str]) -> tuple[list[str], StateFile | None]:
    """The arguments of `read` as the CDK knows them, and the state file that they name.

    Ends the process for arguments that contradict each other.
    """
    parser = argparse.ArgumentParser(prog="source-iterable read", add_help=False, allow_abbrev=False)
    parser.add_argument(_OPTION, type=Path)
    found, rest = parser.parse_known_args(arguments)
    if found.state_file is None or rest[:1] != ["read"]:
        return arguments, None
    if any(len(each) > 3 and "--state".startswith(each.partition("=")[0]) for each in rest):
        parser.error(f"argument {_OPTION}: not allowed with argument --state")
    file = StateFile(found.state_file)
    return [*rest, "--state", str(found.state_file)] if file.exists else rest, file
