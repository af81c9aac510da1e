"""`make run`: run spec, check and discover, load twice into a DuckDB file, and answer a few questions from its tables.

Without a configuration it reads the sandbox, a local Iterable API that runs until the demo ends. With `--config config.json`
it reads the real Iterable with the key in that file.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
from rich.console import Console
from rich.table import Table
from rich.text import Text

from source_iterable.process.arguments import Parser
from source_iterable.process.display import one_line, visible
from source_iterable.streams.table import EXPORTS

# How many times faster than Iterable's published limits the sandbox and the connector run.
FACTOR = 60
# The event streams that the sandbox's project uses. The others are empty, as some are in most projects.
EVENTS_HELD = (
    *("email_bounce", "email_click", "email_complaint", "email_open", "email_send", "email_send_skip"),
    *("email_subscribe", "email_unsubscribe", "push_send", "push_open", "push_bounce", "push_uninstall"),
    *("in_app_send", "in_app_open", "in_app_click", "sms_send", "sms_click", "sms_received"),
    *("purchase", "custom_event"),
)
# The first load of the sandbox stops this many minutes before now, so that the second one finds something new.
HELD_BACK = 30


class Question(NamedTuple):
    """A question that the tables can answer, and its query."""

    text: str
    sql: str


QUESTIONS = (
    Question(
        "Which campaigns get the most opens?",
        "SELECT campaigns.name, count(*) AS opens\n"
        "FROM email_open JOIN campaigns ON campaigns.id = email_open.campaign_id\n"
        "GROUP BY ALL ORDER BY opens DESC, name LIMIT 5",
    ),
    Question(
        "How many of a campaign's emails are opened and clicked?",
        "SELECT email_send.campaign_id, count(*) AS sent,\n"
        "    count(*) FILTER (message_id IN (SELECT message_id FROM email_open)) AS opened,\n"
        "    count(*) FILTER (message_id IN (SELECT message_id FROM email_click)) AS clicked\n"
        "FROM email_send GROUP BY ALL ORDER BY sent DESC, campaign_id LIMIT 5",
    ),
    Question(
        "How many users sign up each week?",
        "SELECT date_trunc('week', signup_date)::DATE AS week, count(*) AS users\n"
        "FROM users WHERE signup_date IS NOT NULL GROUP BY ALL ORDER BY week DESC LIMIT 5",
    ),
)


class DemoError(Exception):
    """The demo cannot continue; str() says what to do."""


def main(arguments: list[str] | None = None) -> int:
    """Run the demo; returns the exit code."""
    options = _parse(arguments)
    console = Console(highlight=False, soft_wrap=True)
    try:
        if options.config is None:
            _of_sandbox(options, console)
        else:
            _of_project(options, console)
    except DemoError as error:
        console.print(f"\n{visible(str(error))}", style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = Parser(prog="python -m integration_tests.demo", description=__doc__)
    parser.add_argument("--config", type=Path, help="the connector's configuration, to read the real Iterable")
    parser.add_argument("--streams", help="streams and groups of streams, as for source-iterable load")
    parser.add_argument("--folder", type=Path, default=Path("demo"), help="folder of the DuckDB file")
    parser.add_argument("--days", type=int, default=10, help="days of history in the sandbox")
    parser.add_argument("--events-per-day", type=int, default=2000, help="events per day in the sandbox")
    return parser.parse_args(arguments)


def _of_sandbox(options: argparse.Namespace, console: Console) -> None:
    path = options.folder / "iterable.duckdb"
    with sandbox(options.days, options.events_per_day) as base_url:
        start = datetime.now(timezone.utc) - timedelta(days=options.days)
        config = {
            "api_key": "sandbox-key",
            "start_date": start.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "lookback_window": 0,
            "api_base_url": base_url,
            "rate_limit_factor": FACTOR,
        }
        console.print(f"A local Iterable API listens at {base_url}. Its rate limits are {FACTOR} times the real ones.")
        # Start from scratch, as the sandbox does.
        for old in (path, Path(f"{path}.wal")):
            old.unlink(missing_ok=True)
        early = {**config, "lookback_window": HELD_BACK}
        loads = [
            (f"First load: the last {options.days} days, up to {HELD_BACK} minutes ago", early),
            ("Second load: only what is new since then", config),
        ]
        # The real Iterable's limits are too slow for list_sizes.
        _run(options, console, path, loads, "group:default,list_sizes")


def _of_project(options: argparse.Namespace, console: Console) -> None:
    try:
        config = json.loads(options.config.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DemoError(one_line(f"{options.config} cannot be read as JSON: {error}")) from None
    if not isinstance(config, dict):
        raise DemoError(one_line(f"{options.config} must contain a JSON object with api_key and start_date."))
    console.print(
        "This reads your Iterable project within Iterable's rate limits. To try it, a start_date a few days back is enough."
    )
    loads = [(f"First load, from {config.get('start_date')}", config), ("Second load: only what is new", config)]
    _run(options, console, options.folder / "my-iterable.duckdb", loads, "group:default")


def _run(
    options: argparse.Namespace, console: Console, path: Path, loads: list[tuple[str, dict[str, Any]]], streams: str
) -> None:
    """Run the three short commands, the loads (each a title and a configuration) and the questions."""
    try:
        path.parent.mkdir(0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise DemoError(one_line(f"The folder {path.parent} cannot be created: {error.strerror}.")) from None
    for number, (title, config) in enumerate(loads):
        with _file_of(config, path.parent) as file:
            if number == 0:
                _show_commands(console, file)
            arguments = ["load", "--config", str(file), "--to", str(path), "--streams", options.streams or streams]
            console.print(f"\n{one_line(title)}\n", style="bold", markup=False)
            console.print(f"    source-iterable load --config config.json --to {one_line(str(path))}\n", markup=False)
            if subprocess.run([sys.executable, "-m", "source_iterable", *arguments], check=False).returncode:
                raise DemoError("The load failed; see above.")
    with duckdb.connect(str(path), read_only=True) as database:
        database.execute(f'USE "{path.stem}".iterable')
        held = {name for (name,) in database.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        if {"campaigns", "email_open", "email_send", "email_click", "users"} <= held:
            for question in QUESTIONS:
                _answer(console, database, question)


def _answer(console: Console, database: duckdb.DuckDBPyConnection, question: Question) -> None:
    console.print(f"\n[bold]{question.text}[/]\n")
    for line in question.sql.split("\n"):
        console.print(f"    {line}", markup=False)
    result = database.execute(question.sql)
    table = Table(show_edge=False, header_style="bold")
    for column in result.description or []:
        table.add_column(column[0])
    for row in result.fetchall():
        # A name may look like markup, or hold an escape sequence of the terminal.
        table.add_row(*(Text(one_line(str(cell))) for cell in row))
    console.print("", table)


def _show_commands(console: Console, file: Path) -> None:
    """Show the output of spec, check and discover. Raises DemoError if check fails."""
    (spec,) = _command("SPEC", "spec")
    keys = spec["connectionSpecification"]["properties"]
    console.print(
        f"[bold]spec[/]      options: {', '.join(key for key in keys if not keys[key].get('airbyte_hidden'))}"
    )
    (status,) = _command("CONNECTION_STATUS", "check", "--config", str(file))
    console.print(f"[bold]check[/]     {status['status']}")
    if status["status"] != "SUCCEEDED":
        raise DemoError(one_line(f"The check failed: {status.get('message')}"))
    (catalog,) = _command("CATALOG", "discover", "--config", str(file))
    incremental = sum("incremental" in stream["supported_sync_modes"] for stream in catalog["streams"])
    columns = sum(len(stream["json_schema"]["properties"]) for stream in catalog["streams"])
    console.print(
        f"[bold]discover[/]  {len(catalog['streams'])} streams, {incremental} of them incremental, {columns:,} columns"
    )


@contextmanager
def _file_of(config: Mapping[str, Any], folder: Path) -> Iterator[Path]:
    """Write the configuration to a file that only its owner can read; yields the file."""
    file = folder / ".config.json"
    file.touch(mode=0o600)
    try:
        file.write_text(json.dumps(config), encoding="utf-8")
        yield file
    finally:
        file.unlink()


def _command(kind: str, *arguments: str) -> list[dict[str, Any]]:
    """Run the connector and return its messages of one kind."""
    done = subprocess.run([sys.executable, "-m", "source_iterable", *arguments], capture_output=True, check=False)
    messages = [json.loads(line) for line in done.stdout.split(b"\n") if line]
    found = [message[_field(kind)] for message in messages if message["type"] == kind]
    if not found:
        errors = [message["trace"]["error"]["message"] for message in messages if "error" in message.get("trace", {})]
        raise DemoError("; ".join(errors) or done.stderr.decode(errors="replace") or f"{arguments[0]} wrote nothing.")
    return found


def _field(kind: str) -> str:
    head, *rest = kind.lower().split("_")
    return head + "".join(part.title() for part in rest)


@contextmanager
def sandbox(days: int, events_per_day: int) -> Iterator[str]:
    """Run a sandbox in a separate process while the block runs; yields the base URL of its API."""
    settings = {
        "port": 0,
        "days": days,
        "events-per-day": events_per_day,
        "rate-limit-factor": FACTOR,
        "data-types": ",".join(each.data_type for each in EXPORTS if each.name in ("users", *EVENTS_HELD)),
    }
    arguments = [f"--{key}={value}" for key, value in settings.items()]
    with subprocess.Popen(
        [sys.executable, "-m", "integration_tests.sandbox", *arguments], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            base_url = process.stdout.readline().strip()
            if not base_url:
                raise DemoError("The sandbox did not start.")
            yield base_url
        finally:
            process.terminate()


if __name__ == "__main__":
    sys.exit(main())
