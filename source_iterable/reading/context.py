"""StreamContext: everything a stream needs to be read."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any

from source_iterable.api.client import IterableClient
from source_iterable.config import Config
from source_iterable.exports.reader import ExportReader
from source_iterable.process.progress import Progress
from source_iterable.reading.rereading import NewFirst
from source_iterable.reading.shared_pages import SharedPages
from source_iterable.reading.shared_responses import SharedResponses
from source_iterable.records.private_fields import PrivateFields

if TYPE_CHECKING:
    from source_iterable.reading.stream import Stream

# Batches of all export streams that exist at a time, besides those in the queue to stdout: each costs about 3 MB while it
# is made, and one core makes them.
BATCHES_AT_ONCE = 8


@dataclass
class StreamContext:
    """One sync's configuration, client, export reader and log; shared by all of its streams.

    `catalog_schemas` are the configured catalog's, by stream. `members` are the users of the lists.
    """

    config: Config
    client: IterableClient
    logger: logging.Logger
    catalog_schemas: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    batch_slots: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(BATCHES_AT_ONCE))
    private_fields: PrivateFields = field(init=False)
    exports: ExportReader = field(init=False)
    shared: SharedPages = field(init=False)
    members: SharedResponses = field(init=False)
    new_first: NewFirst = field(init=False)

    def __post_init__(self) -> None:
        self.private_fields = PrivateFields.from_config(self.config)
        self.exports = ExportReader(self.client, self.config, self.logger)
        self.shared = SharedPages(self.client, self.logger)
        self.members = SharedResponses(self.client)
        self.new_first = NewFirst(self.client)

    @property
    def progress(self) -> Progress:
        return self.client.progress

    def expect(self, streams: Collection[Stream]) -> None:
        """Name the streams of this sync, before any of them begins."""
        self.new_first.expect(stream.name for stream in streams if stream.reads_exports)
        self.members.expect(stream.name for stream in streams if stream.reads_members)

    def done(self, stream: str) -> None:
        """A stream has ended, or will never begin."""
        self.new_first.done(stream)
        self.members.done(stream)

    def close(self) -> None:
        """Stop everything that this sync has in progress, here and at Iterable. Tells what it has not found."""
        for name in self.private_fields.unseen:
            self.logger.warning(
                f"No record of this sync had a field {name}, which is to be excluded or hashed: check its spelling."
            )
        self.client.stop()
        self.exports.close()
        self.shared.close()
        self.members.close()
