"""SourceIterable: the spec, check, discover and read commands."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import closing
from typing import Any, TypeVar

from airbyte_cdk.models import (
    AirbyteCatalog,
    AirbyteConnectionStatus,
    AirbyteMessage,
    AirbyteRecordMessage,
    AirbyteStateMessage,
    ConfiguredAirbyteCatalog,
    ConnectorSpecification,
    Status,
    SyncMode,
    Type,
)
from airbyte_cdk.sources.source import Source

from source_iterable.airbyte.catalog import as_airbyte_stream
from source_iterable.airbyte.check import check
from source_iterable.airbyte.messages import Messages, state_manager, traced
from source_iterable.api.client import IterableClient
from source_iterable.config import specification
from source_iterable.errors import ConfigError, IterableError
from source_iterable.process.display import heartbeat, progress_display
from source_iterable.reading.stream import StreamContext
from source_iterable.streams.privacy import notes
from source_iterable.streams.table import STREAMS, parse_config

# The order in which streams begin.
_ORDER = {name: position for position, name in enumerate(STREAMS)}
_T = TypeVar("_T")
# How the CDK's parser describes a stream's state that is not an object; then it says where that is.
_PYTHON_ERROR = re.compile(r"\b[A-Z]\w+Error: [^\n]*(?= \(instance_path=)")


class SourceIterable(Source):
    """The connector. With `batched`, `read` yields RecordBatch items for a caller that writes their lines.

    Errors are raised as AirbyteTracedException.
    """

    name = "source-iterable"
    # Config's errors name the offending key; those of the CDK's check against the spec do not.
    check_config_against_spec = False

    def __init__(self, batched: bool = False) -> None:
        self._batched = batched

    def spec(self, logger: logging.Logger) -> ConnectorSpecification:
        return ConnectorSpecification(**specification())

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:
        """Whether a sync with this configuration would work; a failed status says what to do.

        Airbyte's form shows no message of a check that succeeded (seen in its source), so the log has the notes, too.
        """
        try:
            said = check(parse_config(config), logger)
        except IterableError as error:
            return AirbyteConnectionStatus(status=Status.FAILED, message=str(error))
        for note in said:
            logger.warning(note)
        return AirbyteConnectionStatus(status=Status.SUCCEEDED, message="\n".join(said) or None)

    def discover(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteCatalog:
        try:
            parsed = parse_config(config)
            client = IterableClient(parsed, logger)
            return AirbyteCatalog(streams=[as_airbyte_stream(stream, parsed, client) for stream in STREAMS.values()])
        except IterableError as error:
            raise traced(error) from error

    def read(
        self,
        logger: logging.Logger,
        config: Mapping[str, Any],
        catalog: ConfiguredAirbyteCatalog,
        state: list[AirbyteStateMessage] | None = None,
    ) -> Iterator[AirbyteMessage]:
        """Read the catalog's streams at once. A failed stream does not stop the others; it raises at the end."""
        try:
            parsed = parse_config(config)
        except ConfigError as error:
            raise traced(error) from None
        for note in notes(parsed):
            logger.warning(note)
        # Each once: two readings of one stream would emit its records twice, and race for its state.
        schemas = {each.stream.name: each.stream.json_schema for each in catalog.streams}
        full = {each.stream.name for each in catalog.streams if each.sync_mode == SyncMode.full_refresh}
        context = StreamContext(parsed, IterableClient(parsed, logger), logger, schemas, full)
        messages = Messages(context, state_manager(state))
        for name in sorted(schemas, key=lambda name: _ORDER.get(name, -1)):
            messages.add(name, STREAMS.get(name))
        with closing(context), heartbeat(context.progress, logger), progress_display(context.progress):
            for message in messages:
                if self._batched or isinstance(message, AirbyteMessage):
                    yield message  # type: ignore[misc]  # the entrypoint writes batches
                else:
                    for data in message.records():
                        record = AirbyteRecordMessage(message.stream_name, data, time.time_ns() // 1_000_000)
                        yield AirbyteMessage(type=Type.RECORD, record=record)
        if messages.failed:
            # The platform needs an exit code, and shows the errors of the streams.
            said = "; ".join(f"{name} ({traced(error).message})" for name, error in messages.failed.items())
            raise traced(ConfigError(f"{len(messages.failed)} of {len(schemas)} streams are incomplete: {said}"))

    @classmethod
    def read_config(cls, config_path: str) -> MutableMapping[str, Any]:
        return _readable("configuration", config_path, super().read_config)

    @classmethod
    def read_catalog(cls, catalog_path: str) -> ConfiguredAirbyteCatalog:
        return _readable("catalog", catalog_path, super().read_catalog)

    @classmethod
    def read_state(cls, state_path: str) -> list[AirbyteStateMessage]:
        return _readable("state", state_path, super().read_state)


def _readable(what: str, path: str, read: Callable[[str], _T]) -> _T:
    """Read one of the command's files; any failure is a config error."""
    try:
        return read(path)
    except OSError as error:
        why = f"cannot be read: {error.strerror}."
    except TypeError:  # a number where the CDK expects a list
        why = "is not valid: it does not have the expected form."
    except Exception as error:  # the CDK's parsers raise all kinds of errors
        why = f"is not valid: {_PYTHON_ERROR.sub('not an object', str(error))}"
    raise traced(ConfigError(f"The {what} file {path} {why}"))
