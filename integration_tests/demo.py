"""`make run`: spec, check, discover and two syncs through PyAirbyte into a DuckDB file.

Without a configuration it reads a sandbox, a local Iterable API that it starts for the duration of the run. With
`--config config.json` it reads the real Iterable with the key in that file.
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
from typing import Any

from rich.console import Console
from rich.table import Table

from integration_tests.demo_syncs import DemoError, Sync, executable, pyairbyte, sync
from source_iterable.streams.table import EXPORTS

# How many times faster than Iterable's published limits the sandbox and the connector run.
FACTOR = 60
# What the sandbox's project uses. The other streams are empty, as some are in most projects (and PyAirbyte takes a fifth of
# a second per sync for every table that it writes to).
EVENTS_HELD = (
    *("email_bounce", "email_click", "email_complaint", "email_open", "email_send", "email_send_skip"),
    *("email_subscribe", "email_unsubscribe", "push_send", "push_open", "push_bounce", "push_uninstall"),
    *("in_app_send", "in_app_open", "in_app_click", "sms_send", "sms_click", "sms_received"),
    *("purchase", "custom_event"),
)
# The first sync of the sandbox stops this many minutes before now, so that the second one has something to read.
HELD_BACK = 30
# events rereads, user by user, what the export streams have already read; list_users is limited to five requests a minute.
LEFT_OUT_OF_SANDBOX = ("events",)
LEFT_OUT_OF_PROJECT = ("events", "list_users")
QUERY = (
    "SELECT name, count(*) AS opens FROM email_open JOIN campaigns ON campaigns.id = campaignid "
    "GROUP BY name ORDER BY opens DESC LIMIT 5"
)


def main(arguments: list[str] | None = None) -> int:
    """Run the demonstration; returns the exit code."""
    options = _parse(arguments)
    console = Console(highlight=False, soft_wrap=True)
    try:
        if options.config is None:
            _of_sandbox(options, console)
        else:
            _of_project(options, console)
    except DemoError as error:
        console.print(f"\n{error}", style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m integration_tests.demo", description=__doc__)
    parser.add_argument("--config", type=Path, help="a configuration of the connector: reads the real Iterable")
    parser.add_argument("--streams", help="comma separated; default: all but those that the demonstration leaves out")
    parser.add_argument("--folder", type=Path, default=Path("demo"), help="where the DuckDB file goes")
    parser.add_argument("--days", type=int, default=10, help="of history in the sandbox")
    parser.add_argument("--events-per-day", type=int, default=2000, help="in the sandbox")
    return parser.parse_args(arguments)


def _of_sandbox(options: argparse.Namespace, console: Console) -> None:
    path = options.folder / "iterable.duckdb"
    with _sandbox(options.days, options.events_per_day) as base_url:
        start = datetime.now(timezone.utc) - timedelta(days=options.days)
        config = {
            "api_key": "sandbox-key",
            "start_date": _time_text(start),
            "lookback_window": 0,
            "api_base_url": base_url,
            "rate_limit_factor": FACTOR,
        }
        console.print(f"A local Iterable API listens at {base_url}, {FACTOR} times as fast as the real limits.")
        path.unlink(missing_ok=True)  # the sandbox starts from scratch as well
        until = _time_text(datetime.now(timezone.utc) - timedelta(minutes=HELD_BACK))
        syncs: list[tuple[str, str | None]] = [
            (f"First sync: the last {options.days} days, up to {HELD_BACK} minutes ago (end_date {until})", until),
            ("Second sync, without end_date: only what has come since", None),
        ]
        _run(options, console, config, path, LEFT_OUT_OF_SANDBOX, syncs)


def _of_project(options: argparse.Namespace, console: Console) -> None:
    try:
        config = json.loads(options.config.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DemoError(f"{options.config} cannot be read as JSON: {error}") from None
    if not isinstance(config, dict):
        raise DemoError(f"{options.config} holds no JSON object with api_key and start_date.")
    path = options.folder / "my-iterable.duckdb"
    console.print(
        "This reads your Iterable project, at Iterable's own limits. A start_date a few days back is enough to try it."
    )
    end_date = config.get("end_date")
    syncs = [(f"First sync, from {config.get('start_date')}", end_date), ("Second sync: only what is new", end_date)]
    _run(options, console, config, path, LEFT_OUT_OF_PROJECT, syncs)


def _run(
    options: argparse.Namespace,
    console: Console,
    config: dict[str, Any],
    path: Path,
    left_out: tuple[str, ...],
    syncs: list[tuple[str, str | None]],
) -> None:
    """Run everything: the three short commands, the syncs (a title and an end_date each), the table."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DemoError(f"The folder {path.parent} cannot be made: {error.strerror}.") from None
    streams = _show_commands(console, config, path.parent)
    if options.streams:
        unknown = set(options.streams.split(",")) - set(streams)
        if unknown:
            raise DemoError(f"There is no stream {', '.join(sorted(unknown))}.")
        streams = {name: streams[name] for name in options.streams.split(",")}
    else:
        streams = {name: incremental for name, incremental in streams.items() if name not in left_out}
        console.print(f"Left out here, since slow: {', '.join(left_out)} (see docs/streams.md; --streams takes any).")
    airbyte = pyairbyte(path.parent)
    names, results = list(streams), []
    command = executable()
    with airbyte.caches.DuckDBCache(db_path=path, cache_dir=path.parent / "cache") as cache:
        try:
            source = airbyte.get_source("source-iterable", config=config, streams=names, local_executable=command)
            for title, end_date in syncs:
                console.print(f"\n[bold]{title}[/]")
                results.append(sync(source, cache, {**config, "end_date": end_date}, names))
        except airbyte.exceptions.PyAirbyteError as error:
            raise DemoError(f"PyAirbyte: {error}") from None
        console.print("", _table(streams, results))
        console.print(f"\nThe tables are in {path}. One query to try:\n\n    {QUERY};\n", markup=False)
        if {"email_open", "campaigns"} <= set(names):
            for row in cache.run_sql_query(QUERY):
                console.print(f"    {row['opens']:>6}  {row['name']}", markup=False)


