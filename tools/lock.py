"""Also pins requirements with extras by their plain name: `python tools/lock.py requirements/*.txt`.

uv locks only `google-auth[pyopenssl]==2.62.2`. For a package that requires google-auth without the extra, pip 23 (part of
Python 3.11) takes the newest google-auth. Once that is a newer version, pip finds no hash for it and rejects the whole file.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

_WITH_EXTRAS = re.compile(r"^([\w.-]+)\[[\w,. -]+\](==.*(?:\n    --hash=\S+(?: \\)?)+)", re.MULTILINE)


def with_plain_names(lock: str) -> str:
    """The lock with a pin of the plain name before each pin with extras, unless it has one."""

    def both(pin: re.Match[str]) -> str:
        plain = f"{pin[1]}{pin[2]}"
        return pin[0] if plain in lock else f"{plain}\n{pin[0]}"

    return _WITH_EXTRAS.sub(both, lock)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        file = Path(name)
        file.write_text(with_plain_names(file.read_text(encoding="utf-8")), encoding="utf-8")
