"""The web configuration in force: read again whenever its files change, and kept when they are bad."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import structlog

from exporter.config import ConfigError, WebConfig, load_web
from exporter.web.tls import curves_are_enforced, refused_by_clients, server_context

log = structlog.get_logger(__name__)

_SLOW_COST = 14
"""A bcrypt cost from which on checking one password takes about a second."""

_RETRY_SECONDS: Final = 5.0
"""Between two attempts at files that are bad, as what was wrong with them need not show in them."""

_Stamps: TypeAlias = dict[Path, tuple[int, ...] | None]


@dataclass(frozen=True, slots=True)
class Access:
    """Who may connect, and how: a web configuration and what was made of its certificates."""

    config: WebConfig
    context: ssl.SSLContext | None


def load_access(path: Path) -> Access:
    """Read a web configuration with its certificates and keys; log what is odd. Raises ConfigError."""
    access, advice = _prepare(load_web(path), path)
    _warn(advice, path)
    return access


def _prepare(config: WebConfig, path: Path) -> tuple[Access, list[str]]:
    """Make of a web configuration what is needed to serve by it, and say what is odd about it. Raises ConfigError."""
    try:
        access = Access(config, server_context(config.tls) if config.tls is not None else None)
        return access, list(_advice(access))
    except (OSError, MemoryError) as error:  # no file descriptor is left, for one; ssl.SSLError is an OSError
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise ConfigError([f"{path}: can't be put in force: {reason}"]) from None


def _warn(advice: Iterable[str], path: Path) -> None:
    for each in advice:
        log.warning(each, file=str(path))


class AccessFile:
    """Follows a web configuration file, certificates, keys and authorities included."""

    def __init__(
        self,
        path: Path,
        on_loaded: Callable[[bool], None] = lambda ok: None,
        *,
        monotonic: Callable[[], float],
    ) -> None:
        """Load it; ``on_loaded`` is told of each later attempt whether it worked. Raises ConfigError."""
        self._path = path
        self._on_loaded = on_loaded
        self._monotonic = monotonic
        self._problem: str | None = None
        self._access, advice = self._load()
        _warn(advice, path)

    @property
    def problem(self) -> str | None:
        """What is wrong with the files, while an earlier configuration is in force."""
        return self._problem

    def current(self) -> Access:
        """Return what is in force now; files that have changed since are read first, bad ones now and then."""
        if _stamps(self._stamps) != self._stamps or self._is_due_again():
            self.reload()
        return self._access

    def reload(self) -> str | None:
        """Read the files, changed or not. Returns what is wrong with them, in which case the last good ones stay."""
        problem = None
        try:
            access, advice = self._load()
            if (access.context is None) != (self._access.context is None):
                raise ConfigError([f"{self._path}: TLS cannot be switched on or off by a reload: restart the exporter"])
            self._access = access
            _warn(advice, self._path)
        except ConfigError as error:
            problem = str(error)
        if problem is not None and problem != self._problem:
            log.error("web configuration not reloaded, the last good one stays in force", problem=problem)
        elif problem is None:
            log.info("web configuration reloaded", file=str(self._path))
        self._problem = problem
        self._on_loaded(problem is None)
        return problem

    def _is_due_again(self) -> bool:
        return self._problem is not None and self._monotonic() - self._tried >= _RETRY_SECONDS

    def _load(self) -> tuple[Access, list[str]]:
        self._tried = self._monotonic()
        # Each file is looked at before it is read: what changes in between is read again next time.
        self._stamps = _stamps([self._path])
        config = load_web(self._path)
        self._stamps |= _stamps(config.tls.files if config.tls is not None else ())
        return _prepare(config, self._path)


def _stamps(files: Iterable[Path]) -> _Stamps:
    """What changes with a file's content: also if a symbolic link on the way to it is replaced, as Kubernetes does."""
    return {file: _stamp(file) for file in files}


def _stamp(file: Path) -> tuple[int, ...] | None:
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _advice(access: Access) -> Iterator[str]:
    config, context = access.config, access.context
    if config.users and config.tls is None:
        yield "passwords cross the network unencrypted: basic_auth_users without tls_server_config"
    if any(int(hashed.split("$")[2]) >= _SLOW_COST for hashed in config.users.values()):
        yield f"a bcrypt cost of {_SLOW_COST} or more: checking a password takes a second or longer; 10 is usual"
    if config.rate_limit is not None and config.rate_limit.burst == 0:
        yield "rate_limit.burst is 0: every request is refused"
    if config.tls is not None and context is not None:
        if not curves_are_enforced(config.tls):
            yield "curve_preferences has several curves, which this Python cannot restrict: OpenSSL's own are offered"
        reason = refused_by_clients(context, config.tls.certificate)
        if reason is not None:
            yield f"clients will refuse the server's certificate: {reason}"
