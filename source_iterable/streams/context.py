"""StreamContext: what a stream is handed to do its work."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airbyte_cdk.models import (
    AirbyteEstimateTraceMessage,
    AirbyteMessage,
    AirbyteTraceMessage,
    EstimateType,
    TraceType,
    Type,
)
from airbyte_cdk.sources.connector_state_manager import ConnectorStateManager
from airbyte_cdk.sources.message import MessageRepository

from source_iterable.api import IterableClient
from source_iterable.config import Config
from source_iterable.exports.doors import ExportDoors
from source_iterable.progress import Progress
from source_iterable.streams.shared import SharedPages

# The share of a stream's time range that must be done before its whole is estimated.
FAIR_SHARE = 0.1


@dataclass
class StreamContext:
    """One sync's client, doors to the export API, log and state; shared by all of its streams.

    `catalog_schemas` are the schemas that the configured catalog gives to the streams.
    """

    config: Config
    client: IterableClient
    doors: ExportDoors
    logger: logging.Logger
    messages: MessageRepository
    states: ConnectorStateManager
    catalog_schemas: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    shared: SharedPages = field(init=False)

    def __post_init__(self) -> None:
        self.shared = SharedPages(self.client)

    @property
    def progress(self) -> Progress:
        return self.client.progress

    def estimate(self, stream_name: str) -> None:
        """Tell Airbyte how many records and bytes a stream may have in all, once a part of its time range is done.

        The estimate takes the rest of the time for as busy as what has been read, which is wrong before there is a fair
        share of it.
        """
        stream = self.progress.snapshot()[stream_name]
        if stream.share and FAIR_SHARE <= stream.share < 1:
            estimate = AirbyteEstimateTraceMessage(
                name=stream_name,
                type=EstimateType.STREAM,
                row_estimate=int(stream.records / stream.share),
                byte_estimate=int(stream.bytes / stream.share),
            )
            trace = AirbyteTraceMessage(type=TraceType.ESTIMATE, emitted_at=time.time() * 1000, estimate=estimate)
            self.messages.emit_message(AirbyteMessage(type=Type.TRACE, trace=trace))

    def state_of(self, stream_name: str) -> Mapping[str, Any]:
        """The state that a stream was given, without the CDK's own marks; empty when there is none."""
        state = self.states.get_stream_state(stream_name, None)
        return {key: value for key, value in state.items() if not key.startswith("__ab_")}

    def save_state(self, stream_name: str, state: Mapping[str, Any]) -> None:
        """Write a stream's state behind the records that it has handed over so far."""
        self.states.update_state_for_stream(stream_name, None, state)
        self.messages.emit_message(self.states.create_state_message(stream_name, None))
