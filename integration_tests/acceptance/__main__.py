"""`python -m integration_tests.acceptance`: sandboxes at the addresses of the configurations, for Airbyte's own commands."""

from __future__ import annotations

import json
import signal
import threading
from contextlib import ExitStack
from pathlib import Path

from integration_tests.acceptance import NAMES, fitting
from integration_tests.sandbox import Sandbox


def main() -> None:
    """Serve until interrupted."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with ExitStack() as stack:
        for name in NAMES:
            config = json.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))
            sandbox = stack.enter_context(Sandbox(fitting(config, own_port=True)))
            print(f"{name}: {sandbox.base_url}", flush=True)
        stop.wait()


if __name__ == "__main__":
    main()
