"""One sync as a process of its own: started, killed on schedule, its stdout kept as far as it was read."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from integration_tests import preloaded
from integration_tests.sandbox import Sandbox
from integration_tests.storm.schedule import Kill, PlannedSync

ROOT = Path(__file__).parents[2]
# Seconds that a sync may take (six 429s in a row to one request take up to 63), and that it may take to end after SIGTERM.
PATIENCE, GRACE = 300.0, 10.0
READ_BYTES = 65_536
Message = dict[str, Any]


@dataclass
class Ended:
    """What a sync has left: exit code, messages of complete lines, and what was wrong with the process itself."""

    code: int
    messages: list[Message]
    errors: str
    killed: bool
    problems: list[str] = field(default_factory=list)


def run_sync(folder: Path, sandbox: Sandbox, planned: PlannedSync, **files: Any) -> Ended:
    """Run the command `read`; `files` (config, catalog, state) are written as JSON."""
    clock = sandbox.now().timestamp() + planned.clock_ahead - time.time()
    arguments = [*preloaded.python(), "-m", "integration_tests.storm.off_clock", str(clock), "read"]
    for name, content in files.items():
        path = folder / f"{name}.json"
        path.write_text(json.dumps(content))
        arguments += [f"--{name}", str(path)]
    with (folder / "stderr").open("w+b") as errors:
        with preloaded.Process(arguments, stdout=subprocess.PIPE, stderr=errors, cwd=ROOT) as process:
            try:
                output, killed, problems = _follow(process, sandbox, planned.kill)
            finally:
                process.kill()
        errors.seek(0)
        told = errors.read().decode(errors="replace")
    messages, garbled = _messages(output)
    return Ended(process.returncode, messages, told, killed, problems + garbled)


def _follow(process: subprocess.Popen[bytes], sandbox: Sandbox, kill: Kill | None) -> tuple[bytes, bool, list[str]]:
    """Read stdout to its end, or to the kill. Returns it, whether the signal was sent, and problems."""
    assert process.stdout is not None
    stdout, output = process.stdout.fileno(), bytearray()
    before, killed, deadline = sandbox.count(), False, time.monotonic() + PATIENCE
    while True:
        if select.select([stdout], [], [], 0.005)[0]:
            piece = os.read(stdout, READ_BYTES)
            if not piece:
                break
            output += piece
        if kill is not None and not killed and _is_due(kill, len(output), len(sandbox.requests) - before):
            killed, deadline = True, time.monotonic() + GRACE
            process.send_signal(kill.signal)
            if kill.signal == signal.SIGKILL:
                # Whoever reads may have died at any byte, too.
                return bytes(output[: kill.stdout_bytes]), True, []
        if time.monotonic() > deadline:
            why = f"did not end within {GRACE:.0f} s of SIGTERM" if killed else f"took over {PATIENCE:.0f} s"
            return bytes(output), killed, [f"hang: the sync {why}"]
    try:
        process.wait(timeout=max(deadline - time.monotonic(), 0.1))
    except subprocess.TimeoutExpired:
        return bytes(output), killed, ["hang: the process closed stdout and did not end"]
    # By the signal itself, or by the code that says so.
    expected = {0, 1, -signal.SIGTERM, 128 + signal.SIGTERM} if killed else {0, 1}
    problems = [] if process.returncode in expected else [f"exit code {process.returncode}"]
    return bytes(output), killed, problems


def _is_due(kill: Kill, stdout_bytes: int, requests: int) -> bool:
    if kill.stdout_bytes is not None:
        return stdout_bytes >= kill.stdout_bytes
    return kill.requests is not None and requests >= kill.requests


def _messages(output: bytes) -> tuple[list[Message], list[str]]:
    """The messages of all complete lines, and a problem for each that is no JSON object."""
    messages, problems = [], []
    for line in output.split(b"\n")[:-1]:
        try:
            message = json.loads(line)
            if not isinstance(message, dict):
                raise ValueError("no object")
            messages.append(message)
        except ValueError:
            problems.append(f"stdout: a line of {len(line)} bytes is not a message")
    return messages, problems
