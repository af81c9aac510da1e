"""`python -m integration_tests.sandbox`: the sandbox as a server of its own."""

from __future__ import annotations

import argparse
import signal
import threading

from .sandbox import Sandbox
from .settings import PROJECT_TYPES, SandboxSettings


def parse(arguments: list[str] | None = None) -> SandboxSettings:
    """Settings from the command line; what is not given is as in SandboxSettings."""
    usual = SandboxSettings()
    parser = argparse.ArgumentParser(prog="python -m integration_tests.sandbox", description=__doc__)
    parser.add_argument("--host", default=usual.host)
    parser.add_argument("--port", type=int, default=8080, help="of the API; 0 takes a free one")
    parser.add_argument("--files-port", type=int, default=0, help="of the storage host; 0 takes a free one")
    parser.add_argument("--seed", type=int, default=usual.seed)
    parser.add_argument("--users", type=int, default=usual.users)
    parser.add_argument("--days", type=int, default=usual.days, help="of history")
    parser.add_argument("--events-per-day", type=int, default=usual.events_per_day, help="over all types")
    parser.add_argument("--campaigns", type=int, default=usual.campaigns)
    parser.add_argument("--templates", type=int, default=usual.templates)
    parser.add_argument("--padding", type=int, default=usual.padding, help="bytes of filler in every event")
    parser.add_argument("--rate-limit-factor", type=float, default=1.0, help="limits so many times as fast; 0 = off")
    parser.add_argument("--index-lag", type=float, default=usual.index_lag, help="seconds until events are visible")
    parser.add_argument("--project-type", choices=PROJECT_TYPES, default=usual.project_type)
    parser.add_argument("--region", choices=("US", "EU"), default=usual.region)
    parser.add_argument("--api-key", default=usual.api_key)
    parser.add_argument("--data-types", help="comma separated; only these hold records")
    parser.add_argument("--job-seconds", type=float, default=usual.job_seconds)
    given = vars(parser.parse_args(arguments))
    given["data_types"] = tuple(given["data_types"].split(",")) if given["data_types"] else None
    return SandboxSettings(**given)


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
