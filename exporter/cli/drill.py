"""``alerts drill``: its flags, and which history they choose."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from exporter.alerts.drill import openmetrics, recorded, report, server, simulated
from exporter.alerts.drill import rules as rule_files
from exporter.alerts.drill.drilling import drill
from exporter.alerts.drill.ingest import ALWAYS, EmptyHistory
from exporter.alerts.drill.samples import Chunk
from exporter.alerts.drill.terms import Terms, budget
from exporter.alerts.drill.traffic import Plan
from exporter.cli import exits
from exporter.cli.flags import Flags, optional_path, positive_number, whole_number
from exporter.cli.stopping import Stopped, stoppable
from exporter.clock import SystemClock
from exporter.config import Config, ConfigError, load
from exporter.config.units import parse_duration
from exporter.models import SECOND, Clock
from exporter.simulator import SCENARIOS

CHOICES: Final[Mapping[str, Collection[str]]] = {
    "history.prometheus": ("history.since", "history.until"),
    "history.file": (),
    "history.scenario": (
        "history.duration",
        "history.incident",
        "history.rate",
        "history.scrape-interval",
        "history.seed",
        "config.file",
    ),
}
"""The flags that choose a history, and which flags say more about it."""

SIMULATED_FROM: Final = 1_756_684_800 * SECOND
"""When simulated histories begin: on a Monday that is the first of a month, 2025-09-01 UTC."""

History = Callable[[Collection[str]], Iterator[Chunk]]
"""Yields the samples of the metrics that are needed."""


def run(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Replay a history through the rules and print when each would have fired; return the exit code.

    0 if that could be done, whatever would have fired; 1 if not; 2 if something wrong was asked for.
    """
    flags = _flags(environ)
    values = flags.parse(arguments)
    given = {flag for flag in values if values[flag] != flags.parser.get_default(flag)}
    try:
        with stoppable():
            history = _history(values, given, environ, SystemClock())
            rules = rule_files.load([Path(path) for path in values["drill.rules"]] or rule_files.shipped_rules())
            rules = rules.at_least_every(_milliseconds(values, "drill.step", zero=True))
            binary = server.locate(values["prometheus.path"])
            samples = history(rules.metrics() | ALWAYS)
            outcome = drill(binary, rules, samples, _say, sweeping=values["drill.sweep"] == "on")
    except ConfigError as error:
        print(error, file=sys.stderr)
        return exits.USAGE
    except (ValueError, openmetrics.FileError, rule_files.RulesError) as error:
        return exits.fail(error, exits.USAGE)
    except (server.ServerError, recorded.RecordedError, EmptyHistory, OSError) as error:
        return exits.fail(error, exits.FAILED)
    except Stopped:
        return exits.fail("interrupted", exits.INTERRUPTED)
    print(report.as_json(outcome) if values["output"] == "json" else report.text(outcome))
    return 0


def _flags(environ: Mapping[str, str]) -> Flags:
    flags = Flags(
        environ,
        prog="vlmrun-exporter alerts drill",
        description="Replay a history through the alerting rules in a throw-away Prometheus, and print when each rule"
        " would have fired, for how long, and on what. Needs the program prometheus.",
        epilog="Exactly one of --history.prometheus, --history.file and --history.scenario says which history.",
    )
    flags.add("history.prometheus", default="", help="URL of the Prometheus that scrapes the exporter")
    flags.add("history.since", default="7d", help="its history from then on: an age such as 7d, or an RFC 3339 time")
    flags.add("history.until", default="0", help="and up to then")
    flags.add("history.file", default="", help="OpenMetrics text with times, as of promtool tsdb dump-openmetrics")
    flags.add("history.scenario", default="", help="simulated traffic", choices=("", *_scenarios()))
    flags.add("history.duration", default="2d", help="how much of it")
    flags.add("history.incident", default="2h", help="how long the scenario lasts, at its end; before it is steady")
    flags.add("history.rate", default="0.2", help="completions per request of the recorded trace; 1 is 8 a second")
    flags.add("history.scrape-interval", default="60s", help="how often it is scraped")
    flags.add("history.seed", default="1", help="the same seed gives the same traffic")
    flags.add("config.file", default="", help="YAML configuration with the thresholds and budgets of simulated traffic")
    flags.add_list("drill.rules", default="", help="rule files to replay instead of those that come with the exporter")
    flags.add("drill.step", default="0", help="evaluate no rule more often than this: quicker, and coarser")
    flags.add("drill.sweep", default="on", help="whether to try other thresholds", choices=("on", "off"))
    flags.add("prometheus.path", default="", help="the program prometheus, 2.42 or newer, if it is not on PATH")
    flags.add("output", default="text", help="how to print what came of it", choices=("text", "json"))
    return flags


