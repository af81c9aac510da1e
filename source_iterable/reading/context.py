"""StreamContext: everything a stream needs to be read."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import BoundedSemaphore
from typing import Any

from source_iterable.api.client import IterableClient
from source_iterable.config import Config
from source_iterable.exports.reader import ExportReader
from source_iterable.process.progress import Progress
from source_iterable.reading.catch_up import CatchUpBarrier
from source_iterable.reading.shared_lists import SharedLists
from source_iterable.records.private_fields import PrivateFields

# Batches of all export streams that exist at a time, besides those in the queue to stdout: each costs about 3 MB while it
# is made, and one core makes them.
BATCHES_AT_ONCE = 8


@dataclass
class StreamContext:
    """One sync's configuration, client, export reader and log; shared by all of its streams.

    `catalog_schemas` are the configured catalog's, by stream.
    """

    config: Config
    client: IterableClient
    logger: logging.Logger
    catalog_schemas: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    batch_slots: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(BATCHES_AT_ONCE))
    private_fields: PrivateFields = field(init=False)
    exports: ExportReader = field(init=False)
    shared: SharedLists = field(init=False)
    barrier: CatchUpBarrier = field(init=False)

    def __post_init__(self) -> None:
        self.private_fields = PrivateFields.from_config(self.config)
        self.exports = ExportReader(self.client, self.config, self.logger)
        self.shared = SharedLists(self.client, self.logger)
        self.barrier = CatchUpBarrier(self.client)

    @property
    def progress(self) -> Progress:
        return self.client.progress

    def close(self) -> None:
        """Stop all that is in progress, here and at Iterable, and warn of private fields that no record had."""
        for name in self.private_fields.unseen:
            self.logger.warning(
                f"No record of this sync had a field {name}, which is to be excluded or hashed: check its spelling."
            )
        self.client.stop()
        self.exports.close()
        self.shared.close()
        self.barrier.close()
