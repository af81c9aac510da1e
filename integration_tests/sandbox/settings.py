"""Settings of a sandbox: its project, how much it holds, its limits and its habits."""

import os
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

EMAIL_BASED = "Email-based"
USER_ID_BASED = "UserID-based"
HYBRID = "Hybrid"
PROJECT_TYPES = (EMAIL_BASED, USER_ID_BASED, HYBRID)
# The same moment in every run, so that tests pass on any day; with seconds and a fraction of one, as most moments have.
NOW = datetime.fromisoformat(os.environ.get("SANDBOX_NOW", "2025-06-18T12:34:56.789+00:00"))


@dataclass
class SandboxSettings:
    """The same settings give the same data and responses; on another day of the same weekday, that much later."""

    seed: int = 1
    users: int = 200
    days: int = 30  # history before the start day; nothing is older
    events_per_day: int = 400  # on average, over all event types together: weekends have fewer
    event_weights: dict[str, float] = field(default_factory=dict)  # replaces the default share of a type
    data_types: Collection[str] | None = None  # only these hold records
    odd: bool = True  # records, userIds, states and times as odd as the API's; False = none of that
    padding: int = 0  # bytes of filler in every event, for windows of gigabytes
    project_type: str = EMAIL_BASED
    region: str = "US"
    api_key: str = "sandbox-key"
    now: datetime | None = NOW  # the time of day, which stands still until advance(); None = the machine's clock

    index_lag: float = 0.0  # seconds; an event is visible after its own share of it
    late_share: float = 0.0  # share of events that a device, being offline, sends up to late_hours later
    late_hours: float = 6.0
    # How metrics differ from the events: "machines apart" (bots and proxies are no people), "late missing" (what is seen
    # after its day never counts), "counted later" (an event counts up to a day after it is seen)
    metrics_deviations: tuple[str, ...] = ()

    rate_limit_factor: float | None = 0  # 0 or None = no limits; N = every limit N times as fast
    retry_after: bool = False  # 429 says how long to wait; Iterable often does not

    spellings: str = "all"  # of data types with two spellings; "reference" accepts only the reference's
    forbidden: tuple[str, ...] = ()  # endpoint templates the key may not use (403)
    forbidden_data_types: tuple[str, ...] = ()  # data types the key may not export (403)

    lists: int = 8
    channels: int = 5
    message_types: int = 9
    campaigns: int = 60  # not counting children of recurring ones
    recurring_children: tuple[int, ...] = (23, 2, 0)  # children of each recurring campaign
    embedded: int = 0  # campaigns with embedded messages, on top of these; no list has their templates
    experiments: int = 20  # at most: one for every third email campaign
    experiments_offered: bool = True  # False = 404, as in a project that does not have them
    templates: int = 64
    locales: tuple[str, ...] = ("en", "de-DE", "pt_BR")  # of localized templates; the first is the default
    localized: int = 3  # every n-th template is localized
    journeys: int = 26
    catalogs: int = 12
    catalog_items: int = 25  # in the largest catalog; others hold fewer, one none
    snippets: int = 7
    metadata: int = 4
    metadata_entries: int = 25  # in the largest table; one holds none
    webhooks: int = 3
    forgotten: int = 5
    user_fields_shape: str = "map"  # "map": {"fields": {...}}; "array": {"userFields": [{name, type}]}
    wrapped_catalogs: bool = False  # lists of catalogs, items and mappings in {msg, code, params: {...}}
    experiments_as_csv: bool = False  # experiments/metrics as CSV instead of {headers, rows}

    job_seconds: float = 0.2  # how long an export job runs
    file_bytes: int = 10_000_000  # at most, as Iterable says
    url_ttl: float = 1800.0  # seconds until a presigned link expires

    reader_patience: float | None = None  # seconds that a piece of a response may take, then the connection is cut
    host: str = "127.0.0.1"
    port: int = 0

    def __post_init__(self) -> None:
        if self.project_type not in PROJECT_TYPES:
            raise ValueError(f"project_type must be one of {PROJECT_TYPES}, not {self.project_type!r}")
        if self.now is not None and self.now.tzinfo is None:
            raise ValueError("now needs a time zone")
