"""template_locales: the contents of templates in further locales, as few requests as there is to ask for."""

from __future__ import annotations

from typing import Any

import pytest

from integration_tests.connector import config_for, sync
from integration_tests.expected import assert_exact, truth
from integration_tests.sandbox import Fault, Sandbox, SandboxSettings

Record = dict[str, Any]
BY_ID = "templates/getByClientTemplateId"
NAME = "template_locales"
# The first template: it has a clientTemplateId, and three locales.
FIRST = 700001


def a_sandbox(**settings: Any) -> Sandbox:
    return Sandbox(SandboxSettings(**{"seed": 4, "users": 5, "days": 10, "events_per_day": 0, **settings}))


def contents(sandbox: Sandbox) -> int:
    return sum(sandbox.count(f"templates/{medium}/get") for medium in ("email", "push", "inapp", "sms"))


def test_every_further_locale_is_read_and_no_default_one() -> None:
    with a_sandbox(localized=1, locales=("en", "de-DE", "pt_BR", "zh-Hant-TW")) as sandbox:
        config = config_for(sandbox)
        result = sync(config, [NAME, "template_contents"])
        assert result.failure is None
        expected = truth(sandbox, NAME)
        assert len(expected) == 3 * sum("clientTemplateId" in each for each in sandbox.truth_list("templates"))
        assert_exact(NAME, result.records[NAME], expected, config)
        assert {record["locale"] for record in result.records[NAME]} == {"de-DE", "pt_BR", "zh-Hant-TW"}
        assert {record["locale"] for record in result.records["template_contents"]} == {"en"}
    html = {record["html"] for record in result.records[NAME] if record["templateId"] == FIRST}
    assert len(html) > 1, "each is another content"


def test_a_template_without_locales_is_not_asked_for_its_content() -> None:
    with a_sandbox(locales=()) as sandbox:
        result = sync(config_for(sandbox), [NAME])
        assert result.failure is None
        assert result.records[NAME] == []
        with_id = sum("clientTemplateId" in each for each in sandbox.truth_list("templates"))
        assert sandbox.count(BY_ID) == with_id
        # Of those without an id only their content could tell.
        assert contents(sandbox) == 64 - with_id


def test_an_update_is_read_and_an_idle_sync_asks_for_nothing() -> None:
    with a_sandbox() as sandbox:
        config = config_for(sandbox)
        first = sync(config, [NAME])
        sandbox.clear_requests()
        second = sync(config, [NAME], first.state)
        assert second.records[NAME] == []
        assert len(sandbox.requests) == 16
        sandbox.touch("templates", FIRST)
        sandbox.clear_requests()
        third = sync(config, [NAME], second.state)
        assert [(record["templateId"], record["locale"]) for record in third.records[NAME]] == [
            (FIRST, "de-DE"),
            (FIRST, "pt_BR"),
        ]
        assert all(record in truth(sandbox, NAME) for record in third.records[NAME])
        assert len(sandbox.requests) == 16 + 1 + 3


def test_locales_that_a_content_names_are_read_as_well() -> None:
    """For templates without a clientTemplateId."""
    with a_sandbox(templates=4) as sandbox:
        for template in sandbox.core.world.things("templates"):
            template.pop("clientTemplateId", None)
        body = {"templateId": FIRST, "locale": "en", "locales": ["en", "de-DE", "pt_BR"]}
        of_first = lambda entry: entry.query == {"templateId": [str(FIRST)]}  # noqa: E731
        sandbox.add_fault(Fault("templates/email/get", "status", times=None, status=200, body=body, when=of_first))
        result = sync(config_for(sandbox), [NAME])
        assert result.failure is None
        assert sandbox.count(BY_ID) == 0
    assert [record["locale"] for record in result.records[NAME]] == ["de-DE", "pt_BR"]


