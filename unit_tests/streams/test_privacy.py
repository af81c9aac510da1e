"""What is said of the private options before any record is written."""

from __future__ import annotations

from typing import Any

import pytest

from source_iterable.streams.privacy import notes, unknown_names
from unit_tests.contexts import a_config

STAFF = "author, bccEmails, ccEmails, createdBy, createdByUserId, creatorUserId, fromEmail, replyToEmail, updatedBy"
SALTED = {"hash_salt": "pepper"}


@pytest.mark.parametrize(
    ("options", "kind", "missed"),
    [
        ({"hashed_fields": ["phoneNumber"], **SALTED}, "phone", "fromPhoneNumber, toPhoneNumber, whatsAppPhoneNumber"),
        ({"excluded_fields": ["toPhoneNumber"], "hashed_fields": ["phoneNumber"], **SALTED}, "phone", "fromPhoneNumber, w"),
        ({"hashed_fields": ["email"], **SALTED}, "email", STAFF),
        ({"excluded_fields": ["createdByUserId"]}, "staff", "author, bccEmails, ccEmails, createdBy, creatorUserId"),
        ({"excluded_fields": ["firstName"]}, "person-name", "fromName"),
        ({"excluded_fields": ["address.street"]}, "place", "city, country, phoneCountry, region"),
        # In streams of people, what is in `data` is a column, too; in other streams it is not.
        ({"excluded_fields": ["data.phoneNumber", "data.toPhoneNumber"]}, "phone", "fromPhoneNumber, whatsAppPhoneNumber. "),
        ({"excluded_fields": ["data.fromName", "firstName"]}, "person-name", "fromName"),
    ],
)  # fmt: skip
def test_columns_of_the_same_kind_that_stay_in_clear(options: dict[str, Any], kind: str, missed: str) -> None:
    (note,) = (each for each in notes(a_config(**options)) if f"kind:{kind} " in each)
    assert f") are not: {missed}" in note


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"excluded_fields": ["userAgent", "name"], "hashed_fields": ["userId", "loyaltyPoints"]},
        {"excluded_fields": ["ip"], **SALTED},
        {"hashed_fields": ["kind:phone", "kind:staff", "kind:person-name"], **SALTED},
        {"excluded_fields": ["kind:phone"], "hashed_fields": ["phoneNumber"], **SALTED},
        {"hashed_fields": ["phoneNumber", "toPhoneNumber", "fromPhoneNumber", "whatsAppPhoneNumber"], **SALTED},
        {"excluded_fields": ["kind:email"], "hashed_fields": ["email"]},
    ],
)
def test_nothing_to_say(options: dict[str, Any]) -> None:
    assert notes(a_config(**options)) == []


def test_what_anyone_can_guess_without_a_salt() -> None:
    options: dict[str, Any] = {
        "excluded_fields": ["ip"],
        "hashed_fields": ["kind:phone", "kind:email", "data.firstName"],
    }
    said = notes(a_config(**options))
    assert said[-1].startswith(
        "ip, kind:phone, data.firstName: private, but without hash_salt. There are so few IP addresses and"
    )
    assert "hash_salt" not in "".join(notes(a_config(**options, **SALTED)))
    assert "hash_salt" not in "".join(notes(a_config(excluded_fields=["userAgent"], hashed_fields=["email"])))


@pytest.mark.parametrize(
    ("fields", "own", "unknown"),
    [
        (["email", "itblInternal.emailDomain", "data.ip", "kind:person-name"], [], []),
        (["phonenumber", "firstName", "address.street", "data.firstName"], [], [...]),
        (
            ["phonenumber", "firstName", "address.street", "data.firstName"],
            ["firstName", "address.street"],
            ["phonenumber"],
        ),
        (["street", "adress.street"], ["address.street"], ["adress.street"]),
        (["address"], ["address.street"], []),
    ],
)
def test_names_that_nothing_declares(fields: list[str], own: list[str], unknown: list[Any]) -> None:
    assert unknown_names(a_config(hashed_fields=fields), own) == (sorted(fields) if unknown == [...] else unknown)
