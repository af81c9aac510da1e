"""Load: from Iterable to a warehouse, without Airbyte. An extra: `pip install "iterable-source[load]"`.

`iterable` is a dlt source for one's own pipelines; the command `source-iterable load` is in command.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from source_iterable.load.dlt_source import iterable as iterable

__all__ = ["iterable"]


def __getattr__(name: str) -> Any:
    # dlt takes a second to import, and the command only needs it for some destinations.
    if name == "iterable":
        from source_iterable.load.dlt_source import iterable

        return iterable
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
