"""The time in a state: ours, or that of Airbyte's published connector."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from dateutil import parser

from source_iterable.errors import ConfigError

# A larger number is in milliseconds since the epoch, not in seconds.
_MILLISECONDS = 10**11


def state_time(stream_name: str, cursor_field: str, state: Mapping[str, Any]) -> int | None:
    """The time of a state in seconds since the epoch; None if it has none.

    Accepts our states and those of Airbyte's published connector: a date in any format. Raises ConfigError for a value
    that is not a date.
    """
    value = state.get(cursor_field)
    if value is None:
        return None
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            seconds = int(value / 1000 if value > _MILLISECONDS else value)
        else:
            # Text without a year, month or day takes it from the default, so two defaults parse differently.
            first, second = (
                parser.parse(value, default=datetime(year, year, year), tzinfos=_offset) for year in (1, 2)
            )
            if first != second:
                raise ValueError
            seconds = int((first if first.tzinfo else first.replace(tzinfo=timezone.utc)).timestamp())
        datetime.fromtimestamp(seconds, timezone.utc)  # raises if there is no such year
        return seconds
    except (ValueError, TypeError, OverflowError, OSError):
        raise unreadable(stream_name, f"{cursor_field} is {value!r}, which is not a date") from None


def unreadable(stream_name: str, why: str) -> ConfigError:
    """The error for a state that cannot be read, and what to do."""
    return ConfigError(
        f"The state of stream {stream_name} cannot be read: {why}. Correct the state, or reset the stream."
    )


def _offset(name: str | None, seconds: int | None) -> int | None:
    """The offset of a time zone in a text. One known by its name alone, such as CET, would be taken for UTC."""
    if name and seconds is None:
        raise ValueError(name)
    return seconds
