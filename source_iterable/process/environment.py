"""Options from the environment: they fill what a configuration leaves out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from source_iterable.errors import ConfigError

VARIABLES = {
    "api_key": "ITERABLE_API_KEY",
    "start_date": "ITERABLE_START_DATE",
    "region": "ITERABLE_REGION",
    "project_type": "ITERABLE_PROJECT_TYPE",
}
_REQUIRED = ("api_key", "start_date")


def filled(raw: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration, with what it leaves out from the environment. A key that it has wins, even if its value is empty."""
    return {**{key: value for key, name in VARIABLES.items() if (value := os.environ.get(name))}, **raw}


def without_file() -> dict[str, Any]:
    """The configuration that the environment has. Raises ConfigError if it lacks what is required."""
    found = filled({})
    if missing := [VARIABLES[key] for key in _REQUIRED if key not in found]:
        raise ConfigError(f"There is no --config, and the environment has no {' and no '.join(missing)}.")
    return found
