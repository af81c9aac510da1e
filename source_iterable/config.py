"""Config: what a user sets, as one pydantic model; the connector's spec is generated from it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

DOCUMENTATION_URL = "https://github.com/source-iterable/source-iterable"

# A key works only in the data center that issued it.
REGION_BASE_URLS = {"US": "https://api.iterable.com/api/", "EU": "https://api.eu.iterable.com/api/"}

_DATE_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z$"
_LOOPBACK_HOSTS = {"127.0.0.1", "::1", "localhost"}


def _must_be_a_date(text: str) -> str:
    parse_date(text)
    return text


DateText = Annotated[str, StringConstraints(pattern=_DATE_PATTERN), AfterValidator(_must_be_a_date)]


class InvalidConfig(ValueError):
    """A configuration that cannot be used; the message names the key and says what it must be, never its value."""


class Config(BaseModel):
    """What a user configures. Unknown keys are ignored, so that configurations of the published connector work."""

    model_config = ConfigDict(extra="ignore", title="Iterable")

    api_key: str = Field(
        title="API key",
        description="A server-side API key of the Iterable project (Integrations > API Keys).",
        min_length=1,
        json_schema_extra={"airbyte_secret": True, "order": 0},
    )
    start_date: DateText = Field(
        title="Start date",
        description="Nothing older than this is read (UTC, YYYY-MM-DDTHH:MM:SSZ).",
        examples=["2024-01-01T00:00:00Z"],
        json_schema_extra={"format": "date-time", "order": 1},
    )
    region: Literal["US", "EU"] = Field(
        default="US",
        title="Region",
        description="The data center that holds the project. A key works only there.",
        json_schema_extra={"order": 2},
    )
    project_type: Literal["Email-based", "UserID-based", "Hybrid"] = Field(
        default="Email-based",
        title="Project type",
        description="How the project identifies its users: it decides the primary key of the users stream.",
        json_schema_extra={"order": 3},
    )
    lookback_window: int = Field(
        default=5,
        ge=0,
        title="Lookback window (minutes)",
        description="A sync stops this many minutes before now: Iterable may not have indexed later events yet.",
        examples=[5, 15, 60],
        json_schema_extra={"order": 4},
    )
    end_date: DateText | None = Field(
        default=None,
        title="End date",
        description="Read up to this time only (UTC, YYYY-MM-DDTHH:MM:SSZ), for backfills in parts. Empty: up to now.",
        examples=["2024-02-01T00:00:00Z"],
        json_schema_extra={"format": "date-time", "order": 5},
    )
    export_method: Literal["auto", "streaming", "jobs"] = Field(
        default="auto",
        title="Export method",
        description="How events and users are exported: by streamed answers, by export jobs, or by whichever is free.",
        json_schema_extra={"order": 6},
    )
    user_fields_as_columns: bool = Field(
        default=False,
        title="Custom user fields as columns",
        description="Give the project's own user profile fields typed columns in the users stream.",
        json_schema_extra={"order": 7},
    )
    rate_limit_factor: float = Field(
        default=1,
        gt=0,
        title="Rate limit factor",
        description="All rate budgets times this: for accounts whose limits Iterable has raised.",
        json_schema_extra={"airbyte_hidden": True, "order": 8},
    )
    api_base_url: str | None = Field(
        default=None,
        title="API base URL",
        description="Another root for the API: https, or plain http for a loopback host.",
        json_schema_extra={"airbyte_hidden": True, "order": 9},
    )

    @field_validator("api_key")
    @classmethod
    def _fits_a_header(cls, value: str) -> str:
        if not value.isascii() or not value.isprintable() or " " in value:
            raise ValueError("must have no spaces, line ends or accented letters; was it copied whole?")
        return value

    @field_validator("end_date", "api_base_url", mode="before")
    @classmethod
    def _empty_means_unset(cls, value: Any) -> Any:
        # Airbyte's form sends an emptied optional text field as "".
        return None if value == "" else value

    @field_validator("api_base_url")
    @classmethod
    def _keep_the_key_private(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme == "https" and parts.hostname:
            return value
        if parts.scheme == "http" and parts.hostname in _LOOPBACK_HOSTS:
            return value
        raise ValueError("must be an https URL (plain http only for a loopback host)")

    @property
    def base_url(self) -> str:
        """The root of the API, with a trailing slash."""
        return (self.api_base_url or REGION_BASE_URLS[self.region]).rstrip("/") + "/"

    @property
    def users_key(self) -> str:
        """The column that identifies a user: email in email-based projects, itblUserId in all others."""
        return "email" if self.project_type == "Email-based" else "itblUserId"

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Config:
        """Validate a configuration as read from JSON.

        Raises InvalidConfig, naming the key that is wrong.
        """
        try:
            return cls.model_validate(raw)
        except ValidationError as error:
            raise InvalidConfig(
                "; ".join(_describe(problem) for problem in error.errors(include_input=False))
            ) from None


def _describe(problem: Any) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "missing":
        return f"'{key}' is required"
    if problem["type"] == "string_pattern_mismatch":
        return f"'{key}' must be a UTC time like 2024-01-01T00:00:00Z"
    message = str(problem["msg"]).removeprefix("Value error, ")
    return f"'{key}': {message}"


def parse_date(text: str) -> datetime:
    """A `YYYY-MM-DDTHH:MM:SS[.fraction]Z` time as an aware datetime; raises ValueError when there is no such time."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    time = datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S")
    return time.replace(microsecond=int(fraction[:6].ljust(6, "0")), tzinfo=timezone.utc)


def specification() -> dict[str, Any]:
    """The connector's specification, as the protocol has it."""
    return {"documentationUrl": DOCUMENTATION_URL, "connectionSpecification": connection_specification()}


def connection_specification() -> dict[str, Any]:
    """The JSON schema of Config in the form that Airbyte's user interface reads."""
    schema = Config.model_json_schema()
    for name, prop in schema["properties"].items():
        # Optional fields: Airbyte's form wants the plain type, not "this or null".
        for choice in prop.pop("anyOf", []):
            if choice.get("type") != "null":
                prop.update(choice)
        if prop.get("default", ...) is None:
            del prop["default"]
        schema["properties"][name] = dict(sorted(prop.items()))
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Iterable",
        "type": "object",
        "required": schema["required"],
        "additionalProperties": True,
        "properties": schema["properties"],
    }
