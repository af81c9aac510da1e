"""The command: `spec` is printed without the CDK; everything else goes through it."""

from __future__ import annotations

import json
import os
import signal
import sys


def run(arguments: list[str] | None = None) -> None:
    """Run one Airbyte protocol command. Only its messages go to stdout."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if os.getpid() == 1:
        # Process 1 ignores signals without a handler, and importing the CDK takes a second.
        signal.signal(signal.SIGTERM, lambda number, frame: os._exit(128 + number))
    if arguments == ["spec"]:
        # Importing the CDK takes a second, the spec itself a fifth of that.
        from source_iterable.config import specification

        print(json.dumps({"type": "SPEC", "spec": specification()}))
        return
    from source_iterable.airbyte.entrypoint import launch

    launch(arguments)
