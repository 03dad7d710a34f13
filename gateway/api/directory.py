"""Reading chapters, accounts, balances and statements. Every query is filtered by chapter in SQL.

What an account holds comes from the chain's events alone (the mirror); what is left to spend comes from the
operations accepted so far. The two differ by what is still on its way.
"""

from __future__ import annotations

import json

from sqlalchemy import Connection, Row, func, select

from chain.canonical import JsonValue
from chain.operation import account_address, account_id, chapter_code, chapter_number
from chain.types import AccountId, Address, ChapterCode
from gateway.db import Database
from gateway.ledger.drafts import AccountKind, Custody
from gateway.ledger.tables import account_entries, accounts, balances, chapters, entries, quotas
from gateway.mirror.tables import mirror_accounts, mirror_anchors, mirror_cursor

Document = dict[str, JsonValue]


class Directory:
    """Reads of one gateway's registers and mirror."""

    def __init__(self, database: Database, *, chain_id: int, log_id: bytes) -> None:
        self._database = database
        self._chain_id = chain_id
        self._log_id = log_id

    def chapters(self, code: str | None) -> list[Document]:
        """Return open chapters by code, one or all, with pool, caps, quotas, members and coins held."""
        wanted = select(chapters).order_by(chapters.c.chapter)
        if code is not None:
            wanted = wanted.where(chapters.c.chapter == chapter_number(ChapterCode(code)))
        with self._database.reader() as connection:
            return [self._chapter(connection, row) for row in connection.execute(wanted)]

    def _chapter(self, connection: Connection, row: Row[tuple[object, ...]]) -> Document:
        number = row.chapter
        held = mirror_accounts.c
        total, locked, count = connection.execute(
            select(func.sum(held.balance), func.sum(held.locked), func.count()).where(
                held.chain_id == self._chain_id, held.chapter == number
            )
        ).one()
        set_quotas = connection.execute(
            select(quotas).where(quotas.c.chapter == number).order_by(quotas.c.period)
        )
        return {
            "chapter": chapter_code(number),
            "pool": account_id(Address(row.pool)),
            "daily_cap": str(row.daily_cap),
            "holding_cap": str(row.holding_cap),
            "accounts": count,
            "balance": str(total or 0),
            "locked": str(locked or 0),
            "quotas": [
                {"period": quota.period, "amount": str(quota.amount), "used": str(quota.used)}
                for quota in set_quotas
            ],
        }

    def members(self, chapter: str | None, after: int, limit: int) -> list[Document]:
        """Return up to ``limit`` accounts that joined after entry ``after``, in order of joining."""
        wanted = select(accounts).where(accounts.c.log_index > after)
        if chapter is not None:
            wanted = wanted.where(accounts.c.chapter == chapter_number(ChapterCode(chapter)))
        ordered = wanted.order_by(accounts.c.log_index, accounts.c.account).limit(limit)
        with self._database.reader() as connection:
            return [_member(row) for row in connection.execute(ordered)]

    def member(self, account: str, chapter: str | None) -> Document | None:
        """Return one account, None where this chapter does not see it."""
        wanted = select(accounts).where(accounts.c.account == account_address(AccountId(account)))
        if chapter is not None:
            wanted = wanted.where(accounts.c.chapter == chapter_number(ChapterCode(chapter)))
        with self._database.reader() as connection:
            row = connection.execute(wanted).one_or_none()
        return None if row is None else _member(row)

    def balance(self, account: str) -> Document:
        """Return what the account holds by the chain and what accepted operations leave."""
        address = account_address(AccountId(account))
        with self._database.reader() as connection:
            held = connection.execute(
                select(mirror_accounts.c.balance, mirror_accounts.c.locked).where(
                    mirror_accounts.c.chain_id == self._chain_id, mirror_accounts.c.address == address
                )
            ).one_or_none()
            block = connection.execute(
                select(mirror_cursor.c.block_number).where(mirror_cursor.c.chain_id == self._chain_id)
            ).scalar()
            accepted = connection.execute(
                select(balances.c.available).where(balances.c.account == address)
            ).scalar()
        return {
            "account": account,
            "balance": str(held.balance if held else 0),
            "locked": str(held.locked if held else 0),
            "available": str(accepted or 0),
            "block": block,
        }

    def statement(self, account: str, after: int, limit: int) -> list[Document]:
        """Return up to ``limit`` of the account's entries with a sequence above ``after``, in order."""
        wanted = (
            select(account_entries.c.seq, entries.c.log_index, entries.c.entry_id, entries.c.body)
            .join(entries, entries.c.log_index == account_entries.c.log_index)
            .where(account_entries.c.account == account_address(AccountId(account)))
            .where(account_entries.c.seq > after)
            .order_by(account_entries.c.seq)
            .limit(limit)
        )
        with self._database.reader() as connection:
            return [
                {
                    "seq": row.seq,
                    "index": row.log_index,
                    "id": row.entry_id,
                    "entry": None if row.body is None else json.loads(row.body),
                }
                for row in connection.execute(wanted)
            ]

    def newest_anchored(self, account: str) -> int | None:
        """Return the index of the account's newest entry that an anchor covers."""
        with self._database.reader() as connection:
            size = connection.execute(
                select(func.max(mirror_anchors.c.size)).where(
                    mirror_anchors.c.chain_id == self._chain_id, mirror_anchors.c.log_id == self._log_id
                )
            ).scalar()
            return connection.execute(
                select(func.max(account_entries.c.log_index)).where(
                    account_entries.c.account == account_address(AccountId(account)),
                    account_entries.c.log_index < (size or 0),
                )
            ).scalar()


def _member(row: Row[tuple[object, ...]]) -> Document:
    recovered = row.recovered_to
    return {
        "account": account_id(Address(row.account)),
        "chapter": chapter_code(row.chapter),
        "kind": AccountKind(row.kind).name.lower(),
        "custody": Custody(row.custody).name.lower(),
        "may_send": row.may_send,
        "may_receive": row.may_receive,
        "recovered_to": None if recovered is None else account_id(Address(recovered)),
        "index": row.log_index,
    }
