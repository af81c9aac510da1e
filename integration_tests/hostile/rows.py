"""Row: a kind of response, and what becomes of a sync that gets it from one kind of endpoint or another.

A verdict is a word and a text: `records` (all good data, exactly once), `empty` (the response says that there is nothing),
`skipped: warning`, `incomplete: error`; the texts are patterns. A row gives one for all kinds, or one a kind or form of
response, with `*` for all others. Where there is none, or None, the row makes no sense.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from integration_tests.hostile.api import GoodApi, Kind
from integration_tests.hostile.responses import plain, plain_json
from integration_tests.hostile.server import Pieces, Request

Verdicts = str | Mapping[str, str | None] | None
# What a spoilt endpoint sends: from the request, the good body, the kind, and the API.
Spoil = Callable[[Request, bytes, Kind, GoodApi], Pieces]
KEY = "hostile-test-key-0123456789"
# The verdict of `always`.
SAME = "same"
RECORDS, EMPTY = "records", "empty"
NOT_JSON = "incomplete: is not JSON"
NO_REPORT = "incomplete: campaigns/metrics|report"
NO_USERS = "incomplete: holds no users"
# No bytes are a list without users, or a window without events.
NOTHING: Verdicts = {"json": NOT_JSON, "csv": NO_REPORT, "users": EMPTY, "lines": EMPTY}
NOTHING_ONCE: Verdicts = {"json": RECORDS, "csv": RECORDS}
# An error of Iterable.
ERROR = {"code": "BadParams", "msg": f"The key {KEY} did not work."}
PADDING = "padding of a page that nobody should see again " * 8
HTML = f"<!DOCTYPE html>\n<html>\n<body>{PADDING}\n</body></html>\n".encode()
# One kind for each way of reading: the others share their code.
WAYS = ("list", "report", "members", "stream", "start", "files", "file")


def only(verdict: str, *kinds: str) -> dict[str, str]:
    """A verdict for these kinds, or forms of response, alone."""
    return dict.fromkeys(kinds, verdict)


@dataclass(frozen=True)
class Row:
    """A kind of response; `always` is the verdict if it is the only one, `once` if a good one follows."""

    name: str
    spoil: Spoil
    always: Verdicts
    once: Verdicts = field(default_factory=lambda: only(RECORDS, *WAYS))
    # The keys of the records in a response that replaces the good ones.
    keys: Callable[[Kind], frozenset[str]] | None = None
    # Where the response never ends: the seconds after which the client is to give up.
    read_timeout: float | None = None
    # Whether a sync that follows, with good responses, is to read the rest.
    resumes: bool = True


def sends(make: Callable[[bytes], Any]) -> Spoil:
    """A response made from the good body alone."""

    def spoil(request: Request, good: bytes, kind: Kind, api: GoodApi) -> Pieces:
        made = make(good)
        return [made] if isinstance(made, bytes) else made

    return spoil


def body(content: bytes, status: int = 200, *headers: str) -> Spoil:
    """This body, whatever was asked for."""
    return sends(lambda _: plain(content, status, *headers))


def of_json(value: Any, status: int = 200, *headers: str) -> Spoil:
    """This value as JSON, whatever was asked for."""
    return sends(lambda _: plain_json(value, status, *headers))
