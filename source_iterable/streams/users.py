"""Users: their profiles, profile fields, and forgotten users."""

from __future__ import annotations

import logging
from functools import partial
from itertools import islice
from typing import Any

from source_iterable.api.client import IterableClient
from source_iterable.api.request import ShapeError, holder_of, must_have_keys
from source_iterable.config import Config
from source_iterable.reading.context import StreamContext
from source_iterable.reading.export_stream import ExportStream
from source_iterable.reading.stream import Reading, State, Stream
from source_iterable.records.lines import RecordParser
from source_iterable.records.schemas import load_schema
from source_iterable.records.users import UserRecords
from source_iterable.streams.user_columns import configured_columns, discovered_columns

# Hashes per batch.
HASHES = 10_000
# What to do about users without their key.
_WITHOUT = {
    "email": "If users are known by their userId alone, set project_type to Hybrid; or sync with Append, which keeps all.",
    "itblUserId": "Sync with Append, which keeps all.",
}


class Users(ExportStream):
    """The `user` export: profiles by last update."""

    name = "users"
    data_type = "user"
    cursor_field = "profileUpdatedAt"

    def key(self, config: Config) -> list[str]:
        return [config.users_key]

    def _schema(self, config: Config) -> dict[str, Any]:
        """With `user_fields_as_columns` it requests the project's fields from Iterable."""
        schema = self._standard()
        if config.user_fields_as_columns:
            schema = discovered_columns(schema, user_fields(IterableClient(config, logging.getLogger("airbyte"))))
        return schema

    def _standard(self) -> dict[str, Any]:
        # The key may be null: Iterable exports users without it.
        return load_schema(self.name, required=[self.cursor_field])

    def records(self, context: StreamContext) -> RecordParser:
        schema = self._standard()
        if context.config.user_fields_as_columns:
            # Not requested again: the destination has the catalog's columns.
            catalog_schema = context.catalog_schemas.get(self.name, {})
            schema = configured_columns(
                schema, catalog_schema, partial(context.private_fields.hashes, layout=self.layout)
            )
        return UserRecords(self.name, schema, context.config.users_key, self.redaction(context))

    def tell(self, context: StreamContext, records: RecordParser) -> None:
        if isinstance(records, UserRecords) and records.without_key:
            key = context.config.users_key
            context.logger.warning(
                f"{self.name}: {records.without_key:,} of these users have no {key}, which is the key in projects of type "
                f"{context.config.project_type}: destinations that deduplicate keep one of them at most. {_WITHOUT[key]}"
            )


class UserFields(Stream):
    """`GET users/getFields`: one record per profile field."""

    name = "user_fields"
    primary_key = ("name",)
    cost = "1"

    def _read(self, context: StreamContext, state: State) -> Reading:
        yield [{"name": name, "type": kind} for name, kind in user_fields(context.client).items()]


def user_fields(client: IterableClient) -> dict[str, str]:
    """The profile fields and their types, as Iterable names them.

    The response has a map `fields` in the reference, and a map or an array `userFields` in other documents.
    Raises IterableError.
    """
    return client.get_json("users/getFields", None, _fields_in)


def _fields_in(response: Any) -> dict[str, str]:
    for selector in ("fields", "userFields"):
        fields = response.get(selector) if isinstance(response, dict) else None
        if isinstance(fields, list):
            must_have_keys(fields, selector, "name")
            fields = {field["name"]: field.get("type") for field in fields}
        if isinstance(fields, dict):
            if not all(isinstance(text, str) for field in fields.items() for text in field):
                raise ShapeError(f"holds {selector} whose name or type is not a text")
            return fields
    raise ShapeError("holds no fields")


class ForgottenUsers(Stream):
    """The hashes of forgotten users' emails and userIds: of those that the project identifies users by."""

    name = "forgotten_users"
    # Iterable has hashed them already.
    may_have_private_fields = False
    primary_key = ("hash",)
    cost = "1, in hybrid projects 2"
    # Path, name in the response, kind of identifier, and the type of projects that have no such identifiers.
    endpoints = (
        ("users/forgotten", "hashedEmails", "email", "UserID-based"),
        ("users/forgottenUserIds", "hashedUserIds", "userId", "Email-based"),
    )

    def _read(self, context: StreamContext, state: State) -> Reading:
        for path, selector, kind, without in self.endpoints:
            if context.config.project_type != without:
                hashes = iter(context.client.get_json(path, None, partial(_hashes_in, selector)))
                while some := list(islice(hashes, HASHES)):
                    yield [{"hash": each, "identifierType": kind} for each in some]


def _hashes_in(selector: str, response: Any) -> list[str]:
    hashes = holder_of(response, selector)[selector]
    if not isinstance(hashes, list) or not all(isinstance(each, str) for each in hashes):
        raise ShapeError(f"holds no list of texts named {selector}")
    return hashes
