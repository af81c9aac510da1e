"""`python -m integration_tests.sandbox`: the sandbox as a server of its own."""

import argparse
import signal
import threading
from dataclasses import fields

from .sandbox import Sandbox
from .settings import PROJECT_TYPES, SandboxSettings

CHOICES = {"project_type": PROJECT_TYPES, "region": ("US", "EU")}


def parse(arguments: list[str] | None = None) -> SandboxSettings:
    """Settings from the command line, where every number and text of SandboxSettings is an option."""
    parser = argparse.ArgumentParser(
        "python -m integration_tests.sandbox",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--data-types", type=lambda text: tuple(text.split(",")), help="a,b,c: only these hold records")
    for each in fields(SandboxSettings):
        if type(each.default) in (int, float, str):
            default = {"port": 8080, "rate_limit_factor": 1.0}.get(each.name, each.default)
            kind, choices = float if each.name == "rate_limit_factor" else type(default), CHOICES.get(each.name)
            option = f"--{each.name.replace('_', '-')}"
            parser.add_argument(option, type=kind, default=default, choices=choices, help="see SandboxSettings")
    return SandboxSettings(**vars(parser.parse_args(arguments)))


def main() -> None:
    """Serve until told to stop; the first line on stdout is the root of the API."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with Sandbox(parse()) as sandbox:
        print(sandbox.base_url, flush=True)
        stop.wait()


if __name__ == "__main__":
    main()
