"""SourceIterable: the connector as a source of the Airbyte CDK, for programs in Python. The command does without."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import closing, contextmanager
from typing import Any

import msgspec
import requests
from airbyte_cdk.entrypoint import AirbyteEntrypoint
from airbyte_cdk.models import (
    AirbyteCatalog,
    AirbyteConnectionStatus,
    AirbyteMessage,
    AirbyteMessageSerializer,
    AirbyteRecordMessage,
    AirbyteStateMessage,
    AirbyteStateMessageSerializer,
    AirbyteStream,
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteStream,
    ConnectorSpecification,
    DestinationSyncMode,
    FailureType,
    Status,
    SyncMode,
    Type,
)
from airbyte_cdk.sources.source import Source
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_iterable.airbyte import commands, given
from source_iterable.errors import ConfigError, IterableError
from source_iterable.records.batch import RecordBatch
from source_iterable.spec import specification


class SourceIterable(Source):
    """The connector. Errors are raised as AirbyteTracedException."""

    name = "source-iterable"
    # Config's errors name the offending key; those of the CDK's check against the spec do not.
    check_config_against_spec = False

    def spec(self, logger: logging.Logger) -> ConnectorSpecification:
        return ConnectorSpecification(**specification())

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:
        status = commands.check(config, logger)["connectionStatus"]
        return AirbyteConnectionStatus(Status(status["status"]), status.get("message"))

    def discover(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteCatalog:
        with _traced():
            message = AirbyteMessageSerializer.load(commands.discover(config, logger))
        assert message.catalog
        return message.catalog

    def read(
        self,
        logger: logging.Logger,
        config: Mapping[str, Any],
        catalog: ConfiguredAirbyteCatalog,
        state: list[AirbyteStateMessage] | None = None,
    ) -> Iterator[AirbyteMessage]:
        """Read the catalog's streams at once. A failed stream does not stop the others; it raises at the end."""
        configured = [
            given.ConfiguredStream(given.CatalogStream(each.stream.name, each.stream.json_schema), each.sync_mode.value)
            for each in catalog.streams
        ]
        messages = [AirbyteStateMessageSerializer.dump(each) for each in state or []]
        with _traced():
            states = given.states_of(msgspec.convert(messages, list[given.StateMessage]))
            with closing(commands.read(config, configured, states, logger)) as items:
                for item in items:
                    if not isinstance(item, RecordBatch):
                        yield AirbyteMessageSerializer.load(item)
                        continue
                    for data in item.records():
                        record = AirbyteRecordMessage(item.stream_name, data, time.time_ns() // 1_000_000)
                        yield AirbyteMessage(type=Type.RECORD, record=record)

    @classmethod
    def read_config(cls, config_path: str) -> MutableMapping[str, Any]:
        with _traced():
            return given.configuration(config_path)

    @classmethod
    def read_catalog(cls, catalog_path: str) -> ConfiguredAirbyteCatalog:
        """The catalog in a file, with what `read` needs of it."""
        with _traced():
            streams = given.catalog(catalog_path)
        return ConfiguredAirbyteCatalog(
            [
                ConfiguredAirbyteStream(
                    AirbyteStream(each.stream.name, each.stream.json_schema, []),
                    SyncMode(each.sync_mode),
                    DestinationSyncMode.append,
                )
                for each in streams
            ]
        )

    @classmethod
    def read_state(cls, state_path: str) -> list[AirbyteStateMessage]:
        with _traced():
            states = given.states(state_path) if state_path else {}
        streams = [{"stream_descriptor": {"name": name}, "stream_state": state} for name, state in states.items()]
        return [AirbyteStateMessageSerializer.load({"type": "STREAM", "stream": stream}) for stream in streams]


@contextmanager
def _traced() -> Iterator[None]:
    """Raises AirbyteTracedException for errors of the connector in the block."""
    try:
        yield
    except IterableError as error:
        failure = FailureType(error.failure)
        raise AirbyteTracedException.from_exception(error, message=str(error), failure_type=failure) from error


def forbid_private_networks() -> None:
    """From now on, requests of this process to private addresses raise ConfigError; only https is taken.

    That is what the CDK's entrypoint does in the cloud, as it is made.
    """
    # It has a line for the log.
    logging.getLogger("airbyte").setLevel(logging.WARNING)
    AirbyteEntrypoint(SourceIterable())
    send = requests.Session.send

    def checked(*arguments: Any, **options: Any) -> requests.Response:
        try:
            return send(*arguments, **options)
        except AirbyteTracedException as error:
            raise ConfigError(str(error)) from None

    requests.Session.send = checked  # type: ignore[method-assign]
