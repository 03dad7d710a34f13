"""Lost accounts and those that took their place: one person, whatever his account is called by now.

What somebody did is counted under the first account he had, so that a recovery between two countings changes
neither sums nor places; he is named by the one he has now.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from sqlalchemy import Connection

from chain.operation import account_id
from chain.types import Address
from gateway.db import fetch_all

_SELECT = """
SELECT l.account, n.account FROM accounts l JOIN accounts n ON n.account = l.recovered_to
WHERE l.recovered_to IS NOT NULL AND n.log_index < ?"""
_EVER = 2**62


def load_recoveries(connection: Connection, before: int = _EVER) -> dict[str, str]:
    """Return which account took the place of each lost one, by entries below an index."""
    rows = cast("list[tuple[bytes, bytes]]", fetch_all(connection, _SELECT, before))
    return {account_id(Address(bytes(old))): account_id(Address(bytes(new))) for old, new in rows}


def last_of(account: str, recoveries: Mapping[str, str]) -> str:
    """Return the account that somebody has now."""
    # Each new account was registered by its recovery, so there is no loop.
    while account in recoveries:
        account = recoveries[account]
    return account


def first_accounts(recoveries: Mapping[str, str]) -> dict[str, str]:
    """Return the first account somebody had, by each later one."""
    before = {new: old for old, new in recoveries.items()}
    return {account: last_of(account, before) for account in before}
