"""BucketFiles: the files of a bucket as DuckDB's Python client reads them."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import obstore
from fsspec import AbstractFileSystem

# DuckDB's name of it. By "s3" it would look for its own extension, which takes other credentials.
_PROTOCOL = "bucket"


class BucketFiles(AbstractFileSystem):  # type: ignore[misc]
    """Reads files of a bucket, for DuckDB. `error` is the last one, which DuckDB would only quote."""

    protocol = _PROTOCOL
    address = f"{_PROTOCOL}://"
    cachable = False

    def __init__(self, store: Any, folder: str) -> None:
        super().__init__()
        self._store, self._folder = store, folder
        self._sizes: dict[str, int] = {}
        self.error: Exception | None = None

    def open(self, path: str, mode: str = "rb", **options: Any) -> _File:
        return _File(self, path, self.info(path)["size"])

    def info(self, path: str, **options: Any) -> dict[str, Any]:
        if path not in self._sizes:
            self._sizes[path] = self.ask(lambda: obstore.head(self._store, self._key(path)))["size"]
        return {"name": path, "size": self._sizes[path], "type": "file"}

    def modified(self, path: str) -> datetime:
        """They never change."""
        return datetime.fromtimestamp(0, timezone.utc)

    def glob(self, path: str, **options: Any) -> list[str]:
        return [path]

    def range(self, path: str, start: int, length: int) -> bytes:
        return bytes(self.ask(lambda: obstore.get_range(self._store, self._key(path), start=start, length=length)))

    def ask(self, request: Callable[[], Any]) -> Any:
        try:
            return request()
        except Exception as error:
            self.error = error
            raise

    def _key(self, path: str) -> str:
        return f"{self._folder}/{path.removeprefix(self.address)}"


class _File:
    """An open file: DuckDB reads a range at a time."""

    def __init__(self, files: BucketFiles, path: str, size: int) -> None:
        self._files, self._path, self._size = files, path, size
        self._position = 0

    def seek(self, position: int, whence: int = os.SEEK_SET) -> int:
        self._position = position + (self._size if whence == os.SEEK_END else 0)
        return self._position

    def tell(self) -> int:
        return self._position

    def read(self, size: int = -1) -> bytes:
        left = self._size - self._position
        length = left if size < 0 else min(size, left)
        data = self._files.range(self._path, self._position, length) if length else b""
        self._position += len(data)
        return data

    def close(self) -> None:
        return
