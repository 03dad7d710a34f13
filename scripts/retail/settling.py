"""What the gateway and the chain say: waiting until everything is settled, and the figures afterwards."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from chain.evm.client import EvmClient
from scripts.retail.client import Client
from scripts.retail.town import CONNECTIONS, Town

TOTAL_SUPPLY = "0x18160ddd"
"""Selector of ERC-20 ``totalSupply()``."""
PATIENCE = 300.0


class NotSettled(Exception):
    """The chain did not catch up in time; ``status`` is the gateway's last word."""

    def __init__(self, status: Mapping[str, object]) -> None:
        super().__init__(f"not settled after {PATIENCE:.0f} s: {status}")
        self.status = status


def number(status: Mapping[str, object], name: str) -> int:
    """One whole figure of a status."""
    value = status.get(name)
    return value if isinstance(value, int) else 0


def wait_until_settled(client: Client, on_progress: Callable[[int, int], None]) -> Mapping[str, object]:
    """Wait until every entry is anchored, settled, mirrored and final. Raises NotSettled."""
    deadline = time.monotonic() + PATIENCE
    while True:
        status = client.status()
        entries, settled = number(status, "entries"), number(status, "settled_index")
        on_progress(settled, entries)
        caught_up = number(status, "evidence_size") >= entries and number(status, "outbox_waiting") == 0
        if settled >= entries and caught_up:
            return status
        if time.monotonic() > deadline:
            raise NotSettled(status)
        time.sleep(0.25)


@dataclass(frozen=True, slots=True)
class Books:
    """Balances in hundredths: by chapter and kind of account, and the token contract's own total."""

    by_chapter: Mapping[tuple[str, str], int]
    total: int
    supply: int
    negative: int

    @property
    def balanced(self) -> bool:
        """Whether all balances together are the supply, and none is negative."""
        return self.total == self.supply and self.negative == 0


def list_accounts(town: Town) -> list[tuple[str, str, str]]:
    """(account, chapter, kind) of everybody who can hold credits."""
    return [
        *((account, chapter, "pool") for chapter, account in town.pools.items()),
        *((account, town.chapter_of_household[house], "members") for house, account in town.members.items()),
        *((account, town.chapter_of_store[store], "merchants") for store, account in town.merchants.items()),
    ]


def read_books(client: Client, node: EvmClient, town: Town, token: str) -> Books:
    """Read every account's balance from the gateway and the supply from the chain."""
    accounts = list_accounts(town)

    def balance(account: str) -> int:
        answer = client.get(f"/v1/accounts/{account}/balance").require("balance")
        return int(str(answer["balance"]))

    with ThreadPoolExecutor(CONNECTIONS) as workers:
        balances = list(workers.map(balance, [account for account, _, _ in accounts]))
    by_chapter = Counter[tuple[str, str]]()
    for (_, chapter, kind), held in zip(accounts, balances, strict=True):
        by_chapter[chapter, kind] += held
    answer = node.call("eth_call", {"to": token, "data": TOTAL_SUPPLY}, "latest")
    return Books(by_chapter, sum(balances), int(str(answer), 16), sum(held < 0 for held in balances))
