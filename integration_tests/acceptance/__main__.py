"""`python -m integration_tests.acceptance`: sandboxes at the addresses of the configurations, for Airbyte's own commands."""

from __future__ import annotations

import json
from pathlib import Path

from integration_tests.acceptance import NAMES, fitting
from integration_tests.sandbox.__main__ import serve

if __name__ == "__main__":
    configs = {name: json.loads(Path(__file__).with_name(name).read_text(encoding="utf-8")) for name in NAMES}
    serve({f"{name}: ": fitting(config, own_port=True) for name, config in configs.items()})
