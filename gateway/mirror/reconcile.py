"""The mirror against the contract's own storage at one block: balances, locks, supply and cursors.

The mirror follows from events, the contract from its storage; that both agree is checked here and logged,
never assumed. The block must be one whose state the node still keeps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from chain.errors import FatalChainError, TransientChainError
from chain.evidence.layout import account_key, cursor_key, parse_account_slot
from chain.evm.client import EvmClient
from chain.evm.errors import NodeRefused
from chain.evm.transport import Call
from chain.hashing import keccak256
from chain.types import Address, Digest
from gateway.db import Database
from gateway.mirror.tables import mirror_accounts, mirror_passed, mirror_settlements
from gateway.mirror.write import load_cursor

_BATCH = 500
_SUPPLY = keccak256(b"totalSupply()")[:4]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One value that differs: ``what`` (balance, locked, supply, cursor) of ``subject`` (hex)."""

    what: str
    subject: str
    mirrored: int
    on_chain: int


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Result at one block: how many accounts and logs were compared, and what differs."""

    block: int
    accounts: int
    logs: int
    supply: int
    mismatches: tuple[Mismatch, ...]


@dataclass(frozen=True, slots=True)
class _Mirrored:
    block: int
    accounts: list[tuple[bytes, int, int]]
    cursors: dict[bytes, int]


def reconcile(database: Database, client: EvmClient, *, chain_id: int, credit: Address) -> Reconciliation:
    """Compare every account and log of the mirror with the contract's storage at the mirror's own block.

    Raises:
        TransientChainError: the node did not answer or keeps that state no more.
        FatalChainError: nothing is mirrored yet.
    """
    mirrored = _load(database, chain_id)
    found: list[Mismatch] = []
    keys = [account_key(Address(address)) for address, _, _ in mirrored.accounts]
    words = _storage(client, credit, keys, mirrored.block)
    for (address, balance, locked), word in zip(mirrored.accounts, words, strict=True):
        held = parse_account_slot(word)
        if held.balance != balance:
            found.append(Mismatch("balance", address.hex(), balance, held.balance))
        if held.locked != locked:
            found.append(Mismatch("locked", address.hex(), locked, held.locked))
    keys = [cursor_key(Digest(log)) for log in mirrored.cursors]
    words = _storage(client, credit, keys, mirrored.block)
    for (log, cursor), word in zip(mirrored.cursors.items(), words, strict=True):
        if cursor != word:
            found.append(Mismatch("cursor", log.hex(), cursor, word))
    supply = int.from_bytes(client.view(credit, _SUPPLY, mirrored.block), "big")
    total = sum(balance for _, balance, _ in mirrored.accounts)
    if total != supply:
        found.append(Mismatch("supply", credit.hex(), total, supply))
    return Reconciliation(mirrored.block, len(mirrored.accounts), len(mirrored.cursors), supply, tuple(found))


def _load(database: Database, chain_id: int) -> _Mirrored:
    accounts, windows, passed = mirror_accounts.c, mirror_settlements.c, mirror_passed.c
    with database.reader() as connection:
        cursor = load_cursor(connection, chain_id)
        if cursor is None:
            raise FatalChainError(f"chain {chain_id} is not mirrored yet")
        rows = connection.execute(
            select(accounts.address, accounts.balance, accounts.locked)
            .where(accounts.chain_id == chain_id)
            .order_by(accounts.address)
        )
        held = [(row.address, row.balance, row.locked) for row in rows]
        cursors: dict[bytes, int] = {}
        for log, end in connection.execute(
            select(windows.log_id, func.max(windows.end))
            .where(windows.chain_id == chain_id)
            .group_by(windows.log_id)
        ):
            cursors[log] = end
        for log, index in connection.execute(
            select(passed.log_id, func.max(passed.leaf_index))
            .where(passed.chain_id == chain_id)
            .group_by(passed.log_id)
        ):
            cursors[log] = max(cursors.get(log, 0), index + 1)
    return _Mirrored(cursor.number, held, cursors)


def _storage(client: EvmClient, target: Address, keys: Sequence[bytes], block: int) -> Iterator[int]:
    for start in range(0, len(keys), _BATCH):
        calls: list[Call] = [
            ("eth_getStorageAt", ("0x" + target.hex(), "0x" + key.hex(), hex(block)))
            for key in keys[start : start + _BATCH]
        ]
        for answer in client.batch(calls):
            if isinstance(answer, NodeRefused):
                raise TransientChainError(f"block {block}: the node keeps its state no more") from answer
            yield int(str(answer), 16)
