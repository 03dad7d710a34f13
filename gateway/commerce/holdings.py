"""What a chapter's accounts hold by its operations until some index: pools one by one, persons by kind."""

from __future__ import annotations

from typing import cast

from sqlalchemy import Connection

from chain.canonical import JsonValue
from chain.operation import OperationKind, account_address, account_id
from chain.types import AccountId, Address
from gateway.cases.book import POOL
from gateway.cases.world import SELECT_CASES, read_case
from gateway.db import fetch_all
from gateway.ledger.drafts import AccountKind

CHAPTER_POOL = "chapter"
_K = OperationKind
_OWN = (int(_K.LOCK), int(_K.RELEASE))
"""Operations after which an account still holds what it held, free or locked."""
_CAME = (*_OWN, int(_K.CANCEL))
"""Operations by which nothing comes in: their receiver is the sender itself."""
_PARTY = """
SELECT a.account, a.kind, sum(o.moved) FROM operations o JOIN accounts a ON a.account = o.{party}
WHERE a.chapter = ? AND o.log_index < ? AND o.outcome = 0 AND o.kind NOT IN ({kinds})
GROUP BY a.account, a.kind"""
_OUTER = """
SELECT coalesce(sum(o.moved), 0) FROM operations o JOIN accounts a ON a.account = o.{own}
JOIN accounts b ON b.account = o.{other}
WHERE a.chapter = ? AND b.chapter <> ? AND o.log_index < ? AND o.outcome = 0 AND o.kind NOT IN ({kinds})"""
_KIND = """
SELECT coalesce(sum(o.moved), 0) FROM operations o JOIN accounts a ON a.account = o.{party}
WHERE a.chapter = ? AND o.log_index < ? AND o.outcome = 0 AND o.kind IN ({kinds})"""
_LINES = {
    AccountKind.MEMBER: "members",
    AccountKind.MERCHANT: "merchants",
    AccountKind.POOL: "pools",
    AccountKind.SYSTEM: "system",
}


def read_pools(connection: Connection, chapter: int, end: int) -> list[JsonValue]:
    """Return the chapter's pools with what each holds after the first ``end`` entries, main pool first."""
    held = {account: amount for account, _, amount in _held(connection, chapter, end)}
    rows = fetch_all(connection, "SELECT pool FROM chapters WHERE chapter = ?", chapter)
    pools = [(CHAPTER_POOL, account_id(Address(bytes(cast("bytes", row[0]))))) for row in rows]
    sql = f"{SELECT_CASES} WHERE chapter = ? AND kind = ? AND opened_index < ? ORDER BY key"
    for case in map(read_case, fetch_all(connection, sql, chapter, POOL, end)):
        pools.append((case.text("name"), AccountId(str(case.holder))))
    return [
        {"name": name, "account": account, "balance": str(held.get(bytes(account_address(account)), 0))}
        for name, account in pools
    ]


def read_coins(connection: Connection, chapter: int, end: int) -> JsonValue:
    """Return where all coins of a chapter are after the first ``end`` entries, each kind with its line.

    ``issued - burned + elsewhere`` is the sum of the lines (rule 36); ``elsewhere`` is what came from other
    chapters less what went there.
    """
    lines = dict.fromkeys(_LINES.values(), 0)
    for _, kind, amount in _held(connection, chapter, end):
        lines[_LINES[AccountKind(kind)]] += amount
    came = _ask(connection, _OUTER.format(own="receiver", other="sender", kinds=_list(_CAME)), chapter, end)
    went = _ask(connection, _OUTER.format(own="sender", other="receiver", kinds=_list(_CAME)), chapter, end)
    issued = _count(connection, "receiver", (int(_K.ISSUE),), chapter, end)
    burned = _count(connection, "sender", (int(_K.BURN), int(_K.CANCEL)), chapter, end)
    figures = {"issued": issued, "burned": burned, "elsewhere": came - went, **lines}
    return {name: str(amount) for name, amount in figures.items()}


def _held(connection: Connection, chapter: int, end: int) -> list[tuple[bytes, int, int]]:
    """Return (account, kind, hundredths held, locked ones included) of a chapter's accounts."""
    found: dict[bytes, tuple[int, int]] = {}
    for party, kinds, sign in (("receiver", _CAME, 1), ("sender", _OWN, -1)):
        sql = _PARTY.format(party=party, kinds=_list(kinds))
        for account, kind, moved in fetch_all(connection, sql, chapter, end):
            key = bytes(cast("bytes", account))
            before = found.get(key, (0, 0))[1]
            found[key] = (cast("int", kind), before + sign * int(str(moved)))
    return [(account, kind, amount) for account, (kind, amount) in sorted(found.items())]


def _ask(connection: Connection, sql: str, chapter: int, end: int) -> int:
    ((found,),) = fetch_all(connection, sql, chapter, chapter, end)
    return int(str(found))


def _count(connection: Connection, party: str, kinds: tuple[int, ...], chapter: int, end: int) -> int:
    ((found,),) = fetch_all(connection, _KIND.format(party=party, kinds=_list(kinds)), chapter, end)
    return int(str(found))


def _list(kinds: tuple[int, ...]) -> str:
    return ",".join(map(str, kinds))
