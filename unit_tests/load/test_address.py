"""Addresses: what they are made of, and what is hidden of them."""

from __future__ import annotations

import traceback
from urllib.parse import quote

from hypothesis import example, given
from hypothesis import strategies as st

from source_iterable.load.address import is_keywords, parsed, redact, redact_accounts, redacted

SECRET = "S3cretPw"


def test_a_traceback_shows_nothing_of_the_address() -> None:
    to = f"postgresql://u:{SECRET}@host/db"
    try:
        raise RuntimeError(f"cannot use {to}")
    except RuntimeError as error:
        told = redact(to, "".join(traceback.format_exception(error)))
    assert SECRET not in told
    assert "RuntimeError: cannot use postgresql:…" in told


@given(st.text(min_size=4).filter(lambda text: text.strip() == text), st.sampled_from(["", "u:", "u:p@", "u:p#", "h/"]))
@example("p%40ss", "u:")
@example("Aa" * 40, "u:")
def test_a_piece_is_hidden_both_encoded_and_decoded(piece: str, before: str) -> None:
    for to in (f"postgresql://{before}{quote(piece, safe='')}@h", f"postgresql://{before}{piece}@h"):
        assert redact(to, f'of "{piece}" and {to}').count("…") >= 2
        assert f'"{piece}"' not in redact(to, f'of "{piece}" and "{to}"')
    long = piece * 40
    assert long[:63] not in redact(f"postgresql://{quote(long, safe='')}@h", f'user "{long[:63]}" is unknown')


def test_paths_are_not_redact() -> None:
    for path in ("iterable.duckdb", "./lake/", "/data/x.db", "lake/project=acme/", "./host=a/", "a b.duckdb"):
        assert parsed(path)[0] == ""
        assert not is_keywords(path)
        assert redact(path, f"{path} cannot be written") == f"{path} cannot be written"
    assert redacted("./a b/c-1.duckdb") == "./a b/c-1.duckdb"


def test_accounts_are_hidden_wherever_they_stand() -> None:
    assert redact_accounts(f"cannot reach mysql://u:{SECRET}@h/db, user u:{SECRET}@h") == "cannot reach … user …"
