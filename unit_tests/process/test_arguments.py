"""Errors about arguments."""

from __future__ import annotations

import pytest

from source_iterable.process.arguments import Parser


@pytest.mark.parametrize("arguments", [["--no\x1b[2K\rforged\n\u202eforged"], ["a", "b\x1b[2K\rforged\n\u202eforged"]])
def test_an_argument_that_is_quoted_cannot_change_the_terminal(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    parser = Parser(prog="it")
    parser.add_subparsers().add_parser("a")
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(arguments)
    assert ended.value.code == 2
    usage, error = capsys.readouterr().err.splitlines()
    assert usage.startswith("usage: it")
    assert error.startswith("it: error: unrecognized arguments: ")
    assert r"\x1b[2K\rforged\n\u202eforged" in error