def _show_commands(console: Console, config: Mapping[str, Any], folder: Path) -> dict[str, bool]:
    """Show the output of spec, check and discover. Returns the streams by name: whether each is incremental.

    Raises DemoError if check fails.
    """
    (spec,) = _command("SPEC", "spec")
    keys = spec["connectionSpecification"]["properties"]
    console.print(
        f"[bold]spec[/]      options: {', '.join(key for key in keys if not keys[key].get('airbyte_hidden'))}"
    )
    file = folder / ".config.json"
    file.touch(mode=0o600)
    try:
        file.write_text(json.dumps(config), encoding="utf-8")
        (status,) = _command("CONNECTION_STATUS", "check", "--config", str(file))
        console.print(f"[bold]check[/]     {status['status']}")
        if status["status"] != "SUCCEEDED":
            raise DemoError(f"The check failed: {status.get('message')}")
        (catalog,) = _command("CATALOG", "discover", "--config", str(file))
    finally:
        file.unlink()
    streams = {stream["name"]: "incremental" in stream["supported_sync_modes"] for stream in catalog["streams"]}
    columns = sum(len(stream["json_schema"]["properties"]) for stream in catalog["streams"])
    console.print(
        f"[bold]discover[/]  {len(streams)} streams, {sum(streams.values())} of them incremental, {columns:,} columns"
    )
    return streams


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


def _table(incremental: Mapping[str, bool], syncs: list[Sync]) -> Table:
    """A row for every stream with records; `incremental` says for each stream how it was read."""
    filled = [name for name in incremental if any(each.rows[name].count for each in syncs)]
    table = Table(
        show_edge=False,
        header_style="bold",
        show_footer=True,
        caption_justify="left",
        caption=f"seconds: from the start of the sync to the last row of the stream; all: the whole sync\n"
        f"{len(incremental) - len(filled)} more streams were read and are empty here.",
    )
    table.add_column("stream", footer="all", no_wrap=True)
    table.add_column("reads", no_wrap=True)
    for place, each in zip(("first", "second"), syncs, strict=True):
        table.add_column(f"{place} sync", footer=f"{sum(rows.count for rows in each.rows.values()):,}", justify="right")
        table.add_column("seconds", footer=f"{each.seconds:.1f}", justify="right")
    for name in filled:
        cells = [name, "new" if incremental[name] else "all"]
        for rows in (each.rows[name] for each in syncs):
            cells += [f"{rows.count:,}", f"{rows.seconds:.1f}" if rows.count else ""]
        table.add_row(*cells)
    return table


@contextmanager
def _sandbox(days: int, events_per_day: int) -> Iterator[str]:
    """Run a sandbox in a separate process for the duration of the block; yields the root of its API."""
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


def _time_text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


if __name__ == "__main__":
    sys.exit(main())
