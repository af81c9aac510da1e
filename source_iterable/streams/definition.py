"""StreamDefinition: what the source knows of a stream, before and during a sync."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from airbyte_cdk.models import AirbyteStream, SyncMode
from airbyte_cdk.sources.streams.concurrent.abstract_stream import AbstractStream

from source_iterable.config import Config
from source_iterable.schemas import load_schema
from source_iterable.streams.context import StreamContext


class StreamDefinition(ABC):
    """A stream of the table. With a cursor it is incremental; `resumable` ones without a cursor can be cut off."""

    name: str
    # How many requests a sync makes, for docs/streams.md; a rate limit in brackets.
    cost: str
    cursor_field: str | None = None
    resumable = False

    @abstractmethod
    def key(self, config: Config) -> list[str]:
        """The columns of the primary key; empty when there is none."""

    @abstractmethod
    def build(self, context: StreamContext) -> AbstractStream:
        """The stream for the CDK to read. Raises ConfigError when its state cannot be read."""

    def schema(self, config: Config) -> dict[str, Any]:
        """The JSON schema of the records."""
        return load_schema(self.name, required=[*self.key(config), *filter(None, [self.cursor_field])])

    def as_airbyte_stream(self, config: Config) -> AirbyteStream:
        """The stream as `discover` shows it."""
        incremental = self.cursor_field is not None
        return AirbyteStream(
            name=self.name,
            json_schema=self.schema(config),
            supported_sync_modes=[SyncMode.full_refresh, *([SyncMode.incremental] if incremental else [])],
            source_defined_cursor=True if incremental else None,
            default_cursor_field=[self.cursor_field] if self.cursor_field else None,
            source_defined_primary_key=[[column] for column in self.key(config)] or None,
            is_resumable=incremental or self.resumable,
        )
