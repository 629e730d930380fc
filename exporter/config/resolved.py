"""The configuration in force: every default filled in, in the types of the layers that use it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from exporter.config import defaults
from exporter.config.document import dump
from exporter.config.problems import Places
from exporter.config.schema import (
    AccountSettings,
    Budget,
    ConfigFile,
    Labels,
    Ledger,
    Links,
    Metrics,
    MissingStatus,
    Poll,
    Slo,
    SlowLowTokenOverrideSettings,
    SlowLowTokenSettings,
)
from exporter.config.secrets import SecretRef
from exporter.config.units import format_duration
from exporter.models import (
    SECOND,
    SlowLowToken,
    SlowLowTokenOverride,
    SlowLowTokenRules,
    Source,
    Status,
)


@dataclass(frozen=True, slots=True)
class Account:
    """One VLM Run organisation: where its API is, where its key lies, and which of its lists are polled."""

    name: str
    base_url: str
    api_key: SecretRef
    ca_file: Path | None
    allow_insecure_http: bool
    sources: tuple[Source, ...]

    def public(self) -> dict[str, Any]:
        """Return the account as it is written in YAML."""
        return {
            "name": self.name,
            "base_url": self.base_url,
            "allow_insecure_http": self.allow_insecure_http,
            "api_key": self.api_key.public(),
            "ca_file": None if self.ca_file is None else str(self.ca_file),
            "sources": {source.name: _public_source(source) for source in self.sources},
        }


@dataclass(frozen=True, slots=True)
class Config:
    """The configuration in force. Two are equal if they mean the same, wherever they were read from.

    Durations of sections are in seconds and a budget's credits in micro-credits. ``places`` tells where a key stands.
    """

    accounts: tuple[Account, ...]
    poll: Poll
    labels: Labels
    slow_low_token: SlowLowTokenRules
    slo: Slo
    budgets: tuple[Budget, ...]
    ledger: Ledger
    metrics: Metrics
    links: Links
    places: Places = field(compare=False, repr=False)

    def account(self, name: str) -> Account:
        """Return the account of that name. Raises KeyError if there is none."""
        return {account.name: account for account in self.accounts}[name]

    def sources(self) -> tuple[Source, ...]:
        """Return the lists to poll, of all accounts."""
        return tuple(source for account in self.accounts for source in account.sources)

    def slow_low_token_rules(self) -> SlowLowTokenRules:
        """Return the thresholds of slow low-token completions, each override complete."""
        return self.slow_low_token

    def public(self) -> dict[str, Any]:
        """Return everything in force as plain data for YAML. A secret is shown as the reference to it."""
        return {
            "accounts": [account.public() for account in self.accounts],
            "poll": self.poll.model_dump(mode="json"),
            "labels": self.labels.model_dump(mode="json"),
            "slow_low_token": {
                **_public_rule(self.slow_low_token.default),
                "overrides": [
                    {"model": override.model, "skill": override.skill, **_public_rule(override.rule)}
                    for override in self.slow_low_token.overrides
                ],
            },
            "slo": self.slo.model_dump(mode="json"),
            "budgets": [budget.model_dump(mode="json") for budget in self.budgets],
            "ledger": self.ledger.model_dump(mode="json"),
            "metrics": self.metrics.model_dump(mode="json"),
            "links": self.links.model_dump(mode="json"),
        }

    def dump_public(self) -> str:
        """Return ``public()`` as YAML, which loads as an equal configuration."""
        return dump(self.public())


def resolve(file: ConfigFile, places: Places) -> Config:
    """Fill in what the parts of a valid document take from each other and from the defaults."""
    return Config(
        accounts=tuple(_account(account, file.poll) for account in file.accounts),
        poll=file.poll,
        labels=file.labels,
        slow_low_token=_rules(file.slow_low_token),
        slo=file.slo,
        budgets=file.budgets,
        ledger=file.ledger,
        metrics=file.metrics,
        links=file.links,
        places=places,
    )


def _account(settings: AccountSettings, poll: Poll) -> Account:
    return Account(
        name=settings.name,
        base_url=settings.base_url,
        api_key=settings.api_key,
        ca_file=settings.ca_file,
        allow_insecure_http=settings.allow_insecure_http,
        sources=tuple(_source(settings, name, poll) for name in defaults.SOURCES if name in settings.sources),
    )


def _source(account: AccountSettings, name: str, poll: Poll) -> Source:
    settings, default = account.sources[name], defaults.SOURCES[name]
    missing = MissingStatus(settings.status.missing or default.missing_status)
    return Source(
        account=account.name,
        name=name,
        path=settings.path or default.path,
        paging=settings.paging or default.paging,
        interval=settings.interval or poll.interval,
        page_size=settings.page_size or poll.page_size,
        fields=MappingProxyType({**default.fields, **(settings.fields or {})}),
        statuses=MappingProxyType(
            {word: status for status, words in settings.status.words().items() for word in words}
        ),
        missing_status=None if missing is MissingStatus.REJECT else Status(missing),
    )


def _rules(settings: SlowLowTokenSettings) -> SlowLowTokenRules:
    default = _rule(settings.max_output_tokens, settings.min_duration, settings.alert_ratio)
    return SlowLowTokenRules(default, tuple(_override(override, settings) for override in settings.overrides))


def _override(override: SlowLowTokenOverrideSettings, default: SlowLowTokenSettings) -> SlowLowTokenOverride:
    rule = _rule(
        # Not `or`: 0 tokens is a threshold.
        default.max_output_tokens if override.max_output_tokens is None else override.max_output_tokens,
        override.min_duration or default.min_duration,
        override.alert_ratio or default.alert_ratio,
    )
    return SlowLowTokenOverride(override.model, override.skill, rule)


def _rule(max_output_tokens: int, min_duration: float, alert_ratio: float) -> SlowLowToken:
    return SlowLowToken(max_output_tokens, round(min_duration * SECOND), alert_ratio)


def _public_rule(rule: SlowLowToken) -> dict[str, Any]:
    return {
        "max_output_tokens": rule.max_output_tokens,
        "min_duration": format_duration(rule.min_duration / SECOND),
        "alert_ratio": rule.alert_ratio,
    }


def _public_source(source: Source) -> dict[str, Any]:
    status: dict[str, Any] = {
        str(meaning): [word for word, status in source.statuses.items() if status is meaning] for meaning in Status
    }
    status["missing"] = str(source.missing_status or MissingStatus.REJECT)
    return {
        "path": source.path,
        "paging": str(source.paging),
        "interval": format_duration(source.interval),
        "page_size": source.page_size,
        "fields": {str(name): list(paths) for name, paths in source.fields.items()},
        "status": status,
    }
