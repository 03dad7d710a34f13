"""The second code path: leaf hashes from stored entries, and the root from them, sharing nothing with the
first.

The first path builds leaves from drafts and roots from the tree in memory. This one reads back what SQL
holds, finds every operation in the entry's own bytes, and folds the root with the public verifier.
Nothing is signed unless both agree.
"""

from __future__ import annotations

from typing import cast

from sqlalchemy import Connection

from chain.entry import entry_commitment, leaf_data, operation_digest
from chain.hashing import EMPTY_ROOT, hash_leaf, hash_node
from chain.merkle.verify import root_from_window
from chain.operation import ZERO_ADDRESS, Operation, OperationKind
from chain.types import Address
from gateway.db import fetch_all
from gateway.ledger.faults import LedgerFault

_SELECT_STORED = """
SELECT e.log_index, e.salt, e.body, e.leaf_data, o.op_salt, o.kind, o.sender, o.receiver, o.amount,
       o.valid_until, o.ref
FROM entries e LEFT JOIN operations o ON o.log_index = e.log_index
WHERE e.log_index >= ? AND e.log_index < ? ORDER BY e.log_index"""

_PART = 4096
_ACTING = b'"op":{'


def recompute_leaf_hashes(connection: Connection, start: int, end: int) -> list[bytes]:
    """Return the leaf hashes of ``[start, end)`` recomputed from stored entries, salts and operands.

    Raises LedgerFault naming the index when an entry is missing, does not give its stored leaf data, or
    orders another operation than its operand row says.
    """
    hashes: list[bytes] = []
    for first in range(start, end, _PART):
        rows = fetch_all(connection, _SELECT_STORED, first, min(first + _PART, end))
        for row in rows:
            if row[0] != start + len(hashes):
                raise LedgerFault("an entry is missing", got=row[0], want=start + len(hashes))
            hashes.append(hash_leaf(_recompute_leaf(row)))
    if len(hashes) != end - start:
        raise LedgerFault("an entry is missing", got=start + len(hashes), want=end)
    return hashes


def _recompute_leaf(row: tuple[object, ...]) -> bytes:
    index, salt, body, stored = cast("tuple[int, bytes | None, bytes | None, bytes]", row[:4])
    if salt is None or body is None:
        raise LedgerFault("an entry was erased before it was published", got=index, want="its bytes")
    digest = None
    # The search only spares parsing: an entry that has an operation always has these bytes.
    if row[4] is not None or _ACTING in body:
        digest = _recompute_digest(row, body)
    leaf = leaf_data(entry_commitment(salt, body), digest)
    if leaf != stored:
        raise LedgerFault("a stored entry does not give its leaf", got=index, want="its leaf data")
    return leaf


def _recompute_digest(row: tuple[object, ...], body: bytes) -> bytes:
    """Return the digest of the operands after finding exactly them in the entry's own bytes."""
    index, op_salt = cast("tuple[int, bytes | None]", (row[0], row[4]))
    if op_salt is None:
        raise LedgerFault("an entry and its operands differ", got=index, want="the same operation")
    kind, sender, receiver, amount, valid_until, ref = cast(
        "tuple[int, bytes, bytes, int, int, bytes]", row[5:]
    )
    operation = Operation(OperationKind(kind), Address(sender), Address(receiver), amount, valid_until, ref)
    if _written(operation) not in body:
        raise LedgerFault("an entry and its operands differ", got=index, want="the same operation")
    return operation_digest(operation, op_salt)


def _written(operation: Operation) -> bytes:
    """Return the bytes that an entry with this operation holds, and no other entry.

    Canonical members are sorted, so ``public`` follows ``op``; no value in an entry can contain a quote.
    """
    return (
        f'"op":{{"amount":"{operation.amount}","from":{_party(operation.sender)},'
        f'"kind":"{operation.kind.label}","ref":"{operation.ref.hex()}","to":{_party(operation.receiver)},'
        f'"valid_until":{operation.valid_until}}},"public":'
    ).encode("ascii")


def _party(address: bytes) -> str:
    return "null" if address == ZERO_ADDRESS else f'"acct_{address.hex()}"'


def recompute_root(start: int, leaf_hashes: list[bytes], left: list[bytes], signed_root: bytes) -> bytes:
    """Return the root of ``start + len(leaf_hashes)`` leaves, given the compact range ``left`` of ``[0,
    start)``.

    Raises LedgerFault when ``left`` is not the range of the last signed root.
    """
    folded = EMPTY_ROOT if not left else fold_range(left)
    if folded != signed_root:
        raise LedgerFault("the tree left its last signed root", got=folded.hex(), want=signed_root.hex())
    return root_from_window(start, leaf_hashes, left, [], start + len(leaf_hashes))


def fold_range(nodes: list[bytes]) -> bytes:
    """Return the root of a compact range of ``[0, n)``, largest subtree first. Requires at least one node."""
    root = nodes[-1]
    for node in reversed(nodes[:-1]):
        root = hash_node(node, root)
    return root
