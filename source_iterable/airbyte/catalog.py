"""Streams as a catalog shows them, and the command `source-iterable catalog`: a configured catalog for `read`."""

from __future__ import annotations

import logging
import sys
from typing import Any, NoReturn

import orjson

from source_iterable.api.client import IterableClient
from source_iterable.config import Config
from source_iterable.errors import IterableError
from source_iterable.process.arguments import Parser, add_config
from source_iterable.process.display import one_line
from source_iterable.process.ending import print_and_end
from source_iterable.reading.stream import Stream
from source_iterable.streams.table import ALL, GROUPS, STREAMS, chosen, read_config


def as_airbyte_stream(stream: Stream, config: Config, client: IterableClient) -> dict[str, Any]:
    """The stream as `discover` shows it. Raises IterableError."""
    incremental = stream.cursor_field is not None
    resumable = incremental or stream.resumable
    key = [[column] for column in stream.key(config)]
    return {
        "name": stream.name,
        "json_schema": stream.schema(config, client),
        "supported_sync_modes": ["full_refresh", *(["incremental"] if incremental else [])],
        # Required of all that are resumable, also where the cursor is only the progress of a full refresh.
        **({"source_defined_cursor": True} if resumable else {}),
        **({"default_cursor_field": [stream.cursor_field]} if incremental else {}),
        **({"source_defined_primary_key": key} if key else {}),
        "is_resumable": resumable,
    }


def run(arguments: list[str]) -> NoReturn:
    """Print the catalog and exit: 0, 1 if there is none, 2 for wrong arguments."""
    description = "Print a configured catalog, for source-iterable read --catalog."
    parser = Parser(prog="source-iterable catalog", description=description)
    add = parser.add_argument
    add_config(parser)
    add(
        "--streams", default=ALL, help=f"comma-separated streams and groups ({', '.join(GROUPS)}); default: all streams"
    )
    add("--full-refresh", action="store_true", help="read all streams in full; a --state-file is then not read")
    options, logger = parser.parse_args(arguments), logging.getLogger("airbyte")
    try:
        config = read_config(options.config)
        client = IterableClient(config, logger)
        streams = [as_airbyte_stream(STREAMS[name], config, client) for name in chosen(options.streams, logger)]
    except IterableError as error:
        sys.exit(one_line(str(error)))
    catalog = {"streams": [_configured(stream, options.full_refresh) for stream in streams]}
    print_and_end(orjson.dumps(catalog, option=orjson.OPT_INDENT_2).decode())


def _configured(stream: dict[str, Any], full_refresh: bool) -> dict[str, Any]:
    if full_refresh or "default_cursor_field" not in stream:
        return {"stream": stream, "sync_mode": "full_refresh", "destination_sync_mode": "overwrite"}
    return {
        "stream": stream,
        "sync_mode": "incremental",
        "destination_sync_mode": "append_dedup",
        "cursor_field": stream["default_cursor_field"],
        "primary_key": stream["source_defined_primary_key"],
    }
