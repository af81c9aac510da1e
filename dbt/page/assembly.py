"""The page as one text: its frame, style and script, the libraries, and the data."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import vl_convert

FOLDER = Path(__file__).parent
# In this order: each uses those before it.
SCRIPTS = ("figures.js", "drawing.js", "overview.js", "campaigns.js", "sections.js", "checks.js", "page.js")


def assembled(data: dict[str, Any]) -> str:
    """The page that shows this data, with all that it needs inside."""
    # What is inside a script must not end it: the name of a campaign, or a text in a library.
    fill = {
        "STYLE": _text("client/page.css"),
        "VEGA": vl_convert.javascript_bundle(),
        "TABLES": _text("vendor/dataTables.min.js"),
        "DATA": json.dumps(data, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c"),
        "PAGE": "\n".join(_text(f"client/{name}") for name in SCRIPTS),
        "MADE": datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
    }
    return re.sub(f"%({'|'.join(fill)})%", lambda found: fill[found[1]], _text("client/page.html"))


def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
