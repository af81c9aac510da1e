"""Groups of streams, and which ones a list of names and groups means."""

from __future__ import annotations

from source_iterable.errors import ConfigError
from source_iterable.streams.table import EXPORTS, STREAMS

# A request for each user, list or day, ten or five a minute, or what another stream tells as well: hours in a large project.
EXPENSIVE = ("events", "list_users", "list_sizes", "campaigns_metrics_daily", "metadata_entries")
GROUPS: dict[str, tuple[str, ...]] = {
    "all": tuple(STREAMS),
    "default": tuple(name for name in STREAMS if name not in EXPENSIVE),
    "events": tuple(stream.name for stream in EXPORTS if stream.name != "users"),
}
GROUPS["lists"] = tuple(name for name in GROUPS["default"] if name != "users" and name not in GROUPS["events"])


def chosen(names: str) -> list[str]:
    """The streams that a comma-separated list of names and groups means, each once. Raises ConfigError.

    `events` and `lists` are groups; the streams of these names are `stream:events` and `stream:lists`.
    """
    found: dict[str, None] = {}
    unknown = []
    for name in filter(None, (each.strip() for each in names.split(","))):
        if name in GROUPS:
            found.update(dict.fromkeys(GROUPS[name]))
        elif name.removeprefix("stream:") in STREAMS:
            found[name.removeprefix("stream:")] = None
        else:
            unknown.append(name)
    if unknown:
        raise ConfigError(
            f"There is no stream or group {', '.join(unknown)}. Groups: {', '.join(GROUPS)}. Streams: docs/streams.md."
        )
    if not found:
        raise ConfigError("No stream was named.")
    return list(found)
