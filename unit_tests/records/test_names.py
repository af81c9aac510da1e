"""Names of columns."""

from __future__ import annotations

from dlt.common.normalizers.naming.snake_case import NamingConvention

from source_iterable.records.names import folded, free_name, snake_case

ODD = (
    "a b",
    "Äx",
    "fooBAR",
    "URLId",
    "x1Y2",
    "__b",
    "a__b",
    "1a",
    "foo-bar",
    "x_",
    "emailSMS2Go",
    "a.b",
    " a ",
    "_",
)


def test_names_are_those_that_dlt_makes() -> None:
    convention = NamingConvention()
    for odd in ODD:
        assert snake_case(odd) == convention.normalize_identifier(odd)


def test_folded_names_keep_words_together() -> None:
    assert [*map(folded, ("userId", "Email ", "na!e", "日本"))] == ["userid", "email", "na_e", "__"]


def test_a_free_name_is_none_that_is_taken_and_no_longer_than_a_name_may_be() -> None:
    assert free_name("x" * 90, {}) != free_name("x" * 91, {})
    assert free_name("fooBar", {"foo_bar": None}) not in ("foo_bar", "fooBar")
    taken = {"foo_bar", free_name("fooBar", {"foo_bar"})}
    assert free_name("fooBar", taken) not in taken
    assert all(len(free_name("f" * length, {"f" * length: None})) <= 63 for length in (50, 56, 60, 62, 63, 90))
