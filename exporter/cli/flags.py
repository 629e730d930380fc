"""Command-line flags; each has an environment variable.

``--web.listen-address`` is ``VLMRUN_EXPORTER_WEB_LISTEN_ADDRESS``.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from exporter.version import __version__

PREFIX = "VLMRUN_EXPORTER_"
DEFAULT_ADDRESS = ":9877"
COMMANDS = ("serve", "demo", "simulate", "alerts", "healthcheck")


def variable(flag: str) -> str:
    """Name of the environment variable of ``--flag``."""
    return PREFIX + flag.replace(".", "_").replace("-", "_").upper()


class Flags:
    """A parser whose flags fall back to environment variables, and those to defaults."""

    def __init__(self, environ: Mapping[str, str], **options: Any) -> None:
        """``options`` go to argparse."""
        self.parser = argparse.ArgumentParser(allow_abbrev=False, **options)
        self._environ = environ

    def add(self, flag: str, *, default: str, help: str, choices: Sequence[str] | None = None) -> None:
        """Add a flag with one value."""
        value = self._environ.get(variable(flag), default)
        if choices and value not in choices:
            self.parser.error(f"{variable(flag)}: {value!r} (allowed: {', '.join(choices)})")
        text = f"{help} (default: {default or 'none'}; {variable(flag)})"
        self.parser.add_argument(f"--{flag}", dest=flag, default=value, help=text, choices=choices, metavar="VALUE")

    def add_list(self, flag: str, *, default: str, help: str) -> None:
        """Add a flag that may be repeated; its variable holds values separated by commas."""
        self.parser.add_argument(
            f"--{flag}",
            dest=flag,
            action="append",
            help=f"{help} (repeatable; default: {default}; {variable(flag)}, separated by commas)",
            metavar="VALUE",
        )
        found = self._environ.get(variable(flag), default)
        self.parser.set_defaults(**{f"{flag}|fallback": [part.strip() for part in found.split(",") if part.strip()]})

    def add_switch(self, flag: str, *, help: str) -> None:
        """Add a flag without a value; its variable is on if 1 or true."""
        value = self._environ.get(variable(flag), "").lower()
        if value not in ("", "0", "1", "true", "false"):
            self.parser.error(f"{variable(flag)}: {value!r} (allowed: 1, true, 0, false)")
        self.parser.add_argument(
            f"--{flag}",
            dest=flag,
            action="store_true",
            default=value in ("1", "true"),
            help=f"{help} ({variable(flag)})",
        )

    def parse(self, arguments: Sequence[str]) -> dict[str, Any]:
        """Parse, and return the values by flag name. Exits with 2 and a message if they are wrong."""
        values = vars(self.parser.parse_args(arguments))
        for key in [key for key in values if key.endswith("|fallback")]:
            fallback = values.pop(key)
            flag = key.removesuffix("|fallback")
            values[flag] = values.get(flag) or fallback
        return values


def add_version(flags: Flags) -> None:
    """Add ``--version``."""
    flags.parser.add_argument("--version", action="version", version=f"vlmrun-exporter {__version__}")


def add_logging(flags: Flags) -> None:
    """Add the flags of logging."""
    from exporter.logs import FORMATS, LEVELS  # structlog takes longer to import than a health check to run

    flags.add("log.level", default="info", help="least severe messages to log", choices=LEVELS)
    flags.add("log.format", default="logfmt", help="format of the log", choices=FORMATS)


def add_shard(flags: Flags) -> None:
    """Add the flags of sharding."""
    flags.add("shard.count", default="1", help="number of exporters that share the accounts of the configuration")
    flags.add("shard.index", default="0", help="which of them this one is, counted from 0")


def add_web(flags: Flags) -> None:
    """Add the flags of the web server."""
    flags.add_list("web.listen-address", default=DEFAULT_ADDRESS, help="HOST:PORT to listen on")
    flags.add("web.config.file", default="", help="YAML file with TLS, users and headers, as exporter-toolkit has it")
    flags.add("web.telemetry-path", default="/metrics", help="path of the metrics")
    flags.add_switch("web.enable-lifecycle", help="allow POST /-/reload")


def optional_path(text: str) -> Path | None:
    """A path, None for the empty string."""
    return Path(text) if text else None


def whole_number(text: str, flag: str) -> int:
    """Read a flag's value. Raises ValueError that names the flag."""
    if not text.isdecimal():
        raise ValueError(f"--{flag}: {text!r} is no whole number")
    return int(text)


def positive_number(text: str, flag: str, *, most: float) -> float:
    """Read a flag's value, above 0 and up to ``most``. Raises ValueError that names the flag."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= most:
        raise ValueError(f"--{flag}: {text!r} is no number above 0 and up to {most:g}")
    return value
