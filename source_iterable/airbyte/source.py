"""SourceIterable: the spec, check, discover and read commands."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import Any, TypeVar

from airbyte_cdk.models import (
    AirbyteCatalog,
    AirbyteConnectionStatus,
    AirbyteMessage,
    AirbyteRecordMessage,
    AirbyteStateMessage,
    AirbyteStreamStatus,
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteStream,
    ConnectorSpecification,
    Status,
    StreamDescriptor,
    Type,
)
from airbyte_cdk.sources.connector_state_manager import ConnectorStateManager
from airbyte_cdk.sources.source import Source
from airbyte_cdk.sources.streams.concurrent.abstract_stream import AbstractStream
from airbyte_cdk.utils.stream_status_utils import as_airbyte_message as stream_status

from source_iterable.airbyte.check import problem_with
from source_iterable.airbyte.concurrent import BatchingConcurrentSource
from source_iterable.airbyte.errors import traced
from source_iterable.airbyte.queue import BatchQueue, QueueMessageRepository
from source_iterable.airbyte.streams import as_airbyte_stream, as_concurrent_stream
from source_iterable.api.client import IterableClient
from source_iterable.config import Config, InvalidConfig, specification
from source_iterable.errors import ConfigError, IterableError
from source_iterable.process.display import progress_display
from source_iterable.reading.context import StreamContext
from source_iterable.reading.stream import Stream
from source_iterable.records.batch import RecordBatch
from source_iterable.streams.configuration import parse_config
from source_iterable.streams.table import STREAMS

_T = TypeVar("_T")
# How the CDK's parser describes a stream's state that is not an object; then it says where that is.
_PYTHON_ERROR = re.compile(r"\b[A-Z]\w+Error: [^\n]*(?= \(instance_path=)")


class SourceIterable(Source):
    """The connector. With `batched`, `read` yields RecordBatch items for a caller that writes their lines."""

    # Config's errors name the offending key; those of the CDK's check against the spec do not.
    check_config_against_spec = False

    def __init__(self, batched: bool = False) -> None:
        self._batched = batched

    @property
    def name(self) -> str:
        return "source-iterable"

    def spec(self, logger: logging.Logger) -> ConnectorSpecification:
        return ConnectorSpecification(**specification())

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:
        """Whether a sync with this configuration would work; a failed status says what to do."""
        try:
            problem = problem_with(parse_config(config), logger)
        except InvalidConfig as error:
            problem = f"The configuration is not valid: {error}."
        return AirbyteConnectionStatus(status=Status.FAILED if problem else Status.SUCCEEDED, message=problem)

    def discover(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteCatalog:
        parsed = parsed_config(config)
        try:
            return AirbyteCatalog(streams=[as_airbyte_stream(stream, parsed) for stream in STREAMS.values()])
        except IterableError as error:
            raise traced(error) from error

    def read(
        self,
        logger: logging.Logger,
        config: Mapping[str, Any],
        catalog: ConfiguredAirbyteCatalog,
        state: list[AirbyteStateMessage] | None = None,
    ) -> Iterator[AirbyteMessage]:
        """Read the catalog's streams concurrently. A failed stream does not stop the others.

        Raises AirbyteTracedException at the end if a stream failed, for the exit code.
        """
        for message in self._read(logger, parsed_config(config), catalog, state):
            if isinstance(message, RecordBatch) and not self._batched:
                for record in message.messages():
                    yield AirbyteMessage(type=Type.RECORD, record=AirbyteRecordMessage(**record))
            else:
                yield message

    def _read(
        self,
        logger: logging.Logger,
        config: Config,
        catalog: ConfiguredAirbyteCatalog,
        state: list[AirbyteStateMessage] | None,
    ) -> Iterator[AirbyteMessage]:
        queue = BatchQueue()
        messages = QueueMessageRepository(queue)
        states = _states(state)
        schemas = {each.stream.name: each.stream.json_schema for each in catalog.streams}
        context = StreamContext(config, IterableClient(config, logger), logger, schemas)
        streams: list[AbstractStream] = []
        chosen: list[Stream] = []
        failures: list[ConfigError] = []
        for configured in _in_reading_order(catalog.streams):
            try:
                stream = _stream_of(configured)
                made = as_concurrent_stream(stream, context, states, messages)
                queue.heartbeat.begins(stream.name, made.cursor.state)
                streams.append(made)
                chosen.append(stream)
            except ConfigError as error:
                failures.append(error)
                yield traced(error).as_airbyte_message(StreamDescriptor(name=configured.stream.name))
                yield stream_status(configured.stream, AirbyteStreamStatus.INCOMPLETE)
        context.expect(chosen)
        try:
            with context.progress.heartbeat(), progress_display(context.progress):
                if streams:
                    for message in BatchingConcurrentSource(queue, messages, logger).read(streams):
                        queue.heartbeat.observe(message)
                        yield message
        finally:
            # If the caller stops consuming midway, no thread stays blocked on a full queue.
            context.client.stop()
            queue.close()
            context.close()
        if failures:
            raise traced(ConfigError("; ".join(map(str, failures))))

    @classmethod
    def read_config(cls, config_path: str) -> MutableMapping[str, Any]:
        return _readable("configuration", config_path, super().read_config)

    @classmethod
    def read_catalog(cls, catalog_path: str) -> ConfiguredAirbyteCatalog:
        return _readable("catalog", catalog_path, super().read_catalog)

    @classmethod
    def read_state(cls, state_path: str) -> list[AirbyteStateMessage]:
        return _readable("state", state_path, super().read_state)


def _states(state: list[AirbyteStateMessage] | None) -> ConnectorStateManager:
    try:
        return ConnectorStateManager(state)
    except ValueError:
        raise traced(
            ConfigError(
                "The state is GLOBAL with a shared part, which this connector does not write. Reset the streams."
            )
        ) from None
    except RecursionError:
        raise traced(
            ConfigError("The state is nested too deep to be read. Correct the state, or reset the streams.")
        ) from None
    except AttributeError:
        raise traced(
            ConfigError(
                "The state holds an entry that is not what its type says. Correct the state, or reset the streams."
            )
        ) from None


def _in_reading_order(streams: Iterable[ConfiguredAirbyteStream]) -> list[ConfiguredAirbyteStream]:
    """The catalog's streams, each once: two readings of one would emit its records twice, and race for its state."""
    order = {name: position for position, name in enumerate(STREAMS)}
    once = {configured.stream.name: configured for configured in streams}
    return sorted(once.values(), key=lambda configured: order.get(configured.stream.name, -1))


def _stream_of(configured: ConfiguredAirbyteStream) -> Stream:
    name = configured.stream.name
    if name not in STREAMS:
        raise ConfigError(
            f"This source has no stream {name}. Refresh the schema of the connection, or remove {name} from the catalog."
        )
    return STREAMS[name]


def parsed_config(config: Mapping[str, Any]) -> Config:
    """Validate a configuration. Raises AirbyteTracedException."""
    try:
        return parse_config(config)
    except InvalidConfig as error:
        raise traced(ConfigError(f"The configuration is not valid: {error}.")) from None


def _readable(what: str, path: str, read: Callable[[str], _T]) -> _T:
    """Read one of the command's files; any failure is a config error."""
    try:
        return read(path)
    except OSError as error:
        raise traced(ConfigError(f"The {what} file {path} cannot be read: {error.strerror}.")) from None
    except TypeError:  # a number where the CDK expects a list
        raise traced(ConfigError(f"The {what} file {path} is not valid: it is not of the expected form.")) from None
    except Exception as error:  # the CDK's parsers raise all kinds of errors
        why = _PYTHON_ERROR.sub("not an object", str(error))
        raise traced(ConfigError(f"The {what} file {path} is not valid: {why}")) from None
