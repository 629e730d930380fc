"""The ledger on disk."""

from exporter.store.changes import Changes, Contents
from exporter.store.ledgerfile import Store
from exporter.store.problems import LedgerCorrupt, LedgerError

__all__ = ["Changes", "Contents", "LedgerCorrupt", "LedgerError", "Store"]
