"""Webhooks: no secret of theirs is emitted."""

from __future__ import annotations

import pytest

from source_iterable.streams.webhooks import masked_url, without_secrets


def test_fields_that_may_hold_a_secret_are_dropped_at_any_depth() -> None:
    webhook = {
        "id": 1,
        "authType": "OAuth2",
        "authToken": "s1",
        "headers": [{"key": "X", "value": "s2"}],
        "oauth": {"clientSecret": "s3"},
        "auth": {"username": "s4", "password": "s5"},
        "nested": [{"apiKey": "s6", "name": "kept"}],
        "messageTypeIds": [1],
    }
    assert without_secrets(webhook) == {
        "id": 1,
        "authType": "OAuth2",
        "nested": [{"name": "kept"}],
        "messageTypeIds": [1],
    }


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("https://hooks.example.com/a?b=1", "https://hooks.example.com/a?b=1"),
        ("https://user:pa@ss@hooks.example.com:8443/a", "https://***@hooks.example.com:8443/a"),
        ("https://token@hooks.example.com", "https://***@hooks.example.com"),
        (
            "https://h.example/x?api_key=s&list=2&access_token=t",
            "https://h.example/x?api_key=***&list=2&access_token=***",
        ),
        ("https://[broken", "***"),
    ],
)
def test_the_url_of_a_webhook_shows_no_credentials(url: str, masked: str) -> None:
    assert masked_url(url) == masked
