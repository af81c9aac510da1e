"""The contents of templates in other locales than their default one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

from source_iterable.api.ahead import in_order
from source_iterable.api.request import ShapeError, list_shape
from source_iterable.errors import BadRequest, NotFound, ServerError
from source_iterable.reading.context import StreamContext
from source_iterable.reading.slices import is_permanent
from source_iterable.reading.stream import Fields
from source_iterable.streams.templates import CONTENT_THREADS, Templates, content_of

# Statuses of a clientTemplateId that Iterable does not take: invalid, or too long for a URL.
_REFUSED = (400, 414)


class _Further(NamedTuple):
    """A locale of a template, and the content of its default one if that does not say which it is."""

    item: Fields
    locale: str
    unnamed: Fields | None


class TemplateLocales(Templates):
    """The content of every template whose entry in the list is new or has changed, in each further locale that it has.

    `GET templates/getByClientTemplateId` tells the locales of a template that has a clientTemplateId; a template without one
    has those that its content names.
    """

    name = "template_locales"
    primary_key = ("templateId", "messageMedium", "locale")
    exempt_key = True
    cost = (
        "those of templates; per template whose entry there is new or has changed 1, plus 1 if it has a clientTemplateId, "
        "plus 1 per further locale"
    )

    def batches(self, context: StreamContext, kind: str, items: list[Fields]) -> Iterator[list[Fields]]:
        _, medium = kind.split("/")
        planned = in_order(partial(self._further, context, medium), items, CONTENT_THREADS)
        # One content at a time: a template may have dozens of large ones.
        wanted = (further for _, of_template in planned for further in of_template)
        for _, content in in_order(partial(self._content, context, medium), wanted, CONTENT_THREADS):
            if content is not None:
                yield [content]

    def _further(self, context: StreamContext, medium: str, item: Fields) -> list[_Further]:
        """The locales of a template that are to be requested: all but the one that template_contents has."""
        locales = self._told(context, item)
        if locales == []:
            return []
        try:
            content = content_of(context, medium, item)
        except NotFound:
            context.logger.warning(f"{self.name}: template {item['templateId']} no longer exists; skipped.")
            return []
        own = _text(content.get("locale"))
        named = {_plain(locale): locale for locale in (_names(content.get("locales")) if locales is None else locales)}
        return [_Further(item, locale, None if own else content) for key, locale in named.items() if key != _plain(own)]

    def _told(self, context: StreamContext, item: Fields) -> list[str] | None:
        """The locales that Iterable tells of a template's clientTemplateId; None if it does not tell any."""
        client_id, template_id = item.get("clientTemplateId"), item["templateId"]
        if not client_id:
            return None

        def shape(response: Any) -> list[str] | None:
            # Several templates may have one clientTemplateId.
            entries = {entry["templateId"]: entry for entry in list_shape("templates", "templateId")(response)}
            # Only its id must be in an entry (reference): without locales it tells nothing.
            entry = entries.get(template_id, {})
            return None if entry.get("locales") is None else _locales_in(entry)

        try:
            path = "templates/getByClientTemplateId"
            return context.client.get_json(path, {"clientTemplateId": client_id}, shape)
        except (NotFound, BadRequest, ServerError) as error:
            # One clientTemplateId that Iterable cannot take must not end the stream at this template for ever.
            if not isinstance(error, NotFound) and error.status not in _REFUSED and not is_permanent(error):
                raise
            context.logger.warning(
                f"{self.name}: Iterable does not tell the locales of template {template_id} by its clientTemplateId. {error}"
            )
            return None

    def _content(self, context: StreamContext, medium: str, further: _Further) -> Fields | None:
        """The record of a locale, None if there is none."""
        item, locale, unnamed = further
        try:
            content = content_of(context, medium, item, locale)
        except NotFound:
            context.logger.warning(
                f"{self.name}: template {item['templateId']} has no content in {locale} any more; skipped."
            )
            return None
        told = _text(content.get("locale"))
        if told and _plain(told) != _plain(locale):
            context.logger.warning(
                f"{self.name}: Iterable returned another locale of template {item['templateId']} than {locale}; skipped."
            )
            return None
        is_default = unnamed is not None and (content.get("isDefaultLocale") is True or content == unnamed)
        return None if is_default else {**content, "locale": locale}


def _text(value: Any) -> str | None:
    """A text that is not empty; None for anything else."""
    return value if isinstance(value, str) and value else None


def _locales_in(fields: Fields) -> list[str]:
    """The locales that an object of a response names. Raises ShapeError for anything else."""
    locales = fields["locales"]
    if not isinstance(locales, list) or len(_names(locales)) < len(locales):
        raise ShapeError("holds locales that are no names")
    return _names(locales)


def _names(value: Any) -> list[str]:
    """The names in a list, whatever else it may be."""
    return [each for each in value if isinstance(each, str) and each] if isinstance(value, list) else []


def _plain(locale: object) -> str:
    """A locale's name in one spelling: de-DE, de_DE."""
    return str(locale or "").replace("_", "-").lower()
