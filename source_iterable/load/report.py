"""The report of a load: what was loaded, and how to look at it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Mapping

from source_iterable.load.loader import Loaded
from source_iterable.process.display import visible

_LOGGER = logging.getLogger("source_iterable")


def report(results: Mapping[str, Loaded], how_to_open: str) -> None:
    """Write to stdout what was loaded."""
    width = max(map(len, ["stream", *results]))
    row = f" {{:<{width}}} │ {{:>13}} │ {{:>7}}".format
    lines = [row(name, f"{each.rows:,}", f"{each.seconds:.1f}") for name, each in results.items() if each.rows]
    if lines:
        rows, seconds, _ = zip(*results.values(), strict=True)
        rule = row("", "", "").replace(" ", "─").replace("│", "┼")
        total = row("all", f"{sum(rows):,}", f"{max(seconds):.1f}")
        lines = [row("stream", "rows", "seconds"), rule, *lines, rule, total]
    if empty := sum(not each.rows and each.error is None for each in results.values()):
        lines.append(f"{empty} stream{'s' * (empty > 1)} had nothing new.")
    lines += ["", "To look at the tables:", "", f"    {how_to_open}", ""]
    write_report(lines, "The rows are loaded, but the report cannot be written to stdout")


def write_report(lines: Iterable[str], failed: str) -> None:
    """Write lines to stdout, in one go, or log that this `failed`. Letters that its encoding lacks are replaced."""
    report = visible("".join(f"{line}\n" for line in lines))
    try:
        sys.stdout.buffer.write(report.encode(sys.stdout.encoding, errors="replace"))
        sys.stdout.flush()
    except OSError as error:
        _LOGGER.error(f"{failed}: {error.strerror}.")
