"""The examples of docs/run-it.md: what they call exists, and those that need only this machine are run."""

from __future__ import annotations

import fcntl
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from integration_tests import preloaded
from integration_tests.connector import config_for
from integration_tests.sandbox import Sandbox, SandboxSettings
from integration_tests.warehouses import DuckDBWarehouse
from source_iterable.load import command
from source_iterable.process.environment import VARIABLES

EXAMPLES = Path(__file__).resolve().parents[1] / "docs" / "examples"
TEXTS = {path.name: path.read_text(encoding="utf-8") for path in EXAMPLES.rglob("*") if path.is_file()}


def test_the_page_leads_to_every_example() -> None:
    page = (EXAMPLES.parent / "run-it.md").read_text(encoding="utf-8")
    for path in EXAMPLES.iterdir():
        assert f"](examples/{path.name}" in page, path


def test_every_load_has_arguments_that_the_command_takes() -> None:
    spec = yaml.safe_load(TEXTS["kubernetes.yaml"])["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (pod,) = re.findall(r"arguments=(\[.*\])", TEXTS["airflow_iterable_pod.py"])
    typed = re.findall(r"(?:source-iterable|iterable-source) load (--.*?)(?:'| >>|\n)", "".join(TEXTS.values()))
    assert len(typed) == 4
    for words in (*map(shlex.split, typed), spec["containers"][0]["args"][1:], json.loads(pod)[1:]):
        assert command._options(words).to, words


def test_variables_of_the_examples_are_known() -> None:
    named = set(re.findall(r"(?<!SOURCES__)\bITERABLE_[A-Z_]+", "".join(TEXTS.values())))
    assert named == {"ITERABLE_API_KEY", "ITERABLE_START_DATE"} < set(VARIABLES.values())


def test_cron_loads_once_at_a_time_and_mails_what_fails(tmp_path: Path) -> None:
    (line,) = (line for line in TEXTS["crontab"].splitlines() if line[:1] not in ("#", ""))
    *times, shell = line.split(maxsplit=5)
    assert times == ["17", "*", "*", "*", "*"]
    program = tmp_path / ".venv-load" / "bin" / "source-iterable"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {shlex.join(preloaded.python_for_load())} -m source_iterable "$@"\n')
    program.chmod(0o755)

    def cron() -> subprocess.CompletedProcess[str]:
        return subprocess.run(["/bin/sh", "-c", shell], cwd=tmp_path, capture_output=True, text=True, check=False)

    with Sandbox(SandboxSettings(users=10, days=1)) as sandbox:
        (tmp_path / "config.json").write_text(json.dumps(config_for(sandbox, days=1)))
        done = cron()
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert DuckDBWarehouse(tmp_path).count("users") > 0
        sandbox.clear_requests()
        with open(tmp_path / "iterable.lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = cron()
        assert (done.returncode, done.stdout, sandbox.requests) == (0, "", [])
        (tmp_path / "config.json").write_text(json.dumps({**config_for(sandbox), "api_key": "another"}))
        assert "Iterable does not know this API key" in cron().stdout


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    for name in ("iterable.service", "iterable.timer"):
        text = TEXTS[name].replace("/opt/iterable/bin/source-iterable", sys.executable)
        (tmp_path / name).write_text(text)
    units = [str(tmp_path / name) for name in ("iterable.service", "iterable.timer")]
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_pod_has_the_memory_and_the_time_that_a_load_needs() -> None:
    job: Any = yaml.safe_load(TEXTS["kubernetes.yaml"])["spec"]
    pod = job["jobTemplate"]["spec"]["template"]["spec"]
    assert job["concurrencyPolicy"] == "Forbid"
    assert pod["containers"][0]["resources"]["limits"]["memory"] == "512Mi"
    assert pod["terminationGracePeriodSeconds"] >= 120
    assert pod["securityContext"]["runAsUser"] == 1000
