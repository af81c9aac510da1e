"""States: ours, those of the published connector, and invalid ones."""

from datetime import datetime, timezone

import pytest

from source_iterable.errors import ConfigError
from source_iterable.reading.state import state_time

TIME = int(datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc).timestamp())


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-02T03:04:05+00:00",
        "2026-01-02 03:04:05+00:00",
        "2026-01-02T03:04:05.999999Z",
        "2026-01-02 03:04:05",
        "2026-01-02T04:04:05+01:00",
        "Fri, 02 Jan 2026 03:04:05 +0000",
        TIME,
        TIME * 1000,
        TIME + 0.5,
    ],
)
def test_a_date_in_any_format(value: object) -> None:
    assert state_time("users", "profileUpdatedAt", {"profileUpdatedAt": value}) == TIME


@pytest.mark.parametrize("state", [{}, {"createdAt": None}, {"other": 1}])
def test_no_state(state: dict[str, object]) -> None:
    assert state_time("users", "createdAt", state) is None


@pytest.mark.parametrize("value", ["", "yesterday", "12", "10:30", "Monday", "May 5", {}, [1], True, 1e300, "9" * 50])
def test_an_invalid_state_error_names_the_stream_and_the_value(value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        state_time("email_send", "createdAt", {"createdAt": value})
    assert "email_send" in str(caught.value)
    assert repr(value) in str(caught.value)
