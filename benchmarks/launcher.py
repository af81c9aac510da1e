"""Launcher: runs a command and writes its measurements to a file. `python -I -S launcher.py RESULT COMMAND...`

On Linux a child inherits the peak memory of its parent across fork and exec, so the benchmark itself, which holds data,
cannot start what it measures. This process imports next to nothing and stays smaller than any program. The file gets one
line: start and end (time.monotonic), CPU seconds, peak resident bytes and the exit code.
"""

import os
import sys
import time

# Linux counts ru_maxrss in kilobytes, macOS in bytes.
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


def main() -> None:
    """Run, wait, write."""
    result, *command = sys.argv[1:]
    begun = time.monotonic()
    process = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(process, 0)
    ended = time.monotonic()
    with open(result, "w", encoding="ascii") as file:
        peak = usage.ru_maxrss * _MAXRSS_UNIT
        print(begun, ended, usage.ru_utime + usage.ru_stime, peak, os.waitstatus_to_exitcode(status), file=file)


if __name__ == "__main__":
    main()
