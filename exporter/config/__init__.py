"""The configuration: YAML with every key checked, secrets by reference, and messages that name file and line.

``load`` and ``load_web`` are the ways in; ``Config`` and ``WebConfig`` are what the layers above use.
"""

from exporter.config.checks import check_secrets
from exporter.config.load import load
from exporter.config.problems import ConfigError
from exporter.config.resolved import Account, Config
from exporter.config.schema import Budget, Labels, Ledger, Links, Metrics, Period, Poll, Slo
from exporter.config.secrets import SecretError, SecretRef
from exporter.config.shards import Shard
from exporter.config.webfile import Pem, RateLimit, Tls, WebConfig, load_web
from exporter.config.webvalues import ClientAuth

__all__ = [
    "Account",
    "Budget",
    "ClientAuth",
    "Config",
    "ConfigError",
    "Labels",
    "Ledger",
    "Links",
    "Metrics",
    "Pem",
    "Period",
    "Poll",
    "RateLimit",
    "SecretError",
    "SecretRef",
    "Shard",
    "Slo",
    "Tls",
    "WebConfig",
    "check_secrets",
    "load",
    "load_web",
]
