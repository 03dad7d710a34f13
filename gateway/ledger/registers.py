"""The sequencer's registers: accounts, chapters, quotas and locks as of the last entry, cached in memory.

Only the sequencer reads and changes them, so the cache is right as long as it holds the log's epoch. A
transaction that fails leaves changed values behind: the sequencer then calls `forget` and everything is read
again from SQL.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from sqlalchemy import Connection

from chain.hashing import hash_leaf
from gateway.db import driver_sql, execute_many, fetch_all, fetch_in

CACHE_LIMIT = 300_000
"""Accounts kept in memory at most; above it the cache is emptied between transactions."""

_NO_HEAD = bytes(32)


class Account:
    """One registered account with its balance projection and the head of its chain of entries. Mutable."""

    __slots__ = (
        "address", "available", "chapter", "commitment", "custody", "day", "id", "kind", "locked",
        "log_index", "may_receive", "may_send", "previous", "recovered_to", "sequence", "spent",
    )  # fmt: skip

    def __init__(self, address: bytes, chapter: int, kind: int, custody: int, commitment: bytes) -> None:
        self.address = address
        self.id = "acct_" + address.hex()
        self.chapter = chapter
        self.kind = kind
        self.custody = custody
        self.commitment = commitment
        self.may_send = True
        self.may_receive = True
        self.recovered_to: bytes | None = None
        self.log_index = 0
        self.available = 0
        self.locked = 0
        self.day = 0
        self.spent = 0
        self.sequence = 0
        self.previous = _NO_HEAD

    def spent_on(self, day: int) -> int:
        """Return what was sent on the business day."""
        return self.spent if self.day == day else 0


class Chapter:
    """One open chapter. Mutable. A cap of 0 is not set."""

    __slots__ = ("daily_cap", "holding_cap", "log_index", "number", "pool")

    def __init__(self, number: int, pool: bytes, daily_cap: int, holding_cap: int, log_index: int) -> None:
        self.number = number
        self.pool = pool
        self.daily_cap = daily_cap
        self.holding_cap = holding_cap
        self.log_index = log_index


class Quota:
    """Issuance of one chapter and month. Mutable."""

    __slots__ = ("amount", "used")

    def __init__(self, amount: int, used: int) -> None:
        self.amount = amount
        self.used = used


class Lock:
    """One lock: who holds the credits and how many are still locked. Mutable."""

    __slots__ = ("account", "amount")

    def __init__(self, account: bytes, amount: int) -> None:
        self.account = account
        self.amount = amount


class Registers:
    """Cache over the projection tables; `store` writes what the running transaction touched."""

    def __init__(self) -> None:
        self.accounts: dict[bytes, Account] = {}
        self.chapters: dict[int, Chapter] = {}
        self.quotas: dict[tuple[int, int], Quota] = {}
        self.locks: dict[bytes, Lock] = {}
        self.touched_locks: set[bytes] = set()
        # Reversals accepted in the running transaction, by the leaf hash of their original.
        self.asked_back: dict[bytes, int] = {}
        # Accounts whose credits moved in the running transaction: (old, new).
        self.recovered: list[tuple[bytes, bytes]] = []
        self.touched_balances: set[bytes] = set()
        self.touched_accounts: set[bytes] = set()
        self.touched_chapters: set[int] = set()
        self.touched_quotas: set[tuple[int, int]] = set()

    def forget(self) -> None:
        """Drop everything: the next use reads SQL again."""
        for cache in (self.accounts, self.chapters, self.quotas, self.locks):
            cache.clear()
        self._clear_touched()

    def _clear_touched(self) -> None:
        for touched in (
            self.touched_balances,
            self.touched_accounts,
            self.touched_chapters,
            self.touched_quotas,
        ):
            touched.clear()
        self.touched_locks.clear()
        self.asked_back.clear()
        self.recovered.clear()

    def load(self, connection: Connection, wanted: Iterable[bytes]) -> None:
        """Read the accounts not yet in memory; unknown ones stay absent."""
        if len(self.accounts) > CACHE_LIMIT:
            self.accounts.clear()
        missing = [address for address in set(wanted) if address not in self.accounts]
        for row in fetch_in(connection, _SELECT_ACCOUNTS, missing):
            account = Account(*cast("tuple[bytes, int, int, int, bytes]", row[:5]))
            account.may_send, account.may_receive = bool(row[5]), bool(row[6])
            account.recovered_to, account.log_index = cast("tuple[bytes | None, int]", row[7:9])
            if row[9] is not None:
                account.available, account.locked, account.day, account.spent = cast(
                    "tuple[int, int, int, int]", row[9:]
                )
            self.accounts[account.address] = account
        heads = fetch_in(connection, _SELECT_HEADS, missing)
        for address, sequence, leaf_data in cast("list[tuple[bytes, int, bytes]]", heads):
            account = self.accounts[address]
            account.sequence = sequence
            account.previous = hash_leaf(leaf_data)

    def chapter(self, connection: Connection, number: int) -> Chapter | None:
        """Return the open chapter of that number, None when it is not open."""
        found = self.chapters.get(number)
        if found is None:
            rows = fetch_all(
                connection,
                "SELECT chapter, pool, daily_cap, holding_cap, log_index FROM chapters WHERE chapter = ?",
                number,
            )
            if rows:
                found = Chapter(*cast("tuple[int, bytes, int, int, int]", rows[0]))
                self.chapters[number] = found
        return found

    def quota(self, connection: Connection, chapter: int, period: int) -> Quota:
        """Return the quota of a chapter and month; one that was never set is 0."""
        found = self.quotas.get((chapter, period))
        if found is None:
            rows = fetch_all(
                connection,
                "SELECT amount, used FROM quotas WHERE chapter = ? AND period = ?",
                chapter,
                period,
            )
            found = Quota(*cast("tuple[int, int]", rows[0])) if rows else Quota(0, 0)
            self.quotas[(chapter, period)] = found
        return found

    def lock(self, connection: Connection, leaf_hash: bytes) -> Lock | None:
        """Return the lock whose entry has this leaf hash, None when there is none."""
        found = self.locks.get(leaf_hash)
        if found is None:
            rows = fetch_all(connection, "SELECT account, amount FROM locks WHERE leaf_hash = ?", leaf_hash)
            if rows:
                found = Lock(*cast("tuple[bytes, int]", rows[0]))
                self.locks[leaf_hash] = found
        return found

    def store(self, connection: Connection) -> None:
        """Write every touched row. Called once, at the end of the transaction that touched them."""
        self._store_accounts(connection)
        self._store_balances(connection)
        if self.touched_chapters:
            execute_many(
                connection, _UPSERT_CHAPTER, [_chapter_row(self.chapters[n]) for n in self.touched_chapters]
            )
        if self.touched_quotas:
            rows = [
                (*key, self.quotas[key].amount, self.quotas[key].used) for key in sorted(self.touched_quotas)
            ]
            execute_many(connection, _UPSERT_QUOTA, rows)
        if self.touched_locks:
            locks = [
                (key, self.locks[key].account, self.locks[key].amount) for key in sorted(self.touched_locks)
            ]
            execute_many(connection, _UPSERT_LOCK, locks)
        if self.recovered:
            execute_many(
                connection,
                "UPDATE locks SET account = ? WHERE account = ?",
                [(n, o) for o, n in self.recovered],
            )
            self.locks.clear()
        self._clear_touched()

    def _store_accounts(self, connection: Connection) -> None:
        if self.touched_accounts:
            rows = [_account_row(self.accounts[address]) for address in sorted(self.touched_accounts)]
            execute_many(connection, _UPSERT_ACCOUNT, rows)

    def _store_balances(self, connection: Connection) -> None:
        if not self.touched_balances:
            return
        rows = [_balance_row(self.accounts[address]) for address in sorted(self.touched_balances)]
        if connection.dialect.name == "sqlite":
            execute_many(connection, _UPSERT_BALANCE, rows)
            return
        # One statement for all rows: PostgreSQL would otherwise answer each upsert by itself.
        connection.exec_driver_sql(
            driver_sql(connection.dialect.name, _UPSERT_BALANCES_FROM_ARRAYS),
            tuple([list(column) for column in zip(*rows, strict=True)]),
        )


def _account_row(account: Account) -> tuple[object, ...]:
    return (
        account.address, account.chapter, account.kind, account.custody, account.commitment, account.may_send,
        account.may_receive, account.recovered_to, account.log_index,
    )  # fmt: skip


def _balance_row(account: Account) -> tuple[bytes, int, int, int, int]:
    return account.address, account.available, account.locked, account.day, account.spent


def _chapter_row(chapter: Chapter) -> tuple[int, bytes, int, int, int]:
    return chapter.number, chapter.pool, chapter.daily_cap, chapter.holding_cap, chapter.log_index


_SELECT_ACCOUNTS = """
SELECT a.account, a.chapter, a.kind, a.custody, a.commitment, a.may_send, a.may_receive, a.recovered_to,
       a.log_index, b.available, b.locked, b.day, b.spent
