"""A disk that fails: once, at an operation told by its number, or for a while. Below SQLite, and below plain files."""

from __future__ import annotations

import errno
import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

import pytest

from exporter.store import highwater
from tests.proof.sqlitevfs import below

IOERR_READ: Final = 266
IOERR_WRITE: Final = 778
FULL: Final = 13
SHORT: Final = -1
"""Half of it is written, then the disk fails."""

FAULTS: Final[dict[str, tuple[int, ...]]] = {
    "open": (14,),  # CANTOPEN
    "delete": (2570,),
    "access": (3338,),
    "read": (IOERR_READ,),
    "write": (IOERR_WRITE, FULL, SHORT),
    "truncate": (1546,),
    "sync": (1034,),
    "size": (1802,),
    "lock": (5, 3850),  # BUSY, and that the lock cannot be asked for
    "unlock": (2058,),
    "close": (4106,),
    "mkdir": (errno.EACCES, errno.ENOSPC),
    "create": (errno.EACCES, errno.ENOSPC, errno.EIO),
    "stat": (errno.EIO, errno.EACCES),
    "chmod": (errno.EIO, errno.EPERM),
    "read mark": (errno.EIO, errno.EACCES),
    "open mark": (errno.EIO, errno.ENOSPC, errno.EACCES),
    "write mark": (errno.EIO, errno.ENOSPC),
    "replace mark": (errno.EIO, errno.ENOSPC),
}
"""How each operation can fail: SQLite's code for it, or the system's for the plain ones."""

NEEDS_ROOM: Final = frozenset({"open mark", "write mark", "replace mark", "write"})


@dataclass
class FailingDisk:
    """Numbers the operations on the files in ``folder``, and fails the ``fatal``-th with ``fault``.

    While ``full``, all that need room fail.
    """

    folder: Path
    fatal: int = -1
    fault: int = 0
    full: bool = False
    done: list[str] = field(default_factory=list)
    """The operations, in order."""
    struck: str = ""
    """What failed, once it has."""

    def operate(self, name: str, path: str, do: Callable[..., int], data: bytes | int | None, at: int) -> int:
        code = self._next(name, path)
        if code is None:
            return do()
        if code == SHORT:
            assert isinstance(data, bytes)
            do(len(data) // 2)
            return IOERR_WRITE
        if name == "close":
            do()
        return code

    def plain(self, name: str, path: str | Path) -> None:
        """Raise OSError if a plain operation is to fail."""
        code = self._next(name, str(path))
        if code is not None:
            raise OSError(code, os.strerror(code), str(path))

    def _next(self, name: str, path: str) -> int | None:
        if not path.startswith(str(self.folder)):
            return None
        number = len(self.done)
        self.done.append(name)
        if number == self.fatal:
            self.struck = f"operation {number}, {name} of {Path(path).name}, fails with {self.fault}"
            return self.fault
        if self.full and name in NEEDS_ROOM:
            self.struck = "full"
            return FULL if name == "write" else errno.ENOSPC
        return None


class _FailingFile:
    """The mark while it is written."""

    def __init__(self, file: IO[bytes], disk: FailingDisk) -> None:
        self._file = file
        self._disk = disk

    def __enter__(self) -> _FailingFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, data: bytes) -> None:
        try:
            self._disk.plain("write mark", self._file.name)
        except OSError:
            self._file.write(data[: len(data) // 2])
            raise
        self._file.write(data)


@contextmanager
def failing(disk: FailingDisk) -> Iterator[None]:
    """Put ``disk`` below SQLite, and below every other call of the ledger that reaches the file system."""

    def wrapped(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def operate(path: Any, *rest: Any, **options: Any) -> Any:
            disk.plain(name, path)
            return call(path, *rest, **options)

        return operate

    with pytest.MonkeyPatch.context() as patch, below(disk):
        patch.setattr(Path, "mkdir", wrapped("mkdir", Path.mkdir))
        patch.setattr(Path, "stat", wrapped("stat", Path.stat))
        patch.setattr(Path, "chmod", wrapped("chmod", Path.chmod))
        patch.setattr(Path, "read_bytes", wrapped("read mark", Path.read_bytes))
        patch.setattr(os, "replace", wrapped("replace mark", os.replace))
        patch.setattr(os, "pwrite", functools.partial(_write_mark, disk, os.pwrite))
        real_open = os.open
        patch.setattr(os, "open", lambda path, flags, *mode: _create(disk, real_open, path, flags, *mode))
        patch.setattr(highwater, "open", lambda path, mode, opener: _open_mark(disk, real_open, path), raising=False)
        yield


def _create(disk: FailingDisk, real_open: Callable[..., int], path: Any, flags: int, *mode: int) -> int:
    if flags & os.O_CREAT:
        disk.plain("create", path)
    return real_open(path, flags, *mode)


def _write_mark(disk: FailingDisk, real_write: Callable[..., int], file: int, data: bytes, at: int) -> int:
    try:
        disk.plain("write mark", os.readlink(f"/proc/self/fd/{file}"))
    except OSError:
        real_write(file, data[: len(data) // 2], at)
        raise
    return real_write(file, data, at)


def _open_mark(disk: FailingDisk, real_open: Callable[..., int], path: Path) -> _FailingFile:
    disk.plain("open mark", path)
    return _FailingFile(open(path, "wb", opener=lambda name, flags: real_open(name, flags, 0o600)), disk)
