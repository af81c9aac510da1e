"""The address that `--to` gives, and how much of it a message may show: behind a scheme there may be a password."""

from __future__ import annotations

import re
from urllib.parse import unquote

_URL = re.compile(r"([a-z][a-z0-9+._-]*):(.*)", re.IGNORECASE | re.DOTALL)
# libpq's other form of an address: "host=... password=...".
_KEYWORDS = re.compile(r"(^|\s)(host|hostaddr|port|dbname|user|password|passfile|service|sslmode)\s*=", re.IGNORECASE)
_PATH_OR_NAME = re.compile(r"[\w./~ -]+")
_DELIMITERS = re.compile(r"[:/?#\[\]@&=,;\s]+")
# PostgreSQL shows no more of a name.
_LONGEST_NAME = 63


def parsed(to: str) -> tuple[str, str]:
    """The scheme in lower case ("" for a path or a name) and what follows it, without surrounding blanks."""
    found = _URL.fullmatch(to.strip())
    return (found[1].lower(), found[2]) if found else ("", to.strip())


def is_keywords(to: str) -> bool:
    """Whether it is a connection string of keywords and values."""
    return bool(_KEYWORDS.search(to))


def redacted(to: str) -> str:
    """What a message may quote of an address."""
    scheme, rest = parsed(to)
    if scheme:
        return f"{scheme}:…"
    return rest if _PATH_OR_NAME.fullmatch(rest) else "…"


def redact(to: str, text: str) -> str:
    """Hide in a text, such as a library's message, every piece of what follows the scheme of an address."""
    scheme, rest = parsed(to)
    if not scheme:
        return text
    raw = {rest, *_DELIMITERS.split(rest)} - {""}
    pieces = {piece[:length] for each in raw for piece in (each, unquote(each)) for length in (_LONGEST_NAME, None)}
    any_piece = "|".join(re.escape(piece) for piece in sorted(pieces, key=len, reverse=True))
    return re.sub(rf"(?<!\w)({any_piece})(?!\w)", "…", text, flags=re.IGNORECASE) if pieces else text


def redact_accounts(text: str) -> str:
    """Hide in a text whatever may have the form user:password@host."""
    return re.sub(r"\S*@\S*", "…", text)
