"""What the web side needs to know of the exporter: values it shows, and the backend that answers its questions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SourceState:
    """How one source is doing. Times are microseconds since the epoch; ``…_seconds`` and ``interval`` are seconds."""

    account: str
    source: str
    up: bool | None
    """Whether the last poll worked; None before the first one ended."""
    last_poll: int | None
    last_success: int | None
    failure_reason: str | None
    """The label value of ``vlmrun_exporter_poll_failures_total``, None while polls work."""
    failure_message: str | None
    """What the server or the network said; untrusted text."""
    failing_since: int | None
    watermark: int | None
    """Every row created before it has been counted; None before anything is proven."""
    rows_counted: int
    rows_rejected: int
    requests_used: int
    """API requests of the last minute, out of ``requests_limit``."""
    requests_limit: int
    catching_up: bool
    eta_seconds: float | None
    """Until the backlog is counted: None if unknown, infinite if no end is in sight."""
    next_poll: int | None
    gap_open_seconds: float
    """Time not yet proven covered, still being walked."""
    gap_lost_seconds: float
    """Time that can no longer be covered."""
    unprovable: int
    """Pages that proved nothing."""
    interval: float


@dataclass(frozen=True, slots=True)
class ExporterState:
    """The whole exporter at the moment ``now``. Times are microseconds since the epoch."""

    version: str
    revision: str
    started: int
    now: int
    sources: tuple[SourceState, ...]
    config_reload_ok: bool
    config_reload_message: str | None
    """Why the last reload failed; may have several lines."""
    ledger_path: str


@dataclass(frozen=True, slots=True)
class Scrape:
    """A rendered exposition, ready to be sent as it is, part by part."""

    parts: tuple[bytes, ...]
    content_type: str
    content_encoding: str | None


class Backend(Protocol):
    """Answers the web side's questions; every method is called on the event loop and must not block it."""

    def state(self) -> ExporterState:
        """Describe the exporter for the landing page."""
        ...

    def ready(self) -> str | None:
        """Return None once ready; else why not, in plain words, possibly on several lines."""
        ...

    async def healthy(self) -> str | None:
        """Return None once the event loop and the ledger's lock have answered; else what is wrong."""
        ...

    async def reload(self) -> str | None:
        """Put the configuration file in force and return None; else say what is wrong and keep the old one.

        Calls may overlap.
        """
        ...

    def config_text(self) -> str:
        """Return the configuration in force as YAML, with secrets replaced."""
        ...

    def scrape(self, accept: str, gzip: bool) -> Scrape:
        """Return the exposition in the format that ``accept`` asks for, compressed only if ``gzip``."""
        ...
