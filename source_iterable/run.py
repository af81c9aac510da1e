"""The command: `spec` is answered at once; everything else is handed to the CDK."""

from __future__ import annotations

import json
import sys


def run(arguments: list[str] | None = None) -> None:
    """Run one command of the Airbyte protocol. Its messages go to stdout, and nothing else does."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments == ["spec"]:
        # To import the CDK takes a second, five times as long as all that the spec needs.
        from source_iterable.config import specification

        print(json.dumps({"type": "SPEC", "spec": specification()}))
        return
    from source_iterable.entrypoint import launch

    launch(arguments)
