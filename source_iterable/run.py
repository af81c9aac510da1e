"""The command: `spec` is printed at once; everything else goes through the CDK."""

from __future__ import annotations

import json
import sys


def run(arguments: list[str] | None = None) -> None:
    """Run one command of the Airbyte protocol. Its messages go to stdout, and nothing else does."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments == ["spec"]:
        # Importing the CDK takes a second, the spec itself a fifth of that.
        from source_iterable.config import specification

        print(json.dumps({"type": "SPEC", "spec": specification()}))
        return
    from source_iterable.airbyte.entrypoint import launch

    launch(arguments)
