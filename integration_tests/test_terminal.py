"""The command in a terminal: what is on the screen when it has ended, and which files are there."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import termios
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from integration_tests import preloaded
from integration_tests.connector import FACTOR, config_for
from integration_tests.sandbox import Fault, Sandbox, SandboxSettings
from integration_tests.screen import Screen
from integration_tests.warehouses import DuckDBWarehouse

STREAMS = ["channels", "message_types", "email_send", "email_open", "users"]
TITLE = " stream        │          rows │ seconds"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(seed=4, users=20, days=3, rate_limit_factor=FACTOR)) as made:
        yield made


class Terminal:
    """The command in a terminal of this size."""

    def __init__(self, folder: Path, *arguments: str, height: int = 24, width: int = 80, **environment: str) -> None:
        self._terminal, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self._screen = Screen(height, width)
        self.process = subprocess.Popen(
            [*preloaded.python_for_load(), "-m", "source_iterable", *arguments],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "TERM": "xterm-256color", "TMPDIR": str(folder), **environment},
            stdin=other,
            stdout=other,
            stderr=other,
            # As in a terminal, also where this runs in the background.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        os.close(other)

    def until(self, text: str) -> None:
        """Wait until a text is there."""
        lines: list[str] = []
        while text not in "".join(lines):
            piece = self._read()
            assert piece, lines
            lines = self._screen.show(piece)

    def end(self) -> list[str]:
        """All lines that are there once the command has ended."""
        lines: list[str] = []
        while piece := self._read():
            lines = self._screen.show(piece)
        self.process.wait()
        os.close(self._terminal)
        return lines

    def _read(self) -> bytes:
        try:
            return os.read(self._terminal, 65536)
        except OSError:  # the other end is closed
            return b""


def text(lines: list[str]) -> str:
    """What they say, wherever the terminal breaks them."""
    return "".join(lines).replace(" ", "")


def load(folder: Path, config: Mapping[str, Any], to: str = "x.duckdb", **more: Any) -> Terminal:
    (folder / "config.json").write_text(json.dumps(config))
    arguments = ["load", "--config", "config.json", "--to", to, "--streams", ",".join(STREAMS)]
    return Terminal(folder, *arguments, **more)


@pytest.mark.parametrize(("height", "width", "term"), [(24, 80, "xterm"), (40, 100, "xterm"), (24, 80, "dumb")])
def test_a_load_leaves_the_report_and_nothing_else(
    sandbox: Sandbox, tmp_path: Path, height: int, width: int, term: str
) -> None:
    terminal = load(tmp_path, config_for(sandbox), height=height, width=width, TERM=term)
    lines = terminal.end()
    assert terminal.process.returncode == 0
    begin = lines.index(TITLE)
    assert not [line for line in lines[:begin] if "│" in line or " done" in line or line in STREAMS]
    assert sorted(line.split()[0] for line in lines[begin + 2 : begin + 7]) == sorted(STREAMS)
    assert lines[-4:] == ["To look at the tables:", "", "    duckdb x.duckdb", '    USE "x"."iterable";']


def test_a_wrong_key_is_one_sentence_and_no_file(sandbox: Sandbox, tmp_path: Path) -> None:
    for to in ("x.duckdb", "lake/"):
        terminal = load(tmp_path, {**config_for(sandbox), "api_key": "another-key"}, to)
        lines = terminal.end()
        assert terminal.process.returncode == 1
        assert text(lines).endswith(
            text(
                [
                    "The earlier time is used.",
                    "Iterable does not know this API key (Invalid API key): copy the server-side key again from Iterable "
                    "(Integrations > API Keys), and check that region matches the project.",
                ]
            )
        )
        assert "another-key" not in "".join(lines)
        assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_a_destination_that_cannot_be_used_is_said_before_any_request(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "old.duckdb").write_text("no database")
    for to, said in (
        ("postgresql://u@127.0.0.1:1/db", "PostgreSQL cannot be used"),
        ("old.duckdb", "old.duckdb"),
        ("nowhere/x/i.duckdb", "--to nowhere/x/i.duckdb: there is no folder nowhere/x. Make it first, or correct"),
    ):
        terminal = load(tmp_path, config_for(sandbox), to)
        assert text([said]) in text(terminal.end())
        assert terminal.process.returncode == 1
    assert sandbox.requests == []
    assert not (tmp_path / "nowhere").exists()


def test_without_a_network_it_says_so_and_makes_no_file(sandbox: Sandbox, tmp_path: Path) -> None:
    config = {**config_for(sandbox), "api_base_url": "http://127.0.0.1:1/api/", "rate_limit_factor": 1e6}
    lines = load(tmp_path, config).end()
    assert text(["Check that this machine can reach http://127.0.0.1:1/api/: network, proxy, firewall."]) in text(lines)
    assert not (tmp_path / "x.duckdb").exists()


def test_an_endpoint_that_is_out_of_order_stops_no_other_stream(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.add_fault(Fault("lists", "status", times=None, status=403))
    terminal = load(tmp_path, config_for(sandbox))
    lines = terminal.end()
    assert terminal.process.returncode == 0
    assert sorted(line.split()[0] for line in lines[lines.index(TITLE) + 2 :][:5]) == sorted(STREAMS)


def test_ctrl_c_leaves_a_sentence_about_what_is_committed(tmp_path: Path) -> None:
    with Sandbox(SandboxSettings(users=10, days=1, job_seconds=3600)) as sandbox:
        terminal = load(tmp_path, config_for(sandbox, export_method="jobs", rate_limit_factor=1000), "iterable.duckdb")
        # The exports wait for their jobs meanwhile.
        terminal.until("rows committed")
        terminal.process.send_signal(signal.SIGINT)
        lines = terminal.end()
    assert terminal.process.returncode == -signal.SIGINT
    rows = DuckDBWarehouse(tmp_path).count("message_types") + DuckDBWarehouse(tmp_path).count("channels")
    said = f"The load was stopped. {rows} rows of 2 streams are committed: run it again to load the rest."
    assert text(lines).endswith(text([said]))
    assert not [line for line in lines if "Stopping" in line or " done" in line or "│" in line]
