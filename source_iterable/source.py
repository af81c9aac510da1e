"""SourceIterable: spec, check, discover and read, out of a configuration."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from airbyte_cdk.models import (
    AirbyteCatalog,
    AirbyteConnectionStatus,
    AirbyteMessage,
    AirbyteStateMessage,
    AirbyteStreamStatus,
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteStream,
    ConnectorSpecification,
    Status,
    StreamDescriptor,
)
from airbyte_cdk.sources.concurrent_source.thread_pool_manager import ThreadPoolManager
from airbyte_cdk.sources.connector_state_manager import ConnectorStateManager
from airbyte_cdk.sources.source import Source
from airbyte_cdk.sources.streams.concurrent.abstract_stream import AbstractStream
from airbyte_cdk.utils.stream_status_utils import as_airbyte_message as stream_status

from source_iterable.api import IterableClient
from source_iterable.batches import BatchingConcurrentSource, BatchQueue, QueueMessageRepository, RecordBatch
from source_iterable.check import problem_with
from source_iterable.config import Config, InvalidConfig, specification
from source_iterable.display import progress_display
from source_iterable.errors import ConfigError
from source_iterable.exports.doors import ExportDoors
from source_iterable.streams.context import StreamContext
from source_iterable.streams.table import STREAMS

# Threads that read, most of them waiting for Iterable; and how many streams may plan their windows at a time, which has
# to leave threads to read them.
WORKERS, PLANNERS = 40, 10
_T = TypeVar("_T")


class SourceIterable(Source):
    """The connector. With `batched`, `read` yields RecordBatch items where it can, for a caller that writes their lines."""

    # Config names the key that is wrong, which the CDK's check against the spec does not.
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
            problem = problem_with(Config.parse(config), logger)
        except InvalidConfig as error:
            problem = f"The configuration is not valid: {error}."
        return AirbyteConnectionStatus(status=Status.FAILED if problem else Status.SUCCEEDED, message=problem)

    def discover(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteCatalog:
        parsed = _parse(config)
        return AirbyteCatalog(streams=[stream.as_airbyte_stream(parsed) for stream in STREAMS.values()])

    def read(
        self,
        logger: logging.Logger,
        config: Mapping[str, Any],
        catalog: ConfiguredAirbyteCatalog,
        state: list[AirbyteStateMessage] | None = None,
    ) -> Iterator[AirbyteMessage]:
        """Read the catalog's streams, many at a time. One stream's failure does not stop the others.

        Raises AirbyteTracedException at the end when a stream failed, so that the exit code says so.
        """
        for message in self._read(logger, _parse(config), catalog, state):
            if isinstance(message, RecordBatch) and not self._batched:
                yield from message.messages()
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
        client = IterableClient(config, logger)
        doors = ExportDoors(client, config, logger)
        context = StreamContext(config, client, doors, logger, messages, ConnectorStateManager(state))
        context.catalog_schemas = {each.stream.name: each.stream.json_schema for each in catalog.streams}
        streams: list[AbstractStream] = []
        failures: dict[str, ConfigError] = {}
        for configured in _in_reading_order(catalog.streams):
            try:
                streams.append(_build(configured, context))
            except ConfigError as error:
                failures[configured.stream.name] = error
                yield error.as_airbyte_message(stream_descriptor=StreamDescriptor(name=configured.stream.name))
                yield stream_status(configured.stream, AirbyteStreamStatus.INCOMPLETE)
        try:
            with client.progress.heartbeat(), progress_display(client.progress):
                if streams:
                    yield from _concurrent_source(queue, messages, logger).read(streams)
        finally:
            client.stop()
            # Whoever stops taking records in the middle shall not leave threads behind that wait to hand some over.
            queue.close()
            doors.close()
            context.shared.close()
        if failures:
            raise ConfigError("; ".join(str(error) for error in failures.values()))

    @classmethod
    def read_config(cls, config_path: str) -> MutableMapping[str, Any]:
        return _readable("configuration", config_path, super().read_config)

    @classmethod
    def read_catalog(cls, catalog_path: str) -> ConfiguredAirbyteCatalog:
        return _readable("catalog", catalog_path, super().read_catalog)

    @classmethod
    def read_state(cls, state_path: str) -> list[AirbyteStateMessage]:
        return _readable("state", state_path, super().read_state)


def _concurrent_source(
    queue: BatchQueue, messages: QueueMessageRepository, logger: logging.Logger
) -> BatchingConcurrentSource:
    threads = ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="reader")
    return BatchingConcurrentSource(
        ThreadPoolManager(threads, logger),
        logger,
        queue=queue,
        message_repository=messages,
        initial_number_partitions_to_generate=PLANNERS,
    )


def _in_reading_order(streams: Iterable[ConfiguredAirbyteStream]) -> list[ConfiguredAirbyteStream]:
    order = {name: position for position, name in enumerate(STREAMS)}
    return sorted(streams, key=lambda configured: order.get(configured.stream.name, -1))


def _build(configured: ConfiguredAirbyteStream, context: StreamContext) -> AbstractStream:
    name = configured.stream.name
    if name not in STREAMS:
        raise ConfigError(
            f"There is no stream {name} in this source. Refresh the schema of the connection, or take {name} out of the "
            "catalog."
        )
    return STREAMS[name].build(context)


def _parse(config: Mapping[str, Any]) -> Config:
    try:
        return Config.parse(config)
    except InvalidConfig as error:
        raise ConfigError(f"The configuration is not valid: {error}.") from None


def _readable(what: str, path: str, read: Callable[[str], _T]) -> _T:
    """Read one of the command's files; anything wrong with it is the user's to mend."""
    try:
        return read(path)
    except OSError as error:
        raise ConfigError(f"The {what} file {path} cannot be read: {error.strerror}.") from None
    except Exception as error:  # the CDK's parsers raise errors of many kinds
        raise ConfigError(f"The {what} file {path} is not valid: {error}") from None
