"""The users of all lists, each once: who is known already, and who comes next."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from hashlib import blake2b, sha256

from source_iterable.process.machine import local_errors

# SQLite's page cache, in KiB.
_CACHE = 16 * 1024
# Adds a user who has neither come before nor was taken.
_ADD = "INSERT OR IGNORE INTO waiting SELECT ?1, ?2 WHERE NOT EXISTS (SELECT 1 FROM taken WHERE digest = ?1)"
# Follows all digests.
_END = b"\xff" * 17
# A user's digest and identifier.
User = tuple[bytes, str]


class DistinctUsers:
    """The users of all lists, each taken once, on disk: however many millions, in constant memory.

    Of those who have come, the one with the smallest digest is taken first. A 16-byte digest stands in for a user where
    personal data must not be written: in the state and in the log. With a `salt`, only those who know it can compute it.
    Left out are those up to the digest `after`, which an earlier sync has read, unless theirs are among the digests `again`.
    """

    def __init__(self, salt: str = "", after: bytes = b"", again: Iterable[bytes] = ()) -> None:
        self._key = sha256(salt.encode()).digest() if salt else b""
        self._after = after
        self._again = set(again)
        # How many were added and not taken yet.
        self.waiting = 0
        # An empty name is a temporary database, in a file that SQLite removes.
        self._database = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "temp_store = FILE", f"cache_size = -{_CACHE}"):
            self._database.execute(f"PRAGMA {pragma}")
        with local_errors():
            self._database.execute("CREATE TABLE waiting (digest BLOB PRIMARY KEY, name TEXT NOT NULL) WITHOUT ROWID")
            self._database.execute("CREATE TABLE taken (digest BLOB PRIMARY KEY) WITHOUT ROWID")

    def add(self, users: Iterable[str], again: bool = False) -> None:
        """Add users; those who were added before change nothing. With `again`, none is left out."""
        digests = ((blake2b(user.encode(), digest_size=16, key=self._key).digest(), user) for user in users)
        # In order: neighbors in the file are written together.
        rows = sorted(row for row in digests if again or row[0] > self._after or row[0] in self._again)
        with local_errors():
            self._database.execute("BEGIN")
            self.waiting += self._database.executemany(_ADD, rows).rowcount
            self._database.execute("COMMIT")

    def take(self) -> User | None:
        """The next user; None if nobody waits."""
        with local_errors():
            user: User | None = self._database.execute("SELECT * FROM waiting ORDER BY digest LIMIT 1").fetchone()
            if user is not None:
                self._database.execute("DELETE FROM waiting WHERE digest = ?", user[:1])
                self._database.execute("INSERT INTO taken VALUES (?)", user[:1])
                self.waiting -= 1
        return user

    def read_up_to(self, under_way: Iterable[bytes]) -> bytes | None:
        """The digest up to which all were read who have come, if those `under_way` are all that were taken and are not.

        None if users up to `after` are left: no state says which of them were read.
        """
        with local_errors():
            (waiting,) = self._database.execute("SELECT min(digest) FROM waiting").fetchone()
            first = min([*under_way, waiting or _END])
            (last,) = self._database.execute("SELECT max(digest) FROM taken WHERE digest < ?", (first,)).fetchone()
        return None if first <= self._after else max(last or b"", self._after)

    def close(self) -> None:
        """Remove the file."""
        self._database.close()
