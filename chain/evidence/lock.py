"""The lock section of a bundle: what is left of the one lock its entry is about. FORMATS.md section 8. Pure.

It has no block and no contract of its own: it is read where the outcome is, so that an outcome and a lock can
never be of two different moments.
"""

from __future__ import annotations

from dataclasses import dataclass

from chain.canonical import JsonValue
from chain.errors import FormatError
from chain.evidence.schema import read_balance, read_blobs, read_object, read_text
from chain.operation import ZERO_ADDRESS, Operation, OperationKind, account_address, account_id
from chain.types import AccountId, Address

_MEMBERS = ("holder", "rest", "storage_proof")
_ENDS_A_LOCK = (OperationKind.RELEASE, OperationKind.CANCEL)


@dataclass(frozen=True, slots=True)
class LockEvidence:
    """One lock in ``TimeCredit`` at the outcome's block: ``rest`` is still locked (hundredths), 0 once it
    ended.

    ``holder`` is the zero address, written null, where the contract has no such lock.
    """

    holder: Address
    rest: int
    storage_proof: tuple[bytes, ...]


def lock_of(operation: Operation | None, leaf_hash: bytes) -> bytes | None:
    """Return the leaf hash of the lock an entry is about: the one it makes, or the one it takes from; None
    where it is about none.
    """
    if operation is None:
        return None
    if operation.kind is OperationKind.LOCK:
        return leaf_hash
    return operation.ref if operation.kind in _ENDS_A_LOCK else None


def parse_lock(value: JsonValue, most: int, size: int) -> LockEvidence:
    """Return the section of its JSON value; at most ``most`` nodes of ``size`` bytes.

    Inverse of :func:`format_lock`. Raises FormatError naming the member.
    """
    members = read_object(value, "lock", _MEMBERS)
    written = members["holder"]
    holder = ZERO_ADDRESS
    if written is not None:
        holder = account_address(AccountId(read_text(written, "lock.holder", 64)))
        if holder == ZERO_ADDRESS:
            raise FormatError("lock.holder", "nobody is written null")
    proof = read_blobs(members["storage_proof"], "lock.storage_proof", most, size)
    return LockEvidence(holder, read_balance(members["rest"], "lock.rest"), proof)


def format_lock(lock: LockEvidence) -> JsonValue:
    """Return the section's JSON value. Inverse of :func:`parse_lock`."""
    return {
        "holder": None if lock.holder == ZERO_ADDRESS else account_id(lock.holder),
        "rest": str(lock.rest),
        "storage_proof": [node.hex() for node in lock.storage_proof],
    }
