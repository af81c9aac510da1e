"""The table of all streams and their groups; names and configurations are checked against it."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from source_iterable.config import Config, invalid
from source_iterable.errors import ConfigError
from source_iterable.process.environment import filled, without_file
from source_iterable.reading.export_stream import EventStream, ExportStream
from source_iterable.reading.lists import PlainList
from source_iterable.reading.stream import Stream
from source_iterable.records.private_fields import PrivateFields
from source_iterable.records.schemas import data_types
from source_iterable.streams.campaigns import CAMPAIGNS, ChildCampaigns, Journeys
from source_iterable.streams.campaigns_metrics import CampaignsMetrics
from source_iterable.streams.catalogs import CATALOGS, CatalogFieldMappings, CatalogItems
from source_iterable.streams.daily_metrics import CampaignsMetricsDaily
from source_iterable.streams.experiment_trends import ExperimentTrends
from source_iterable.streams.experiments import Experiments, ExperimentVariants
from source_iterable.streams.lists import IDENTIFIERS, LISTS, ListSizes, ListUsers
from source_iterable.streams.metadata import METADATA, MetadataEntries
from source_iterable.streams.metrics import ExperimentsMetrics
from source_iterable.streams.templates import TemplateContents, TemplateLocales, Templates
from source_iterable.streams.user_events import UserEvents
from source_iterable.streams.users import ForgottenUsers, UserFields, Users
from source_iterable.streams.webhooks import Webhooks

# Each schema file that names a data type of the export API is an event stream.
EVENTS = [EventStream(name, data_type) for name, data_type in data_types().items()]
EXPORTS: list[ExportStream] = [Users(), *EVENTS]

# A request or a few each. They come first: they finish while the exports wait for the export rate limit.
_SHORT: list[Stream] = [
    # Name, path, the list in the response, primary key.
    LISTS,
    PlainList("channels", "channels", "channels", "id"),
    PlainList("message_types", "messageTypes", "messageTypes", "id"),
    METADATA,
    CATALOGS,
    PlainList("snippets", "snippets", "snippets", "id"),
    Webhooks("webhooks", "webhooks", "webhooks", "id"),
    # Lists that need more than that, each with its own class.
    *(UserFields(), ForgottenUsers(), CAMPAIGNS, Templates(), Journeys()),
]
_IN_ORDER: list[Stream] = [
    *_SHORT,
    # Lists that depend on others.
    *(CampaignsMetrics(), ExperimentsMetrics(), Experiments(), ExperimentVariants(), ExperimentTrends()),
    # A request for each campaign, template, catalog or table.
    *(ChildCampaigns(), TemplateContents(), TemplateLocales()),
    *(CatalogFieldMappings(), CatalogItems(), MetadataEntries()),
    # A request for each day, list or user.
    *(CampaignsMetricsDaily(), ListSizes(), ListUsers(), UserEvents(EVENTS)),
    *EXPORTS,
]
STREAMS = {stream.name: stream for stream in _IN_ORDER}
SHORT = frozenset(stream.name for stream in _SHORT)

# A request for each user, list, day or entry, five or ten a minute: hours in a large project.
EXPENSIVE = ("events", "list_users", "list_sizes", "campaigns_metrics_daily", "metadata_entries")
ALL, DEFAULT = "group:all", "group:default"
_OF_EVENTS = [stream.name for stream in EVENTS]
_BY_DEFAULT = [name for name in STREAMS if name not in EXPENSIVE]
GROUPS: dict[str, list[str]] = {
    ALL: list(STREAMS),
    DEFAULT: _BY_DEFAULT,
    "group:events": _OF_EVENTS,
    "group:lists": [name for name in _BY_DEFAULT if name != "users" and name not in _OF_EVENTS],
}
# Names of before, which no stream has, for one more release. Where a stream had the name of a group, it meant the group.
_FORMER = {"all": ALL, "default": DEFAULT, **{f"stream:{name}": name for name in STREAMS}}


def chosen(names: str, logger: logging.Logger) -> list[str]:
    """The streams that a comma-separated list of names and groups means, each once. Raises ConfigError.

    The log says what is named otherwise than in earlier versions.
    """
    given = [name for name in map(str.strip, names.split(",")) if name]
    wanted = [_FORMER.get(name, name) for name in given]
    unknown = [name for name in wanted if name not in GROUPS and name not in STREAMS]
    if unknown:
        raise ConfigError(
            f"There is no stream or group {', '.join(unknown)}. Groups: {', '.join(GROUPS)}. Streams: docs/streams.md."
        )
    if not wanted:
        raise ConfigError("No stream was named.")
    for name in dict.fromkeys(given):
        if name in _FORMER:
            logger.warning(f"{name} is now called {_FORMER[name]}. The next version will not know the old name.")
        elif f"group:{name}" in GROUPS:
            logger.warning(f"{name} is now the stream of this name alone. The group of streams is group:{name}.")
    return list(dict.fromkeys(each for name in wanted for each in GROUPS.get(name, [name])))


def parse_config(raw: Mapping[str, Any]) -> Config:
    """Validate a configuration read from JSON. Raises ConfigError, which names the invalid option."""
    config = Config.parse(raw)
    private = PrivateFields.from_config(config)
    streams = [stream for stream in STREAMS.values() if stream.may_have_private_fields and not stream.exempt_key]
    for stream in streams:
        if stream.cursor_field and (rule := private.rule(stream.cursor_field, stream.layout)):
            option = "hashed_fields" if rule.hashed else "excluded_fields"
            raise invalid(f"'{option}': {rule.name} must stay as it is: it is the cursor of {stream.name} and others")
    keys = [(column, stream) for stream in streams for column in stream.key_in_project(config)]
    # Its userIdentifier is one of them.
    keys += [(column, STREAMS["list_users"]) for column in IDENTIFIERS[config.project_type]]
    for column, stream in keys:
        if (rule := private.rule(column, stream.layout)) and not rule.hashed:
            name = f"{rule.name}, of {config.by_kind[rule.name]}," if rule.name in config.by_kind else rule.name
            raise invalid(
                f"'excluded_fields': {name} must stay, because it is in the key of {stream.name}. Hash it "
                f"(hashed_fields), or exclude it from one object only, as in address.{column}"
            )
    return config


def read_config(path: Path | None) -> Config:
    """The configuration in a JSON file, or without one that of the environment, which fills what the file leaves out.

    Raises ConfigError, which says what is wrong with the file or the option.
    """
    if path is None:
        return parse_config(without_file())
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return parse_config(filled(raw) if isinstance(raw, dict) else raw)
    except OSError as error:
        raise ConfigError(f"The configuration file {path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise ConfigError(f"The configuration file {path} is not JSON: {error}.") from None
