"""What is masked in a text of Iterable's, and what is not."""

from __future__ import annotations

import time

import pytest

from source_iterable.api.masks import masked


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        # Email addresses.
        ("User anna@x.com exists", "User **** exists"),
        ("User (anna@x.com), gone", "User (****), gone"),
        ("anna(x)@x.com gone", "**** gone"),
        ("anna,smith@x.com", "****"),
        ("anna@x.com,bob@x.com,gone", "****,gone"),
        ("anna@x.com(home)", "****(home)"),
        ('{"email":"anna@x.com","id":3}', '{"email":"****","id":3}'),
        ("anna%40x.com anna%2540x.com anna%252540x.com", "**** **** ****"),
        ("anna&#64;x.com anna&#x40;x.com anna&commat;x.com", "**** **** ****"),
        ("anna\\u0040x.com anna\uff20x.com", "**** ****"),
        # IP addresses.
        ("from 10.0.0.1.", "from ****."),
        ("from 10.0.0.1:443", "from ****:443"),
        ("from [::1]:443, ::ffff:10.0.0.1, ::", "from [****]:443, ****, ****"),
        ("ip:2001:db8::1: gone", "ip:****: gone"),
        ("2001:0db8:0000:0000:0000:0000:0000:0001", "****"),
        # Identifiers and numbers.
        ("user 550e8400-e29b-41d4-a716-446655440000 gone", "user **** gone"),
        ("user_550E8400E29B41D4A716446655440000", "user_****"),
        ("555_123_4567 or 555, 123, 4567", "**** or ****"),
        ("to +1 (555) 123-4567.", "to +****."),
        ("2024-01-01-5551", "****"),
        ("2024-13-01", "****"),
        ("12024-01-01", "****"),
        ("2024-01-01 5551234", "2024-01-01 ****"),
        # What stays.
        ("before 2024-01-01T00:00:00.123456Z, not 123456", "before 2024-01-01T00:00:00.123456Z, not 123456"),
        ("2024-01-01 10:20:30 +00:00 to 2024-02-01/2024-03-01", "2024-01-01 10:20:30 +00:00 to 2024-02-01/2024-03-01"),
        ("at 12:30:00, User::Name: a.b.c, 1.2.3", "at 12:30:00, User::Name: a.b.c, 1.2.3"),
        ("dataTypeName: must be one of [emailSend], (x), a,b", "dataTypeName: must be one of [emailSend], (x), a,b"),
    ],
)
def test_what_may_name_a_person_is_masked(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize(
    "part", ["a", "1", "1.", ":", "a:", '"', "(", ",", "@", "%25", "&#0", "-", "2024-01-01", "1, "]
)
def test_a_long_text_is_masked_in_a_moment(part: str) -> None:
    begun = time.process_time()
    masked(part * (2**16 // len(part)))
    masked(part * (2**16 // len(part)) + "!@")
    assert time.process_time() - begun < 2
