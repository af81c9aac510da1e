"""What a test starts: `client.py SOCKET -m MODULE ...` hands its place over to a fork of the server, and ends as that ends.

A process in its own right, so that it works in shells, with redirections, limits and signals. It imports next to nothing.
"""

import marshal
import os
import resource
import signal
import socket
import sys
from contextlib import suppress

# In place of SIGKILL, which nobody can pass on.
KILL = signal.SIGUSR2
FORWARDED = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, KILL}
LIMITS = [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")]


def main() -> None:
    """Run, and end with the same exit code or by the same signal."""
    # Before anything is opened, which would take the number of one that is closed.
    standard = [number for number in range(3) if _is_open(number)]
    # Until there is a process to pass them on to.
    signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
    ignored = [int(each) for each in signal.valid_signals() if signal.getsignal(each) == signal.SIG_IGN]
    place = {
        "arguments": sys.argv[2:],
        "folder": os.getcwd(),
        "environment": dict(os.environ),
        "ignored": ignored,
        "limits": [(each, resource.getrlimit(each)) for each in LIMITS],
        "standard": standard,
    }
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(sys.argv[1])
        socket.send_fds(server, [b"."], standard)
        server.sendall(marshal.dumps(place))
        # Otherwise a reader of stdout would wait for this process, too.
        for number in standard:
            os.close(number)
        answers = server.makefile("rb")
        process = int(answers.readline())
        for number in FORWARDED:
            if number not in ignored:
                signal.signal(number, lambda received, frame: _pass_on(received, process))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
        code = int(answers.readline())
    if code >= 0:
        os._exit(code)
    if code != -signal.SIGKILL:
        signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _pass_on(received: int, process: int) -> None:
    with suppress(ProcessLookupError):  # it has just ended
        os.kill(process, signal.SIGKILL if received == KILL else received)


if __name__ == "__main__":
    main()
