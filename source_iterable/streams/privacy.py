"""What to say of the private options before any record is written: what they leave in clear, and what they do not match."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from source_iterable.config import Config
from source_iterable.kinds import KINDS, PREFIX, kind_of
from source_iterable.reading.stream import Stream
from source_iterable.records.private_fields import PrivateFields
from source_iterable.records.schemas import load_schema
from source_iterable.streams.table import STREAMS


def notes(config: Config) -> list[str]:
    """Sentences for the log: declared fields of the same kind that stay in clear, and what can be guessed without a salt."""
    private = [*config.excluded_fields, *config.hashed_fields]
    named = [name for name in private if name not in config.by_kind]
    found = [*_same_kind(config, named)] if named else []
    # By the entries of the options, what there is little of.
    few = {
        config.by_kind.get(name, name): KINDS[kind].what
        for name in private
        if (kind := kind_of(name)) and KINDS[kind].is_guessable
    }
    if few and not config.hash_salt:
        whats = " and ".join(dict.fromkeys(few.values()))
        found.append(
            f"{', '.join(few)}: private, but without hash_salt. There are so few {whats} that all can be tried against "
            "the hashes, and against the _event_id of an event: set hash_salt."
        )
    return found


def _same_kind(config: Config, named: Iterable[str]) -> Iterator[str]:
    """A sentence for each kind of which some names are in the options, and others are in clear in some stream."""
    private = PrivateFields([*config.excluded_fields, *config.hashed_fields])
    clear = {name for stream in _streams() for name in _names(private.schema(load_schema(stream.name), stream.layout))}
    for kind, (what, declared, _, _) in KINDS.items():
        own = [name for name in named if kind_of(name) == kind]
        if own and (missed := [name for name in declared if name in clear]):
            yield (
                f"{', '.join(own)}: private, but other fields of the same kind ({what}) are not: {', '.join(missed)}. Add "
                f"{PREFIX}{kind} for all of them."
            )


def unknown_names(config: Config, profile_fields: Iterable[str] = ()) -> list[str]:
    """The names in the options that neither a schema nor these fields of the project's user profiles have.

    Fields of custom events, catalogs and nested objects may have them all the same.
    """
    private = PrivateFields.from_config(config)
    for stream in _streams():
        private.schema(load_schema(stream.name), stream.layout)
    users = STREAMS["users"]
    private.redaction(users.name, users.layout)(dict.fromkeys(profile_fields))
    return private.unseen


def _streams() -> list[Stream]:
    return [stream for stream in STREAMS.values() if stream.may_have_private_fields]


def _names(schema: Mapping[str, Any]) -> Iterator[str]:
    """The names of all fields of a schema, however deep; of a dotted one, the last."""
    for name, column in schema.get("properties", {}).items():
        yield name.rpartition(".")[2]
        yield from _names(column)
    if isinstance(schema.get("items"), Mapping):
        yield from _names(schema["items"])
