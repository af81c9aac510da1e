"""DistinctUsers: deduplicates the users of all lists, however many millions, in constant memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from hashlib import blake2b

# SQLite's page cache, in KiB.
_CACHE = 16 * 1024


class DistinctUsers:
    """A set of names on disk, read in digest order, which is the same in every sync.

    A 16-byte digest stands in for a name where the name, personal data, must not be written.
    """

    def __init__(self) -> None:
        # An empty name is a temporary database, in a file that SQLite removes. One thread at a time uses it.
        self._database = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "temp_store = FILE", f"cache_size = -{_CACHE}"):
            self._database.execute(f"PRAGMA {pragma}")
        self._database.execute("CREATE TABLE users (digest BLOB PRIMARY KEY, name TEXT NOT NULL) WITHOUT ROWID")

    def add(self, names: Iterable[str]) -> None:
        """Add names; duplicates are ignored."""
        # Sorted, so that neighbors in the file are written together.
        rows = sorted((blake2b(name.encode(), digest_size=16).digest(), name) for name in names)
        self._database.execute("BEGIN")
        self._database.executemany("INSERT OR IGNORE INTO users VALUES (?, ?)", rows)
        self._database.execute("COMMIT")

    def count(self, after: bytes = b"") -> int:
        """How many names follow a digest."""
        (count,) = self._database.execute("SELECT count(*) FROM users WHERE digest > ?", (after,)).fetchone()
        return int(count)

    def names(self, after: bytes = b"") -> Iterator[tuple[bytes, str]]:
        """Yield digest and name of each that follows a digest, in order."""
        yield from self._database.execute("SELECT digest, name FROM users WHERE digest > ? ORDER BY digest", (after,))

    def close(self) -> None:
        """Remove the file."""
        self._database.close()