FROM accounts a LEFT JOIN balances b ON b.account = a.account WHERE a.account IN (@)"""

_SELECT_HEADS = """
SELECT h.account, h.seq, e.leaf_data FROM (
  SELECT account, max(seq) AS seq FROM account_entries WHERE account IN (@) GROUP BY account
) h JOIN account_entries x ON x.account = h.account AND x.seq = h.seq
JOIN entries e ON e.log_index = x.log_index"""

_UPSERT_ACCOUNT = """
INSERT INTO accounts
  (account, chapter, kind, custody, commitment, may_send, may_receive, recovered_to, log_index)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (account) DO UPDATE SET
  may_send = excluded.may_send, may_receive = excluded.may_receive, recovered_to = excluded.recovered_to"""

_UPSERT_BALANCE = """
INSERT INTO balances (account, available, locked, day, spent) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (account) DO UPDATE SET
  available = excluded.available, locked = excluded.locked, day = excluded.day, spent = excluded.spent"""

_UPSERT_BALANCES_FROM_ARRAYS = """
INSERT INTO balances (account, available, locked, day, spent)
SELECT * FROM unnest(?::bytea[], ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[])
ON CONFLICT (account) DO UPDATE SET
  available = excluded.available, locked = excluded.locked, day = excluded.day, spent = excluded.spent"""

_UPSERT_CHAPTER = (
    "INSERT INTO chapters (chapter, pool, daily_cap, holding_cap, log_index) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (chapter) DO UPDATE SET daily_cap = excluded.daily_cap, holding_cap = excluded.holding_cap"
)
_UPSERT_QUOTA = (
    "INSERT INTO quotas (chapter, period, amount, used) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (chapter, period) DO UPDATE SET amount = excluded.amount, used = excluded.used"
)
_UPSERT_LOCK = (
    "INSERT INTO locks (leaf_hash, account, amount) VALUES (?, ?, ?)"
    " ON CONFLICT (leaf_hash) DO UPDATE SET account = excluded.account, amount = excluded.amount"
)
