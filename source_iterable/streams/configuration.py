"""A configuration, checked against the streams that there are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from source_iterable.config import Config, invalid
from source_iterable.errors import ConfigError
from source_iterable.records.private_fields import PrivateFields
from source_iterable.streams.table import STREAMS


def parse_config(raw: Mapping[str, Any]) -> Config:
    """Validate a configuration read from JSON. Raises ConfigError, which names the invalid option."""
    config = Config.parse(raw)
    private = PrivateFields.from_config(config)
    streams = [stream for stream in STREAMS.values() if stream.may_have_private_fields and not stream.exempt_key]
    for stream in streams:
        if stream.cursor_field and (rule := private.rule(stream.cursor_field, stream.layout)):
            option = "hashed_fields" if rule.hashed else "excluded_fields"
            raise invalid(
                f"'{option}': {rule.name} must stay as it is, because it is the cursor of {stream.name} and others"
            )
    keys = [(column, stream) for stream in streams for column in stream.key(config)]
    # Its userIdentifier is one of them.
    keys += [(column, STREAMS["list_users"]) for column in config.identifiers]
    for column, stream in keys:
        rule = private.rule(column, stream.layout)
        if rule and not rule.hashed:
            raise invalid(
                f"'excluded_fields': {rule.name} must stay, because it is in the key of {stream.name}. Hash it "
                f"(hashed_fields), or name the object that it is to be left out of, as in address.{column}"
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
