"""Temporary: how many bytes of temporary files a program has at a time, those included that have no name any more."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


class Watch:
    """Looks at a folder for temporary files; `most` is the largest number of bytes that was seen in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.most = 0

    def look(self, parent: int) -> None:
        """Add up the files of the folder, and those of it that a process below this one has open."""
        sizes: dict[tuple[int, int], int] = {}
        paths = [os.path.join(at, name) for at, _, names in os.walk(self._folder) for name in names]
        for path in [*paths, *_open_files(parent, f"{self._folder}/")]:
            with suppress(OSError):
                found = os.stat(path)
                sizes[found.st_dev, found.st_ino] = found.st_size
        self.most = max(self.most, sum(sizes.values()))


def _open_files(parent: int, folder: str) -> Iterator[str]:
    """What the processes below a parent have open of a folder, by paths that lead to deleted files, too (Linux)."""
    with suppress(OSError):
        for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
            descriptors = f"/proc/{child}/fd"
            for number in os.listdir(descriptors):
                with suppress(OSError):
                    if os.readlink(f"{descriptors}/{number}").startswith(folder):
                        yield f"{descriptors}/{number}"
            yield from _open_files(int(child), folder)
