"""The server of preloaded Pythons: `server.py FOLDER MODULE...` imports the modules, and forks for each client.

Each start has two processes here: one that runs the program, and one that waits for it and tells the client, or kills the
program when the client is gone.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import marshal
import os
import resource
import runpy
import select
import shutil
import signal
import socket
import sys
import tempfile
import time
import types
from collections.abc import Callable
from contextlib import suppress
from typing import Any

Place = dict[str, Any]
Program = Callable[[], object]


def main() -> None:
    """Serve until stdin is closed; in a fork, run the program that a client has asked for."""
    folder, *modules = sys.argv[1:]
    # In place of this file's folder: that of the project, where programs look for modules.
    sys.path[0] = os.getcwd()
    for name in modules:
        importlib.import_module(name)
    # What is imported stays, and is shared with all forks.
    gc.collect()
    gc.freeze()
    program = _serve(folder)
    if program is None:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        program()


def _serve(folder: str) -> Program | None:
    # Ctrl-C is for those who wait for the forks.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Nobody waits for those that wait for a program.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/socket")
        listener.listen(100)
        print("ready", flush=True)
        while True:
            readable, _, _ = select.select([listener, sys.stdin], [], [])
            if listener not in readable:
                return None
            client, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                return _started_for(client)
            client.close()


def _started_for(client: socket.socket) -> Program:
    """Returns the program, in a process of its own; the process that waits for it does not return."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, standard, _, _ = socket.recv_fds(client, 1, 3)
    place: Place = marshal.load(client.makefile("rb"))
    # Closed when the program has ended, since nobody else has the other end.
    ended, running = os.pipe()
    process = os.fork()
    if process == 0:
        client.close()
        os.close(ended)
        return _take(place, standard)
    for number in (running, *standard):
        os.close(number)
    client.sendall(b"%d\n" % process)
    readable, _, _ = select.select([ended, client.fileno()], [], [])
    if client.fileno() in readable:
        os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    with suppress(OSError):  # it may be gone
        client.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _take(place: Place, standard: list[int]) -> Program:
    """Take the place of the client: its files, folder, environment, limits and ignored signals. Returns the program."""
    for number in range(3):
        os.close(number)
    for number, received in zip(place["standard"], standard, strict=True):
        os.dup2(received, number)
        os.close(received)
    os.environ.clear()
    os.environ.update(place["environment"])
    os.chdir(place["folder"])
    # Otherwise DuckDB reports what is frozen as leaks when the interpreter shuts down.
    atexit.register(gc.unfreeze)
    time.tzset()
    # The folder that it found by another environment.
    tempfile.tempdir = None
    _open_standard(place["standard"])
    for each in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(each, signal.SIG_IGN if each in place["ignored"] else signal.SIG_DFL)
    if signal.SIGINT not in place["ignored"]:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, limits in place["limits"]:
        resource.setrlimit(number, limits)
    return _program(*place["arguments"])


def _program(first: str, *others: str) -> Program:
    """What `python FIRST OTHERS...` runs."""
    if first == "-m":
        sys.argv = list(others)
        return lambda: runpy.run_module(others[0], run_name="__main__", alter_sys=True)
    if first != "-c":
        sys.argv = [first, *others]
        sys.path.insert(0, os.path.dirname(first))
        return lambda: runpy.run_path(first, run_name="__main__")
    sys.argv = ["-c", *others[1:]]
    sys.modules["__main__"] = module = types.ModuleType("__main__")
    return lambda: exec(others[0], module.__dict__)


def _open_standard(numbers: list[int]) -> None:
    """Make stdin, stdout and stderr what a new Python finds them to be. Modules may hold the objects: they stay."""
    encoding, _, errors = os.environ.get("PYTHONIOENCODING", "").partition(":")
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream: Any = getattr(sys, name)
        if number not in numbers:
            setattr(sys, name, None)
            setattr(sys, f"__{name}__", None)
        elif encoding:
            stream.reconfigure(encoding=encoding, errors=errors or None)


if __name__ == "__main__":
    main()
