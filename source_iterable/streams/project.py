"""Smaller things of a project: its user fields, forgotten users and webhooks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any
from urllib.parse import SplitResult, urlsplit

from source_iterable.api import IterableClient
from source_iterable.errors import BadRequest, IterableError, NotFound
from source_iterable.streams.context import StreamContext
from source_iterable.streams.listing import Fields, ListStream
from source_iterable.streams.lists import PlainList
from source_iterable.streams.paging import items_of

# Hashes handed over at a time.
HASHES = 10_000
_MASK = "***"
# Names of fields and URL parameters that may hold a secret. `authType` names a method, no secret.
_SECRET = re.compile(
    r"auth(?!type)|token|secret|password|passwd|pwd|credential|header|signature|(api|access).?key|^key$", re.I
)


class UserFields(ListStream):
    """`GET users/getFields`: one record a field of user profiles."""

    name = "user_fields"
    cost = "1"
    primary_key = ("name",)

    def read(self, context: StreamContext, state: Fields) -> Iterator[list[Fields]]:
        yield [{"name": name, "type": kind} for name, kind in user_fields(context.client).items()]


def user_fields(client: IterableClient) -> dict[str, str]:
    """The fields of user profiles and their types, as Iterable names them.

    The answer is a map named `fields` in the reference, and one or an array named `userFields` in other documents.
    Raises IterableError.
    """
    answer = client.get_json("users/getFields")
    for selector in ("fields", "userFields"):
        fields = answer.get(selector) if isinstance(answer, dict) else None
        if isinstance(fields, dict):
            return {str(name): str(kind) for name, kind in fields.items()}
        if isinstance(fields, list):
            return {str(field["name"]): str(field["type"]) for field in fields}
    raise IterableError("Iterable's answer to GET users/getFields holds no fields.")


class ForgottenUsers(ListStream):
    """The hashes of forgotten users: emails and userIds, each as far as the project knows users by them."""

    name = "forgotten_users"
    primary_key = ("hash",)
    endpoints = (("users/forgotten", "hashedEmails", "email"), ("users/forgottenUserIds", "hashedUserIds", "userId"))
    cost = str(len(endpoints))

    def read(self, context: StreamContext, state: Fields) -> Iterator[list[Fields]]:
        refused: list[IterableError] = []
        for path, selector, kind in self.endpoints:
            try:
                hashes = iter(items_of(path, context.client.get_json(path), selector))
            except (BadRequest, NotFound) as error:
                refused.append(error)
                context.logger.info(
                    f"{self.name}: {path} is left out, as it does not fit the type of the project: {error}"
                )
                continue
            while some := list(islice(hashes, HASHES)):
                yield [{"hash": each, "identifierType": kind} for each in some]
        if len(refused) == len(self.endpoints):
            raise refused[-1]


class Webhooks(PlainList):
    """`GET webhooks`, without the secrets that come with them."""

    def record(self, item: Fields) -> Fields:
        record: Fields = without_secrets(item)
        if isinstance(record.get("endpoint"), str):
            record["endpoint"] = masked_url(record["endpoint"])
        return record


def without_secrets(value: Any) -> Any:
    """A value without the fields, at any depth, whose names say that they may hold a secret."""
    if isinstance(value, dict):
        return {name: without_secrets(each) for name, each in value.items() if not _SECRET.search(name)}
    return [without_secrets(each) for each in value] if isinstance(value, list) else value


def masked_url(url: str) -> str:
    """A URL with its user and password masked, and the values of parameters that may be secret."""
    try:
        parts: SplitResult = urlsplit(url)
    except ValueError:
        return _MASK
    user, at, host = parts.netloc.rpartition("@")
    query = "&".join(
        f"{name}={_MASK}" if equals and _SECRET.search(name) else f"{name}{equals}{value}"
        for name, equals, value in (parameter.partition("=") for parameter in parts.query.split("&"))
    )
    return parts._replace(netloc=f"{_MASK}@{host}" if at else host, query=query).geturl()
