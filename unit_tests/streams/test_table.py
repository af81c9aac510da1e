"""Which streams a list of names and groups means."""

from __future__ import annotations

import logging

import pytest

from source_iterable.errors import ConfigError
from source_iterable.streams.table import EXPENSIVE, STREAMS, chosen

LOGGER = logging.getLogger("source_iterable")
NO_EVENTS = {"users", "events", "campaigns"}


def warned(caplog: pytest.LogCaptureFixture, names: str) -> tuple[list[str], list[str]]:
    """The streams that are chosen, and the warnings."""
    caplog.clear()
    return chosen(names, LOGGER), [record.message for record in caplog.records]


def test_a_name_is_a_stream_and_groups_are_written_apart(caplog: pytest.LogCaptureFixture) -> None:
    assert warned(caplog, "users, campaigns,users") == (["users", "campaigns"], [])
    assert warned(caplog, "group:all") == (list(STREAMS), [])
    by_default, events, lists = (chosen(f"group:{name}", LOGGER) for name in ("default", "events", "lists"))
    assert set(by_default) == set(STREAMS) - set(EXPENSIVE)
    assert {"email_open", "custom_event"} < set(events)
    assert not NO_EVENTS & set(events)
    assert {"campaigns", "lists"} < set(lists)
    assert set(lists) == set(by_default) - {*events, "users"}
    assert chosen("group:lists, users,campaigns", LOGGER) == [*lists, "users"]
    assert not caplog.records
    assert not any(":" in name for name in STREAMS)


@pytest.mark.parametrize(
    ("former", "now"),
    [("all", "group:all"), ("default", "group:default"), ("stream:events", "events"), ("stream:users", "users")],
)
def test_former_names_mean_the_same_with_a_warning(caplog: pytest.LogCaptureFixture, former: str, now: str) -> None:
    streams, (warning,) = warned(caplog, f"{former},{former}")
    assert streams == chosen(now, LOGGER)
    assert warning.startswith(f"{former} is now called {now}.")


@pytest.mark.parametrize("name", ["events", "lists"])
def test_a_stream_with_the_name_of_a_group_is_the_stream_with_a_warning(
    caplog: pytest.LogCaptureFixture, name: str
) -> None:
    streams, (warning,) = warned(caplog, f"campaigns,{name}")
    assert streams == ["campaigns", name]
    assert f"group:{name}" in warning


@pytest.mark.parametrize("names", ["users,opens", "group:opens", "group:users", "stream:opens", "stream:group:all"])
def test_what_is_neither_stream_nor_group_is_an_error(names: str) -> None:
    with pytest.raises(ConfigError, match=f"There is no stream or group {names.removeprefix('users,')}"):
        chosen(names, LOGGER)


def test_a_list_without_a_name_is_an_error() -> None:
    with pytest.raises(ConfigError, match="No stream"):
        chosen(" , ", LOGGER)
