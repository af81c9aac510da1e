"""Names of the tables in which rows wait until their stream was read to its end."""

from __future__ import annotations

from source_iterable.load.tables import table_of
from source_iterable.load.waiting import options_of, part_of, waiting_for, waiting_name
from source_iterable.streams.table import STREAMS
from unit_tests.contexts import a_config


def test_each_key_and_each_set_of_options_has_a_table_which_is_found_again() -> None:
    parts = [part_of(key) for key in ("", "us/", "eu/", "us/2024-01-01T00:00:00Z/2024-02-01T00:00:00Z")]
    tables = [table_of(STREAMS["lists"], config) for config in (a_config(), a_config(hashed_fields=["name"]))]
    names = {waiting_name(table, part): (part, options_of(table.private)) for part in parts for table in tables}
    assert len(names) == 8
    other = waiting_name(table_of(STREAMS["list_users"], a_config()), "")
    assert waiting_for("lists", [*names, "lists", other]) == names
    assert waiting_for("list_users", [*names, other]) == {other: ("", "")}


def test_postgresql_does_not_cut_the_names() -> None:
    longest = max(
        (table_of(stream, a_config(hashed_fields=["x"])) for stream in STREAMS.values()), key=lambda t: len(t.name)
    )
    assert len(waiting_name(longest, part_of("us/"))) <= 63
