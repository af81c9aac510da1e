"""The shapes of JSON that requests expect."""

from __future__ import annotations

import pytest

from source_iterable.api.request import ShapeError, an_object, items_in


def test_a_list_is_what_its_endpoint_names() -> None:
    assert items_in({"things": [{"id": "a"}, {"id": "b"}]}, "things", "id") == [{"id": "a"}, {"id": "b"}]


def test_a_response_that_is_one_object() -> None:
    assert an_object({"a": 1}) == {"a": 1}
    for response in ([], "text", None, 7):
        with pytest.raises(ShapeError, match="^is not an object$"):
            an_object(response)
