"""The version, in the one place that the build, ``--version`` and ``vlmrun_exporter_build_info`` read."""

from __future__ import annotations

__version__ = "0.1.0"
