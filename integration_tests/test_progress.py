"""What a sync reports about its progress."""

import os
import pty
from datetime import datetime, timezone
from pathlib import Path

import pytest

from integration_tests.connector import FACTOR, config_for, start_read, sync
from integration_tests.sandbox import Sandbox, SandboxSettings


def test_an_estimate_is_emitted_once_a_fair_share_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("source_iterable.exports.windows.FIRST_SIZE", 12 * 3600)
    monkeypatch.setattr("source_iterable.exports.windows.MAX_CHANGE", 1)
    # A Friday: fewer messages are sent at weekends.
    now = datetime(2025, 6, 20, 12, 34, 56, tzinfo=timezone.utc)
    settings = SandboxSettings(seed=4, users=40, days=6, events_per_day=2000, rate_limit_factor=FACTOR, now=now)
    with Sandbox(settings) as sandbox:
        result = sync(config_for(sandbox, days=4), ["email_send"])
    assert result.estimates
    total = len(result.records["email_send"])
    assert all(0.5 * total < each < 2 * total for each in result.estimates[2:])


def test_a_terminal_shows_a_display_and_stdout_stays_protocol(tmp_path: Path) -> None:
    import json

    with Sandbox(SandboxSettings(seed=4, users=20, days=3, rate_limit_factor=FACTOR)) as sandbox:
        config = config_for(sandbox)
        terminal, other_end = pty.openpty()
        with start_read(tmp_path, config, ["lists", "email_send"], other_end) as process:
            os.close(other_end)
            output, _ = process.communicate(timeout=60)
        shown = b""
        while piece := _read(terminal):
            shown += piece
    assert all(json.loads(line) for line in output.split(b"\n") if line)
    assert b"2 of 2 streams done" in shown


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other end is closed
        return b""
