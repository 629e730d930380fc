"""What only several parts of the configuration tell together.

These checks read the plain data and skip what isn't valid by itself, so that one mistake doesn't hide another.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from typing import TypeAlias, TypeVar

from pydantic import ValidationError

from exporter.config import defaults, values
from exporter.config.problems import Location, Problem
from exporter.config.resolved import Config
from exporter.config.schema import AccountSettings, Poll, Section, SlowLowTokenOverrideSettings
from exporter.config.secrets import SecretError
from exporter.config.units import format_duration
from exporter.models import Field

AnySection = TypeVar("AnySection", bound=Section)
Items: TypeAlias = tuple[tuple[int, Mapping[str, object]], ...]

_ROUNDING = 1 + 1e-9
"""Keeps three sources every 18s within 10 requests a minute."""


def cross_check(data: Mapping[str, object]) -> Iterator[Problem]:
    """Find what is wrong between the sections of a document."""
    accounts = tuple(_items(data.get("accounts"))) or ((0, {}),)
    budgets = tuple(_items(data.get("budgets")))
    account_names = {index: account.get("name", defaults.ACCOUNT) for index, account in accounts}
    yield from _duplicates("accounts", account_names)
    yield from _duplicates("budgets", {index: budget.get("name") for index, budget in budgets})
    yield from _unknown_accounts(budgets, tuple(account_names.values()))
    for index, account in accounts:
        for name, source in _mappings(account.get("sources")):
            location = ("accounts", index, "sources", name)
            yield from _lost_rows((*location, "fields"), source.get("fields"))
            yield from _ambiguous_statuses((*location, "status"), source.get("status"))
    yield from _request_budget(data.get("poll"), accounts)
    yield from _shadowed_overrides(data.get("slow_low_token"))


def check_secrets(config: Config, environ: Mapping[str, str], names: Collection[str]) -> tuple[str, ...]:
    """Return a message for every account of these names whose API key can't be read now."""
    problems = []
    for index, account in enumerate(config.accounts):
        if account.name not in names:
            continue
        try:
            account.api_key.read(environ)
        except SecretError as error:
            problems.append(Problem(("accounts", index, "api_key"), str(error)))
    return config.places.report(problems)


def _duplicates(section: str, names: Mapping[int, object]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, name in names.items():
        if isinstance(name, str) and first.setdefault(name, index) != index:
            message = f"is the name of {section}[{first[name]}] already (allowed: each name once)"
            yield Problem((section, index, "name"), message)


def _unknown_accounts(budgets: Items, names: Collection[object]) -> Iterator[Problem]:
    for index, budget in budgets:
        if isinstance(budget.get("account"), str) and budget["account"] not in names:
            message = "no account has this name (allowed: a name under accounts; without the key, every account)"
            yield Problem(("budgets", index, "account"), message)


def _lost_rows(location: Location, fields: object) -> Iterator[Problem]:
    for field in (Field.ID, Field.CREATED):
        if isinstance(fields, Mapping) and fields.get(field) == ():
            yield Problem((*location, field), "is empty, and no row counts without it (allowed: at least one path)")


def _ambiguous_statuses(location: Location, settings: object) -> Iterator[Problem]:
    if not isinstance(settings, Mapping):
        return
    given = {status: settings[status] for status in defaults.STATUSES if settings.get(status) is not None}
    meanings = {word: status for status, words in defaults.STATUSES.items() if status not in given for word in words}
    for status, value in given.items():
        for word in _words(value):
            other = meanings.setdefault(word, status)
            if other is not status:
                hint = "" if other in given else f"; to move it, give {other} too"
                message = f"{word!a} means {other} already (allowed: each word in one list{hint})"
                yield Problem((*location, status), message)


def _request_budget(poll_data: object, accounts: Items) -> Iterator[Problem]:
    poll = _valid(Poll, poll_data)
    if poll is None:
        return
    for index, item in accounts:
        account = _valid(AccountSettings, item)
        if account is None:
            continue
        intervals = [source.interval or poll.interval for source in account.sources.values()]
        needed = sum(60 / interval for interval in intervals)
        if needed > poll.requests_per_minute * _ROUNDING:
            every = ", ".join(format_duration(interval) for interval in dict.fromkeys(intervals))
            sources = "1 source" if len(intervals) == 1 else f"{len(intervals)} sources"
            given = [key for key in ("interval", "requests_per_minute") if key in poll.model_fields_set]
            yield Problem(
                ("poll", given[0]) if given else ("accounts", index, "sources"),
                f"{sources} polled every {every} need {needed:.6g} requests a minute "
                f"(allowed: at most poll.requests_per_minute = {poll.requests_per_minute})",
            )


def _shadowed_overrides(section: object) -> Iterator[Problem]:
    earlier: list[tuple[int, SlowLowTokenOverrideSettings]] = []
    for index, item in _items(section.get("overrides") if isinstance(section, Mapping) else None):
        override = _valid(SlowLowTokenOverrideSettings, item)
        if override is None:
            continue
        for first, other in earlier:
            if other.model in ("*", override.model) and other.skill in ("*", override.skill):
                location = ("slow_low_token", "overrides", index)
                message = f"never applies: overrides[{first}] matches first (allowed: the more specific one first)"
                yield Problem(location, message)
                break
        earlier.append((index, override))


def _items(value: object) -> Iterator[tuple[int, Mapping[str, object]]]:
    for index, item in enumerate(value if isinstance(value, tuple) else ()):
        if item is None or isinstance(item, Mapping):
            yield index, item or {}


def _mappings(value: object) -> Iterator[tuple[str, Mapping[str, object]]]:
    if isinstance(value, Mapping):
        yield from ((key, item) for key, item in value.items() if isinstance(item, Mapping))


def _words(value: object) -> Iterator[str]:
    for word in value if isinstance(value, tuple) else (value,):
        with suppress(ValueError):
            yield values.wire_status(word)


def _valid(section: type[AnySection], data: object) -> AnySection | None:
    try:
        return section.model_validate(data)
    except ValidationError:
        return None
