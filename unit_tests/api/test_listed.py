"""Lists received item by item: what counts, what is left out, and that nothing changes on the way."""

from __future__ import annotations

import io
import json
import logging
from contextlib import closing
from typing import Any

import pytest
import requests_mock
import urllib3

from source_iterable.api import exact_json, item_file, listed
from source_iterable.api.client import IterableClient
from source_iterable.errors import BrokenResponse, EndUnknown, IterableError, LocalError, TooLarge
from unit_tests.contexts import ROOT


def blocks_of(client: IterableClient, key: str | None = "id") -> list[list[Any]]:
    with closing(client.get_list("things", None, "things", key, lambda found: found.items)) as blocks:
        return list(blocks)


def received(client: IterableClient, server: requests_mock.Mocker, body: bytes, key: str | None = "id") -> list[Any]:
    """The items in a response with this body."""
    server.get(f"{ROOT}things", content=body)
    return [item for items in blocks_of(client, key) for item in items]


def failure(client: IterableClient, server: requests_mock.Mocker, body: bytes, key: str | None = "id") -> str:
    with pytest.raises(BrokenResponse) as caught:
        received(client, server, body, key)
    return str(caught.value)


ODD = [
    b'{"id": 1, "n": 12345678901234567890123, "d": 0.12345678901234567890, "e": 1e999, "f": 1.50, "g": -0.0}',
    b'{"id": 2, "t": "\\ud83d half \\ud83d\\ude00", "\\ud83d": "\\u0000", "u": "k\xc3\xa4the \xf0\x9f\x98\x80"}',
    b'{\n"id": 3,\t"deep": ' + b'{"a":[' * 130 + b"]}" * 130 + b"}",
    b'{"id": 4, "id": 5}',
]


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
def test_items_are_exactly_what_was_sent(client: IterableClient, server: requests_mock.Mocker, start: bytes) -> None:
    items = received(client, server, start + b'{"things": [%b], "total": 1}' % b" ,\r\n".join(ODD))
    assert [exact_json.dumps(item) for item in items] == [exact_json.dumps(exact_json.loads(each)) for each in ODD]


def test_items_come_in_blocks_and_a_large_one_alone(
    client: IterableClient, server: requests_mock.Mocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listed, "BLOCK_BYTES", 60)
    items: list[Any] = [{"id": number, "labels": []} for number in range(20)]
    items[7] = {"id": 7, "large": ["x" * 100]}
    server.get(f"{ROOT}things", json={"things": items})
    blocks = blocks_of(client)
    assert [item for some in blocks for item in some] == items
    assert [len(some) for some in blocks] == [2, 2, 2, 1, 1, *[2] * 6]


@pytest.mark.parametrize("body", [b'{"things": []}', b'{"code": "Success", "msg": "", "params": {"things": []}}'])
def test_an_empty_list_is_one(client: IterableClient, server: requests_mock.Mocker, body: bytes) -> None:
    assert received(client, server, body) == []


def test_the_rest_is_what_was_sent_without_the_items(client: IterableClient, server: requests_mock.Mocker) -> None:
    server.get(f"{ROOT}things", json={"nextPageUrl": "/x?page=2", "things": [{"id": 1}], "totalCount": 3})
    rest = client.get_list("things", None, "things", "id", lambda found: found.rest)
    assert rest == {"nextPageUrl": "/x?page=2", "things": [], "totalCount": 3}


