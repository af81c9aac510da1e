"""Pins requirements that have extras by their plain name as well: `python tools/lock.py requirements/*.txt`.

uv locks `google-auth[pyopenssl]==2.62.2` alone. pip 23, which comes with Python 3.11, then takes the newest google-auth for
a package that requires it without the extra, finds no hash for it, and refuses the whole file as soon as there is a newer
version.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

_WITH_EXTRAS = re.compile(r"^([\w.-]+)\[[\w,. -]+\](==.*(?:\n    --hash=\S+(?: \\)?)+)", re.MULTILINE)


def with_plain_names(lock: str) -> str:
    """The lock with a pin of the plain name in front of each pin with extras that has none."""

    def both(pin: re.Match[str]) -> str:
        plain = f"{pin[1]}{pin[2]}"
        return pin[0] if plain in lock else f"{plain}\n{pin[0]}"

    return _WITH_EXTRAS.sub(both, lock)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        file = Path(name)
        file.write_text(with_plain_names(file.read_text(encoding="utf-8")), encoding="utf-8")
