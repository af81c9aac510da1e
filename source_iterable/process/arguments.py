"""Arguments of commands."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NoReturn

from source_iterable.process.display import one_line


class Parser(argparse.ArgumentParser):
    """argparse's parser, whose errors quote arguments so that these cannot change what is on the terminal."""

    def error(self, message: str) -> NoReturn:
        super().error(one_line(message))


def add_config(parser: argparse.ArgumentParser, required: bool = False) -> None:
    """Add --config, for a command that takes what it leaves out from the environment."""
    parser.add_argument(
        "--config",
        type=Path,
        required=required,
        metavar="FILE",
        help="the configuration, a JSON file: docs/options.md. ITERABLE_API_KEY, ITERABLE_START_DATE, ITERABLE_REGION and "
        "ITERABLE_PROJECT_TYPE in the environment fill what it leaves out",
    )


def positive(text: str) -> int:
    """A whole number of at least 1, for argparse."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError("must be a whole number, at least 1")
    return number
