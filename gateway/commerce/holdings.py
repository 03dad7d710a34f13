"""What a chapter's accounts hold at the end of a month: pools one by one, persons by kind."""

from __future__ import annotations

from typing import cast

from sqlalchemy import Connection

from chain.canonical import JsonValue
from chain.operation import account_id
from chain.types import AccountId, Address
from gateway.cases.book import POOL as POOL_CASE
from gateway.cases.tallies import Parts
from gateway.cases.world import SELECT_CASES, read_case
from gateway.commerce.tallied import BURNED, ELSEWHERE, HELD, ISSUED, LINES, POOL
from gateway.db import fetch_all

CHAPTER_POOL = "chapter"
COIN_SUMS = (ISSUED, BURNED, ELSEWHERE, HELD, POOL)
"""Sums of all months until the one that is asked for."""


def read_pools(connection: Connection, chapter: int, end: int, sums: Parts) -> list[JsonValue]:
    """Return the pools that were open after ``end`` entries with what each holds, main pool first."""
    rows = fetch_all(connection, "SELECT pool FROM chapters WHERE chapter = ?", chapter)
    pools = [(CHAPTER_POOL, account_id(Address(bytes(cast("bytes", row[0]))))) for row in rows]
    sql = f"{SELECT_CASES} WHERE chapter = ? AND kind = ? AND opened_index < ? ORDER BY key"
    for case in map(read_case, fetch_all(connection, sql, chapter, POOL_CASE, end)):
        pools.append((case.text("name"), AccountId(str(case.holder))))
    held = sums[POOL]
    return [
        {"name": name, "account": account, "balance": str(held.get(account, (0, 0))[1])}
        for name, account in pools
    ]


def show_coins(sums: Parts) -> JsonValue:
    """Return where all coins of a chapter are, each kind of account with its line.

    ``issued - burned + elsewhere`` is the sum of the lines (rule 36); ``elsewhere`` is what came from other
    chapters less what went there.
    """
    whole = {
        name: sums[key].get("", (0, 0))[1]
        for name, key in (("issued", ISSUED), ("burned", BURNED), ("elsewhere", ELSEWHERE))
    }
    lines = {line: sums[HELD].get(line, (0, 0))[1] for line in LINES.values()}
    return {name: str(amount) for name, amount in {**whole, **lines}.items()}
