"""DistinctUsers: deduplicates the users of all lists, however many millions, in constant memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from hashlib import blake2b, sha256

from source_iterable.process.machine import local_errors

# SQLite's page cache, in KiB.
_CACHE = 16 * 1024


class DistinctUsers:
    """A set of names on disk, read in digest order, which is the same in every sync.

    A 16-byte digest stands in for a name where personal data must not be written: in the state and in the log. With a
    `salt`, only those who know the salt can compute it.
    """

    def __init__(self, salt: str = "") -> None:
        self._key = sha256(salt.encode()).digest() if salt else b""
        # An empty name is a temporary database, in a file that SQLite removes. One thread at a time uses it.
        self._database = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "temp_store = FILE", f"cache_size = -{_CACHE}"):
            self._database.execute(f"PRAGMA {pragma}")
        self._database.execute(
            "CREATE TABLE users (digest BLOB PRIMARY KEY, name TEXT NOT NULL, again INT NOT NULL) WITHOUT ROWID"
        )

    def add(self, users: Iterable[str], again: bool = False) -> None:
        """Add users; known ones change nothing. `again` marks them to be read wherever their digest is."""
        # In order: neighbors in the file are written together.
        rows = sorted((blake2b(user.encode(), digest_size=16, key=self._key).digest(), user, again) for user in users)
        with local_errors():
            self._database.execute("BEGIN")
            self._database.executemany(
                "INSERT INTO users VALUES (?, ?, ?) ON CONFLICT (digest) DO UPDATE SET again = again OR excluded.again",
                rows,
            )
            self._database.execute("COMMIT")

    def mark(self, digests: Iterable[bytes]) -> None:
        """Mark users to be read wherever their digest is."""
        with local_errors():
            self._database.executemany("UPDATE users SET again = 1 WHERE digest = ?", ((digest,) for digest in digests))

    def count(self, after: bytes = b"") -> int:
        """How many are marked or follow a digest."""
        query = "SELECT count(*) FROM users WHERE digest > ? OR again"
        with local_errors():
            (count,) = self._database.execute(query, (after,)).fetchone()
        return int(count)

    def after(self, after: bytes = b"") -> Iterator[tuple[bytes, str]]:
        """Digest and name of each that is marked or follows a digest, in order."""
        query = "SELECT digest, name FROM users WHERE digest > ? OR again ORDER BY digest"
        with local_errors():
            yield from self._database.execute(query, (after,))

    def close(self) -> None:
        """Remove the file."""
        self._database.close()
