"""Files that a command writes for its user alone."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path


def replace(path: Path, text: str) -> None:
    """Write a text to a file in one go: it is never half written. Only its owner may read a new one; others keep their mode.

    Raises OSError; then the file is as it was.
    """
    new = path.with_name(f"{path.name}.new")
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o600
    try:
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:
            # Whatever the umask is, and whoever may read what a killed run left behind. Not all file systems have modes.
            with suppress(OSError):
                os.fchmod(file.fileno(), mode)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    except OSError:
        with suppress(OSError):
            new.unlink()
        raise
