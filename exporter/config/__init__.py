"""The configuration: YAML with every key checked, secrets by reference, and messages that name file and line.

``load`` is the way in; ``Config`` is what the layers above use.
"""

from exporter.config.checks import check_secrets
from exporter.config.load import load
from exporter.config.problems import ConfigError
from exporter.config.resolved import Account, Config
from exporter.config.schema import Budget, Labels, Ledger, Links, Metrics, Period, Poll, Slo
from exporter.config.secrets import SecretError, SecretRef
from exporter.config.shards import Shard

__all__ = [
    "Account",
    "Budget",
    "Config",
    "ConfigError",
    "Labels",
    "Ledger",
    "Links",
    "Metrics",
    "Period",
    "Poll",
    "SecretError",
    "SecretRef",
    "Shard",
    "Slo",
    "check_secrets",
    "load",
]
