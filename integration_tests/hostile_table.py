"""The table of hostile responses: kind of response x kind of stream -> verdict.

A verdict is a word and a text: `records` (all good data, exactly once), `empty` (the response says that there is nothing),
`skipped: warning`, `incomplete: error`; the texts are patterns. A row gives one for all kinds, or one a kind or form of
response, with `*` for all others and None where the row makes no sense.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

from integration_tests.hostile import Pieces, Request, bomb, chunked, encoded, head, plain
from integration_tests.hostile_api import MANY, MEMBERS, GoodApi, Kind, event, json_lines

Verdicts = str | Mapping[str, str | None] | None
# What a spoilt endpoint sends: from the request, the good body, the kind, and the API.
Spoil = Callable[[Request, bytes, Kind, GoodApi], Pieces]
KEY = "hostile-test-key-0123456789"
SAME = "same"
RECORDS, EMPTY = "records", "empty"
NO_RESPONSE = "incomplete: broke or was refused|could not be reached"
BROKE_OFF = "incomplete: broke off"
JSON_KINDS = ("list", "pages", "children", "markers", "fields")


# One kind for each way of reading: the others share their code.
WAYS = ("list", "report", "members", "stream", "start", "files", "file")


def some(verdict: str) -> dict[str, str | None]:
    """A verdict for one kind of each way of reading."""
    return {"*": None, **dict.fromkeys(WAYS, verdict)}


@dataclass(frozen=True)
class Row:
    """A kind of response; `always` is the verdict if it is the only one, `once` if a good one follows."""

    name: str
    spoil: Spoil
    always: Verdicts
    once: Verdicts = field(default_factory=lambda: some(RECORDS))
    # The keys of the records in a response that replaces the good ones.
    keys: Callable[[Kind], frozenset[str]] | None = None
    # Whether the client's read timeout must be short.
    stalls: bool = False
    # Whether a sync that follows, with good responses, is to read the rest.
    resumes: bool = True


def sends(make: Callable[[bytes], Any]) -> Spoil:
    """A response made from the good body alone."""

    def spoil(request: Request, good: bytes, kind: Kind, api: GoodApi) -> Pieces:
        made = make(good)
        return [made] if isinstance(made, bytes) else made

    return spoil


def body(content: bytes, status: int = 200, *headers: str) -> Spoil:
    return sends(lambda _: plain(content, status, *headers))


def of_json(value: Any, status: int = 200, *headers: str) -> Spoil:
    return body(json.dumps(value).encode(), status, *headers)


def by_form(**verdicts: str | None) -> Verdicts:
    return verdicts


PADDING = "padding of a page that nobody should see again " * 8
HTML = f"<!DOCTYPE html>\n<html>\n<body>{PADDING}\n</body></html>\n".encode()
ERROR = {"code": "BadParams", "msg": f"The key {KEY} did not work."}
NO_REPORT = "incomplete: campaigns/metrics|report"
NOT_DATA = by_form(
    json="incomplete: is not JSON",
    csv=NO_REPORT,
    users="incomplete: holds no users",
    lines="incomplete: holds no records|line is cut",
)
NOT_SHAPE = by_form(
    json="incomplete: holds no|is not an object|is not a list of files|is not the entry",
    csv=NO_REPORT,
    users="incomplete: holds no users",
    lines="incomplete: holds no records",
)
IS_ERROR = by_form(
    json="incomplete: status 200 and an error",
    csv="incomplete: status 200 and an error",
    users="incomplete: holds no users",
    lines="incomplete: holds no records but an error object",
)
# No bytes are a list without users, or a window without events.
NOTHING = by_form(json="incomplete: is not JSON", csv=NO_REPORT, users=EMPTY, lines=EMPTY)
NOTHING_ONCE = by_form(json=RECORDS, csv=RECORDS, users=None, lines=None)


def spoilt_letters(request: Request, good: bytes, kind: Kind, api: GoodApi) -> Pieces:
    """Latin-1 in otherwise good data."""
    spoilt = {
        "json": good.rstrip()[:-1] + b',"x":"\xe9"}',
        "csv": good.replace(b"Total", b"T\xe9tal"),
        "users": b"jos\xe9@example.com\n" + good,
        "lines": good.replace(b'"email"', b'"\xe9":1,"email"'),
    }[kind.form]
    return [plain(spoilt)]


BODIES = [
    Row("HTML with 200", body(HTML, 200, "Content-Type: text/html"), NOT_DATA),
    Row("HTML of one line with 200", body(b"<html><body>Log in</body></html>"), NOT_DATA),
    Row("XML with 200", body(f'<?xml version="1.0"?><Error><Code>{PADDING}</Code></Error>'.encode()), NOT_DATA),
    Row("text with 200", body(b"Service temporarily unavailable, please try again later"), NOT_DATA),
    Row("error object with 200", of_json(ERROR), IS_ERROR),
    Row("error object with 200 and params", of_json({**ERROR, "params": None}), IS_ERROR),
    Row("Success object with 200", of_json({"code": "Success", "msg": "ok"}), NOT_SHAPE),
    Row("another object with 200", of_json({"error": "unauthorized"}), {**NOT_SHAPE, "lines": None}),
    Row("JSON array of objects", of_json([{"id": 1}]), NOT_SHAPE),
    Row("JSON array of numbers", of_json([1, 2]), NOT_SHAPE),
    Row("JSON number", of_json(42), NOT_SHAPE),
    Row("JSON null", of_json(None), NOT_SHAPE),
    Row("JSON text", of_json("no data"), NOT_SHAPE),
    Row("empty body", body(b""), NOTHING, NOTHING_ONCE),
    Row("whitespace", body(b" \n\t\n  \n"), NOTHING, NOTHING_ONCE),
    Row("only broken lines", body(b'{"a": \n{"b": \n'), NOT_DATA),
    Row("NUL bytes", body(b"\0" * 400), NOT_DATA),
    Row("NUL bytes in front", sends(lambda good: plain(b"\0\n" + good)), {**NOT_DATA, "lines": RECORDS}),
    # A report's letters are replaced (get_text); all others are refused.
    Row("Latin-1", spoilt_letters, {**NOT_DATA, "csv": RECORDS}),
    Row("byte order mark", sends(lambda good: plain(b"\xef\xbb\xbf" + good)), RECORDS),
]


def status(number: int) -> str:
    return f"incomplete: (with|answered) {number}"


def to(url: str) -> Spoil:
    return lambda request, good, kind, api: [
        plain(b"", 302, "Location: " + url.format(base=api.base_url, path=request.path, target=request.target))
    ]


def retry_after(value: str) -> Spoil:
    return of_json(ERROR, 429, f"Retry-After: {value}")


INVALID_URL = "incomplete: invalid URL|no https URL|broke or was refused|could not be reached"


GONE = "skipped: no longer exists"
NEVER = "skipped: skipped because Iterable could not return them"
# A file is requested again, with a fresh link, whatever the storage host answered.
FINAL_ONCE = {"*": SAME, "file": RECORDS}
STATUSES = [
    *(
        Row(f"{number} with a body", sends(lambda good, number=number: plain(good, number)), status(number))
        for number in (201, 202, 203, 204, 206, 304)
    ),
    *(
        Row(f"{number} without a body", sends(lambda _, number=number: head(number)), status(number))
        for number in (202, 204, 304)
    ),
    Row("302 to itself", to("{target}"), "incomplete: redirected 5 times|could not be reached"),
    Row(
        "302 to another host",
        to("http://localhost:9/api/{path}"),
        {"*": "incomplete: redirected to another host", "file": "incomplete: could not be reached"},
        FINAL_ONCE,
    ),
    Row(
        "302 to a host with the key's name",
        to(f"http://{KEY}.invalid/{{path}}"),
        {
            "*": None,
            "list": "incomplete: redirected to another host",
            "stream": "incomplete: redirected to another host",
        },
        None,
    ),
    Row("302 to an invalid URL", to("http://[::1"), INVALID_URL),
    Row(
        "302 to an invalid port",
        to("http://127.0.0.1:port/"),
        INVALID_URL,
    ),
    Row("302 without a location", body(b"", 302), status(302)),
    Row("300", body(b"", 300), status(300)),
    Row("401", of_json(ERROR, 401), status(401), FINAL_ONCE),
    Row("403", of_json(ERROR, 403), status(403), FINAL_ONCE),
    Row(
        "404",
        of_json(ERROR, 404),
        {"*": status(404), "children": GONE, "markers": GONE, "entry": GONE, "members": GONE, "history": GONE},
        FINAL_ONCE,
    ),
    *(Row(str(number), of_json(ERROR, number), status(number), FINAL_ONCE) for number in (400, 418)),
    *(Row(str(number), of_json(ERROR, number), status(number)) for number in (500, 502, 503)),
    Row("500 of HTML", body(HTML, 500), status(500)),
    Row("500 of odd JSON", of_json({"code": [1], "msg": {"a": 1}}, 500), status(500)),
    Row("500 of a JSON array", of_json([1], 500), status(500)),
    Row("500 that never ends", sends(lambda _: [head(500), *repeat(b"x" * 65536, 10)]), status(500)),
    Row("500 with the key as its reason", sends(lambda _: head(500, reason=f"key {KEY}")), status(500)),
    Row(
        "500 GenericError",
        of_json({"code": "GenericError", "msg": "An error occurred."}, 500),
        {"*": status(500), "members": NEVER, "history": NEVER},
    ),
    *(
        Row(f"429 with Retry-After {value}", retry_after(value), some(status(429)), some(RECORDS))
        for value in (
            "1",
            "inf",
            "nan",
            "-5",
            "soon",
            "Fri, 31 Dec 9999 23:59:59 GMT",
            "Fri, 99 Foo 99999 99:99:99 GMT",
            "1e400",
        )
    ),
    Row(
        "429 with Retry-After 90000",
        retry_after("90000"),
        {"*": "incomplete: wait 25.0 hours", "file": status(429)},
        FINAL_ONCE,
    ),
    *(
        Row(f"{number} in front", sends(lambda good, number=number: head(number) + plain(good)), RECORDS)
        for number in (100, 102, 103)
    ),
    Row("100, 103, 100 in front", sends(lambda good: head(100) + head(103) + head(100) + plain(good)), RECORDS),
    Row("101", sends(lambda good: head(101) + plain(good)), status(101)),
    Row("endless 103", sends(lambda _: repeat(head(103))), status(103)),
    Row("2,000 times 100 in front", sends(lambda good: head(100) * 2000 + plain(good)), some("incomplete: "), None),
]


def cut(good: bytes) -> bytes:
    """Without its end, in the middle of a line."""
    return good[: len(good.rstrip()) - 3]


CUT = by_form(json="incomplete: is not JSON", csv=NO_REPORT, users=None, lines="incomplete: line is cut")
CUT_ONCE = by_form(json=RECORDS, csv=RECORDS, users=None, lines=RECORDS)


def halves(good: bytes) -> tuple[bytes, bytes]:
    return good[: len(good) // 2], good[len(good) // 2 :]


def two_members(good: bytes) -> bytes:
    return b"".join(map(gzip.compress, halves(good)))


def slowly(good: bytes) -> Pieces:
    whole = plain(good)
    for place in range(20):
        yield whole[place : place + 1]
        yield 0.01
    yield whole[20:-10]
    for place in range(len(whole) - 10, len(whole)):
        yield whole[place : place + 1]
        yield 0.01


def half(good: bytes) -> bytes:
    return head(200, f"Content-Length: {len(good)}") + good[: len(good) // 2]


TRANSPORT = [
    Row("no length", sends(lambda good: head() + good), RECORDS),
    # Whether identifiers are cut, nothing can tell.
    Row("no length, and cut", sends(lambda good: head() + cut(good)), CUT, CUT_ONCE),
    Row("two equal lengths", sends(lambda good: head(200, *[f"Content-Length: {len(good)}"] * 2) + good), RECORDS),
    Row(
        "two lengths",
        sends(lambda good: head(200, f"Content-Length: {len(good)}", "Content-Length: 3") + good),
        "incomplete: contradict each other|could not be reached",
    ),
    Row("length too long", sends(lambda good: head(200, f"Content-Length: {len(good) + 9}") + good), BROKE_OFF),
    Row("length too short", sends(lambda good: head(200, f"Content-Length: {len(cut(good))}") + good), CUT, CUT_ONCE),
    Row("length of letters", sends(lambda good: head(200, "Content-Length: many") + good), RECORDS),
    Row("chunked", sends(chunked), RECORDS),
    Row("chunked without end", sends(lambda good: chunked(good, b"")), BROKE_OFF),
    Row("chunked with a bad size", sends(lambda good: chunked(good, size=b"xyz")), BROKE_OFF),
    Row("chunked with a size too long", sends(lambda good: chunked(good, size=b"ffffff")), BROKE_OFF),
    Row("gzip", sends(lambda good: encoded(gzip.compress(good))), RECORDS),
    Row("gzip without trailer", sends(lambda good: encoded(gzip.compress(good)[:-8])), BROKE_OFF),
    Row("gzip cut in the middle", sends(lambda good: encoded(halves(gzip.compress(good))[0])), BROKE_OFF),
    Row(
        "gzip with a wrong checksum",
        sends(lambda good: encoded(gzip.compress(good)[:-8] + b"\1" * 8)),
        "incomplete: not the gzip",
    ),
    Row("gzip with a second member", sends(lambda good: encoded(two_members(good))), RECORDS),
    Row(
        "gzip with a broken second member",
        sends(lambda good: encoded(gzip.compress(good) + b"\x1f\x8b\x08broken")),
        "incomplete: not the gzip|broke off",
    ),
    Row("gzip with a cut second member", sends(lambda good: encoded(two_members(good)[:-9])), BROKE_OFF),
    Row("gzip header, plain body", sends(encoded), "incomplete: not the gzip"),
    Row("gzip header, empty body", sends(lambda _: encoded(b"")), NOTHING, NOTHING_ONCE),
    *(
        Row(
            f"encoding {name}",
            sends(lambda good, name=name: encoded(good, name)),
            "incomplete: encoding that was not requested",
        )
        for name in ("br", "deflate")
    ),
    Row("header line of 100 KB", sends(lambda good: head(200, "X: " + "x" * 100_000) + good), NO_RESPONSE),
    Row("1,000 header lines", sends(lambda good: head(200, *["X: x"] * 1000) + good), NO_RESPONSE),
    Row("no HTTP", sends(lambda _: b"SSH-2.0-server\r\n"), NO_RESPONSE),
    Row("closed before any byte", sends(lambda _: []), NO_RESPONSE),
    Row("closed within the status line", sends(lambda _: b"HTTP/1.1 20"), NO_RESPONSE),
    # http.client takes a head that ends early for a whole one, and then finds a body of no bytes.
    Row("closed after the status line", sends(lambda _: b"HTTP/1.1 200 OK\r\n"), "incomplete: "),
    Row(
        "closed within the headers",
        sends(lambda _: b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"),
        "incomplete: ",
    ),
    Row("closed after half of the body", sends(half), BROKE_OFF),
    Row("nothing for ever", sends(lambda _: [None]), "incomplete: within|could not be reached", stalls=True),
    Row(
        "half of the body, then nothing",
        sends(lambda good: [half(good), None]),
        some("incomplete: stalled"),
        some(RECORDS),
        stalls=True,
    ),
    Row("a byte every 10 ms", sends(slowly), RECORDS, None),
]


def many(kind: Kind) -> frozenset[str]:
    """The keys of 2,000 good lines, for every user in turn."""
    numbers = range(MANY)
    if kind.stream == "events":
        return frozenset(f"{user} {n}" for users in MEMBERS.values() for user in users for n in numbers)
    return frozenset(f"m{n}" for n in numbers)


def few(kind: Kind) -> frozenset[str]:
    return frozenset(key for key in many(kind) if key.endswith(("m0", " 0")))


def lines_with(bad: bytes, place: int = MANY // 2, good: int = MANY, bad_times: int = 1) -> Spoil:
    """Good lines, and a bad one before the one at `place`."""

    def spoil(request: Request, _: bytes, kind: Kind, api: GoodApi) -> Pieces:
        records = [
            {"email": request.value("email"), "n": n} if kind.stream == "events" else event(0, messageId=f"m{n}")
            for n in range(good)
        ]
        return [plain(json_lines(records[:place]) + (bad + b"\n") * bad_times + json_lines(records[place:]))]

    return spoil


NOTED = {"lines": "records: not a JSON object|not JSON objects", "*": None}
ONLY_LINES = {"lines": RECORDS, "*": None}
NESTED = b'{"a":' * 300 + b"1" + b"}" * 300
LINES = [
    *(
        Row(f"{name} among 2,000 lines", lines_with(line), NOTED, None, keys=many)
        for name, line in {
            "a broken line": b'{"messageId": "m',
            "NaN": b'{"messageId": NaN}',
            "an array": b"[1, 2]",
            "a number": b"42",
            "NUL bytes": b"\0\0\0",
            "Latin-1": b'{"messageId": "\xe9"}',
            "nested too deep": b"[" * 100_000,
        }.items()
    ),
    Row(
        "an error object as the last line",
        lines_with(json.dumps(ERROR).encode(), MANY),
        {"lines": "incomplete: ", "*": None},
        ONLY_LINES,
        resumes=False,
    ),
    Row(
        "1,999 broken lines and a good one",
        lines_with(b'{"messageId": "m', 1, 1, 1999),
        {"lines": "incomplete: ", "*": None},
        None,
        keys=few,
        resumes=False,
    ),
    Row(
        "an error object as the last user",
        sends(lambda good: plain(good + json.dumps(ERROR).encode() + b"\n")),
        {"users": "incomplete: holds no users", "*": None},
    ),
    Row(
        "HTML behind the users",
        sends(lambda good: plain(good + HTML)),
        {"users": "incomplete: holds no users", "*": None},
    ),
    Row(
        "a user of 5,000 letters",
        sends(lambda good: plain(b"x" * 5000 + b"\n" + good)),
        {"users": "incomplete: holds no users", "*": None},
    ),
    Row("a report without its id", body(b"Total Email Sends\n10\n"), {"csv": NO_REPORT, "*": None}),
    Row("a report of a header", body(b"id,Total Email Sends\n"), {"csv": EMPTY, "*": None}, None),
    Row("a report with too many cells", sends(lambda good: plain(good + b"3,1,2\n")), {"csv": NO_REPORT, "*": None}),
    Row("a report with a quote that stays open", body(b'id,Name\n1,"one\n2,two\n'), {"csv": NO_REPORT, "*": None}),
    Row(
        "a report with a cell of 200 KB",
        sends(lambda good: plain(good.replace(b"20", b"x" * 200_000))),
        {"csv": RECORDS, "*": None},
    ),
]

SELECTORS = {
    "list": ("channels", "id"),
    "pages": ("campaigns", "id"),
    "children": ("catalogItemsWithProperties", "itemId"),
    "markers": ("results", "key"),
    "fields": ("userFields", "name"),
}


def listed(kind: Kind, *ids: Any, **more: Any) -> list[Any]:
    """Items with these ids, as the kind's own are."""
    return [{SELECTORS[_name(kind)][1]: each, "type": "string", "updatedAt": 5, **more} for each in ids]


