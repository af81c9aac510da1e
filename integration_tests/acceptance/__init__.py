"""Airbyte's standard tests, over the configurations of acceptance-test-config.yml, each with a sandbox that fits it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any
from urllib.parse import urlsplit

from integration_tests.sandbox import SandboxSettings

# The configurations, in this folder.
NAMES = ("config.json", "config_hybrid.json", "config_user_id.json")
# They end on the first of July, and days whose metrics may still move are later: nothing changes while the tests run.
NOW = datetime(2025, 7, 5, tzinfo=timezone.utc)


def fitting(config: Mapping[str, Any], *, own_port: bool = False) -> SandboxSettings:
    """A sandbox of the configuration's project; at any free port, or at that of the configuration."""
    return SandboxSettings(
        now=NOW,
        days=10,
        events_per_day=200,
        users=50,
        project_type=config.get("project_type", "Email-based"),
        region=config.get("region", "US"),
        port=(urlsplit(config["api_base_url"]).port or 0) if own_port else 0,
    )
