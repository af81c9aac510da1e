"""Users: their profiles, profile fields, and forgotten users."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from typing import Any, TypeVar

import msgspec

from source_iterable.api.client import IterableClient
from source_iterable.api.request import TIMEOUT, Request, ShapeError, Timeout, model_of
from source_iterable.api.retry import RESPONSE, RetryPolicy
from source_iterable.config import Config
from source_iterable.reading.export_stream import ExportStream
from source_iterable.reading.stream import Held, Reading, State, Stream, StreamContext, nothing_held
from source_iterable.records.columns import PROJECT, Columns, Fields
from source_iterable.records.lines import Dumps, RecordParser, ShapedRecords
from source_iterable.records.private_fields import PrivateFields
from source_iterable.records.schemas import load_schema
from source_iterable.records.shape import CUT, Shape, encode_lines
from source_iterable.streams import own_fields
from source_iterable.streams.lists import IDENTIFIERS

T = TypeVar("T")
# By kind of identifier: the path of forgotten users' hashes, and their name in the response.
_FORGOTTEN = {"email": ("users/forgotten", "hashedEmails"), "userId": ("users/forgottenUserIds", "hashedUserIds")}
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

    def key_in_project(self, config: Config) -> list[str]:
        return [config.users_key]

    def _schema(
        self, config: Config, client: IterableClient | None = None, held: Callable[[], Held] = nothing_held
    ) -> dict[str, Any]:
        """With `user_fields_as_columns` it requests the project's fields from Iterable."""
        # The key may be null: Iterable exports users without it.
        schema = load_schema(self.name, required=[self.cursor_field])
        if config.user_fields_as_columns and client:
            own = {"properties": own_fields.discovered(_without_ours(user_fields(client), config))}
            # What is excluded takes no column from others.
            shown = PrivateFields.from_config(config).schema(own, self.layout)["properties"]
            schema, left_out = own_fields.with_own_columns(schema, shown, held())
            for warning in own_fields.warnings(left_out):
                client.logger.warning(warning)
        return schema

    def records(self, context: StreamContext) -> RecordParser:
        # Not requested again: the destination has the catalog's columns.
        catalog_schema = context.catalog_schemas.get(self.name, {}) if context.config.user_fields_as_columns else {}
        own = own_fields.configured(catalog_schema, partial(context.private_fields.hashes, layout=self.layout))
        schema = own_fields.with_columns(self._schema(context.config), _without_ours(own, context.config))
        return UserRecords(self.name, schema, context.config.users_key)

    def log_summary(self, context: StreamContext, records: RecordParser) -> None:
        if isinstance(records, UserRecords) and records.without_key:
            key = context.config.users_key
            context.logger.warning(
                f"{self.name}: {records.without_key:,} of these users have no {key}, which is the key in projects of type "
                f"{context.config.project_type}: destinations that deduplicate keep one of them at most. {_WITHOUT[key]}"
            )


def _without_ours(own: Mapping[str, T], config: Config) -> dict[str, T]:
    """The project's own fields, without one by the name of a column of ours."""
    return {name: value for name, value in own.items() if name != PROJECT or not config.project}


class UserRecords(ShapedRecords):
    """Records of the users stream: declared fields at the top level, others under `data`; dotted names stay dotted.

    `without_key` counts those that have nothing in the column `key`.
    """

    def __init__(self, stream_name: str, schema: Mapping[str, Any], key: str) -> None:
        self._columns = Columns(schema)
        self._key = key
        self.without_key = 0
        super().__init__(stream_name, Shape(self._columns, of_events=False))

    def json(self, record: Fields, dumps: Dumps) -> bytes:
        self._columns.take_nested(record)
        columns, data = self._columns.split(record)
        columns["data"] = data
        text = dumps(columns, None, 0)
        self.without_key += not columns.get(self._key)
        return text

    def lines(self, shape: Shape, records: list[Any]) -> bytes:
        self.without_key += shape.count_without(records, self._key)
        for record in records:
            record.__class__ = shape.finished
        # A newline is the end of a record: in JSON they are escaped. The first brace closes `data`.
        pieces = encode_lines(records).replace(b"\n", b"}\n").split(CUT)
        # Four times as fast as replacing CUT with the comma behind it.
        return b"".join([piece.removeprefix(b",") for piece in pieces])


class UserFields(Stream):
    """`GET users/getFields`: one record per profile field.

    Requests: 1.
    """

    name = "user_fields"
    primary_key = ("name",)

    def _read(self, context: StreamContext, state: State) -> Reading:
        yield [{"name": name, "type": kind} for name, kind in user_fields(context.client).items()]


def user_fields(client: IterableClient, timeout: Timeout = TIMEOUT, retry: RetryPolicy = RESPONSE) -> dict[str, str]:
    """The profile fields and their types, as Iterable names them.

    The response has a map `fields` in the reference, and a map or an array `userFields` in other documents.
    Raises IterableError.
    """
    return client.json(Request("users/getFields", timeout=timeout, retry=retry), _fields_in)


def _fields_in(response: Any) -> dict[str, str]:
    fields = model_of(_Fields, response)
    found = fields.userFields if fields.fields is None else fields.fields
    if found is None:
        raise ShapeError("holds no fields")
    return found if isinstance(found, dict) else {field.name: field.type for field in found}


class _Field(msgspec.Struct):
    name: str
    type: str


class _Fields(msgspec.Struct):
    """A response of `users/getFields`."""

    fields: dict[str, str] | list[_Field] | None = None
    userFields: dict[str, str] | list[_Field] | None = None


class ForgottenUsers(Stream):
    """The hashes of forgotten users' emails and userIds: of those that the project identifies users by.

    Requests: 1, in hybrid projects 2.
    """

    name = "forgotten_users"
    # Iterable has hashed them already.
    may_have_private_fields = False
    primary_key = ("hash",)

    def _read(self, context: StreamContext, state: State) -> Reading:
        for kind in IDENTIFIERS[context.config.project_type]:
            path, selector = _FORGOTTEN[kind]
            with closing(context.client.get_list(path, None, selector, None, lambda listed: listed.items)) as blocks:
                for hashes in blocks:
                    yield [{"hash": each, "identifierType": kind} for each in hashes]
