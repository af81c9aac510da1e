"""Names: what columns are called where a warehouse folds case, and takes neither blanks nor long names."""

from __future__ import annotations

import re
from collections.abc import Collection
from hashlib import sha256

# PostgreSQL cuts longer names. In ASCII, as these are, a letter is a byte.
LONGEST_NAME = 63
_NO_WORD = re.compile(r"[^A-Za-z0-9_]")
_BETWEEN_WORDS = re.compile(r"(?<=[^_])(?=[A-Z][a-z])|(?<=[a-z0-9])(?=[A-Z])")


def snake_case(field: str) -> str:
    """The name of a field's column. By dlt's convention, so that tables are the same whoever writes them."""
    name = _NO_WORD.sub("_", field.translate(str.maketrans("+*-@|", "xx_al")).strip())
    name = _BETWEEN_WORDS.sub("_", name).lower()
    if name[:1].isdigit():
        name = f"_{name}"
    words = name.rstrip("_")
    return re.sub("_+", "_", words + "x" * (len(name) - len(words))) or "x"


def folded(field: str) -> str:
    """The name of a field's column where words stay together, as Airbyte's destinations have it: userid of userId."""
    return _NO_WORD.sub("_", field.strip()).lower()


def free_name(field: str, taken: Collection[str]) -> str:
    """The name of a field's column; another one if it is among those `taken`, or too long."""
    name = free = snake_case(field)
    hashed = field
    while free in taken or len(free) > LONGEST_NAME:
        hashed, digest = f"{hashed}+", sha256(hashed.encode()).hexdigest()
        free = f"{name[: LONGEST_NAME - 7]}_{digest[:6]}"
    return free
