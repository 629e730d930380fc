"""Sharding: which one of several exporters with the same configuration polls an account."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Final

from exporter.config.resolved import Config

MAX_SHARDS: Final = 1000


@dataclass(frozen=True, slots=True)
class Shard:
    """One of ``count`` exporters that share the accounts of a configuration, each with a ledger of its own."""

    index: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MAX_SHARDS:
            raise ValueError(f"--shard.count: {self.count} shards (allowed: 1 to {MAX_SHARDS})")
        if not 0 <= self.index < self.count:
            raise ValueError(
                f"--shard.index: {self.index} with --shard.count={self.count} (allowed: 0 to {self.count - 1})"
            )

    def owns(self, account: str) -> bool:
        """Tell whether this shard polls the account of that name: exactly one of the ``count`` does.

        By rendezvous hashing (Thaler and Ravishankar, 1998): the shard with the highest hash of itself and the name. So
        no other account moves when one is added or removed, and a further shard only takes accounts over to itself.
        """
        return max(range(self.count), key=lambda index: _score(index, account)) == self.index

    def part_of(self, config: Config) -> Config:
        """Return ``config`` with the accounts of this shard alone, and the credit budgets that apply to them."""
        accounts = tuple(account for account in config.accounts if self.owns(account.name))
        names = {None, *(account.name for account in accounts)}
        budgets = tuple(budget for budget in config.budgets if budget.account in names)
        return replace(config, accounts=accounts, budgets=budgets)


def _score(index: int, account: str) -> bytes:
    return hashlib.sha256(f"{index}/{account}".encode()).digest()
