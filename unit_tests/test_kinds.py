"""Kinds: every declared field is of a kind or, by decision, of none; what `kind:...` means in the options."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from source_iterable.config import ConfigError
from source_iterable.kinds import KINDS, expanded, kind_in, kind_of
from source_iterable.records.schemas import load_schema
from source_iterable.streams.table import STREAMS, parse_config

# Names that look as if they held personal data, and why they belong to no kind.
NONE_OF_THEM = {
    # Identifiers of people and devices, for which there is no kind; docs/private-fields.md says so.
    *("userId", "itblUserId", "userIdentifier", "deviceId", "deviceInfo", "devices", "userAgent", "userAgentDevice"),
    # Parts of addresses that many people share, and what is no place.
    *("emailDomain", "phoneType", "timeZone", "locale", "isDefaultLocale"),
    # Names of things.
    *("name", "eventName", "catalogName", "workflowName", "googleAnalyticsCampaignName", "triggerEventNames"),
    *("appPackageName",),
    # Their ids.
    *("emailListId", "emailListIds", "fromPhoneNumberId", "fromSMSSenderId", "userListIds"),
    # Whether and how.
    *("isUnknownUser", "subscriptionPolicy", "recipientState", "campaignState"),
}
LOOKS_PERSONAL = re.compile(
    "mail|phone|name|user|author|city|region|country|zone|locale|location$|address|device|sender|state|by$|^from|reply|^ip$"
    "|policy",
    re.IGNORECASE,
)


def names(schema: Mapping[str, Any]) -> Iterator[str]:
    for name, column in schema.get("properties", {}).items():
        yield from name.split(".")
        yield from names(column)
    if isinstance(schema.get("items"), Mapping):
        yield from names(schema["items"])


DECLARED = {name for stream in STREAMS for name in names(load_schema(stream))}


def test_every_declared_field_is_decided() -> None:
    of_kinds = {name for kind in KINDS.values() for name in kind.declared}
    assert of_kinds <= DECLARED, "the schemas have no such field"
    assert not of_kinds & NONE_OF_THEM
    looking = {name for name in DECLARED if LOOKS_PERSONAL.search(name)}
    assert looking - of_kinds == looking & NONE_OF_THEM, (
        "is it of a kind (source_iterable/kinds.py), or of none (above)?"
    )


def test_the_usual_names_of_own_fields_are_no_columns() -> None:
    for kind in KINDS.values():
        assert not DECLARED & set(kind.own)
        assert len(set(kind.names)) == len(kind.names)


@pytest.mark.parametrize(
    ("excluded", "hashed", "expect"),
    [
        (["ip", "a.b"], ["email"], (["ip", "a.b"], ["email"])),
        (["kind:ip"], [], (["ip", "ipAddress", "ip_address"], [])),
        # What is named by itself wins, also within one option.
        (["kind:ip"], ["ip"], (["ipAddress", "ip_address"], ["ip"])),
        (["ip"], ["kind:ip"], (["ip"], ["ipAddress", "ip_address"])),
        (["ip", "kind:ip"], [], (["ip", "ipAddress", "ip_address"], [])),
        # Of two kinds, the one that is excluded.
        (["kind:staff"], ["kind:email"], ([*KINDS["staff"].names], ["email", "emailAddress", "email_address"])),
        (["kind:email"], ["kind:staff"], ([*KINDS["email"].names], ["fromName"])),
        # A dotted name means other fields than the name: it takes none out.
        (["kind:ip"], ["data.ip"], (["ip", "ipAddress", "ip_address"], ["data.ip"])),
    ],
)
def test_what_kinds_mean(excluded: list[str], hashed: list[str], expect: tuple[list[str], list[str]]) -> None:
    of_excluded, of_hashed, by_kind = expanded(excluded, hashed)
    assert (of_excluded, of_hashed) == expect
    assert by_kind.keys() == {*of_excluded, *of_hashed} - {*excluded, *hashed}
    assert set(by_kind.values()) <= {*excluded, *hashed}


def test_a_status_is_no_place() -> None:
    assert not {"state", "status"} & set(KINDS["place"].names)


def test_a_word_is_a_kind_or_a_name() -> None:
    assert [kind_in(word) for word in ("kind:ip", "Kind: IP ", "ip", "kind", "a:ip", "mankind:ip")] == [
        "ip",
        "ip",
        None,
        None,
        None,
        None,
    ]
    for word in ("kind:", "kind:fax", "kind:ip.a", "data.kind:ip"):
        with pytest.raises(ValueError, match="there are kind:email, kind:phone, kind:ip"):
            kind_in(word)


def test_the_narrowest_kind_of_a_name() -> None:
    assert [
        kind_of(name) for name in ("email", "fromEmail", "fromName", "data.firstName", "address.street", "name")
    ] == [
        "email",
        "staff",
        "staff",
        "person-name",
        "place",
        None,
    ]


def a_config(**changes: Any) -> Any:
    return parse_config({"api_key": "k", "start_date": "2024-01-01T00:00:00Z", **changes})


def test_the_options_have_names_when_they_are_parsed() -> None:
    config = a_config(excluded_fields=["kind:phone", " KIND:ip "], hashed_fields=["phoneNumber", "kind:email"])
    assert {"toPhoneNumber", "fromPhoneNumber", "whatsAppPhoneNumber", "ip"} < set(config.excluded_fields)
    assert config.hashed_fields[:2] == ["phoneNumber", "email"]
    assert "createdByUserId" in config.hashed_fields
    assert "phoneNumber" not in config.by_kind
    assert config.by_kind["ip"] == "kind:ip"
    columns = STREAMS["sms_send"].schema(config)["properties"]
    assert not {"toPhoneNumber", "fromPhoneNumber"} & columns.keys()
    assert "fromPhoneNumberId" in columns
    assert a_config().by_kind == {}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"excluded_fields": ["kind:email"]}, "email, of kind:email, must stay, because it is in the key of users. Hash it"),
        ({"excluded_fields": ["kind:email"], "project_type": "Hybrid"}, "email, of kind:email, must stay, .*list_users"),
        ({"excluded_fields": ["ip", "kind:fax"]}, "'excluded_fields.1': there is no such kind of fields; there are kind:"),
        ({"hashed_fields": ["data.kind:ip"]}, "'hashed_fields.0': there is no such kind"),
        ({"excluded_fields": ["kind:ip"], "hashed_fields": ["Kind: ip"]}, "both name kind:ip: name each once"),
    ],
)  # fmt: skip
def test_kinds_that_cannot_be_private_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        a_config(**change)


@pytest.mark.parametrize(
    "change",
    [
        {"excluded_fields": ["kind:email"], "hashed_fields": ["email"]},
        {"excluded_fields": ["kind:email"], "project_type": "UserID-based"},
        {"excluded_fields": [f"kind:{kind}" for kind in KINDS if kind != "email"], "hashed_fields": ["kind:email"]},
    ],
)
def test_all_other_kinds_are_taken(change: dict[str, Any]) -> None:
    assert "createdByUserId" in a_config(**change).excluded_fields
