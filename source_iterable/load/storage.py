"""Storage: where a ParquetFolder keeps its files and its manifest; LocalFolder is one on this machine."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import duckdb

from source_iterable.load.destination import DestinationError
from source_iterable.load.forgetting import no_tables
from source_iterable.load.incoming import errors_of

MANIFEST = "_source_iterable.json"
_LOCK = ".lock"
_UNSEEN = ".part"
_OURS = re.compile(r"/_?[0-9a-f]{16}\.parquet(\.part)?$")


class Storage(Protocol):
    """Files of one writer at a time. A path is `table/name`. What goes wrong within `errors` raises DestinationError.

    `shown` is what a person puts before a path, and `read` what DuckDB does.
    """

    shown: str
    read: str

    def errors(self) -> AbstractContextManager[None]:
        """Raises DestinationError for what goes wrong with DuckDB, or here, in the block."""

    def open(self, loaded: bool) -> tuple[bytes | None, dict[str, int]]:
        """Make it this process's to write. Returns the manifest, if there is one, and the bytes of each file by path.

        `loaded`: ConfigError is raised, and nothing made, if no load has been here.
        """

    def connect(self, database: duckdb.DuckDBPyConnection) -> None:
        """Make the files readable for DuckDB."""

    def write(self, path: str, copy: Callable[[str], object]) -> int:
        """Make a file, which `copy` writes to the local file that it is given. Returns its bytes."""

    def rename(self, paths: Mapping[str, str]) -> None:
        """Give files other paths."""

    def delete(self, paths: Collection[str]) -> None:
        """Delete files, if they are there."""

    def replace_manifest(self, manifest: bytes) -> None:
        """Replace the manifest in one go, once all files are durable. Raises DestinationError if another now writes here."""

    def close(self) -> None:
        """Leave it to others."""

    def how_to_open(self, files: str) -> str:
        """What to type to look at files, which are a pattern of paths."""


def unseen(path: str) -> str:
    """The path of a file that does not count yet. Readers of *.parquet do not see it, nor do those of whole folders:
    Hive's readers, Spark, Trino and Athena among them, skip names with an underscore in front.
    """
    folder, _, name = path.rpartition("/")
    return f"{folder}/_{name}{_UNSEEN}"


def seen(path: str) -> str:
    """The path that a file gets once it counts."""
    folder, _, name = path.rpartition("/")
    return f"{folder}/{name.removeprefix('_').removesuffix(_UNSEEN)}"


def is_ours(path: str) -> bool:
    """Whether a load has made a file, by its name."""
    return bool(_OURS.search(path))


class LocalFolder:
    """A Storage: the folder `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.shown = self.read = f"{root}/"

    def errors(self) -> AbstractContextManager[None]:
        return errors_of(self._root)

    def open(self, loaded: bool) -> tuple[bytes | None, dict[str, int]]:
        if loaded and not any((self._root / name).exists() for name in (_LOCK, MANIFEST)):
            raise no_tables()
        self._root.mkdir(parents=True, exist_ok=True)
        self._lock = open(self._root / _LOCK, "w")  # noqa: SIM115  held until close
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DestinationError(f"Another load is writing to {self._root}.") from None
        manifest = self._root / MANIFEST
        files = {str(path.relative_to(self._root)): path.stat().st_size for path in self._root.glob("*/*")}
        return manifest.read_bytes() if manifest.exists() else None, files

    def connect(self, database: duckdb.DuckDBPyConnection) -> None:
        return

    def write(self, path: str, copy: Callable[[str], object]) -> int:
        file = self._root / path
        file.parent.mkdir(exist_ok=True)
        copy(str(file))
        return file.stat().st_size

    def rename(self, paths: Mapping[str, str]) -> None:
        for path, new in paths.items():
            (self._root / path).rename(self._root / new)

    def delete(self, paths: Collection[str]) -> None:
        for path in paths:
            (self._root / path).unlink(missing_ok=True)

    def replace_manifest(self, manifest: bytes) -> None:
        path, new = self._root / MANIFEST, self._root / (MANIFEST + _UNSEEN)
        new.write_bytes(manifest)
        if path.exists():
            shutil.copymode(path, new)
        for each in [new, *self._root.glob(f"*/*{_UNSEEN}")]:
            with open(each, "rb") as file:
                os.fsync(file)
        os.replace(new, path)

    def close(self) -> None:
        self._lock.close()

    def how_to_open(self, files: str) -> str:
        return f"duckdb -c \"FROM read_parquet('{self.shown}{files}', union_by_name=true) LIMIT 10\""
