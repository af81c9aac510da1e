"""Rows of the table that the connector gets wrong, as long as it does: each becomes an expected failure."""

from __future__ import annotations

import re

# Pattern of the row, of `kind-mode`, and the reason.
FINDINGS: list[tuple[str, str, str]] = []


def reason_of(row: str, kind: str, mode: str) -> str | None:
    """Why a row fails, None where it must not."""
    for rows, kinds, reason in FINDINGS:
        if re.fullmatch(rows, row) and re.fullmatch(kinds, f"{kind}-{mode}"):
            return reason
    return None
