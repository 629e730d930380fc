"""Sharding: every account is polled by exactly one exporter, and by the same one as long as can be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config import Shard, load
from exporter.config.shards import MAX_SHARDS
from tests.configs import write

ACCOUNTS = st.lists(st.text(min_size=1, max_size=20), max_size=8, unique=True)
COUNTS = st.integers(1, 20)

THREE_ACCOUNTS = """\
accounts:
  - {name: red, api_key: {env: RED}}
  - {name: green, api_key: {env: GREEN}}
  - {name: blue, api_key: {env: BLUE}}
budgets:
  - {name: everyone, credits: 10}
  - {name: of-red, credits: 20, account: red}
  - {name: of-green, credits: 30, account: green}
"""


def owner(account: str, count: int) -> int:
    """Return the only shard that polls an account."""
    (index,) = (index for index in range(count) if Shard(index, count).owns(account))
    return index


@given(account=st.text(), count=COUNTS)
def test_an_account_has_one_shard(account: str, count: int) -> None:
    assert 0 <= owner(account, count) < count


@given(accounts=ACCOUNTS, count=COUNTS)
def test_a_further_shard_takes_accounts_over_only_to_itself(accounts: list[str], count: int) -> None:
    for account in accounts:
        assert owner(account, count + 1) in (owner(account, count), count)


def test_shards_share_evenly() -> None:
    owners = [owner(f"account {number}", 4) for number in range(400)]
    assert all(70 <= owners.count(index) <= 130 for index in range(4))


def test_where_an_account_is_never_changes_with_a_release() -> None:
    # A ledger is of one shard: an account that another version looked for elsewhere would be counted anew.
    assert {name: owner(name, 3) for name in ("default", "red", "green", "blue")} == {
        "default": 1,
        "red": 2,
        "green": 0,
        "blue": 1,
    }


def test_a_shard_sees_its_accounts_and_their_budgets_alone(tmp_path: Path) -> None:
    config = load(write(tmp_path, THREE_ACCOUNTS), {})
    shown = {}
    for index in range(3):
        part = Shard(index, 3).part_of(config)
        shown[index] = ([account.name for account in part.accounts], [budget.name for budget in part.budgets])
    assert shown == {
        0: (["green"], ["everyone", "of-green"]),
        1: (["blue"], ["everyone"]),
        2: (["red"], ["everyone", "of-red"]),
    }


def test_the_only_shard_has_everything(tmp_path: Path) -> None:
    config = load(write(tmp_path, THREE_ACCOUNTS), {})
    assert Shard(0, 1).part_of(config) == config


@pytest.mark.parametrize(
    ("index", "count", "message"),
    [
        (0, 0, f"--shard.count: 0 shards (allowed: 1 to {MAX_SHARDS})"),
        (0, MAX_SHARDS + 1, f"--shard.count: {MAX_SHARDS + 1} shards (allowed: 1 to {MAX_SHARDS})"),
        (3, 3, "--shard.index: 3 with --shard.count=3 (allowed: 0 to 2)"),
        (-1, 1, "--shard.index: -1 with --shard.count=1 (allowed: 0 to 0)"),
    ],
)
def test_a_shard_that_cannot_be_is_refused(index: int, count: int, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Shard(index, count)
