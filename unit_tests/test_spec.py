"""The specification, as Airbyte's form shows it."""

from __future__ import annotations

from source_iterable.spec import specification

SCHEMA = specification()["connectionSpecification"]
OPTIONS = SCHEMA["properties"]


def test_the_form_has_four_cards_and_each_option_is_in_one() -> None:
    assert [group["title"] for group in SCHEMA["groups"]] == [
        "Connection",
        "What to read",
        "Private fields",
        "Advanced",
    ]
    ids = [group["id"] for group in SCHEMA["groups"]]
    assert {option["group"] for option in OPTIONS.values()} == {*ids}
    by_group = {each: [name for name, option in OPTIONS.items() if option["group"] == each] for each in ids}
    assert by_group["connection"] == ["api_key", "region", "project_type", "project"]
    assert {"start_date", "end_date"} <= {*by_group["reading"]}
    assert by_group["private"] == ["excluded_fields", "hashed_fields", "hash_salt"]
    assert {"rate_limit_factor", "api_base_url"} <= {*by_group["advanced"]}, "hidden ones make no card of their own"


def test_where_a_pattern_is_the_form_shows_words() -> None:
    shown = {name: (option.get("items") or option) for name, option in OPTIONS.items()}
    words = {name: each["pattern_descriptor"] for name, each in shown.items() if "pattern" in each}
    assert words == {
        **dict.fromkeys(["start_date", "end_date"], "YYYY-MM-DDTHH:MM:SSZ"),
        **dict.fromkeys(["excluded_fields", "hashed_fields"], "the name of a field, such as email or address.city"),
        "project": "a short name, such as acme-eu",
    }


def test_no_two_options_have_one_place() -> None:
    assert [option["order"] for option in OPTIONS.values()] == list(range(len(OPTIONS)))
