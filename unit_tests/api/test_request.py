"""The shapes of JSON that requests expect."""

from __future__ import annotations

import pytest

from source_iterable.api.request import ShapeError, an_object, list_shape


def test_a_list_without_a_key_may_hold_anything() -> None:
    assert list_shape("things")({"things": [1, "a", None]}) == [1, "a", None]
    assert list_shape("things", "id")({"things": [{"id": "a"}, {"id": "b"}]}) == [{"id": "a"}, {"id": "b"}]


def test_a_response_that_is_one_object() -> None:
    assert an_object({"a": 1}) == {"a": 1}
    for response in ([], "text", None, 7):
        with pytest.raises(ShapeError, match="^is not an object$"):
            an_object(response)
