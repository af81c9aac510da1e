"""Check: would a sync work? At most three requests, none of them on the four-a-minute budget."""

from __future__ import annotations

import logging
import time

from source_iterable.api import IterableClient
from source_iterable.config import Config, parse_date
from source_iterable.errors import BadKey, Forbidden, IterableError

_ATTEMPTS = 1


def problem_with(config: Config, logger: logging.Logger) -> str | None:
    """What keeps a sync from working, in a sentence that says what to do; None when nothing does."""
    if parse_date(config.start_date).timestamp() > time.time():
        return "The start date lies in the future: set one in the past, or set this machine's clock right."
    client = IterableClient(config, logger)
    try:
        client.get("lists", attempts=_ATTEMPTS)
    except BadKey as error:
        return _about_the_key(config, logger) or str(error)
    except Forbidden as error:
        return str(error)
    except IterableError as error:
        return str(error)
    return None


def _about_the_key(config: Config, logger: logging.Logger) -> str | None:
    return None