def _scenarios() -> Sequence[str]:
    """Those that show in what is counted: faults of the API don't, which is what the exporter is for."""
    return [name for name, scenario in SCENARIOS.items() if not scenario.faults]


def _history(values: Mapping[str, Any], given: Collection[str], environ: Mapping[str, str], clock: Clock) -> History:
    chosen = [flag for flag in CHOICES if values[flag]]
    if len(chosen) != 1:
        named = ", ".join(f"--{flag}" for flag in CHOICES)
        raise ValueError(f"choose one history: {named}" + (f" (not {len(chosen)} of them)" if chosen else ""))
    for choice, details in CHOICES.items():
        if choice not in chosen and (vain := [flag for flag in details if flag in given]):
            raise ValueError(f"--{vain[0]} goes with --{choice}, not with --{chosen[0]}")
    if chosen == ["history.prometheus"]:
        return _recorded(values, clock.now() // 1000)
    if chosen == ["history.file"]:
        return lambda needed: openmetrics.history(Path(values["history.file"]), needed)
    return _simulated(values, environ)


def _recorded(values: Mapping[str, Any], now: int) -> History:
    url = str(values["history.prometheus"])
    if not url.startswith(("http://", "https://")):
        raise ValueError("--history.prometheus: is no http or https URL")
    since, until = (_moment(values, flag, now) for flag in ("history.since", "history.until"))
    if since >= until:
        raise ValueError("--history.since: is not before --history.until")
    return lambda needed: recorded.history(url, needed, since, until)


def _simulated(values: Mapping[str, Any], environ: Mapping[str, str]) -> History:
    plan = Plan(
        scenario=values["history.scenario"],
        start=SIMULATED_FROM,
        duration=_milliseconds(values, "history.duration") * 1000,
        incident=_milliseconds(values, "history.incident") * 1000,
        scrape=_milliseconds(values, "history.scrape-interval") * 1000,
        rate=positive_number(values["history.rate"], "history.rate", most=100),
        seed=whole_number(values["history.seed"], "history.seed"),
    )
    if plan.incident >= plan.duration and plan.scenario != "steady":
        raise ValueError(
            f"--history.incident: {values['history.incident']} is not shorter than"
            f" --history.duration: {values['history.duration']}"
        )
    terms = _terms(load(optional_path(values["config.file"]), environ))
    return lambda needed: simulated.history(plan, terms, needed)


def _terms(config: Config) -> Terms:
    """What the configuration says, of its first account."""
    return Terms(
        error_ratio=config.slo.error_ratio,
        rules=config.slow_low_token_rules(),
        interval=round(config.poll.interval * SECOND),
        late_after=round(config.poll.late_after * SECOND),
        birth_hold=round(config.metrics.birth_hold * SECOND),
        max_models=config.labels.max_models,
        max_skills=config.labels.max_skills,
        budgets=tuple(
            budget(each.name, each.credits, each.period, each.timezone)
            for each in config.budgets
            if each.account in (None, config.accounts[0].name)
        ),
    )


def _moment(values: Mapping[str, Any], flag: str, now: int) -> int:
    text = str(values[flag])
    try:
        return now - round(parse_duration(text) * 1000)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"--{flag}: {text!r} is no age such as 7d and no RFC 3339 time") from None
    if moment.tzinfo is None:
        raise ValueError(f"--{flag}: {text!r} has no time zone (Z is UTC)")
    return round(moment.timestamp() * 1000)


def _milliseconds(values: Mapping[str, Any], flag: str, *, zero: bool = False) -> int:
    text = str(values[flag])
    try:
        milliseconds = round(parse_duration(text) * 1000)
    except ValueError as error:
        raise ValueError(f"--{flag}: {text!r} {error}") from None
    if milliseconds == 0 and not zero:
        raise ValueError(f"--{flag}: must not be 0")
    return milliseconds


def _say(what: str) -> None:
    print(f"drill: {what}", file=sys.stderr, flush=True)
