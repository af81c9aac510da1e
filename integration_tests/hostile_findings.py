"""Rows of the table that the connector gets wrong, as long as it does: each becomes an expected failure."""

from __future__ import annotations

FINDINGS: dict[tuple[str, str, str], str] = {}


def reason_of(row: str, kind: str, mode: str) -> str | None:
    """Why a row fails, None where it must not."""
    return FINDINGS.get((row, kind, mode))
