"""A configuration, checked against the streams that there are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from source_iterable.config import Config, invalid
from source_iterable.errors import ConfigError
from source_iterable.reading.stream import Stream
from source_iterable.streams.lists import ListUsers
from source_iterable.streams.table import STREAMS

# What `userIdentifier` of list_users may be.
_IDENTIFIERS = {"Email-based": ("email",), "UserID-based": ("userId",), "Hybrid": ("email", "userId")}


def parse_config(raw: Mapping[str, Any]) -> Config:
    """Validate a configuration read from JSON. Raises ConfigError, which names the invalid option."""
    config = Config.parse(raw)
    streams = [stream for stream in STREAMS.values() if stream.may_have_private_fields and not stream.exempt_key]
    cursors = _with_streams((stream.cursor_field, stream) for stream in streams if stream.cursor_field)
    # By the names that an option may give them.
    keys = dict.fromkeys(_IDENTIFIERS[config.project_type], ListUsers.name)
    keys |= _with_streams((column, stream) for stream in streams for column in stream.key(config))
    for option, names in (("excluded_fields", config.excluded_fields), ("hashed_fields", config.hashed_fields)):
        for name in names:
            if name in cursors:
                raise invalid(
                    f"'{option}': {name} must stay as it is, because it is the cursor of {cursors[name]} and others"
                )
    for name in config.excluded_fields:
        if name in keys:
            column = name.rpartition(".")[2]
            raise invalid(
                f"'excluded_fields': {name} must stay, because it is in the key of {keys[name]}. Hash it (hashed_fields), "
                f"or name the object that it is to be left out of, as in address.{column}"
            )
    return config


def read_config(path: Path) -> Config:
    """The configuration in a JSON file. Raises ConfigError, which says what is wrong with the file or the option."""
    try:
        return parse_config(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(f"The configuration file {path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise ConfigError(f"The configuration file {path} is not JSON: {error}.") from None


def _with_streams(columns: Iterable[tuple[str, Stream]]) -> dict[str, str]:
    """The first stream of each column, which is also meant by data.x where the records are of people."""
    found: dict[str, str] = {}
    for column, stream in columns:
        for name in (column, f"data.{column}") if stream.of_people else (column,):
            found.setdefault(name, stream.name)
    return found