@pytest.mark.parametrize(
    ("fault", "left", "said"),
    [
        (Fault("templates/email/get", "status", times=None, status=404), 0, f"template {FIRST} no longer exists"),
        (
            Fault(BY_ID, "status", times=None, status=404),
            0,
            f"Iterable returned no locales of template {FIRST}",
        ),
        *(
            (
                Fault(BY_ID, "status", times=None, status=status, body=body),
                0,
                f"Iterable returned no locales of template {FIRST}",
            )
            for status, body in ((400, None), (414, ""), (500, {"code": "GenericError", "msg": "An error occurred."}))
        ),
        (
            Fault(
                "templates/email/get",
                "status",
                times=None,
                status=404,
                when=lambda e: e.query.get("locale") == ["de-DE"],
            ),
            1,
            f"locale de-DE of template {FIRST} no longer exists",
        ),
        (
            Fault(
                "templates/email/get",
                "status",
                times=None,
                status=200,
                body={"templateId": FIRST, "locale": "en", "html": "the default"},
                when=lambda entry: entry.query.get("locale") == ["de-DE"],
            ),
            1,
            f"Iterable returned another locale of template {FIRST} than de-DE",
        ),
    ],
)
def test_what_is_gone_is_skipped_with_a_warning(
    fault: Fault, left: int, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    with a_sandbox(templates=1) as sandbox:
        sandbox.add_fault(fault)
        result = sync(config_for(sandbox), [NAME])
    assert result.failure is None
    assert len(result.records[NAME]) == left
    assert any(said in record.message for record in caplog.records if record.levelname == "WARNING")


@pytest.mark.parametrize(
    "body",
    [
        {"templates": {}},
        {"templates": [{"locales": ["de"]}]},
        {"templates": [{"templateId": FIRST, "locales": "de"}]},
        {"templates": [{"templateId": FIRST, "locales": {}}]},
        {"templates": [{"templateId": FIRST, "locales": ["de", 5]}]},
        {"code": "GenericError", "msg": "An error occurred"},
        "<html>Please log in</html>",
    ],
)
def test_what_is_no_list_of_locales_is_not_believed(body: Any) -> None:
    with a_sandbox(templates=1) as sandbox:
        sandbox.add_fault(Fault(BY_ID, "status", times=None, status=200, body=body))
        result = sync(config_for(sandbox), [NAME])
    assert NAME in result.errors
    assert result.records[NAME] == []


def test_only_the_entry_of_the_template_itself_counts() -> None:
    """Several templates may have one clientTemplateId; one that Iterable does not name there has what its content names."""
    with a_sandbox(templates=1) as sandbox:
        other = {"templateId": FIRST + 1, "locales": ["fr"]}
        body = {"templates": [other, {"templateId": FIRST, "locales": ["en", "de-DE"]}]}
        sandbox.add_fault(Fault(BY_ID, "status", times=1, status=200, body=body))
        sandbox.add_fault(Fault(BY_ID, "status", times=1, status=200, body={"templates": [other]}))
        first, second = (sync(config_for(sandbox), [NAME]) for _ in range(2))
    assert [record["locale"] for record in first.records[NAME]] == ["de-DE"]
    assert second.failure is None
    assert second.records[NAME] == []


def answered(sandbox: Sandbox, **contents: Record) -> None:
    """Let the template's content be these, by locale; `none` without one. Iterable tells all of the locales."""
    locales = [locale for locale in contents if locale != "none"]
    told = {"templates": [{"templateId": FIRST, "locales": locales}]}
    sandbox.add_fault(Fault(BY_ID, "status", times=None, status=200, body=told))
    for locale, content in contents.items():
        query = {"templateId": [str(FIRST)], **({} if locale == "none" else {"locale": [locale]})}
        sandbox.add_fault(
            Fault(
                "templates/email/get",
                "status",
                times=None,
                status=200,
                body={"templateId": FIRST, **content},
                when=lambda entry, query=query: entry.query == query,
            )
        )


@pytest.mark.parametrize(
    ("contents", "expected"),
    [
        # The default content does not say its locale: what says that it is the default, or is the same, is left out.
        (
            {"none": {"html": "1"}, "en": {"html": "1", "isDefaultLocale": True}, "de": {"html": "2"}},
            {"de": "2"},
        ),
        ({"none": {"html": "1"}, "en": {"html": "1"}, "de": {"html": "2"}}, {"de": "2"}),
        ({"none": {"html": "1"}, "en": {"html": "1"}, "de": {"html": "1"}}, {}),  # a server that ignores the locale
        # What template_contents has is left out, whatever it calls itself.
        (
            {
                "none": {"html": "2", "locale": "de", "isDefaultLocale": False},
                "en": {"html": "1", "locale": "en", "isDefaultLocale": True},
                "de": {"html": "2", "locale": "de", "isDefaultLocale": False},
            },
            {"en": "1"},
        ),
        # One locale in several spellings is one.
        (
            {
                "none": {"html": "1", "locale": "en_US"},
                "en-us": {"html": "1"},
                "de_DE": {"html": "2", "locale": "de-DE"},
                "de-DE": {"html": "2", "locale": "de-DE"},
            },
            {"de-DE": "2"},
        ),
    ],
)
def test_which_locale_is_the_default_one(contents: dict[str, Record], expected: dict[str, str]) -> None:
    with a_sandbox(templates=1) as sandbox:
        answered(sandbox, **contents)
        result = sync(config_for(sandbox), [NAME])
    assert result.failure is None
    assert {record["locale"]: record["html"] for record in result.records[NAME]} == expected


def test_the_content_of_another_template_is_not_believed() -> None:
    with a_sandbox(templates=1) as sandbox:
        body = {"templateId": FIRST + 2, "html": "another one"}
        sandbox.add_fault(Fault("templates/email/get", "status", times=None, status=200, body=body))
        result = sync(config_for(sandbox), [NAME, "template_contents"])
    assert set(result.errors) == {NAME, "template_contents"}
    assert not any(result.records.values())


def test_an_entry_without_locales_tells_nothing() -> None:
    """The reference requires its templateId only: then there is what the content names."""
    with a_sandbox(templates=1) as sandbox:
        sandbox.add_fault(Fault(BY_ID, "status", times=None, status=200, body={"templates": [{"templateId": FIRST}]}))
        body = {"templateId": FIRST, "locale": "en", "locales": ["en", "de-DE"]}
        of_default = lambda entry: "locale" not in entry.query  # noqa: E731
        sandbox.add_fault(Fault("templates/email/get", "status", times=None, status=200, body=body, when=of_default))
        result = sync(config_for(sandbox), [NAME])
    assert [record["locale"] for record in result.records[NAME]] == ["de-DE"]


@pytest.mark.parametrize("odd", [{"code": "en"}, ["en"], 5, True, ""])
def test_a_locale_that_is_no_text_is_none(odd: Any) -> None:
    with a_sandbox(templates=1) as sandbox:
        answered(
            sandbox, none={"html": "1", "locale": odd}, en={"html": "1", "locale": odd}, de={"html": "2", "locale": odd}
        )
        result = sync(config_for(sandbox), [NAME])
    assert {record["locale"]: record["html"] for record in result.records[NAME]} == {"de": "2"}
