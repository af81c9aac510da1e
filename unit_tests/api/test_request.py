"""The shapes of JSON that requests expect."""

from __future__ import annotations

import pytest

from source_iterable.api.request import ShapeError, an_object, list_shape


def test_a_list_is_what_its_endpoint_names() -> None:
    assert list_shape("things", "id")({"things": [{"id": "a"}, {"id": "b"}]}) == [{"id": "a"}, {"id": "b"}]


def test_a_response_that_is_one_object() -> None:
    assert an_object({"a": 1}) == {"a": 1}
    for response in ([], "text", None, 7):
        with pytest.raises(ShapeError, match="^is not an object$"):
            an_object(response)
