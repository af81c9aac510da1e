"""Streams as a catalog shows them, and the command `source-iterable catalog`: a configured catalog for `read`."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import NoReturn

import orjson
from airbyte_cdk.models import (
    AirbyteStream,
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteCatalogSerializer,
    ConfiguredAirbyteStream,
    DestinationSyncMode,
    SyncMode,
)

from source_iterable.api.client import IterableClient
from source_iterable.config import Config
from source_iterable.errors import IterableError
from source_iterable.process.arguments import Parser
from source_iterable.process.display import one_line
from source_iterable.process.ending import print_and_end
from source_iterable.reading.stream import Stream
from source_iterable.streams.table import GROUPS, STREAMS, chosen, read_config


def as_airbyte_stream(stream: Stream, config: Config, client: IterableClient) -> AirbyteStream:
    """The stream as `discover` shows it. Raises IterableError."""
    incremental = stream.cursor_field is not None
    resumable = incremental or stream.resumable
    return AirbyteStream(
        name=stream.name,
        json_schema=stream.schema(config, client),
        supported_sync_modes=[SyncMode.full_refresh, *([SyncMode.incremental] if incremental else [])],
        # Required of all that are resumable, also where the cursor is only the progress of a full refresh.
        source_defined_cursor=True if resumable else None,
        default_cursor_field=[stream.cursor_field] if stream.cursor_field else None,
        source_defined_primary_key=[[column] for column in stream.key(config)] or None,
        is_resumable=resumable,
    )


def run(arguments: list[str]) -> NoReturn:
    """Print the catalog and exit: 0, 1 if there is none, 2 for wrong arguments."""
    description = "Print a configured catalog, for source-iterable read --catalog."
    parser = Parser(prog="source-iterable catalog", description=description)
    add = parser.add_argument
    add("--config", type=Path, required=True, help="the configuration, a JSON file: docs/options.md")
    add("--streams", default="all", help=f"comma-separated streams and groups ({', '.join(GROUPS)}); default: all")
    add("--full-refresh", action="store_true", help="read all streams in full; a --state-file is then not read")
    options = parser.parse_args(arguments)
    try:
        config = read_config(options.config)
        client = IterableClient(config, logging.getLogger("airbyte"))
        streams = [as_airbyte_stream(STREAMS[name], config, client) for name in chosen(options.streams)]
    except IterableError as error:
        sys.exit(one_line(str(error)))
    catalog = ConfiguredAirbyteCatalog(streams=[_configured(stream, options.full_refresh) for stream in streams])
    print_and_end(orjson.dumps(ConfiguredAirbyteCatalogSerializer.dump(catalog), option=orjson.OPT_INDENT_2).decode())


def _configured(stream: AirbyteStream, full_refresh: bool) -> ConfiguredAirbyteStream:
    if full_refresh or SyncMode.incremental not in stream.supported_sync_modes:
        return ConfiguredAirbyteStream(stream, SyncMode.full_refresh, DestinationSyncMode.overwrite)
    cursor, key = stream.default_cursor_field, stream.source_defined_primary_key
    return ConfiguredAirbyteStream(
        stream, SyncMode.incremental, DestinationSyncMode.append_dedup, cursor_field=cursor, primary_key=key
    )
