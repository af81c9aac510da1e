"""`python -m integration_tests.witnesses`: let all witnesses read the local Iterable, and print what they say of it.

Exits with 1 if one of them differs in anything that is not a known defect.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

from integration_tests.published import lately
from integration_tests.sandbox import Sandbox, SandboxSettings
from integration_tests.witnesses.client import client
from integration_tests.witnesses.connectors import airbyte, singer
from integration_tests.witnesses.schemas import schemas
from integration_tests.witnesses.verdicts import DIFFERS, Verdict, table


def ordinary(**changes: Any) -> Sandbox:
    """A small project without oddities."""
    return Sandbox(SandboxSettings(odd=False, users=12, days=3, events_per_day=600, now=lately(), **changes))


def main() -> int:
    """Print the table. Returns the exit code."""
    verdicts: list[Verdict] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with ordinary() as sandbox:
            verdicts += client(sandbox, "the reference's shapes")
        with ordinary(wrapped_catalogs=True, experiments_as_csv=True) as sandbox:
            verdicts += client(sandbox, "the shapes seen")
        verdicts += schemas()
        for witness in (singer, airbyte):
            with ordinary() as sandbox:
                verdicts += witness(sandbox, folder)
    print(table(verdicts))
    return int(any(verdict.verdict == DIFFERS for verdict in verdicts))


if __name__ == "__main__":
    sys.exit(main())
