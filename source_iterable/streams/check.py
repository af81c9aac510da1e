"""Check: would a sync work? And before a load: could it work at all?"""

from __future__ import annotations

import logging
import time
from contextlib import suppress

from source_iterable.api.client import IterableClient
from source_iterable.api.clock import iso_time
from source_iterable.api.request import Timeout
from source_iterable.api.retry import ONCE, RESPONSE
from source_iterable.config import REGION_BASE_URLS, Config, parse_date
from source_iterable.errors import (
    BadKey,
    ConfigError,
    Forbidden,
    IterableError,
    NotFound,
    TimedOut,
    TransientError,
    Unreachable,
)
from source_iterable.streams.privacy import notes, unknown_names
from source_iterable.streams.users import user_fields

# An endpoint that answers fast.
_PROBED = "lists"
# Short: a user is waiting.
_TIMEOUT = Timeout(10.0, 30.0)
_CREATE_A_KEY = "create a server-side key without JWT in Iterable (Integrations > API Keys) and use that."


def check(config: Config, logger: logging.Logger) -> list[str]:
    """Raise IterableError for what would prevent a sync; its message says what to do.

    Returns what should be known of the private options before records are written. Sends three requests at most, none of
    them on the export limit of four a minute, and a fourth one, of users/getFields, only if the private options have a name
    that no schema has.
    """
    start = parse_date(config.start_date)
    if config.end_date and parse_date(config.end_date) <= start:
        raise ConfigError("The end date is not later than the start date: set a later end_date, or none.")
    client = IterableClient(config, logger)
    try:
        client.probe(_PROBED, _TIMEOUT)
    except (BadKey, Forbidden) as error:
        raise _refused(config, logger, error) from None
    except (Unreachable, TimedOut) as error:
        raise _unreachable(config, error) from None
    # The response to the first request has told the time.
    if start.timestamp() > client.now():
        now, here = iso_time(client.now()), iso_time(time.time())
        advice = f"set a start_date before now ({now}), or correct the clock of this machine (it says {here})."
        raise ConfigError(f"The start date is in the future: {advice}")
    try:
        # Listing recent jobs needs the export permission, and starts nothing. If an API lacks this endpoint, the first sync
        # will show.
        with suppress(NotFound):
            client.probe("export/jobs", _TIMEOUT)
    except (BadKey, Forbidden) as error:
        raise ConfigError(_may_not(error, "export data")) from None
    return [*notes(config), *_unknown(config, client)]


def must_be_accepted(config: Config, client: IterableClient, every_error: bool) -> None:
    """Raise IterableError if Iterable cannot be reached or refuses the API key, unless it has accepted it before.

    An endpoint that is out of order, or that the key lacks, stops no other stream. With `every_error`, the former is raised.
    """
    if client.key.is_accepted:
        return
    try:
        client.probe(_PROBED, retry=RESPONSE)
    except (BadKey, Forbidden) as error:
        if not client.key.works(refused=_PROBED):
            raise _refused(config, client.logger, error) from None
    except Unreachable as error:
        raise _unreachable(config, error) from None
    except IterableError:
        if every_error:
            raise


def _refused(config: Config, logger: logging.Logger, error: BadKey | Forbidden) -> ConfigError:
    if isinstance(error, Forbidden):
        return ConfigError(_may_not(error, "read lists"))
    return ConfigError(_about_a_refused_key(config, logger, error))


def _unreachable(config: Config, error: IterableError) -> TransientError:
    return TransientError(f"{error} Check that this machine can reach {config.base_url}: network, proxy, firewall.")


def _unknown(config: Config, client: IterableClient) -> list[str]:
    """A note of the names that neither a schema nor the project's user profiles have. It fails no check."""
    unknown, instead = unknown_names(config), "not a field of the user profiles either"
    if unknown:
        try:
            unknown = unknown_names(config, user_fields(client, _TIMEOUT, ONCE))
        except IterableError as error:
            instead = f"the fields of the user profiles could not be read ({error})"
    if not unknown:
        return []
    return [
        f"excluded_fields, hashed_fields: not a column of any stream: {', '.join(unknown)}; {instead}. Check the spelling; "
        "a name that matches nothing hides nothing. Fields of custom events, of catalogs and within objects are not "
        "declared: if it is one of them, all is well."
    ]


def _about_a_refused_key(config: Config, logger: logging.Logger, error: BadKey) -> str:
    """Try the key in the other data center: a wrong region is the most common mistake."""
    if "jwt" in f"{error.code} {error.msg}".lower():
        return f"The API key needs a JWT with every request ({error.msg}): {_CREATE_A_KEY}"
    if config.api_base_url is None:
        (other,) = (region for region in REGION_BASE_URLS if region != config.region)
        try:
            IterableClient(config.model_copy(update={"region": other}), logger).probe(_PROBED, _TIMEOUT)
            return f"The API key belongs to the {other} data center: set region to {other}."
        except BadKey:
            pass
        except IterableError as failure:
            logger.info(f"The key could not be tried in the other data center: {failure}")
    return (
        f"Iterable does not know this API key ({error.msg or error.code or 'no message'}): copy the server-side key again "
        "from Iterable (Integrations > API Keys), and check that region matches the project."
    )


def _may_not(error: BadKey | Forbidden, what: str) -> str:
    why = error.msg or error.code or error.status
    return f"The API key may not {what} ({why}): Mobile, JavaScript, read-only and JWT keys may not; {_CREATE_A_KEY}"
