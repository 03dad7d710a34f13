"""Write one batch of blocks: raw logs, derived rows and cursor in one transaction; and the exact inverse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Column, Connection, and_, select

from chain.errors import FatalChainError
from chain.events import RawLog
from chain.evm.blocks import Header
from chain.types import Address, Digest
from gateway.db import execute, execute_many, insert_rows
from gateway.mirror.derive import Derived, Lookups
from gateway.mirror.movements import Movements, quota_period
from gateway.mirror.tables import (
    BY_BLOCK,
    MIRRORED,
    mirror_accounts,
    mirror_blocks,
    mirror_cursor,
    mirror_logs,
    mirror_operations,
    mirror_recoveries,
    mirror_rights,
)

_COLUMNS = {table.name: ",".join(f'"{column.name}"' for column in table.c) for table in MIRRORED}
_ENDING = (6, 7)
_ISSUE = 1


@dataclass(frozen=True, slots=True)
class Block:
    """What the mirror keeps of a block; hashes are 32 bytes, ``timestamp`` Unix seconds."""

    number: int
    hash: bytes
    parent_hash: bytes
    timestamp: int


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last mirrored block of a chain."""

    genesis_hash: bytes
    number: int
    hash: bytes


class CursorMoved(Exception):
    """Another process moved the cursor since it was read; nothing was written, read it again."""


def load_cursor(connection: Connection, chain_id: int) -> Cursor | None:
    """Return the cursor, or None where nothing is mirrored yet."""
    row = connection.execute(
        select(mirror_cursor.c.genesis_hash, mirror_cursor.c.block_number, mirror_cursor.c.block_hash).where(
            mirror_cursor.c.chain_id == chain_id
        )
    ).one_or_none()
    return None if row is None else Cursor(row.genesis_hash, row.block_number, row.block_hash)


def load_block(connection: Connection, chain_id: int, number: int) -> Block | None:
    """Return the mirrored block of that height, or None."""
    blocks = mirror_blocks.c
    row = connection.execute(
        select(blocks.hash, blocks.parent_hash, blocks.timestamp).where(
            blocks.chain_id == chain_id, blocks.number == number
        )
    ).one_or_none()
    return None if row is None else Block(number, row.hash, row.parent_hash, row.timestamp)


def load_logs(connection: Connection, chain_id: int, header: Header) -> list[RawLog]:
    """Return the mirrored logs of a block, in order."""
    logs = mirror_logs.c
    rows = connection.execute(
        select(logs.log_index, logs.tx_hash, logs.tx_index, logs.address, logs.topics, logs.data)
        .where(logs.chain_id == chain_id, logs.block_number == header.number)
        .order_by(logs.log_index)
    )
    return [
        RawLog(
            header.number,
            header.hash,
            Digest(row.tx_hash),
            row.tx_index,
            row.log_index,
            Address(row.address),
            tuple(row.topics[at : at + 32] for at in range(0, len(row.topics), 32)),
            row.data,
        )
        for row in rows
    ]


def lookups(connection: Connection, chain_id: int) -> Lookups:
    """Return what derivation needs to know of earlier rows, read through ``connection``."""
    accounts = mirror_accounts.c

    def number(column: Column[int], address: bytes) -> int | None:
        query = select(column).where(accounts.chain_id == chain_id, accounts.address == address)
        found: int | None = connection.execute(query).scalar_one_or_none()
        return found

    def chapter(address: bytes) -> int:
        found = number(accounts.chapter, address)
        if found is None:
            raise FatalChainError(f"account {address.hex()} received an issue but was never registered")
        return found

    def locked(address: bytes) -> int:
        return number(accounts.locked, address) or 0

    return Lookups(chapter, locked, lambda address: _rights_of(connection, chain_id, address))


