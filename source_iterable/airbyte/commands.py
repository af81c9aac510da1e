"""The commands check, discover and read: what they say, as messages of the protocol."""

from __future__ import annotations

import logging
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from typing import Any

from source_iterable.airbyte.catalog import as_airbyte_stream
from source_iterable.airbyte.given import ConfiguredStream
from source_iterable.airbyte.messages import Messages
from source_iterable.airbyte.stdout import Message, told
from source_iterable.api.client import IterableClient
from source_iterable.errors import ConfigError, IterableError
from source_iterable.process.display import heartbeat
from source_iterable.process.live import progress_display
from source_iterable.reading.stream import State, StreamContext
from source_iterable.records.batch import RecordBatch
from source_iterable.records.columns import PROJECT
from source_iterable.streams.check import check as notes_of_check
from source_iterable.streams.privacy import notes
from source_iterable.streams.table import STREAMS, parse_config

# The order in which streams begin.
_ORDER = {name: position for position, name in enumerate(STREAMS)}


def check(config: Mapping[str, Any], logger: logging.Logger) -> Message:
    """Whether a sync with this configuration would work; a failed status says what to do.

    Airbyte's form shows no message of a check that succeeded (seen in its source), so the log has the notes, too.
    """
    try:
        said = notes_of_check(parse_config(config), logger)
    except IterableError as error:
        return _status("FAILED", str(error))
    for note in said:
        logger.warning(note)
    return _status("SUCCEEDED", "\n".join(said))


def _status(status: str, message: str) -> Message:
    return {
        "type": "CONNECTION_STATUS",
        "connectionStatus": {"status": status, **({"message": message} if message else {})},
    }


def discover(config: Mapping[str, Any], logger: logging.Logger) -> Message:
    """The catalog. Raises IterableError."""
    parsed = parse_config(config)
    client = IterableClient(parsed, logger)
    streams = [as_airbyte_stream(stream, parsed, client) for stream in STREAMS.values()]
    return {"type": "CATALOG", "catalog": {"streams": streams}}


def read(
    config: Mapping[str, Any],
    catalog: Sequence[ConfiguredStream],
    states: Mapping[str, State],
    logger: logging.Logger,
) -> Generator[Message | RecordBatch, None, None]:
    """Read the streams of a catalog at once. A failed one does not stop the others.

    Raises IterableError, for failed streams at the end.
    """
    parsed = parse_config(config)
    for note in notes(parsed):
        logger.warning(note)
    # Each once: two readings of one stream would emit its records twice, and race for its state.
    schemas = {each.stream.name: each.stream.json_schema for each in catalog}
    properties = [each["properties"] for each in schemas.values() if isinstance(each.get("properties"), Mapping)]
    if parsed.project and any(PROJECT not in each for each in properties):
        logger.warning(
            f"The catalog lacks the column {PROJECT}, so destinations may drop it and mix projects: refresh the schema."
        )
    full = {each.stream.name for each in catalog if each.sync_mode == "full_refresh"}
    context = StreamContext(parsed, IterableClient(parsed, logger), logger, schemas, full)
    messages = Messages(context, states)
    for name in sorted(schemas, key=lambda name: _ORDER.get(name, -1)):
        messages.add(name, STREAMS.get(name))
    with closing(context), heartbeat(context.progress, logger), progress_display(context.progress):
        yield from messages
    if messages.failed:
        # The platform needs an exit code, and shows the errors of the streams.
        said = "; ".join(f"{name} ({told(error)})" for name, error in messages.failed.items())
        raise ConfigError(f"{len(messages.failed)} of {len(schemas)} streams are incomplete: {said}")
