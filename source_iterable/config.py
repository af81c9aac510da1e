"""Config: the options, as one pydantic model. The spec and docs/options.md are generated from it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from source_iterable import kinds
from source_iterable.errors import ConfigError

# Iterable's own page, until `make release` is told where ours are.
DOCUMENTATION_URL = "https://api.iterable.com/api/docs"

# A key works only in the data center that issued it.
REGION_BASE_URLS = {"US": "https://api.iterable.com/api/", "EU": "https://api.eu.iterable.com/api/"}

_DATE_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z$"
_NO_DATE = "must be a UTC time like 2024-01-01T00:00:00Z"
# A name, or several with dots in between; none of them is blank.
_PART = r"[^.]*[^. \t\r\n][^.]*"
_FIELD_PATTERN = rf"^{_PART}(\.{_PART})*$"
_PROJECT_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$"
# By pattern, what the error says of a text that does not match it, and what Airbyte's form shows instead.
_MUST_BE = {
    _FIELD_PATTERN: "the name of a field, such as email or address.city",
    _PROJECT_PATTERN: "a short name, such as acme-eu: at most 40 letters of ASCII, digits, and . _ -",
}
# The same of dates.
_DATE = {"format": "date-time", "pattern": _DATE_PATTERN, "pattern_descriptor": "YYYY-MM-DDTHH:MM:SSZ"}
_FIELD, _PROJECT = (
    {"pattern_descriptor": _MUST_BE[each].partition(":")[0]} for each in (_FIELD_PATTERN, _PROJECT_PATTERN)
)
# What is wrong with texts that people write for a time.
_MISTAKES = {
    r"\d{4}-\d\d-\d\d": "this is a day without a time",
    r"\d{4}-\d\d-\d\dT[\d:.]+": "the Z at its end is missing",
    r"\d{4}-\d\d-\d\d [\d:.]+Z?": "a T must stand between day and time",
    r"\d{4}-\d\d-\d\d[T ][\d:.]+ ?[+-]\d\d:?\d\d": "this one has an offset: write it in UTC, with a Z",
    _DATE_PATTERN: "there is no such day or time",
}


def is_loopback(host: str | None) -> bool:
    """Whether a host is this machine, by its name or address."""
    return host in {"127.0.0.1", "::1", "localhost"}


def parse_date(text: str) -> datetime:
    """Parse `YYYY-MM-DDTHH:MM:SS[.fraction]Z` into an aware datetime. Raises ValueError, without the text."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    try:
        time = datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S")
    except ValueError:  # whose message holds the text
        raise ValueError(_NO_DATE) from None
    return time.replace(microsecond=int(fraction[:6].ljust(6, "0")), tzinfo=timezone.utc)


def _a_date(text: str) -> str:
    """The text of a time. Raises ValueError, which says what is wrong and not with which text: that may be the key."""
    try:
        if re.fullmatch(_DATE_PATTERN, text):
            parse_date(text)
            return text
    except ValueError:
        pass
    wrong = next((f": {mistake}" for form, mistake in _MISTAKES.items() if re.fullmatch(form, text)), "")
    raise ValueError(f"{_NO_DATE}{wrong}")


def _fits_a_header(key: str) -> str:
    # The spec has no minLength: Airbyte takes it for a breaking change of the published connector's.
    if not key:
        raise ValueError("must not be empty")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ValueError("must be plain ASCII without spaces or line breaks; was it copied completely?")
    return key


def _name_or_kind(name: str) -> str:
    name = name.strip(" \t\r\n")
    kind = kinds.kind_in(name)
    return name if kind is None else f"{kinds.PREFIX}{kind}"


def _url_for_a_key(text: str) -> str:
    """Raises ValueError for a URL that the key must not be sent to, or that the log must not show."""
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises for a port that is no number
    except ValueError:  # whose message holds the text
        raise ValueError("must be an https URL with a valid host and port") from None
    if "@" in parts.netloc:
        raise ValueError("must not contain a user or password: it would be logged; the key belongs in api_key")
    if parts.query or parts.fragment:
        raise ValueError("must end with the path: no query, no fragment")
    # urlsplit and the HTTP library do not agree on where such a URL leads.
    if "\\" in text or " " in text or not text.isprintable():
        raise ValueError("must not contain spaces, line breaks or backslashes")
    if parts.hostname and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))):
        return text
    raise ValueError("must be an https URL (plain http only for a loopback host)")


ApiKey = Annotated[str, AfterValidator(_fits_a_header)]
BaseUrl = Annotated[str, AfterValidator(_url_for_a_key)]
FieldNames = list[
    Annotated[str, Field(pattern=_FIELD_PATTERN, json_schema_extra=_FIELD), AfterValidator(_name_or_kind)]
]
ProjectName = Annotated[str, Field(pattern=_PROJECT_PATTERN, json_schema_extra=_PROJECT)]
Factor = Annotated[float, Field(ge=0.001, le=1_000_000, allow_inf_nan=False)]
DateText = Annotated[str, Field(json_schema_extra=_DATE), AfterValidator(_a_date)]


