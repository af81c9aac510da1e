"""Which streams a list of names and groups means."""

from __future__ import annotations

import pytest

from source_iterable.errors import ConfigError
from source_iterable.streams.table import EXPENSIVE, GROUPS, STREAMS, chosen


def test_streams_are_chosen_by_name_and_by_group() -> None:
    assert chosen("users, campaigns,users") == ["users", "campaigns"]
    assert chosen("all") == list(STREAMS)
    assert set(chosen("default")) == set(STREAMS) - set(EXPENSIVE)
    assert {"email_open", "custom_event"} < set(chosen("events"))
    assert not {"users", "events", "campaigns"} & set(GROUPS["events"])
    assert {"campaigns", "lists"} < set(chosen("lists"))
    assert chosen("stream:events") == ["events"]
    with pytest.raises(ConfigError, match="opens"):
        chosen("users,opens")
    with pytest.raises(ConfigError, match="No stream"):
        chosen(" , ")