def _name(kind: Kind) -> str:
    return next(name for name in SELECTORS if kind.path in (PATHS[name],))


PATHS = {
    "list": "channels",
    "pages": "campaigns",
    "children": "catalogs/shops/items",
    "markers": "metadata/colors",
    "fields": "users/getFields",
}


def good_ids(kind: Kind) -> tuple[Any, Any]:
    return (1, 2) if _name(kind) in ("list", "pages") else ("1", "2")


def items_of(make: Callable[[Kind], Any]) -> Spoil:
    """A list with these items."""

    def spoil(request: Request, good: bytes, kind: Kind, api: GoodApi) -> Pieces:
        return [plain(json.dumps({SELECTORS[_name(kind)][0]: make(kind)}).encode())]

    return spoil


def lists(verdict: str, **others: str | None) -> dict[str, str | None]:
    return {**dict.fromkeys(JSON_KINDS, verdict), "*": None, **others}


BAD_ITEM = lists("incomplete: holds an? item|holds items|holds no")
BAD_ONCE = lists(RECORDS)
ITEMS = [
    Row(
        "an item without an id",
        items_of(lambda kind: [*listed(kind, *good_ids(kind)), {"title": "x"}]),
        BAD_ITEM,
        BAD_ONCE,
    ),
    Row("an item that is a text", items_of(lambda kind: [*listed(kind, *good_ids(kind)), "x"]), BAD_ITEM, BAD_ONCE),
    Row("an item that is null", items_of(lambda kind: [None, *listed(kind, *good_ids(kind))]), BAD_ITEM, BAD_ONCE),
    *(
        Row(
            f"an id that is {json.dumps(value)}",
            items_of(lambda kind, value=value: listed(kind, good_ids(kind)[0], value)),
            BAD_ITEM,
            BAD_ONCE,
        )
        for value in (None, 1.5, [1], {"a": 1}, True)
    ),
    Row("ids of different types", items_of(lambda kind: listed(kind, 1, "2")), BAD_ITEM, BAD_ONCE),
    Row(
        "an id twice", items_of(lambda kind: listed(kind, *good_ids(kind), good_ids(kind)[0])), lists("records: "), None
    ),
    *(
        Row(f"a list that is {json.dumps(value)}", items_of(lambda _, value=value: value), BAD_ITEM, BAD_ONCE)
        for value in (None, 5, "x")
    ),
    Row("half surrogates", items_of(lambda kind: listed(kind, *good_ids(kind), label="x\ud83d")), lists(RECORDS), None),
    Row(
        "an integer over 64 bits",
        items_of(lambda kind: listed(kind, *good_ids(kind), size=2**70)),
        lists(RECORDS),
        None,
    ),
    Row(
        "nested 300 deep",
        items_of(lambda kind: listed(kind, *good_ids(kind), deep=json.loads(NESTED))),
        lists(RECORDS),
        None,
    ),
    Row(
        "nested 100,000 deep",
        body(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
        lists("incomplete: is not JSON", entry="incomplete: is not JSON"),
        None,
    ),
    Row(
        "NaN in an item",
        items_of(lambda kind: listed(kind, *good_ids(kind), size=float("nan"))),
        lists("incomplete: is not JSON"),
        None,
    ),
    *(
        Row(
            f"updatedAt {json.dumps(value)}",
            items_of(lambda kind, value=value: [*listed(kind, 1), {"id": 2, "updatedAt": value}]),
            {"pages": verdict, "*": None},
            None,
        )
        for value, verdict in (
            (None, RECORDS),
            ("soon", "incomplete: updatedAt"),
            ([1], "incomplete: updatedAt"),
            (2**70, "incomplete: updatedAt"),
            (True, "incomplete: updatedAt"),
        )
    ),
    Row(
        "the entry of another key",
        of_json({"key": "1", "table": "colors", "value": {}}),
        {"entry": "incomplete: ", "*": None},
    ),
    Row("an entry that is {}", of_json({}), {"entry": "incomplete: ", "*": None}),
    Row(
        "fields whose type is null",
        of_json({"fields": {"1": None, "2": "long"}}),
        {"fields": "incomplete: ", "*": None},
    ),
    Row(
        "fields whose type is an object",
        of_json({"fields": {"1": {"a": 1}, "2": "long"}}),
        {"fields": "incomplete: ", "*": None},
    ),
    Row(
        "fields with a name only",
        of_json({"userFields": [{"name": "1"}, {"name": "2", "type": "long"}]}),
        {"fields": "incomplete: ", "*": None},
    ),
]


def paged(page: Callable[[int], tuple[list[int], Any]]) -> Spoil:
    """Pages by number: the ids of their items, and the link to the next."""

    def spoil(request: Request, good: bytes, kind: Kind, api: GoodApi) -> Pieces:
        ids, following = page(int(request.value("page") or 1))
        names = ids if _name(kind) == "pages" else [str(each) for each in ids]
        return [plain(json.dumps({SELECTORS[_name(kind)][0]: listed(kind, *names), "nextPageUrl": following}).encode())]

    return spoil


def pages_with(verdict: str) -> dict[str, str | None]:
    return {"pages": verdict, "children": verdict, "*": None}


def circle(length: int) -> Spoil:
    return paged(lambda number: ([number % length + 1], f"/api/x?page={number + 1}"))


ENDLESS = pages_with("incomplete: do not end")
LINKS = (
    5,
    {"a": 1},
    [1],
    True,
    "http://[::1",
    "?page=x",
    "?page=-1",
    "?page=1",
    "?page=99999999999",
    "/x?page=٢",
    "?page=2&page=9",
)


def marked(marker: Callable[[str | None], Any]) -> Spoil:
    """Lists of keys, with a marker that depends on the one of the request."""

    def spoil(request: Request, good: bytes, kind: Kind, api: GoodApi) -> Pieces:
        sent = request.value("nextMarker")
        return [
            plain(json.dumps({"results": [{"key": "1" if sent is None else "2"}], "nextMarker": marker(sent)}).encode())
        ]

    return spoil


PAGES = [
    Row("the same page again", paged(lambda number: ([1, 2], f"?page={number + 1}")), ENDLESS, None),
    Row("pages in a circle of 2", circle(2), ENDLESS, None),
    Row("pages in a circle of 3", circle(3), ENDLESS, None, keys=lambda _: frozenset("123"), resumes=False),
    *(
        Row(
            f"nextPageUrl {json.dumps(link)}",
            paged(lambda number, link=link: ([number], link if number == 1 else None)),
            pages_with(RECORDS),
            None,
        )
        for link in LINKS
    ),
    Row(
        "an empty page that links on",
        paged(lambda number: ([[1], [], [2]][number - 1], number < 3 and f"?page={number + 1}")),
        pages_with(RECORDS),
        None,
    ),
    Row("the same marker again", marked(lambda _: "m"), {"markers": "incomplete: do not end", "*": None}, None),
    Row(
        "the same long marker again",
        marked(lambda _: "m" * 50_000),
        {"markers": "incomplete: do not end", "*": None},
        None,
    ),
    Row("the key as a marker", marked(lambda _: KEY), {"markers": "incomplete: do not end", "*": None}, None),
    Row(
        "markers in a circle of 2",
        marked(lambda sent: "b" if sent == "a" else "a"),
        {"markers": "incomplete: do not end", "*": None},
        None,
    ),
    *(
        Row(
            f"marker {json.dumps(value)}",
            marked(lambda sent, value=value: value if sent is None else None),
            {"markers": RECORDS, "*": None},
            None,
        )
        for value in (5, {"a": 1}, ["b"], True)
    ),
]


def files_of(page: Callable[[GoodApi, str | None], Any]) -> Spoil:
    """Pages of a list of files, by what comes after."""
    return lambda request, good, kind, api: [plain(json.dumps(page(api, request.value("startAfter"))).encode())]


def completed(api: GoodApi, after: str | None, **changes: Any) -> dict[str, Any]:
    files = [] if after else [api.file("f1")]
    return {"jobState": "completed", "exportTruncated": False, "files": files, **changes}


def with_files(*files: Any) -> Spoil:
    return files_of(lambda api, after: completed(api, after, files=list(files)))


def state(word: Any) -> Spoil:
    return files_of(lambda api, after: completed(api, after, jobState=word))


class Fewer:
    """A list that has a second file until the job completes."""

    def __init__(self) -> None:
        self.polls = 0

    def __call__(self, api: GoodApi, after: str | None) -> Any:
        self.polls += 1
        more = completed(api, after, files=[api.file("f1"), api.file("f2")], jobState="running")
        return more if self.polls == 1 else completed(api, after)


def endless(api: GoodApi, after: str | None) -> Any:
    return completed(api, after, files=[api.file(f"f{int((after or 'f0')[1:]) + 1}")])


def one(**verdicts: str) -> dict[str, str | None]:
    return {"*": None, **verdicts}


NO_FILES, NO_JOB = one(files="incomplete: not a list of files"), one(start="incomplete: holds no jobId|is not JSON")
FILES_ONCE, START_ONCE = one(files=RECORDS), one(start=RECORDS)
JOBS = [
    *(
        Row(
            f"files {json.dumps(value)}",
            files_of(lambda api, after, value=value: completed(api, after, files=value)),
            NO_FILES,
            FILES_ONCE,
        )
        for value in (
            None,
            {},
            5,
            "f1",
            ["f1"],
            [None],
            [{}],
            [{"file": "f1"}],
            [{"file": "f1", "url": None}],
            [{"file": 5, "url": "x"}],
        )
    ),
    Row(
        "files missing",
        files_of(lambda api, after: {"jobState": "completed", "exportTruncated": False}),
        NO_FILES,
        None,
    ),
    *(
        Row(
            f"a file at {url}",
            with_files({"file": "f1", "url": url}),
            one(files="incomplete: could not be fetched whole|does not end"),
            None,
        )
        for url in (
            "",
            "f1",
            "file:///etc/hostname",
            "ftp://127.0.0.1/f1",
            "http://[::1",
            "http://127.0.0.1:port/",
            "data:,x",
            "//x",
        )
    ),
    Row(
        "a file twice on a page",
        files_of(lambda api, after: completed(api, after, files=[] if after else [api.file("f1")] * 2)),
        one(files=RECORDS),
        None,
    ),
    Row(
        "a file on every page",
        files_of(lambda api, after: completed(api, None)),
        one(files="incomplete: does not end"),
        None,
    ),
    Row("fewer files after completion", files_of(Fewer()), one(files=RECORDS), None),
    Row(
        "exportTruncated on the second page",
        files_of(lambda api, after: completed(api, after, exportTruncated=bool(after))),
        one(files="incomplete: size limit"),
        None,
    ),
    Row(
        "exportTruncated null",
        files_of(lambda api, after: completed(api, after, exportTruncated=None)),
        NO_FILES,
        FILES_ONCE,
    ),
    Row(
        "another state after completion",
        files_of(lambda api, after: completed(api, after, jobState="running" if after else "completed")),
        one(files="incomplete: completed .*, and then called it running"),
        None,
    ),
    Row("an endless list", files_of(endless), one(files="incomplete: does not end"), None),
    *(Row(f"job state {word}", state(word), one(files=RECORDS), None) for word in ("COMPLETED", "cOmPlEtEd")),
    *(
        Row(f"job state {json.dumps(word)}", state(word), one(files="incomplete: kept .* unknown"), None)
        for word in ("Archived", "", None, 5, {"a": 1}, " completed ")
    ),
    *(
        Row(f"job state {word}", state(word), one(files=f"incomplete: ended .* as {word.lower()}"), FILES_ONCE)
        for word in ("FAILED", "Cancelled", "cancelling")
    ),
    Row(
        "job state missing", files_of(lambda api, after: {"exportTruncated": False, "files": []}), NO_FILES, FILES_ONCE
    ),
    Row("jobId missing", of_json({"id": 7}), NO_JOB, START_ONCE),
    *(
        Row(f"jobId {json.dumps(value)}", of_json({"jobId": value}), NO_JOB, START_ONCE)
        for value in (None, "", "seven", [], {}, 7.9, True, float("nan"), 2**70)
    ),
    *(
        Row(f"jobId {json.dumps(value)}", of_json({"jobId": value}), one(start=RECORDS), None)
        for value in (7, "7", 7.0)
    ),
]

TABLE = [*BODIES, *STATUSES, *TRANSPORT, *LINES, *ITEMS, *PAGES, *JOBS]
MEGABYTE = b" " * 2**20
LETTERS = b"x" * 2**20


def long_line(megabytes: int) -> Spoil:
    """One line, within JSON where the kind returns that."""

    def spoil(request: Request, good: bytes, kind: Kind, api: GoodApi) -> Pieces:
        start, end = {
            "channels": (b'{"channels":[{"id":1,"name":"', b'"}]}'),
            "campaigns/metrics": (b"id,Name\n1,", b"\n"),
            "lists/getUsers": (b"", b"\n"),
        }.get(kind.path, (b'{"messageId":"', b'"}\n'))
        return [
            head(200, f"Content-Length: {len(start) + len(end) + megabytes * 2**20}") + start,
            *repeat(LETTERS, megabytes),
            end,
        ]

    return spoil


# Each in a process of its own, whose memory is measured.
LARGE = [
    Row(
        "a gzip bomb",
        sends(lambda _: bomb(MEGABYTE, 1500)),
        {
            "list": "incomplete: over 83,886,080 bytes",
            "stream": "incomplete: over 268,435,456 bytes",
            "file": "incomplete: over 536,870,912 bytes",
            "*": None,
        },
        None,
    ),
    Row(
        "a line of 200 MB",
        long_line(200),
        {
            "list": "incomplete: over 83,886,080 bytes",
            "report": "incomplete: over 83,886,080 bytes",
            "members": "incomplete: holds no users",
            "stream": "incomplete: holds no records",
            "*": None,
        },
        None,
    ),
    Row("a line of 120 MB", long_line(120), {"list": "incomplete: ", "*": None}, None),
]