def write_blocks(
    connection: Connection, expected: Cursor | None, blocks: Sequence[Block], derived: Derived, genesis: bytes
) -> Cursor:
    """Store ``blocks`` (consecutive, linked) with all that follows from them, and move the cursor.

    Requires an open write transaction; ``expected`` is the cursor the blocks follow on. Returns the new one.

    Raises:
        CursorMoved: another process was first.
        FatalChainError: an event moves a balance of an account that was never registered.
    """
    chain_id = derived.chain_id
    _move_cursor(connection, chain_id, expected, Cursor(genesis, blocks[-1].number, blocks[-1].hash))
    counts = derived.log_counts
    block_rows = [
        (chain_id, block.number, block.hash, block.parent_hash, block.timestamp, counts.get(block.number, 0))
        for block in blocks
    ]
    insert_rows(connection, "mirror_blocks", _COLUMNS["mirror_blocks"], block_rows)
    for table, rows in derived.rows.items():
        insert_rows(connection, table, _COLUMNS[table], rows)
    _apply_movements(connection, chain_id, derived.movements)
    _add_quotas(connection, chain_id, derived.quotas)
    _end_locks(connection, chain_id, derived.ended)
    _set_rights(connection, chain_id, derived.rights)
    execute_many(
        connection,
        "UPDATE mirror_accounts SET recovered_to = ? WHERE chain_id = ? AND address = ?",
        [(new, chain_id, old) for old, new in derived.recovered],
    )
    return Cursor(genesis, blocks[-1].number, blocks[-1].hash)


def _move_cursor(connection: Connection, chain_id: int, expected: Cursor | None, new: Cursor) -> None:
    """Compare and set: the cursor's row also keeps a second follower out until this transaction ends."""
    if expected is None:
        inserted = execute(
            connection,
            "INSERT INTO mirror_cursor (chain_id, genesis_hash, block_number, block_hash) "
            "VALUES (?, ?, ?, ?) ON CONFLICT (chain_id) DO NOTHING",
            chain_id,
            new.genesis_hash,
            new.number,
            new.hash,
        )
        if inserted != 1:
            raise CursorMoved
        return
    touched = execute(
        connection,
        "UPDATE mirror_cursor SET block_number = ?, block_hash = ? "
        "WHERE chain_id = ? AND block_number = ? AND block_hash = ?",
        new.number,
        new.hash,
        chain_id,
        expected.number,
        expected.hash,
    )
    if touched != 1:
        raise CursorMoved


def _apply_movements(connection: Connection, chain_id: int, movements: Movements) -> None:
    # The zero address is no account: issue and burn have it on one side only in the ERC-20 view.
    changes = [
        (balance, locked, chain_id, address)
        for address, (balance, locked) in movements.changes.items()
        if balance or locked
    ]
    if not changes:
        return
    marks = "UPDATE mirror_accounts SET balance = balance + ?, locked = locked + ? "
    marks += "WHERE chain_id = ? AND address = ?"
    cursor = connection.exec_driver_sql(
        marks if connection.dialect.name == "sqlite" else marks.replace("?", "%s"), changes
    )
    if cursor.rowcount != len(changes):
        raise FatalChainError(
            f"{len(changes) - cursor.rowcount} accounts moved credits but are not registered"
        )


def _add_quotas(connection: Connection, chain_id: int, quotas: dict[tuple[int, int], int]) -> None:
    execute_many(
        connection,
        "INSERT INTO mirror_quotas (chain_id, chapter, period, used) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (chain_id, chapter, period) DO UPDATE SET used = mirror_quotas.used + excluded.used",
        [(chain_id, chapter, period, used) for (chapter, period), used in quotas.items()],
    )


def _end_locks(connection: Connection, chain_id: int, ended: dict[bytes, int]) -> None:
    execute_many(
        connection,
        "UPDATE mirror_locks SET ended = ended + ? WHERE chain_id = ? AND leaf_hash = ?",
        [(amount, chain_id, leaf_hash) for leaf_hash, amount in ended.items()],
    )


