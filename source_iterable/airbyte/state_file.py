"""The option `--state-file`: the state of the last sync, read from a file and kept up to date in it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from source_iterable.airbyte.given import ConfiguredStream
from source_iterable.airbyte.stdout import Message
from source_iterable.errors import ConfigError
from source_iterable.process.files import replace
from source_iterable.process.machine import trouble
from source_iterable.reading.stream import State
from source_iterable.streams.table import STREAMS


class StateFile:
    """A file with the latest state of each stream, in the form that `read --state` takes. A new one is its owner's alone."""

    def __init__(self, path: Path) -> None:
        # Behind a link, the file is replaced, not the link.
        self._path = path.resolve()
        self._states: dict[str, dict[str, Any]] = {}

    def begin(self, states: Mapping[str, State], catalog: Iterable[ConfiguredStream]) -> dict[str, State]:
        """Keep what was in the file, for streams that are not read now.

        Returns the states to go on from: none for an incremental stream that is to be read in full. Raises ConfigError.
        """
        if not os.access(self._path.parent, os.W_OK):
            why = "its folder does not exist or is read-only"
            raise ConfigError(f"The state file {self._path} cannot be written: {why}.")
        for name, state in states.items():
            self._states[name] = {"stream_descriptor": {"name": name}, "stream_state": state}
        full = {each.stream.name for each in catalog if each.sync_mode == "full_refresh"}
        full &= {name for name, stream in STREAMS.items() if stream.cursor_field}
        return {name: state for name, state in states.items() if name not in full}

    def update(self, message: Message) -> None:
        """Replace the state of a stream, in one go: the file is never half written. Raises LocalError."""
        stream = message["state"]["stream"]
        self._states[stream["stream_descriptor"]["name"]] = stream
        try:
            replace(self._path, json.dumps([{"type": "STREAM", "stream": each} for each in self._states.values()]))
        except OSError as error:
            place = f"the folder of the state file, {self._path.parent}"
            raise trouble(error, place, "name a state file in another folder") from error
