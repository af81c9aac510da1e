"""The sandbox as a program of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from integration_tests.sandbox import Sandbox, SandboxSettings
from integration_tests.sandbox.__main__ import parse

ROOT = Path(__file__).resolve().parent.parent
KEY = {"Api-Key": "cli-key"}


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    command = [sys.executable, "-m", "integration_tests.sandbox", "--port", "0", "--users", "20", "--days", "2"]
    command += ["--api-key", "cli-key", "--project-type", "Hybrid", "--rate-limit-factor", "60", "--region", "EU"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0


def test_it_serves_the_project_of_its_options(base_url: str) -> None:
    assert requests.get(base_url + "lists", headers=KEY, timeout=10).status_code == 200
    assert requests.get(base_url + "lists", timeout=10).status_code == 401
    query = {"dataTypeName": "user", "range": "All"}
    users = requests.get(base_url + "export/data.json", params=query, headers=KEY, timeout=10).content.splitlines()
    assert len(users) == 20
    assert any(b'"email"' not in user for user in users)
    assert any(b'"userId"' not in user for user in users)


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "integration_tests.sandbox", "--users", "2", "--port", str(port)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr == f"Port {port} of 127.0.0.1 cannot be used: Address already in use.\n"


def test_an_ordinary_project_is_one_option() -> None:
    assert parse([]) == SandboxSettings(port=8080, rate_limit_factor=1.0, now=None)
    assert parse(["--ordinary"]) == SandboxSettings(port=8080, rate_limit_factor=1.0, odd=False, now=None)
    assert parse(["--spellings", "reference"]).spellings == "reference"


def test_its_time_goes_on_and_that_of_a_sandbox_in_a_test_stands_still() -> None:
    program = Sandbox(SandboxSettings(now=None))
    before, after = program.now(), program.now()
    assert before < after
    sandbox = Sandbox()
    before, after = sandbox.now(), sandbox.now()
    assert before == after
    sandbox.advance(90)
    assert sandbox.now() - before == timedelta(seconds=90)