class Config(BaseModel):
    """The options. Unknown keys are ignored, so configurations of the published connector work.

    Airbyte's form shows them in this order, each with the text below it; docs/options.md explains them at length.
    """

    model_config = ConfigDict(extra="ignore", title="Iterable", use_attribute_docstrings=True)

    api_key: ApiKey = Field(title="API key", json_schema_extra={"airbyte_secret": True})
    """A server-side API key of the Iterable project (Integrations > API Keys)."""

    start_date: DateText = Field(title="Start date", examples=["2024-01-01T00:00:00Z"])
    """Read events and user changes from this time on (UTC, YYYY-MM-DDTHH:MM:SSZ)."""

    region: Literal["US", "EU"] = Field("US", title="Region")
    """The data center that hosts the project. API keys work only in their own data center."""

    project_type: Literal["Email-based", "UserID-based", "Hybrid"] = Field("Email-based", title="Project type")
    """How the project identifies users. Determines the primary key of the users stream."""

    lookback_window: int = Field(5, ge=0, le=366 * 24 * 60, title="Lookback window (minutes)", examples=[5, 15, 60])
    """End each sync this many minutes before now: Iterable may not have indexed newer events yet."""

    end_date: DateText | None = Field(None, title="End date", examples=["2024-02-01T00:00:00Z"])
    """Read events and user changes before this time only (UTC, YYYY-MM-DDTHH:MM:SSZ). Empty: no end."""

    export_method: Literal["auto", "streaming", "jobs"] = Field("auto", title="Export method")
    """The transport for events and users: streaming exports, export jobs, or both at once."""

    user_fields_as_columns: bool = Field(False, title="Custom user fields as columns")
    """Give custom user profile fields, 400 at most, typed columns in the users stream."""

    reread_window: int = Field(0, ge=0, le=30, title="Reread window (days)", examples=[3, 7])
    """Read the last days again, once a day, for events that were recorded offline and sent late."""

    metrics_days: int = Field(30, ge=1, le=730, title="Days of campaign metrics", examples=[30, 90, 365])
    """How many days campaigns_metrics_daily goes back from today or the end date, to the start date at most."""

    metrics_backfill_minutes: int = Field(30, ge=1, le=24 * 60, title="Minutes for old metrics", examples=[10, 30, 240])
    """How long a sync reads old metrics of campaigns at most, after all new ones. The next sync continues."""

    project: ProjectName | None = Field(None, title="Project name", examples=["acme-us", "acme-eu"])
    """Fills a column project, part of every key, so that several projects can share tables. Empty: no column."""

    excluded_fields: FieldNames = Field([], title="Excluded fields", examples=[["ip", "phoneNumber", "data.address"]])
    """Fields to leave out of all streams, wherever they occur: ip, address.street; kind:phone for all of a kind."""

    hashed_fields: FieldNames = Field([], title="Hashed fields", examples=[["email", "userId"]])
    """Fields of all streams to replace by their SHA-256, so that tables can still be joined on them."""

    hash_salt: str = Field("", title="Salt of the hashes", json_schema_extra={"airbyte_secret": True})
    """A secret text that keys the hashes and the ids of events. Without it, what they hide can be guessed."""

    rate_limit_factor: Factor = Field(1, title="Rate limit factor", json_schema_extra={"airbyte_hidden": True})
    """Multiplies all rate budgets, for accounts whose rate limits Iterable has raised."""

    api_base_url: BaseUrl | None = Field(None, title="API base URL", json_schema_extra={"airbyte_hidden": True})
    """Overrides the API's base URL: https, or plain http for a loopback host."""

    _by_kind: dict[str, str] = PrivateAttr(default_factory=dict)

    @field_validator(
        "end_date", "project", "excluded_fields", "hashed_fields", "hash_salt", "api_base_url", mode="before"
    )
    @classmethod
    def _empty_means_unset(cls, value: Any, info: ValidationInfo) -> Any:
        # Airbyte's form sends an emptied optional text field as "".
        default = cls.model_fields[str(info.field_name)].default
        return default if value is None or (value == "" and default is None) else value

    @field_validator(
        "lookback_window",
        "reread_window",
        "metrics_days",
        "metrics_backfill_minutes",
        "rate_limit_factor",
        mode="before",
    )
    @classmethod
    def _no_switch(cls, value: Any) -> Any:
        if isinstance(value, bool):  # which pydantic takes for 0 and 1
            raise ValueError("must be a number")
        return value

    @model_validator(mode="after")
    def _either_excluded_or_hashed(self) -> Config:
        if both := set(self.excluded_fields).intersection(self.hashed_fields):
            raise ValueError(f"excluded_fields and hashed_fields both name {', '.join(sorted(both))}: name each once")
        # From here on, they are names.
        names = kinds.expanded(self.excluded_fields, self.hashed_fields)
        self.excluded_fields, self.hashed_fields, self._by_kind = names
        return self

    @property
    def by_kind(self) -> Mapping[str, str]:
        """The names in excluded_fields and hashed_fields that stood there as a kind only: name -> "kind:phone"."""
        return self._by_kind

    @property
    def base_url(self) -> str:
        """The API's base URL, with a trailing slash."""
        return (self.api_base_url or REGION_BASE_URLS[self.region]).rstrip("/") + "/"

    @property
    def users_key(self) -> str:
        """The key of users: email in email-based projects, itblUserId in all others."""
        return "email" if self.project_type == "Email-based" else "itblUserId"

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Config:
        """Validate a configuration read from JSON. Raises ConfigError, which names the invalid option, never its value."""
        try:
            return cls.model_validate(raw)
        except ValidationError as error:
            raise invalid("; ".join(_describe(problem) for problem in error.errors(include_input=False))) from None


def invalid(why: str) -> ConfigError:
    """The error for a configuration that cannot be used."""
    return ConfigError(f"The configuration is not valid: {why}.")


def _describe(problem: Any) -> str:
    key = ".".join(map(str, problem["loc"]))
    if problem["type"] == "missing":
        return f"'{key}' is required"
    message = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "string_pattern_mismatch":
        message = f"must be {_MUST_BE[problem['ctx']['pattern']]}"
    return f"'{key}': {message}" if key else message  # without a key, it is about several options
