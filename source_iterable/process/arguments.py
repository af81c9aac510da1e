"""Arguments of commands."""

from __future__ import annotations

import argparse
from typing import NoReturn

from source_iterable.process.display import one_line


class Parser(argparse.ArgumentParser):
    """argparse's parser, whose errors quote arguments so that these cannot change what is on the terminal."""

    def error(self, message: str) -> NoReturn:
        super().error(one_line(message))
