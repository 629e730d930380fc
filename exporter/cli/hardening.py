"""Keeps what the process holds in memory, the API key above all, out of core dumps and of its neighbours' sight."""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from typing import Final

_PR_SET_DUMPABLE: Final = 4
"""From <linux/prctl.h>."""


def forbid_core_dumps() -> None:
    """Let no crash leave the process's memory in a file. Raises OSError if the system refuses.

    A limit of 0 forbids core files; Linux passes a dump on to a program named in ``core_pattern`` even so, so there
    the process becomes undumpable too (core(5)). That also closes its memory and environment in /proc to other
    processes of the same user, as in a pod that shares its process namespace (ptrace(2)).
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"prctl(PR_SET_DUMPABLE): {os.strerror(number)}")
