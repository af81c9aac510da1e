"""The shapes of JSON that requests expect."""

from __future__ import annotations

import pytest

from source_iterable.api.request import ShapeError, an_object, segment


def test_a_response_that_is_one_object() -> None:
    assert an_object({"a": 1}) == {"a": 1}
    for response in ([], "text", None, 7):
        with pytest.raises(ShapeError, match="^is not an object$"):
            an_object(response)


@pytest.mark.parametrize(
    ("name", "in_path"),
    [("Products", "Products"), ("a/b?c", "a%2Fb%3Fc"), (7, "7"), (".", "%2E"), ("..", "%2E%2E"), ("..a", "..a")],
)
def test_a_name_is_one_segment_of_a_path(name: object, in_path: str) -> None:
    assert segment(name) == in_path
