"""Rows about statuses, redirects, Retry-After and interim responses."""

from __future__ import annotations

from itertools import repeat

from integration_tests.hostile.responses import head, plain
from integration_tests.hostile.rows import ERROR, HTML, KEY, RECORDS, SAME, WAYS, Row, Spoil, body, of_json, only, sends


def status(number: int) -> str:
    """The verdict that names this status."""
    return f"incomplete: (with|answered) {number}"


def to(url: str) -> Spoil:
    """A redirect; `base`, `path` and `target` are of the API and the request."""
    return lambda request, good, kind, api: [
        plain(b"", 302, "Location: " + url.format(base=api.base_url, path=request.path, target=request.target))
    ]


def retry_after(value: str) -> Spoil:
    return of_json(ERROR, 429, f"Retry-After: {value}")


INVALID_URL = "incomplete: invalid URL|no https URL|broke or was refused|could not be reached"
# A file is requested again, with a fresh link, whatever the storage host answered.
FINAL_ONCE = {"*": SAME, "file": RECORDS}
NOT_OFFERED = "empty: does not offer experiments"
NO_TRENDS = "skipped: does not offer trends of 1 of 2 experiments"
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
    # A client that reads the body before it follows waits for it.
    Row(
        "302 to itself, without the end of its body",
        lambda request, good, kind, api: [head(302, f"Location: {request.target}"), b"moved", None],
        only("incomplete: redirected 5 times", *WAYS),
        read_timeout=0.1,
    ),
    Row(
        "302 to another host",
        to("http://localhost:9/api/{path}"),
        {"*": "incomplete: redirected to another host", "file": "incomplete: could not be reached"},
        FINAL_ONCE,
    ),
    Row(
        "302 to a host with the key's name",
        to(f"http://{KEY}.invalid/{{path}}"),
        only("incomplete: redirected to another host", "list", "stream"),
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
    *(
        # 401 at one endpoint alone is a lack of permission, too.
        Row(
            str(number),
            of_json(ERROR, number),
            {
                "*": status(number),
                **only(NOT_OFFERED, "experiments"),
                **only(RECORDS, "totals"),
                **only(NO_TRENDS, "trends"),
            },
            FINAL_ONCE,
        )
        for number in (401, 403)
    ),
    Row(
        "404",
        of_json(ERROR, 404),
        {
            "*": status(404),
            **only(
                "skipped: no longer exists", "children", "markers", "entry", "members", "sizes", "history", "experiment"
            ),
            **only(NOT_OFFERED, "experiments"),
            **only(RECORDS, "totals"),
            **only(NO_TRENDS, "trends"),
        },
        FINAL_ONCE,
    ),
    *(Row(str(number), of_json(ERROR, number), status(number), FINAL_ONCE) for number in (400, 418)),
    *(Row(str(number), of_json(ERROR, number), status(number)) for number in (408, 425, 500, 502, 503)),
    Row(
        "407",
        of_json(ERROR, 407),
        {"*": "incomplete: asks for a user and password", "file": "incomplete: answered 407"},
        FINAL_ONCE,
    ),
    Row("500 of HTML", body(HTML, 500), status(500)),
    Row("500 of odd JSON", of_json({"code": [1], "msg": {"a": 1}}, 500), status(500)),
    Row("500 of a JSON array", of_json([1], 500), status(500)),
    Row("500 that never ends", sends(lambda _: [head(500), *repeat(b"x" * 65536, 10)]), status(500)),
    Row("500 with the key as its reason", sends(lambda _: head(500, reason=f"key {KEY}")), status(500)),
    Row(
        "500 GenericError",
        of_json({"code": "GenericError", "msg": "An error occurred."}, 500),
        {
            "*": status(500),
            **only("skipped: skipped because Iterable could not return them", "members", "sizes", "history"),
            **only("records: totals of experiment 2 skipped", "totals"),
            **only("skipped: trends of experiment 2 skipped", "trends"),
            **only("records: details of experiment 2 skipped", "experiment"),
        },
    ),
    *(
        Row(f"429 with Retry-After {value}", retry_after(value), only(status(429), *WAYS))
        for value in (
            "1",
            "0",
            "Thu, 01 Jan 2026 00:00:00 GMT",
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
        {"*": "incomplete: wait 90,000 seconds", "file": status(429)},
        FINAL_ONCE,
    ),
    *(
        Row(f"{number} in front", sends(lambda good, number=number: head(number) + plain(good)), RECORDS)
        for number in (100, 102, 103)
    ),
    Row("100, 103, 100 in front", sends(lambda good: head(100) + head(103) + head(100) + plain(good)), RECORDS),
    Row("101", sends(lambda good: head(101) + plain(good)), status(101)),
    Row("endless 103", sends(lambda _: repeat(head(103))), status(103)),
    Row(
        "2,000 times 100 in front",
        sends(lambda good: head(100) * 2000 + plain(good)),
        only("incomplete: ", *WAYS),
        None,
    ),
]
