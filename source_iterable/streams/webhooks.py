"""Webhooks, without their secrets."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from source_iterable.reading.lists import PlainList
from source_iterable.reading.stream import Fields

_MASK = "***"
# Names of fields and URL parameters that may hold a secret. `authType` names a method, not a secret.
_SECRET = re.compile(
    r"auth(?!type)|token|secret|password|passwd|pwd|credential|header|signature|(api|access).?key|^key$", re.I
)
_LOGIN, _PARAMETER = re.compile(".*@"), re.compile("([^&=]*)=([^&]*)")


class Webhooks(PlainList):
    """`GET webhooks`, without the secrets that come with them."""

    def record(self, kind: str, item: Fields) -> Fields:
        record: Fields = without_secrets(item)
        if isinstance(record.get("endpoint"), str):
            record["endpoint"] = masked_url(record["endpoint"])
        return record


def without_secrets(value: Any) -> Any:
    """A value without the fields, at any depth, whose names suggest a secret."""
    if isinstance(value, dict):
        return {name: without_secrets(each) for name, each in value.items() if not _SECRET.search(name)}
    return [without_secrets(each) for each in value] if isinstance(value, list) else value


def masked_url(url: str) -> str:
    """A URL with its credentials and the values of possibly secret parameters masked."""
    with suppress(ValueError):
        parts = urlsplit(url)
        query = _PARAMETER.sub(
            lambda found: f"{found[1]}={_MASK if _SECRET.search(found[1]) else found[2]}", parts.query
        )
        return parts._replace(netloc=_LOGIN.sub(f"{_MASK}@", parts.netloc), query=query).geturl()
    return _MASK
