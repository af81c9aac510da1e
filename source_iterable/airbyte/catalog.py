"""The command `source-iterable catalog`: a configured catalog for `read`."""

from __future__ import annotations

import argparse
import sys
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
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_iterable.airbyte.source import SourceIterable, parsed_config
from source_iterable.airbyte.streams import as_airbyte_stream
from source_iterable.errors import IterableError
from source_iterable.process.ending import print_and_end
from source_iterable.streams.table import GROUPS, STREAMS, chosen


def run(arguments: list[str]) -> NoReturn:
    """Print the catalog and exit: 0, 1 if there is none, 2 for wrong arguments."""
    parser = argparse.ArgumentParser(
        prog="source-iterable catalog", description="Print a configured catalog, for source-iterable read --catalog."
    )
    parser.add_argument("--config", required=True, help="the configuration, a JSON file: docs/options.md")
    parser.add_argument(
        "--streams",
        default="all",
        help=f"comma-separated streams, and groups of them ({', '.join(GROUPS)}); default: all",
    )
    parser.add_argument(
        "--full-refresh",
        action="store_true",
        help="read all streams in full; read --state-file then ignores their states",
    )
    options = parser.parse_args(arguments)
    try:
        config = parsed_config(SourceIterable.read_config(options.config))
        streams = [as_airbyte_stream(STREAMS[name], config) for name in chosen(options.streams)]
    except AirbyteTracedException as error:
        sys.exit(error.message)
    except IterableError as error:
        sys.exit(str(error))
    catalog = ConfiguredAirbyteCatalog(streams=[_configured(stream, options.full_refresh) for stream in streams])
    print_and_end(orjson.dumps(ConfiguredAirbyteCatalogSerializer.dump(catalog), option=orjson.OPT_INDENT_2).decode())


def _configured(stream: AirbyteStream, full_refresh: bool) -> ConfiguredAirbyteStream:
    if full_refresh or SyncMode.incremental not in stream.supported_sync_modes:
        return ConfiguredAirbyteStream(stream, SyncMode.full_refresh, DestinationSyncMode.overwrite)
    return ConfiguredAirbyteStream(
        stream,
        SyncMode.incremental,
        DestinationSyncMode.append_dedup,
        cursor_field=stream.default_cursor_field,
        primary_key=stream.source_defined_primary_key,
    )
