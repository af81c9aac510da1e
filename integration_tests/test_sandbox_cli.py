"""The sandbox as a program of its own, and its control API."""

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


def test_it_serves_and_is_controlled(base_url: str) -> None:
    control = base_url.replace("/api/", "/sandbox/")
    assert requests.get(base_url + "lists", headers=KEY, timeout=10).status_code == 200
    assert requests.get(base_url + "lists", timeout=10).status_code == 401
    assert requests.get(control + "counts", timeout=10).json() == {"lists": {"200": 1, "401": 1}}
    first = requests.get(control + "requests", timeout=10).json()[0]
    assert (first["endpoint"], first["method"], first["status"]) == ("lists", "GET", 200)
    assert "api-key" in first["header_names"]
    assert "cli-key" not in str(first)
    assert requests.delete(control + "requests", timeout=10).json() == {}
    assert requests.get(control + "counts", timeout=10).json() == {}


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


def test_its_time_goes_on_and_that_of_a_sandbox_in_a_test_stands_still(base_url: str) -> None:
    control = base_url.replace("/api/", "/sandbox/")
    before, after = (requests.get(control + "now", timeout=10).json()["now"] for _ in range(2))
    assert before < after
    sandbox = Sandbox()
    before, after = sandbox.now(), sandbox.now()
    assert before == after
    sandbox.advance(90)
    assert sandbox.now() - before == timedelta(seconds=90)


def test_truth_faults_and_time_over_http(base_url: str) -> None:
    control = base_url.replace("/api/", "/sandbox/")
    now = requests.get(control + "now", timeout=10).json()["now"]
    query = {"dataTypeName": "emailSend", "start": "2020-01-01 00:00:00", "end": now}
    truth = requests.get(control + "truth", params=query, timeout=10).content
    window = {"dataTypeName": "emailSend", "range": "All"}
    sent = requests.get(base_url + "export/data.json", params=window, headers=KEY, timeout=10).content
    assert truth
    assert sent.startswith(truth[:100])
    users = requests.get(control + "truth", params={"stream": "channels"}, timeout=10).content.splitlines()
    assert len(users) == 5
    assert requests.get(control + "truth", params={"dataTypeName": "x", **query}, timeout=10).ok
    assert requests.get(control + "truth", params={"stream": "nothing"}, timeout=10).status_code == 400
    fault = {"endpoint": "channels", "kind": "status", "status": 503}
    assert requests.post(control + "faults", json=fault, timeout=10).status_code == 200
    answers = [requests.get(base_url + "channels", headers=KEY, timeout=10).status_code for _ in range(2)]
    assert answers == [503, 200]
    assert requests.post(control + "faults", json={"kind": "melt"}, timeout=10).status_code == 400
    assert requests.post(control + "faults", json={"colour": "red"}, timeout=10).status_code == 400
    later = requests.post(control + "advance", json={"seconds": 86_400}, timeout=10).json()["now"]
    assert later[:10] > now[:10]