def test_an_item_that_is_too_long_is_left_out_and_told(
    client: IterableClient,
    server: requests_mock.Mocker,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(listed, "MAX_ITEM", 2**20)
    items = [{"id": number, "text": "x" * (3 * 2**19 if number == 3 else 10)} for number in range(1, 6)]
    server.get(f"{ROOT}things", json={"things": items, "totalThingsCount": 5})
    with caplog.at_level(logging.WARNING):
        found = client.get_list("things", None, "things", "id", lambda found: found.items)
    with closing(found):
        assert [item["id"] for some in found for item in some] == [1, 2, 4, 5]
    assert found.number == 5, "the list is whole"
    assert caplog.messages == [
        "GET things: item 3 of things was left out: it has 1.5 MB. Up to 16 MB are read.",
    ]


WHOLE = b'{"things": [{"id": 1}, {"id": 2}], "totalCount": 2}'


@pytest.mark.parametrize("behind", [b"x", b"{}", b"]", b"}", b',{"id": 3}', b"\x00"])
def test_nothing_but_blanks_may_follow(client: IterableClient, server: requests_mock.Mocker, behind: bytes) -> None:
    assert len(received(client, server, WHOLE + b" \r\n\t")) == 2
    assert "The response to GET things is not JSON" in failure(client, server, WHOLE + behind)


def test_a_list_that_is_cut_anywhere_is_none(client: IterableClient, server: requests_mock.Mocker) -> None:
    for end in range(len(WHOLE)):
        assert failure(client, server, WHOLE[:end]).startswith("The response to GET things is not JSON (tried 5 times")


def test_without_a_length_a_closed_object_proves_itself(client: IterableClient, server: requests_mock.Mocker) -> None:
    def respond(body: bytes) -> None:
        server.get(
            f"{ROOT}things",
            [
                {"raw": urllib3.HTTPResponse(io.BufferedReader(io.BytesIO(body)), status=200, preload_content=False)}
                for _ in "12345"
            ],
        )

    respond(WHOLE)
    assert len(blocks_of(client)[0]) == 2
    for end in (len(WHOLE) - 1, 20, 14):
        respond(WHOLE[:end])
        with pytest.raises(EndUnknown, match="has no length"):
            blocks_of(client)


@pytest.mark.parametrize(
    ("response", "told"),
    [
        ({"things": {}}, "holds no list named things"),
        ({"other": []}, "holds no list named things"),
        ({"params": {"other": {"things": [1]}}}, "holds no list named things"),
        ({"things": [{"id": 1}], "params": {"things": [{"id": 1}]}}, "holds 2 lists named things"),
        ({"things": [{"id": 1}, 2]}, "holds an item of things that is not an object (number 2)"),
        ({"things": [{"id": 1}, {"id": None}]}, "holds an item of things without a valid id (number 2)"),
        ({"things": [{"id": 1}, {"id": "1"}]}, "holds items of things with a id of different types"),
        ({"code": "BadParams", "msg": "no", "params": None}, "with status 200 and an error (BadParams: no)"),
    ],
)
def test_what_is_no_list_of_things_is_told(
    client: IterableClient, server: requests_mock.Mocker, response: Any, told: str
) -> None:
    assert told in failure(client, server, json.dumps(response).encode())


def test_texts_are_a_list_without_a_key(client: IterableClient, server: requests_mock.Mocker) -> None:
    assert received(client, server, b'{"things": ["a", "\\u00e4", "a"]}', None) == ["a", "\xe4", "a"]
    assert "an item of things that is not a text (number 2)" in failure(client, server, b'{"things": ["a", 1]}', None)


def test_a_response_that_is_too_large_is_named(
    client: IterableClient, server: requests_mock.Mocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listed, "LIST_BYTES", len(WHOLE))
    assert len(received(client, server, WHOLE)) == 2
    with pytest.raises(TooLarge) as caught:
        received(client, server, WHOLE + b" ")
    assert str(caught.value) == f"GET things: The response is over {len(WHOLE)} bytes."
    assert server.call_count == 2, "another attempt would be as large"


def test_a_full_disk_is_told_as_that(
    client: IterableClient, server: requests_mock.Mocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.BytesIO):
        def write(self, _: Any) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(item_file.tempfile, "SpooledTemporaryFile", lambda **_: Full())
    with pytest.raises(LocalError, match="No space left on device"):
        received(client, server, WHOLE)


def test_a_failed_response_leaves_no_file(
    client: IterableClient, server: requests_mock.Mocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[io.BytesIO] = []
    monkeypatch.setattr(item_file.tempfile, "SpooledTemporaryFile", lambda **_: made.append(io.BytesIO()) or made[-1])
    for body in (WHOLE[:-1], b'{"things": [{}]}', b'{"code": "a", "msg": "b"}', WHOLE):
        server.get(f"{ROOT}things", content=body)
        with pytest.raises(IterableError if body is not WHOLE else ZeroDivisionError):
            client.get_list("things", None, "things", "id", lambda _: 1 / 0)
    assert len(made) == 16
    assert all(file.closed for file in made)
