"""The scrub's reading of SQL: what was signed, held row by row against the tree of what was signed.

Each function looks at one part and raises LedgerFault naming table and index of the first row that differs.
Only rows below a signed size are judged, so the sequencer may write beside. What is compared is what the leaf
commits to; ``operations.moved`` and ``.outcome`` are projections.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from sqlalchemy import Connection

from chain.checkpoint import open_checkpoint
from chain.entry import LEAF_SIZE, operation_digest
from chain.errors import NotaryError
from chain.hashing import hash_leaf, sha256
from chain.merkle.tree import Tree
from chain.operation import Operation, OperationKind, chapter_code
from chain.types import Address
from gateway.db import fetch_all
from gateway.ledger.damage import row_damage
from gateway.ledger.log_keys import KeyRange, vkeys_at

_SELECT_STORED = """
SELECT e.log_index, e.salt, e.body, e.leaf_data, e.entry_id, e.chapter, e.type, e.at,
       o.log_index, o.leaf_hash, o.op_salt, o.kind, o.sender, o.receiver, o.amount, o.valid_until, o.ref
FROM entries e LEFT JOIN operations o ON o.log_index = e.log_index
WHERE e.log_index >= ? AND e.log_index < ? ORDER BY e.log_index"""

_SELECT_LINKS = """
SELECT a.account, a.seq, a.log_index, e.body
FROM account_entries a LEFT JOIN entries e ON e.log_index = a.log_index
WHERE (a.account, a.seq) > (?, ?) ORDER BY a.account, a.seq LIMIT ?"""

_SELECT_HEADS = "SELECT next_index, at FROM log_heads"
_NO_OPERATION = bytes(32)
_SEQUENCE = b'"seq":'


def check_entries(connection: Connection, tree: Tree, start: int, end: int) -> int:
    """Check entries ``[start, end)`` and their operands; return how many subjects they have together."""
    subjects = 0
    expected = start
    for row in fetch_all(connection, _SELECT_STORED, start, end):
        if row[0] != expected:
            raise row_damage("entries", expected)
        if not _entry_holds(row, tree):
            raise row_damage("entries", expected)
        if not _operands_hold(row):
            raise row_damage("operations", expected)
        subjects += cast("bytes", row[2]).count(_SEQUENCE)
        expected += 1
    if expected != end:
        raise row_damage("entries", expected)
    return subjects


def _entry_holds(row: tuple[object, ...], tree: Tree) -> bool:
    """Say whether body and salt give the leaf that was signed, and the columns beside what the body says."""
    index, salt, body, leaf, entry_id, chapter, kind, at = row[:8]
    # SQLite keeps whatever type was written.
    if not (isinstance(salt, bytes) and isinstance(body, bytes) and isinstance(leaf, bytes)):
        return False
    if len(leaf) != LEAF_SIZE or hash_leaf(leaf) != tree.leaf_hash(cast("int", index)):
        return False
    if sha256(salt + body) != leaf[1:33] or not isinstance(chapter, int):
        return False
    try:
        told = f'"chapter":"{chapter_code(chapter)}","id":"{entry_id}","op":'
    except NotaryError:
        return False
    # Members stand in canonical order and no value holds a quote, so each of these is in one place alone.
    return (
        told.encode() in body
        and f'"at":"{at}","authority":"'.encode() in body
        and f'}},"type":"{kind}","v":'.encode() in body
    )


def _operands_hold(row: tuple[object, ...]) -> bool:
    """Say whether the operand row is what the leaf commits to; none where it commits to none."""
    leaf = cast("bytes", row[3])
    if leaf[33:] == _NO_OPERATION:
        return row[8] is None
    leaf_hash, op_salt, kind, sender, receiver, amount, valid_until, ref = row[9:]
    if leaf_hash != hash_leaf(leaf) or not isinstance(op_salt, bytes):
        return False
    try:
        operation = Operation(
            OperationKind(cast("int", kind)),
            Address(cast("bytes", sender)),
            Address(cast("bytes", receiver)),
            cast("int", amount),
            cast("int", valid_until),
            cast("bytes", ref),
        )
        return operation_digest(operation, op_salt) == leaf[33:]
    except (NotaryError, ValueError, TypeError, OverflowError, AttributeError):
        return False


def check_ends(connection: Connection) -> None:
    """Check that nothing is before the first entry or behind the head, and that the head is the last's."""
    for table in ("log_heads", "log_trees"):
        # What was signed last is held against log_trees by the compare-and-set of each signature.
        count = cast("int", fetch_all(connection, f"SELECT count(*) FROM {table}")[0][0])  # noqa: S608
        if count != 1:
            raise row_damage(table, count)
    for next_index, at in cast("list[tuple[int, str]]", fetch_all(connection, _SELECT_HEADS)):
        for table in ("entries", "operations"):
            sql = f"SELECT min(log_index), max(log_index) FROM {table}"  # noqa: S608
            first, last = cast("tuple[int | None, int | None]", fetch_all(connection, sql)[0])
            if first is not None and first < 0:
                raise row_damage(table, first)
            if last is not None and last >= next_index:
                raise row_damage(table, last)
        newest = fetch_all(connection, "SELECT log_index, at FROM entries ORDER BY log_index DESC LIMIT 1")
        if newest != [(next_index - 1, at)]:
            raise row_damage("log_heads", next_index)


