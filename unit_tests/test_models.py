"""The dbt package, without a warehouse."""

from __future__ import annotations

from hashlib import md5
from pathlib import Path

MACROS = Path(__file__).parents[1] / "dbt" / "macros"
# Of the macros' texts, with the number of definitions() in progress.sql.
SEEN = "3915acabd26bf074e075bf27a4b8861c"


def test_models_are_built_in_full_if_a_macro_changes_what_they_hold() -> None:
    texts = (path.read_bytes() for path in sorted(MACROS.glob("*.sql")))
    assert md5(b"".join(texts), usedforsecurity=False).hexdigest() == SEEN, (
        "Macros have changed. If incremental models would now hold something else, raise definitions() in progress.sql: "
        "an upgrade then builds them in full. Then put the new hash here."
    )
