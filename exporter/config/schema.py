"""The keys of the YAML with their defaults and bounds. Durations are in seconds, credits in micro-credits.

A section serialised in JSON mode is the YAML that it can be read from again.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
    field_validator,
    model_validator,
)

from exporter.config import defaults, values
from exporter.config.problems import UnshownValueError
from exporter.config.secrets import SecretRef
from exporter.config.units import format_credits, format_duration
from exporter.models import Field, Paging, Status

_MINUTE: Final = 60.0
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_YEAR: Final = 365 * _DAY


class Period(StrEnum):
    """The calendar period of a budget, in its time zone. A week starts on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class MissingStatus(StrEnum):
    """What a row without a status means."""

    SUCCESS = "success"
    ERROR = "error"
    PENDING = "pending"
    REJECT = "reject"


def _field_name(value: object) -> Field:
    return Field(values.key(list(Field), "field")(value))


def _selected_sources(value: object) -> object:
    if value == {}:
        raise UnshownValueError(f"selects no source (allowed: some of {', '.join(defaults.SOURCES)})")
    return dict.fromkeys(defaults.SOURCES) if value is None else value


def _some_account(value: object) -> object:
    if value == ():
        raise UnshownValueError("holds no account (allowed: at least one; without the key there is a default)")
    return ({},) if value is None else value


_no_items_if_empty = BeforeValidator(lambda value: () if value is None else value)
_one_is_a_list = BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)
_as_text = PlainSerializer(str)
_as_duration = PlainSerializer(format_duration)
_as_start = PlainSerializer(lambda seconds: format_duration(seconds) if seconds else "now")
_as_credits = PlainSerializer(format_credits)

Name: TypeAlias = Annotated[str, PlainValidator(values.name)]
Label: TypeAlias = Annotated[str, PlainValidator(values.label)]
LabelCap: TypeAlias = Annotated[int, PlainValidator(values.integer(1, 10_000))]
Interval: TypeAlias = Annotated[float, PlainValidator(values.duration(_DAY)), _as_duration]
PageSize: TypeAlias = Annotated[int, PlainValidator(values.integer(1, 1000))]
Tokens: TypeAlias = Annotated[int, PlainValidator(values.integer(0, 10_000_000))]
Ratio: TypeAlias = Annotated[float, PlainValidator(values.ratio(one=True))]
FieldName: TypeAlias = Annotated[Field, PlainValidator(_field_name)]
FieldPaths: TypeAlias = Annotated[tuple[Annotated[str, PlainValidator(values.field_path)], ...], _one_is_a_list]
Words: TypeAlias = Annotated[tuple[Annotated[str, PlainValidator(values.wire_status)], ...], _one_is_a_list]
SourceName: TypeAlias = Annotated[str, PlainValidator(values.key(defaults.SOURCES, "source"))]


