"""source-iterable reads everything that Iterable's API offers: as messages of
the Airbyte protocol, or into a warehouse.

It takes a configuration, config.json; the smallest:
    {"api_key": "a server-side key", "start_date": "2026-01-01T00:00:00Z"}
What it leaves out comes from the environment, if that has ITERABLE_API_KEY,
ITERABLE_START_DATE, ITERABLE_REGION or ITERABLE_PROJECT_TYPE. check, load,
forget and catalog need no --config then.

Does it work?
    source-iterable check --config config.json
Into a warehouse, without Airbyte:
    source-iterable load --config config.json --to iterable.duckdb
All rows about a person out of that warehouse:
    source-iterable forget --config config.json --to iterable.duckdb \\
        --email someone@example.com
As messages; the second time, what is new since:
    source-iterable catalog --config config.json \\
        --streams users,campaigns,email_send > catalog.json
    source-iterable read --config config.json --catalog catalog.json \\
        --state-file state.json > messages.jsonl
What there is:
    source-iterable spec                            the options
    source-iterable discover --config config.json   the streams and columns

load, forget, catalog, check, discover and read tell more with --help;
source-iterable --version prints the version.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys

from source_iterable.process.ending import print_and_end
from source_iterable.version import __version__

_COMMANDS = ("load", "forget", "catalog", "check", "discover", "read", "spec")


def run(arguments: list[str] | None = None) -> None:
    """Run a command of the Airbyte protocol, of which only messages go to stdout, or one of the others above."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if os.getpid() == 1:
        # Process 1 ignores signals without a handler, and the imports of a command take a quarter of a second.
        signal.signal(signal.SIGTERM, lambda number, frame: os._exit(128 + number))
    # A load writes to its warehouse, so it runs without stdout.
    if not _has_stdout() and arguments[:1] != ["load"]:
        sys.exit("The output cannot be written: stdout is closed.")
    if arguments == ["spec"]:
        # Without the imports of the other commands, in half their time.
        from source_iterable.spec import specification

        print_and_end(json.dumps({"type": "SPEC", "spec": specification()}))
    if arguments == ["--version"]:
        print_and_end(f"source-iterable {__version__}")
    if arguments in ([], ["-h"], ["--help"]):
        # This module's docstring.
        print_and_end(str(__doc__).strip())
    # Also as `python -m source_iterable`: the name in usage messages.
    sys.argv[0] = "source-iterable"
    if not arguments[0].startswith("-") and arguments[0] not in _COMMANDS:
        print(_unknown(arguments[0]), file=sys.stderr)
        sys.exit(2)
    if arguments[:1] == ["load"]:
        from source_iterable.load.command import run as load

        load(arguments[1:])
    if arguments[:1] == ["forget"]:
        from source_iterable.load.forget import run as forget

        forget(arguments[1:])
    # What modules define is no garbage, now or later.
    gc.disable()
    # First: pydantic searches all modules imported so far for the docstrings of the options.
    import source_iterable.config  # noqa: F401
    from source_iterable.airbyte.entrypoint import launch

    gc.freeze()
    gc.enable()
    if arguments[:1] == ["catalog"]:
        from source_iterable.airbyte.catalog import run as print_catalog

        print_catalog(arguments[1:])
    launch(arguments)


def _unknown(command: str) -> str:
    """What to say about a word that is no command."""
    # Not for the other commands, which need not wait for it.
    import difflib

    near = difflib.get_close_matches(command, _COMMANDS, 1)
    meant = f" Did you mean {near[0]}?" if near else ""
    return f"source-iterable has no command {ascii(command)}.{meant} Its commands: {', '.join(_COMMANDS)}."


def _has_stdout() -> bool:
    """Whether stdout is open. If one of stdin, stdout and stderr is not, it is opened: a file would take its place."""
    has_stdout = sys.stdout is not None
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            # The lowest number that is free.
            os.open(os.devnull, os.O_RDWR)
            file = open(number, mode, encoding="utf-8")  # noqa: SIM115
            setattr(sys, name, file)
            setattr(sys, f"__{name}__", file)
    return has_stdout
