"""The command: `spec` is printed without the CDK; everything else goes through it."""

from __future__ import annotations

import json
import sys


def run(arguments: list[str] | None = None) -> None:
    """Run one Airbyte protocol command. Only its messages go to stdout."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments == ["spec"]:
        # Importing the CDK takes a second, the spec itself a fifth of that.
        from source_iterable.config import specification

        print(json.dumps({"type": "SPEC", "spec": specification()}))
        return
    from source_iterable.airbyte.entrypoint import launch

    launch(arguments)
