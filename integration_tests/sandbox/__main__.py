"""`python -m integration_tests.sandbox`: the sandbox as a server of its own."""

import argparse
import signal
import sys
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import fields

from .sandbox import Sandbox
from .settings import PROJECT_TYPES, SandboxSettings

CHOICES = {"project_type": PROJECT_TYPES, "region": ("US", "EU"), "spellings": ("all", "reference")}
DEFAULTS = {"port": 8080, "rate_limit_factor": 1.0}


def parse(arguments: list[str] | None = None) -> SandboxSettings:
    """Settings from the command line, where every number and text of SandboxSettings is an option."""
    shown = argparse.ArgumentDefaultsHelpFormatter
    parser = argparse.ArgumentParser("python -m integration_tests.sandbox", description=__doc__, formatter_class=shown)
    parser.add_argument("--data-types", type=lambda text: tuple(text.split(",")), help="a,b,c: only these hold records")
    parser.add_argument("--ordinary", dest="odd", action="store_false", default=argparse.SUPPRESS, help="no oddities")
    for name, default in ((each.name, DEFAULTS.get(each.name, each.default)) for each in fields(SandboxSettings)):
        if type(default) in (int, float, str):
            option, choices = f"--{name.replace('_', '-')}", CHOICES.get(name)
            parser.add_argument(option, type=type(default), default=default, choices=choices, help="of SandboxSettings")
    return SandboxSettings(**vars(parser.parse_args(arguments)), now=None)


def serve(sandboxes: Mapping[str, SandboxSettings]) -> None:
    """Serve until SIGTERM or SIGINT. Prints a line for each sandbox that listens: its name, and the root of its API."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with ExitStack() as stack:
        for name, settings in sandboxes.items():
            try:
                sandbox = stack.enter_context(Sandbox(settings))
            except OSError as error:
                sys.exit(f"Port {settings.port} of {settings.host} cannot be used: {error.strerror}.")
            print(f"{name}{sandbox.base_url}", flush=True)
        stop.wait()


if __name__ == "__main__":
    serve({"": parse()})  # the address is the only line on stdout
