"""The option `--state-file`: the state of the last sync, read from a file and kept up to date in it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from airbyte_cdk.models import (
    AirbyteMessage,
    AirbyteMessageSerializer,
    AirbyteStateMessage,
    AirbyteStateMessageSerializer,
    ConfiguredAirbyteCatalog,
    SyncMode,
)

from source_iterable.airbyte.messages import state_manager, traced
from source_iterable.errors import ConfigError
from source_iterable.process.arguments import Parser
from source_iterable.process.files import replace
from source_iterable.process.machine import trouble
from source_iterable.streams.table import STREAMS

# What the CDK's help of `read` lacks.
HELP = """
  --state-file FILE     start from the state in this file, if it exists, and keep it
                        up to date; not with --state"""


class StateFile:
    """A file with the latest state of each stream, in the form that `read --state` takes. A new one is its owner's alone."""

    def __init__(self, path: Path) -> None:
        # Behind a link, the file is replaced, not the link.
        self._path = path.resolve()
        self._states: dict[str, dict[str, Any]] = {}

    def begin(self, states: list[AirbyteStateMessage], catalog: ConfiguredAirbyteCatalog) -> list[AirbyteStateMessage]:
        """Keep what was in the file, for streams that are not read now.

        Returns the states to go on from: none for an incremental stream that is to be read in full. Raises
        AirbyteTracedException.
        """
        if not os.access(self._path.parent, os.W_OK):
            why = "its folder does not exist or is read-only"
            raise traced(ConfigError(f"The state file {self._path} cannot be written: {why}."))
        manager = state_manager(states)
        for each in manager.per_stream_states:
            self._keep(manager.create_state_message(each.name, each.namespace))
        full = {each.stream.name for each in catalog.streams if each.sync_mode == SyncMode.full_refresh}
        full &= {name for name, stream in STREAMS.items() if stream.cursor_field}
        return [AirbyteStateMessageSerializer.load(state) for name, state in self._states.items() if name not in full]

    def update(self, message: AirbyteMessage) -> None:
        """Replace the state of a stream, in one go: the file is never half written. Raises AirbyteTracedException."""
        self._keep(message)
        try:
            replace(self._path, json.dumps([*self._states.values()]))
        except OSError as error:
            place = f"the folder of the state file, {self._path.parent}"
            raise traced(trouble(error, place, "name a state file in another folder")) from error

    def _keep(self, message: AirbyteMessage) -> None:
        stream = AirbyteMessageSerializer.dump(message)["state"]["stream"]
        self._states[stream["stream_descriptor"]["name"]] = {"type": "STREAM", "stream": stream}


def taken_from(arguments: list[str]) -> tuple[list[str], StateFile | None]:
    """The arguments of `read` as the CDK knows them, and the state file that they name.

    Ends the process for arguments that contradict each other.
    """
    parser = Parser(prog="source-iterable read", add_help=False, allow_abbrev=False)
    parser.add_argument("--state-file", type=Path)
    found, rest = parser.parse_known_args(arguments)
    if found.state_file is None or rest[:1] != ["read"]:
        return arguments, None
    if any(len(each) > 3 and "--state".startswith(each.partition("=")[0]) for each in rest):
        parser.error("argument --state-file: not allowed with argument --state")
    path: Path = found.state_file
    # An empty file is no state.
    state = ["--state", str(path)] if path.exists() and path.stat().st_size else []
    return [*rest, *state], StateFile(path)
