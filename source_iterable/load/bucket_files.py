"""BucketFiles: the files of a bucket as DuckDB's Python client reads them."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from fsspec import AbstractFileSystem

# DuckDB's name of it. By "s3" it would look for its own extension, which takes other credentials.
_PROTOCOL = "bucket"


class BucketFiles(AbstractFileSystem):  # type: ignore[misc]
    """Files that never change. `size` returns the bytes of one, and `read` those from a position on, so many of them.

    `error` is what they raised last: DuckDB would only quote it.
    """

    protocol = _PROTOCOL
    address = f"{_PROTOCOL}://"
    cachable = False

    def __init__(self, size: Callable[[str], int], read: Callable[[str, int, int], bytes]) -> None:
        super().__init__()
        self._size, self._read = size, read
        self._sizes: dict[str, int] = {}
        self.error: Exception | None = None

    def open(self, path: str, mode: str = "rb", **options: Any) -> _File:
        return _File(self, path, self.info(path)["size"])

    def info(self, path: str, **options: Any) -> dict[str, Any]:
        if path not in self._sizes:
            self._sizes[path] = self._ask(self._size, path)
        return {"name": path, "size": self._sizes[path], "type": "file"}

    def modified(self, path: str) -> datetime:
        return datetime.fromtimestamp(0, timezone.utc)

    def glob(self, path: str, **options: Any) -> list[str]:
        return [path]

    def range(self, path: str, start: int, length: int) -> bytes:
        """Some bytes of a file."""
        found: bytes = self._ask(self._read, path, start, length)
        return found

    def _ask(self, request: Callable[..., Any], path: str, *more: int) -> Any:
        try:
            return request(path.removeprefix(self.address), *more)
        except Exception as error:
            self.error = error
            raise


class _File:
    """An open file, of which DuckDB reads a range at a time."""

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
