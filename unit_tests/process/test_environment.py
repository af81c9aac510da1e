"""Options from the environment."""

from __future__ import annotations

import pytest

from source_iterable.errors import ConfigError
from source_iterable.process.environment import filled, without_file


def test_they_fill_what_a_configuration_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ITERABLE_API_KEY", "key")
    monkeypatch.setenv("ITERABLE_REGION", "EU")
    monkeypatch.setenv("ITERABLE_START_DATE", "2024-01-01T00:00:00Z")
    monkeypatch.setenv("ITERABLE_PROJECT_TYPE", "")
    assert filled({"api_key": "", "region": None, "lookback_window": 5}) == {
        "api_key": "",
        "region": None,
        "start_date": "2024-01-01T00:00:00Z",
        "lookback_window": 5,
    }, "a key that is there wins, and an empty variable is none"
    assert without_file() == {"api_key": "key", "region": "EU", "start_date": "2024-01-01T00:00:00Z"}


def test_without_a_file_it_says_what_the_environment_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ITERABLE_API_KEY", raising=False)
    monkeypatch.delenv("ITERABLE_START_DATE", raising=False)
    with pytest.raises(ConfigError, match="the environment has no ITERABLE_API_KEY and no ITERABLE_START_DATE\\."):
        without_file()
    monkeypatch.setenv("ITERABLE_API_KEY", "key")
    with pytest.raises(ConfigError, match="the environment has no ITERABLE_START_DATE\\."):
        without_file()