def _set_rights(connection: Connection, chain_id: int, rights: dict[bytes, tuple[bool, bool]]) -> None:
    execute_many(
        connection,
        "UPDATE mirror_accounts SET may_send = ?, may_receive = ? WHERE chain_id = ? AND address = ?",
        [(send, receive, chain_id, address) for address, (send, receive) in rights.items()],
    )


def rewind_to(connection: Connection, expected: Cursor, ancestor: Block, chain_id: int) -> int:
    """Take back every block above ``ancestor`` from stored rows alone. Returns how many blocks went.

    Requires an open write transaction. Sums are subtracted, overwritten state is read again from its
    history, the rest is deleted: afterwards the rows are those of a mirror that never saw those blocks.

    Raises:
        CursorMoved: another process was first.
    """
    new = Cursor(expected.genesis_hash, ancestor.number, ancestor.hash)
    _move_cursor(connection, chain_id, expected, new)
    above = (chain_id, ancestor.number)
    _undo_operations(connection, chain_id, ancestor.number)
    rights, recoveries = mirror_rights.c, mirror_recoveries.c
    touched = connection.execute(
        select(rights.address)
        .distinct()
        .where(rights.chain_id == chain_id, rights.block_number > ancestor.number)
    ).scalars()
    recovered = connection.execute(
        select(recoveries.from_address).where(
            recoveries.chain_id == chain_id, recoveries.block_number > ancestor.number
        )
    ).scalars()
    changed, returned = list(touched), list(recovered)
    for table in BY_BLOCK:
        execute(connection, f"DELETE FROM {table.name} WHERE chain_id = ? AND block_number > ?", *above)  # noqa: S608
    _set_rights(connection, chain_id, {it: _rights_of(connection, chain_id, it) for it in changed})
    execute_many(
        connection,
        "UPDATE mirror_accounts SET recovered_to = NULL WHERE chain_id = ? AND address = ?",
        [(chain_id, address) for address in returned],
    )
    return execute(connection, "DELETE FROM mirror_blocks WHERE chain_id = ? AND number > ?", *above)


def _rights_of(connection: Connection, chain_id: int, address: bytes) -> tuple[bool, bool]:
    rights = mirror_rights.c
    row = connection.execute(
        select(rights.may_send, rights.may_receive)
        .where(rights.chain_id == chain_id, rights.address == address)
        .order_by(rights.block_number.desc(), rights.log_index.desc())
        .limit(1)
    ).one_or_none()
    return (True, True) if row is None else (row.may_send, row.may_receive)


def _undo_operations(connection: Connection, chain_id: int, number: int) -> None:
    done, blocks = mirror_operations.c, mirror_blocks.c
    rows = connection.execute(
        select(
            done.kind,
            done.from_address,
            done.to_address,
            done.moved,
            done.moved_locked,
            done.ref,
            blocks.timestamp,
        )
        .join_from(
            mirror_operations,
            mirror_blocks,
            and_(blocks.chain_id == done.chain_id, blocks.number == done.block_number),
        )
        .where(done.chain_id == chain_id, done.block_number > number, done.reason == 0)
    )
    movements, quotas, reopened = Movements(), dict[tuple[int, int], int](), dict[bytes, int]()
    known = lookups(connection, chain_id)
    for kind, sender, receiver, moved, locked, ref, timestamp in rows:
        movements.add(kind, sender, receiver, moved, locked, sign=-1)
        if kind == _ISSUE:
            key = (known.chapter(receiver), quota_period(timestamp))
            quotas[key] = quotas.get(key, 0) - moved
        elif kind in _ENDING:
            reopened[ref] = reopened.get(ref, 0) - moved
    _apply_movements(connection, chain_id, movements)
    _add_quotas(connection, chain_id, quotas)
    # A quota row exists exactly while something was issued under it, as in a mirror built afresh.
    execute(connection, "DELETE FROM mirror_quotas WHERE chain_id = ? AND used = 0", chain_id)
    _end_locks(connection, chain_id, reopened)
