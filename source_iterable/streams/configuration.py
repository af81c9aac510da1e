"""A configuration, checked against the streams that there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from source_iterable.config import Config, InvalidConfig
from source_iterable.reading.stream import Stream
from source_iterable.streams.lists import ListUsers
from source_iterable.streams.table import STREAMS

# What `userIdentifier` of list_users may be.
_IDENTIFIERS = {"Email-based": ("email",), "UserID-based": ("userId",), "Hybrid": ("email", "userId")}


def parse_config(raw: Mapping[str, Any]) -> Config:
    """Validate a configuration read from JSON. Raises InvalidConfig, which names the invalid option."""
    config = Config.parse(raw)
    for option, names in (("excluded_fields", config.excluded_fields), ("hashed_fields", config.hashed_fields)):
        for name in names:
            if stream := _cursors().get(name):
                raise InvalidConfig(
                    f"'{option}': {name} must stay as it is, because it is the cursor of {stream} and others"
                )
    keys = _keys(config)
    for name in config.excluded_fields:
        if stream := keys.get(name):
            raise InvalidConfig(
                f"'excluded_fields': {name} must stay, because it is in the key of {stream}. Hash it (hashed_fields), or "
                f"name the object that it is to be left out of, as in address.{name}"
            )
    return config


def _keys(config: Config) -> dict[str, str]:
    """The columns of primary keys, by the names that an option may give them, each with a stream that has it."""
    keys = dict.fromkeys(_IDENTIFIERS[config.project_type], ListUsers.name)
    for stream in reversed(STREAMS.values()):
        for column in stream.key(config):
            keys |= dict.fromkeys(_names(column, stream), stream.name)
    return keys


def _cursors() -> dict[str, str]:
    cursors: dict[str, str] = {}
    for stream in STREAMS.values():
        if stream.cursor_field:
            cursors |= dict.fromkeys(_names(stream.cursor_field, stream), stream.name)
    return cursors


def _names(column: str, stream: Stream) -> list[str]:
    """A column of a stream that has all else in `data` is also meant by data.x (private_fields.py)."""
    return [column, f"data.{column}"] if stream.has_rest else [column]
