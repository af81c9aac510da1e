"""Columns: what fits a column is in it, all else is under `data`."""

from typing import Any

import orjson
import pytest

from unit_tests.contexts import events_of


def one(event: dict[str, Any]) -> dict[str, Any]:
    (record,) = events_of("email_click").parse(orjson.dumps(event)).batch.records()
    return record


def test_values_that_do_not_fit_go_under_data() -> None:
    record = one(
        {"createdAt": "2021-04-14 16:52:42 +00:00", "campaignId": "12", "isBot": 1, "email": None, "userId": 5}
    )
    assert record["data"] == {"campaignId": "12", "isBot": 1, "userId": 5}
    assert record["email"] is None
    assert "campaignId" not in record


@pytest.mark.parametrize("ids", [[1, "two"], ["1"], [[1]], [1.5], [True], [1, {}]])
def test_a_list_with_an_item_that_does_not_fit_goes_under_data(ids: list[Any]) -> None:
    time, unsubscribes = "2021-04-14 16:52:42 +00:00", events_of("email_unsubscribe")
    for channels in ([1, 2], [], [1, None], ids, [3]):
        line = orjson.dumps({"createdAt": time, "channelIds": channels})
        (record,) = unsubscribes.parse(line).batch.records()
        misfit = channels == ids
        assert record.get("channelIds") == (None if misfit else channels)
        assert record["data"] == ({"channelIds": ids} if misfit else {})


def test_an_invalid_time_stays_under_data() -> None:
    record = one({"createdAt": "soon", "messageId": "m"})
    assert record["data"] == {"createdAt": "soon"}
    assert one({"createdAt": None})["data"] == {"createdAt": None}