class Section(BaseModel):
    """A mapping of the YAML: immutable, strict, without unknown keys. One that is left empty has its defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _defaults_if_empty(cls, value: object) -> object:
        # A section whose keys are all commented out reads as null.
        return {} if value is None else value


class StatusSettings(Section):
    """Which wire values mean which status, in lower case; None leaves the default list."""

    success: Words | None = None
    error: Words | None = None
    pending: Words | None = None
    missing: Annotated[MissingStatus, PlainValidator(values.choice(MissingStatus, "an outcome"))] | None = None

    def words(self) -> dict[Status, tuple[str, ...]]:
        """Return the list of each status, the defaults filled in."""
        given = {Status.SUCCESS: self.success, Status.ERROR: self.error, Status.PENDING: self.pending}
        return {status: defaults.STATUSES[status] if words is None else words for status, words in given.items()}


class SourceSettings(Section):
    """What one list has different from the defaults; None leaves the default."""

    path: Annotated[str, PlainValidator(values.url_path)] | None = None
    paging: Annotated[Paging, PlainValidator(values.choice(Paging, "a way of paging"))] | None = None
    interval: Interval | None = None
    page_size: PageSize | None = None
    fields: dict[FieldName, FieldPaths] | None = None
    status: StatusSettings = StatusSettings()


class AccountSettings(Section):
    """One VLM Run organisation, polled with one API key."""

    name: Name = defaults.ACCOUNT
    allow_insecure_http: Annotated[bool, PlainValidator(values.boolean)] = False
    base_url: Annotated[str, PlainValidator(values.base_url)] = defaults.BASE_URL
    api_key: Annotated[SecretRef, PlainValidator(SecretRef.parse)] = SecretRef(env=defaults.API_KEY_ENV)
    ca_file: Annotated[Path, PlainValidator(values.ca_file)] | None = None
    sources: Annotated[dict[SourceName, SourceSettings], BeforeValidator(_selected_sources)] = {
        name: SourceSettings() for name in defaults.SOURCES
    }

    @field_validator("base_url")
    @classmethod
    def _no_key_in_the_clear(cls, url: str, info: ValidationInfo) -> str:
        if url.startswith("http:") and not values.is_loopback(url) and not info.data.get("allow_insecure_http"):
            raise UnshownValueError(
                "sends the API key unencrypted (allowed: https; http to loopback, or with allow_insecure_http: true)"
            )
        return url


class Poll(Section):
    """How the lists are asked. ``start`` is how far to look back on the very first start, 0 for now."""

    interval: Interval = _MINUTE
    page_size: PageSize = 100
    max_lateness: Annotated[float, PlainValidator(values.duration(30 * _DAY)), _as_duration] = 15 * _MINUTE
    late_after: Annotated[float, PlainValidator(values.duration(30 * _DAY)), _as_duration] = 10 * _MINUTE
    requests_per_minute: Annotated[int, PlainValidator(values.integer(1, 100_000))] = 10
    timeout: Annotated[float, PlainValidator(values.duration(10 * _MINUTE)), _as_duration] = 30.0
    start: Annotated[float, PlainValidator(values.start(_YEAR)), _as_start] = 0.0


class Labels(Section):
    """How many different values a label may take in an account before the rest is counted as ``other``."""

    max_models: LabelCap = 50
    max_skills: LabelCap = 200


class SlowLowTokenOverrideSettings(Section):
    """Other thresholds for a model and a skill, ``*`` for any; None takes the default rule's."""

    model: Label = "*"
    skill: Label = "*"
    max_output_tokens: Tokens | None = None
    min_duration: Interval | None = None
    alert_ratio: Ratio | None = None

    @model_validator(mode="after")
    def _sets_something(self) -> SlowLowTokenOverrideSettings:
        if self.max_output_tokens is None and self.min_duration is None and self.alert_ratio is None:
            raise UnshownValueError(
                "changes nothing (allowed: at least one of max_output_tokens, min_duration, alert_ratio)"
            )
        return self


class SlowLowTokenSettings(Section):
    """When a success counts as low-token, as slow, and which share of slow ones alerts."""

    max_output_tokens: Tokens = 128
    min_duration: Interval = 10.0
    alert_ratio: Ratio = 0.2
    overrides: Annotated[tuple[SlowLowTokenOverrideSettings, ...], _no_items_if_empty] = ()


class Slo(Section):
    """The share of completions that may fail."""

    error_ratio: Annotated[float, PlainValidator(values.ratio(one=False))] = 0.01


class Budget(Section):
    """Credits to spend in a calendar period, in micro-credits. ``account`` None applies to every account."""

    name: Name
    credits: Annotated[int, PlainValidator(values.credits_amount), _as_credits]
    period: Annotated[Period, PlainValidator(values.choice(Period, "a period")), _as_text] = Period.MONTH
    timezone: Annotated[str, PlainValidator(values.timezone)] = "UTC"
    account: Name | None = None


class Ledger(Section):
    """Where the durable state lies, on a local file system."""

    path: Annotated[Path, PlainValidator(values.file_path), _as_text] = Path("data/ledger.db")


class Metrics(Section):
    """How series are published. ``birth_hold`` is how long a new one is shown as 0, in seconds; 0 switches it off."""

    birth_hold: Annotated[float, PlainValidator(values.duration(_HOUR, zero=True)), _as_duration] = _MINUTE


class Links(Section):
    """Each is empty for none.

    ``completion`` is the template of a completion's address; those of dashboards and runbooks begin with the others.
    """

    completion: Annotated[str, PlainValidator(values.completion_link)] = ""
    dashboards: Annotated[str, PlainValidator(values.link_base)] = ""
    runbooks: Annotated[str, PlainValidator(values.link_base)] = ""


class ConfigFile(Section):
    """The whole document."""

    accounts: Annotated[tuple[AccountSettings, ...], BeforeValidator(_some_account)] = (AccountSettings(),)
    poll: Poll = Poll()
    labels: Labels = Labels()
    slow_low_token: SlowLowTokenSettings = SlowLowTokenSettings()
    slo: Slo = Slo()
    budgets: Annotated[tuple[Budget, ...], _no_items_if_empty] = ()
    ledger: Ledger = Ledger()
    metrics: Metrics = Metrics()
    links: Links = Links()
