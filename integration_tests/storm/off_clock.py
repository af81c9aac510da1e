"""The command on a machine whose clock is off: `python -m integration_tests.storm.off_clock SECONDS read ...`."""

from __future__ import annotations

import sys
import time

from source_iterable.run import run


def main() -> None:
    """Run the command's words behind the first, by which the clock is ahead of this machine's, in seconds."""
    ahead, right = float(sys.argv[1]), time.time
    time.time = lambda: right() + ahead
    run(sys.argv[2:])


if __name__ == "__main__":
    main()
