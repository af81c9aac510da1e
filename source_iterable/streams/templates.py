"""Templates, their contents, and their contents in further locales."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import product
from typing import Annotated, Any

import msgspec

from source_iterable.api.ahead import run_ahead
from source_iterable.api.request import Parameters, ShapeError, an_object, holder_of, model_of
from source_iterable.errors import ApiError, Forbidden, NotFound
from source_iterable.reading.lists import BY_ID, UPDATED_AT, ByContentStream
from source_iterable.reading.slices import skipping
from source_iterable.reading.stream import Fields, StreamContext
from source_iterable.streams.campaigns import CAMPAIGNS

TEMPLATE_TYPES = ("Base", "Blast", "Triggered", "Workflow")
MESSAGE_MEDIA = ("Email", "Push", "InApp", "SMS")
# Of templates that no list has; nobody tells their type.
_EMBEDDED_MEDIUM = "Embedded"
EMBEDDED = f"/{_EMBEDDED_MEDIUM}"
# Contents requested at a time: the limit is a hundred a second.
CONTENT_THREADS = 8
# Statuses for a clientTemplateId that Iterable rejects: invalid, unknown, or too long for a URL.
_REFUSED = (400, 404, 414)


class Templates(ByContentStream):
    """Templates of every type and medium: without both parameters, Iterable returns blast email templates only.

    Requests: 16 (1 per type and medium), plus 1 per further 1,000 of one.
    """

    name = "templates"
    primary_key: tuple[str, ...] = ("templateId",)
    path = "templates"
    selector = "templates"
    kinds = {
        f"{kind}/{medium}": {**BY_ID, "templateType": kind, "messageMedium": medium}
        for kind, medium in product(TEMPLATE_TYPES, MESSAGE_MEDIA)
    }

    def record(self, kind: str, item: Fields) -> Fields:
        template_type, medium = kind.split("/")
        return {**item, "templateType": template_type, "messageMedium": medium}

    def content(self, context: StreamContext, kind: str, item: Fields, locale: str | None = None) -> Fields | None:
        """The content of a template, in its default locale or another; None, with a warning, if it no longer exists."""
        template_id = item["templateId"]
        what = f"locale {locale} of template {template_id}" if locale else f"template {template_id}"
        with skipping(context, self.name, what):
            return self.requested(context, kind, item, locale)
        return None

    def requested(self, context: StreamContext, kind: str, item: Fields, locale: str | None = None) -> Fields:
        """The same, requested. Raises IterableError: NotFound if it no longer exists."""
        _, medium = kind.split("/")
        template_id = item["templateId"]
        wanted: Parameters = {"templateId": template_id, **({"locale": locale} if locale else {})}

        def shape(response: Any) -> Fields:
            found = an_object(response)
            if found.get("templateId", template_id) != template_id:
                raise ShapeError(f"is not that of template {template_id}")
            return found

        content = context.client.get_json(f"templates/{medium.lower()}/get", wanted, shape)
        # The list's updatedAt is the cursor; not all media have one in their content.
        of_list = {"updatedAt": item["updatedAt"]} if "updatedAt" in item else {}
        created = {"createdAt": content.get("createdAt") or item.get("createdAt")}
        return {**content, "templateId": template_id, "messageMedium": medium, **created, **of_list}


class TemplateContents(Templates):
    """The content of every template whose entry in the list is new or has changed: one request each.

    An edit of the content that leaves the entry unchanged goes unnoticed. No list has the templates of embedded messages:
    those of the campaigns that send them are read, and again when such a campaign has another updatedAt.

    Requests: as for templates and campaigns, plus 1 per new or changed template.
    """

    name = "template_contents"
    # Contents are requested of templates that have changed only.
    whole = False
    primary_key: tuple[str, ...] = ("templateId", "messageMedium")
    lists = (Templates.path, *CAMPAIGNS.lists)

    def blocks(self, context: StreamContext) -> Iterator[tuple[str, list[Fields]]]:
        yield from super().blocks(context)
        yield EMBEDDED, list(_of_campaigns(CAMPAIGNS.items(context)).values())

    def batches(self, context: StreamContext, kind: str, items: list[Fields]) -> Iterator[list[Fields]]:
        if kind == EMBEDDED:
            yield from self._embedded(context, items)
            return
        found = run_ahead(partial(self.content, context, kind), items, CONTENT_THREADS)
        for _, content in found:
            if content is not None:
                # Alone: one may be large.
                yield [content]

    def _embedded(self, context: StreamContext, items: list[Fields]) -> Iterator[list[Fields]]:
        """The same for embedded messages, which not every project has: one warning if some cannot be read."""

        def requested(item: Fields) -> Fields | ApiError:
            try:
                return self.requested(context, EMBEDDED, item)
            except (Forbidden, NotFound) as error:
                return error

        refused: list[ApiError] = []
        for _, content in run_ahead(requested, items, CONTENT_THREADS):
            if isinstance(content, ApiError):
                refused.append(content)
            else:
                yield [content]
        if refused:
            context.logger.warning(
                f"{self.name}: Iterable does not offer the contents of {len(refused)} of {len(items)} embedded templates to "
                f"this project or API key. {refused[0]}"
            )


def _of_campaigns(campaigns: Iterable[Fields]) -> dict[int, Fields]:
    """An entry for each template of campaigns that send embedded messages, with the newest updatedAt of these, by its id."""
    found: dict[int, Fields] = {}
    for campaign in campaigns:
        template_id, updated_at = campaign.get("templateId"), campaign.get(UPDATED_AT)
        if campaign.get("messageMedium") == _EMBEDDED_MEDIUM and type(template_id) is int:
            entry = found.setdefault(template_id, {"templateId": template_id})
            if type(updated_at) is int:
                entry[UPDATED_AT] = max(updated_at, entry.get(UPDATED_AT, updated_at))
    return found


class _Listed(msgspec.Struct):
    """An entry of `templates/getByClientTemplateId`: only the id must be in it (reference)."""

    templateId: int | str
    locales: list[Annotated[str, msgspec.Meta(min_length=1)]] | None = None


class _ListedTemplates(msgspec.Struct):
    """A response of `templates/getByClientTemplateId`: several templates may have one clientTemplateId."""

    templates: list[_Listed]


class TemplateLocales(Templates):
    """The content of every template whose entry in the list is new or has changed, in each further locale that it has.

    `GET templates/getByClientTemplateId` lists the locales of a template that has a clientTemplateId; a template without
    one has the locales that its content names.

    Requests: as for templates, plus 1 per new or changed template, 1 more if it has a clientTemplateId, and 1 per further
    locale.
    """

    name = "template_locales"
    whole = False
    primary_key = ("templateId", "messageMedium", "locale")
    exempt_key = True

    def batches(self, context: StreamContext, kind: str, items: list[Fields]) -> Iterator[list[Fields]]:
        planned = run_ahead(partial(self._further, context, kind), items, CONTENT_THREADS)
        # One content at a time: a template may have dozens of large ones.
        wanted = (further for _, of_template in planned for further in of_template)
        for _, content in run_ahead(lambda request: request(), wanted, CONTENT_THREADS):
            if content is not None:
                yield [content]

    def _further(self, context: StreamContext, kind: str, item: Fields) -> list[Callable[[], Fields | None]]:
        """Requests for a template's records, by locale: all but the one that template_contents has."""
        locales = self._listed(context, item) if item.get("clientTemplateId") else None
        content = None if locales == [] else self.content(context, kind, item)
        if content is None:
            return []
        if locales is None:
            named = content.get("locales")
            locales = [each for each in named if _plain(each)] if isinstance(named, list) else []
        own = _plain(content.get("locale"))
        request = partial(self._in_locale, context, kind, item, None if own else content)
        spellings = {_plain(locale): locale for locale in locales}
        return [partial(request, locale) for plain, locale in spellings.items() if plain != own]

    def _listed(self, context: StreamContext, item: Fields) -> list[str] | None:
        """The locales that Iterable lists for a template's clientTemplateId; None if it lists none."""
        client_id, template_id = item["clientTemplateId"], item["templateId"]

        def shape(response: Any) -> list[str] | None:
            listed = model_of(_ListedTemplates, holder_of(response, "templates")).templates
            return next((each.locales for each in listed if each.templateId == template_id), None)

        try:
            return context.client.get_json("templates/getByClientTemplateId", {"clientTemplateId": client_id}, shape)
        except ApiError as error:
            # A clientTemplateId that Iterable rejects must not stop every sync at this template.
            if error.status not in _REFUSED and not error.is_permanent:
                raise
            context.logger.warning(
                f"{self.name}: Iterable returned no locales of template {template_id} for its clientTemplateId. {error}"
            )
            return None

    def _in_locale(
        self, context: StreamContext, kind: str, item: Fields, unnamed: Fields | None, locale: str
    ) -> Fields | None:
        """The record of a locale; None if there is none.

        `unnamed` is the content in the default locale, if it does not say which that is.
        """
        content = self.content(context, kind, item, locale)
        if content is None:
            return None
        if _plain(content.get("locale")) not in ("", _plain(locale)):
            context.logger.warning(
                f"{self.name}: Iterable returned another locale of template {item['templateId']} than {locale}; skipped."
            )
            return None
        is_default = unnamed is not None and (content.get("isDefaultLocale") is True or content == unnamed)
        return None if is_default else {**content, "locale": locale}


def _plain(locale: object) -> str:
    """A locale's name in one spelling: de-DE, de_DE. Empty for what is no name."""
    return locale.replace("_", "-").lower() if isinstance(locale, str) else ""