Link = tuple[bytes, int]
"""A place in ``account_entries``: account and sequence."""
FIRST_LINK: Link = (b"", 0)


def check_links(connection: Connection, size: int, after: Link, limit: int) -> tuple[Link | None, int]:
    """Check up to ``limit`` rows of ``account_entries`` behind a place; return the last place and how many
    of them are below ``size``. None is the end.
    """
    rows = cast("list[tuple[bytes, int, int, object]]", fetch_all(connection, _SELECT_LINKS, *after, limit))
    below = 0
    for account, seq, index, body in rows:
        if seq != (after[1] + 1 if account == after[0] else 1) or not isinstance(body, bytes):
            raise row_damage("account_entries", index)
        mark = f'"acct_{bytes(account).hex()}":{{"prev":"'.encode()
        place = body.find(mark) + len(mark) + 64
        if mark not in body or not body.startswith(f'","seq":{seq}}}'.encode(), place):
            raise row_damage("account_entries", index)
        below += index < size
        after = (bytes(account), seq)
    return (after if len(rows) == limit else None), below


def check_notes(
    connection: Connection,
    table: str,
    tree: Tree,
    keys: Sequence[KeyRange],
    seen: dict[int, int],
    after: int,
    limit: int,
) -> tuple[int | None, list[int]]:
    """Check up to ``limit`` checkpoints of ``table`` of sizes above ``after``, which the tree holds.

    ``seen`` keeps a mark of each that held before, so that its signature is not verified again. Returns the
    last size, None at the end, and all sizes met.
    """
    sql = f"SELECT size, root, note, at FROM {table} WHERE size > ? ORDER BY size LIMIT ?"  # noqa: S608
    rows = cast("list[tuple[int, bytes, bytes, str]]", fetch_all(connection, sql, after, limit))
    for size, root, note, at in rows:
        mark = hash((root, note, at))
        if seen.get(size, mark) != mark:
            raise row_damage(table, size)
        if size not in seen:
            check_note(table, tree, keys, size, root, note)
            seen[size] = mark
    met = [row[0] for row in rows]
    return (met[-1] if len(rows) == limit else None), met


def check_note(
    table: str, tree: Tree, keys: Sequence[KeyRange], size: int, root: object, note: object
) -> None:
    """Check that a checkpoint has the tree's root and a note that says so. Raises LedgerFault."""
    if not 0 < size <= tree.size or not isinstance(note, bytes) or root != tree.root(size):
        raise row_damage(table, size)
    try:
        told = open_checkpoint(note, vkeys_at(keys, size))
    except NotaryError:
        raise row_damage(table, size) from None
    if (told.size, told.root) != (size, root):
        raise row_damage(table, size)


def check_anchored(connection: Connection, log_id: bytes) -> None:
    """Check that each anchored size has its checkpoint, or a bundle of its entries could not be made."""
    rows = fetch_all(
        connection,
        "SELECT min(a.size) FROM mirror_anchors a LEFT JOIN checkpoints c ON c.size = a.size "
        "WHERE a.log_id = ? AND a.size > 1 AND c.size IS NULL",
        log_id,
    )
    if rows[0][0] is not None:
        raise row_damage("checkpoints", rows[0][0])
