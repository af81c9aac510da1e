"""Check: would a sync work? At most three requests, none of them on the export limit of four a minute."""

from __future__ import annotations

import logging
import time

from source_iterable.api.client import IterableClient
from source_iterable.api.clock import iso_time
from source_iterable.api.request import Timeout
from source_iterable.config import REGION_BASE_URLS, Config, parse_date
from source_iterable.errors import BadKey, Forbidden, IterableError, NotFound, TimedOut, Unreachable

# Short: a user is waiting.
_TIMEOUT = Timeout(10.0, 30.0)


def problem_with(config: Config, logger: logging.Logger) -> str | None:
    """What would prevent a sync, as a message that says what to do; None if nothing would."""
    if config.end_date and parse_date(config.end_date) <= parse_date(config.start_date):
        return "The end date is not later than the start date: set a later end_date, or none."
    client = IterableClient(config, logger)
    try:
        client.probe("lists", _TIMEOUT)
    except BadKey as error:
        return _about_a_refused_key(config, logger, error)
    except Forbidden as error:
        return _may_not(error, "read lists")
    except (Unreachable, TimedOut) as error:
        return f"{error} Check that this machine can reach {config.base_url}: network, proxy, firewall."
    except IterableError as error:
        return str(error)
    return _about_the_start(config, client) or _about_exports(client)


def _about_the_start(config: Config, client: IterableClient) -> str | None:
    """Compare start_date with now, which the response to the first request has told."""
    if parse_date(config.start_date).timestamp() <= client.now():
        return None
    return (
        f"The start date is in the future: set a start_date before now ({iso_time(client.now())}), or correct the clock of "
        f"this machine (it says {iso_time(time.time())})."
    )


def _about_exports(client: IterableClient) -> str | None:
    """Check the export permission: listing recent jobs needs the same one, and starts nothing."""
    try:
        client.probe("export/jobs", _TIMEOUT)
    except NotFound:
        return None  # an API without this endpoint; the first sync will show
    except (BadKey, Forbidden) as error:
        return _may_not(error, "export data")
    except IterableError as error:
        return str(error)
    return None


def _about_a_refused_key(config: Config, logger: logging.Logger, error: BadKey) -> str:
    """Try the key in the other data center: a wrong region is the most common mistake."""
    if "jwt" in f"{error.code} {error.msg}".lower():
        return (
            f"The API key needs a JWT with every request ({error.msg}): create a server-side key without JWT "
            "authentication in Iterable (Integrations > API Keys) and use that."
        )
    if config.api_base_url is None:
        (other,) = (region for region in REGION_BASE_URLS if region != config.region)
        try:
            IterableClient(config.model_copy(update={"region": other}), logger).probe("lists", _TIMEOUT)
        except BadKey:
            pass
        except IterableError as failure:
            logger.info(f"The key could not be tried in the other data center: {failure}")
        else:
            return f"The API key belongs to the {other} data center: set region to {other}."
    return (
        f"Iterable does not know this API key ({error.msg or error.code or 'no message'}): copy the server-side key again "
        "from Iterable (Integrations > API Keys), and check that region matches the project."
    )


def _may_not(error: BadKey | Forbidden, what: str) -> str:
    return (
        f"The API key may not {what} ({error.msg or error.code or error.status}): Mobile, JavaScript, read-only and JWT "
        "keys may not; create a server-side key in Iterable (Integrations > API Keys) and use that."
    )
