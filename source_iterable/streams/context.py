"""StreamContext: what a stream is handed to do its work."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airbyte_cdk.sources.connector_state_manager import ConnectorStateManager
from airbyte_cdk.sources.message import MessageRepository

from source_iterable.api import IterableClient
from source_iterable.config import Config
from source_iterable.exports.doors import ExportDoors
from source_iterable.progress import Progress


@dataclass
class StreamContext:
    """One sync's client, doors to the export API, log and state; shared by all of its streams."""

    config: Config
    client: IterableClient
    doors: ExportDoors
    logger: logging.Logger
    messages: MessageRepository
    states: ConnectorStateManager

    @property
    def progress(self) -> Progress:
        return self.client.progress

    def state_of(self, stream_name: str) -> Mapping[str, Any]:
        """The state that a stream was given, without the CDK's own marks; empty when there is none."""
        state = self.states.get_stream_state(stream_name, None)
        return {key: value for key, value in state.items() if not key.startswith("__ab_")}

    def save_state(self, stream_name: str, state: Mapping[str, Any]) -> None:
        """Write a stream's state behind the records that it has handed over so far."""
        self.states.update_state_for_stream(stream_name, None, state)
        self.messages.emit_message(self.states.create_state_message(stream_name, None))
