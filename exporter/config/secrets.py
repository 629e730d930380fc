"""Secrets by reference: the configuration names where a secret lies and never holds it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from exporter.config.problems import UnshownValueError

_ENV_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
_MAX_BYTES: Final = 64 * 1024


class SecretError(Exception):
    """A secret can't be read. The message names the reference and never shows the secret."""


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where a secret lies: the name of an environment variable, or a file. Exactly one is set."""

    env: str | None = None
    file: Path | None = None

    def __post_init__(self) -> None:
        if (self.env is None) == (self.file is None):
            raise ValueError("a secret reference names exactly one of env and file")

    @classmethod
    def parse(cls, value: object) -> SecretRef:
        """Read ``{env: NAME}`` or ``{file: PATH}``.

        Raises UnshownValueError for anything else: it may be the secret itself.
        """
        match value:
            case {"env": str(name), **rest} if not rest and _ENV_NAME.fullmatch(name):
                return cls(env=name)
            case {"file": str(path), **rest} if not rest and path and path.isprintable():
                return cls(file=Path(path))
            case None:
                problem = "is empty"
            case {}:
                problem = "is not a reference to a secret"
            case _:
                problem = "must not be written inline; the value is not shown"
        raise UnshownValueError(f"{problem} (allowed: {{env: NAME}} or {{file: PATH}}, exactly one)")

    def public(self) -> dict[str, str]:
        """Return the reference as it is written in YAML."""
        return {"env": self.env} if self.env is not None else {"file": str(self.file)}

    def __str__(self) -> str:
        return f"environment variable {self.env}" if self.env is not None else f"secret file {self.file}"

    def read(self, environ: Mapping[str, str]) -> str:
        """Return the secret as it is now, without white space around it. A file is read anew each time.

        Raises SecretError if it is absent, empty, or holds what can't be sent in an HTTP header.
        """
        secret = self._raw(environ).strip()
        if not secret:
            raise SecretError(f"{self} is empty (allowed: the key, on one line)")
        if any(not "!" <= character <= "~" for character in secret):
            raise SecretError(
                f"{self} holds a space, a control or a non-ASCII character inside; the value is not shown "
                "(allowed: the key alone, without quotes, a 'Bearer' prefix or a byte order mark)"
            )
        return secret

    def _raw(self, environ: Mapping[str, str]) -> str:
        if self.file is not None:
            return self._file_content(self.file)
        secret = environ.get(self.env or "")
        if secret is None:
            raise SecretError(f"{self} is not set (allowed: a variable that holds the key)")
        return secret

    def _file_content(self, file: Path) -> str:
        try:
            with file.open("rb") as stream:
                content = stream.read(_MAX_BYTES + 1)
        except OSError as error:
            raise SecretError(f"{self} can't be read: {error.strerror} (allowed: a readable file)") from None
        if len(content) > _MAX_BYTES:
            raise SecretError(f"{self} is larger than 64 KiB (allowed: the key alone)")
        # Latin-1 decodes any byte: a non-ASCII one reaches the check in read() instead of an exception that holds it.
        return content.decode("latin-1")
