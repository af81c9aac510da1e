"""How long a window probably takes, from those before it."""

from source_iterable.exports.durations import Durations

MB = 10**6


def test_without_a_window_a_guess_is_expected() -> None:
    durations = Durations(30.0)
    assert not durations.is_known
    assert durations.expected(0) == durations.expected(10**9) == 30


def test_windows_of_about_one_size_say_nothing_about_what_a_byte_costs() -> None:
    durations = Durations(30.0)
    for size, seconds in ((100 * MB, 10.0), (140 * MB, 14.0)):
        durations.learn("a", size, seconds)
    assert durations.is_known
    assert durations.expected(0) == durations.expected(10**9) == 12


def test_windows_of_several_sizes_do() -> None:
    durations = Durations(30.0)
    for size in (0, 100 * MB, 300 * MB):
        durations.learn("a", size, 30.0 + size / (5 * MB))
    assert round(durations.expected(10**9), 6) == 230
    assert round(durations.expected(0), 6) == 30
    # Never less than any took, and larger ones are not expected to be faster.
    durations.learn("a", 600 * MB, 2.0)
    assert 2 <= durations.expected(0) <= durations.expected(10**9)


def test_the_last_sixteen_count() -> None:
    durations = Durations(30.0)
    for seconds in (1000.0, *[5.0] * 16):
        durations.learn("a", 0, seconds)
    assert durations.expected(0) == 5


def test_the_last_of_each_data_type_is_kept() -> None:
    durations = Durations(30.0)
    durations.learn("a", 10, 1.26)
    durations.learn("b", 20, 2.0)
    durations.learn("a", 30, 3.04)
    assert durations.last == {"a": (30, 3.0), "b": (20, 2.0)}
