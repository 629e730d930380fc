"""A VFS below the very SQLite that the `sqlite3` module uses: every operation on a file can be seen, and made to fail.

Errors are returned as SQLite's own codes, so that nothing above (`sqlite3`, the ledger) is any different from a day on
which the disk fails. apsw could do the same in fewer lines, but raises what went wrong in a checkpoint from a COMMIT
that SQLite says has worked.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import CFUNCTYPE, Structure, c_char_p, c_int, c_int64, c_void_p
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Final, Protocol

HEAD: Final = 16
"""Bytes in front of the file object of the system's own VFS: a pointer to our methods, aligned."""

_METHODS: Final = (
    ("close", (c_void_p,)),
    ("read", (c_void_p, c_void_p, c_int, c_int64)),
    ("write", (c_void_p, c_void_p, c_int, c_int64)),
    ("truncate", (c_void_p, c_int64)),
    ("sync", (c_void_p, c_int)),
    ("size", (c_void_p, c_void_p)),
    ("lock", (c_void_p, c_int)),
    ("unlock", (c_void_p, c_int)),
    ("reserved", (c_void_p, c_void_p)),
    ("control", (c_void_p, c_int, c_void_p)),
    ("sector", (c_void_p,)),
    ("characteristics", (c_void_p,)),
)
"""``sqlite3_io_methods``, version 1: no shared memory, which a ledger under its exclusive lock does not need."""


_KINDS: Final = {name: CFUNCTYPE(c_int, *types) for name, types in _METHODS}


class _IoMethods(Structure):
    _fields_: ClassVar = [("version", c_int), *_KINDS.items()]


_OPEN: Final = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
"""The name is handed down as a pointer: the system's VFS goes on using it."""

_DELETE: Final = CFUNCTYPE(c_int, c_void_p, c_char_p, c_int)
_ACCESS: Final = CFUNCTYPE(c_int, c_void_p, c_char_p, c_int, c_void_p)


class _Vfs(Structure):
    _fields_: ClassVar = [
        ("version", c_int),
        ("file_size", c_int),
        ("longest_path", c_int),
        ("next", c_void_p),
        ("name", c_char_p),
        ("data", c_void_p),
        ("open", _OPEN),
        ("delete", _DELETE),
        ("access", _ACCESS),
        *((name, c_void_p) for name in ("full", "dl_open", "dl_error", "dl_sym", "dl_close")),
        *((name, c_void_p) for name in ("random", "sleep", "time", "last_error")),
    ]


class Disk(Protocol):
    """What stands between SQLite and its files."""

    def operate(self, name: str, path: str, do: Callable[..., int], data: bytes | int | None, at: int) -> int:
        """Do ``do``, or fail: return one of SQLite's codes.

        ``name`` is that of the operation, ``data`` the bytes of a write or the size of a truncation, ``at`` where it
        writes to. Given a number, a write writes no more bytes than that.
        """
        ...


def library() -> ctypes.CDLL | None:
    """The SQLite that `sqlite3` uses; None if it cannot be told on this system."""
    maps = Path("/proc/self/maps")
    if not maps.exists():
        return None
    paths = {line.split(maxsplit=5)[-1] for line in maps.read_text().splitlines() if "sqlite3" in line}
    for path in sorted(paths):
        library = ctypes.CDLL(path)
        if hasattr(library, "sqlite3_vfs_register"):
            return library
    return None


class _Shim:
    """The VFS, registered once and never freed: a connection may outlive its test."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.disk: Disk | None = None
        self._library = library
        self._paths: dict[int, str] = {}
        library.sqlite3_vfs_find.restype = c_void_p
        library.sqlite3_vfs_find.argtypes = [c_char_p]
        library.sqlite3_vfs_register.argtypes = [c_void_p, c_int]
        self._base_address = library.sqlite3_vfs_find(None)
        self._base = _Vfs.from_address(self._base_address)
        self._methods = _IoMethods(1, *(kind(self._method(name)) for name, kind in _KINDS.items()))
        self._vfs = _Vfs.from_buffer_copy(self._base)
        self._vfs.version = 1
        self._vfs.file_size = HEAD + self._base.file_size
        self._vfs.name = b"watched"
        self._vfs.open = _OPEN(self._open)
        self._vfs.delete = _DELETE(self._delete)
        self._vfs.access = _ACCESS(self._access)

    def use(self, default: bool) -> None:
        """Make this VFS, or the system's own again, the one that connections use from now on."""
        chosen = ctypes.addressof(self._vfs) if default else self._base_address
        self._library.sqlite3_vfs_register(chosen, 1)

    def _operate(
        self, name: str, path: str, do: Callable[..., int], data: bytes | int | None = None, at: int = 0
    ) -> int:
        return do() if self.disk is None else self.disk.operate(name, path, do, data, at)

    def _open(self, _: int, name: int | None, file: int, flags: int, out: int) -> int:
        path = ctypes.string_at(name).decode() if name else ""
        c_void_p.from_address(file).value = None
        code = self._operate("open", path, lambda: self._base.open(self._base_address, name, file + HEAD, flags, out))
        if code == 0:
            self._paths[file] = path
            c_void_p.from_address(file).value = ctypes.addressof(self._methods)
        return code

    def _delete(self, _: int, name: bytes, synced: int) -> int:
        return self._operate("delete", name.decode(), lambda: self._base.delete(self._base_address, name, synced))

    def _access(self, _: int, name: bytes, flags: int, out: int) -> int:
        return self._operate("access", name.decode(), lambda: self._base.access(self._base_address, name, flags, out))

    def _method(self, name: str) -> Callable[..., int]:
        def call(file: int, *rest: Any) -> int:
            below = file + HEAD
            methods = _IoMethods.from_address(c_void_p.from_address(below).value or 0)
            path = self._paths[file]

            def do() -> int:
                return int(getattr(methods, name)(below, *rest))

            if name in ("control", "sector", "characteristics", "reserved"):
                return do()  # what these say is not read from a disk
            if name == "write":
                data, size, at = rest

                def write(most: int = size) -> int:
                    return int(methods.write(below, data, most, at))

                return self._operate(name, path, write, ctypes.string_at(data, size), at)
            return self._operate(name, path, do, rest[0] if name == "truncate" else None)

        return call


@cache
def _shim() -> _Shim:
    found = library()
    assert found is not None, "the SQLite of this Python is not a library of its own"
    return _Shim(found)


@contextmanager
def below(disk: Disk) -> Iterator[None]:
    """Put ``disk`` below every connection that is opened meanwhile."""
    shim = _shim()
    shim.disk = disk
    shim.use(True)
    try:
        yield
    finally:
        shim.use(False)
        shim.disk = None
