"""Building entries and their rows: ids, times, salts, indexes, chains per account. One `Batch` is one SQL
transaction.

Knows nothing of rights or balances. An entry is built completely before anything of the batch changes, so
that one which turns out too long leaves no trace.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from chain.disclosure import DISCLOSURE_SALT_SIZE, disclosure_digest, make_disclosure
from chain.entry_text import write_entry
from chain.hashing import hash_leaf, sha256
from chain.operation import OP_SALT_SIZE, Operation, operation_digest
from gateway.db import insert_rows
from gateway.ledger.drafts import Draft
from gateway.ledger.registers import Account
from gateway.ledger.vault import NONCE_SIZE, Entropy, Vault
from gateway.rules.calendar import format_timestamp

SALT_SIZE = 32
_POOL_SIZE = 65_536
_NO_OPERATION = bytes(32)
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_DIGIT_OF_BYTE = _CROCKFORD.encode() * 8


class RandomPool:
    """Hands out random bytes from large draws of the system's source."""

    __slots__ = ("_entropy", "_pool", "_position")

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._pool = b""
        self._position = 0

    def take(self, size: int) -> bytes:
        """Return ``size`` random bytes, never handed out before."""
        end = self._position + size
        if end > len(self._pool):
            self._pool = self._entropy(_POOL_SIZE)
            self._position, end = 0, size
        part = self._pool[self._position : end]
        self._position = end
        return part


def format_ulid(unix_milliseconds: int, randomness: bytes) -> str:
    """Return a ULID: 48 bits of time, then one digit from the low five bits of each of 16 random bytes."""
    time_part = "".join(_CROCKFORD[unix_milliseconds >> shift & 31] for shift in range(45, -1, -5))
    return time_part + randomness.translate(_DIGIT_OF_BYTE).decode("ascii")


@dataclass(frozen=True, slots=True)
class Built:
    """An entry built and not yet in a batch."""

    entry_id: str
    body: bytes
    salt: bytes
    leaf_data: bytes
    leaf_hash: bytes
    op_salt: bytes | None
    sealed: bytes | None
    subject: bytes


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf of a committed batch, as the integrator takes it over."""

    index: int
    leaf_data: bytes
    leaf_hash: bytes


class Batch:
    """Rows of one transaction, from ``start`` on, all with the time ``milliseconds``."""

    def __init__(self, start: int, milliseconds: int, pool: RandomPool, vault: Vault | None) -> None:
        self.next_index = start
        self.milliseconds = milliseconds
        self.at = format_timestamp(milliseconds)
        self.leaves: list[Leaf] = []
        self._ulid_time = format_ulid(milliseconds, b"")
        self._pool = pool
        self._vault = vault
        self._entries: list[tuple[object, ...]] = []
        self._operations: list[tuple[object, ...]] = []
        self._account_entries: list[tuple[object, ...]] = []
        self._disclosures: list[tuple[object, ...]] = []
        self._authorizations: list[tuple[object, ...]] = []

    def draw_id(self) -> str:
        """Return the id of an entry that may be built."""
        return self._ulid_time + self._pool.take(16).translate(_DIGIT_OF_BYTE).decode("ascii")

    def build(
        self,
        draft: Draft,
        entry_id: str,
        subjects: Sequence[Account],
        operation: Operation | None,
        op_salt: bytes | None = None,
    ) -> Built:
        """Return the entry of a checked draft at the next index; changes nothing.

        ``subjects`` are the accounts it concerns, the data subject first; ``op_salt`` is drawn unless one is
        given. Raises FormatError when it is too
        long or a private field's name is malformed.
        """
        take = self._pool.take
        told: list[str] = []
        if draft.private:
            told = [
                make_disclosure(take(DISCLOSURE_SALT_SIZE), name, value)
                for name, value in draft.private.items()
            ]
        body = write_entry(
            entry_id=entry_id,  # type: ignore[arg-type]
            type_name=draft.type,
            chapter=draft.chapter,
            at=self.at,
            actor=draft.actor,
            authority=draft.authority,
            subjects={account.id: (account.sequence + 1, account.previous) for account in subjects},  # type: ignore[misc]
            operation=operation,
            public=draft.public,
            refs=draft.refs,
            rule=draft.rule,
            sd=map(disclosure_digest, told),
        )
        salt = take(SALT_SIZE)
        if op_salt is None and operation is not None:
            op_salt = take(OP_SALT_SIZE)
        digest = (
            _NO_OPERATION if operation is None or op_salt is None else operation_digest(operation, op_salt)
        )
        leaf_data = b"\x01" + sha256(salt + body) + digest
        sealed = None
        if told and self._vault is not None:
            plain = "~".join(told).encode("ascii")
            sealed = self._vault.seal(subjects[0].address, entry_id, plain, take(NONCE_SIZE))
        subject = subjects[0].address if subjects else b""
        return Built(entry_id, body, salt, leaf_data, hash_leaf(leaf_data), op_salt, sealed, subject)

    def add(self, built: Built, draft: Draft, chapter: int, subjects: Sequence[Account]) -> int:
        """Give the entry its index and move its subjects' chains; return the index."""
        index = self.next_index
        self.next_index = index + 1
        self._entries.append(
            (index, built.entry_id, chapter, draft.type, self.at, built.salt, built.body, built.leaf_data)
        )
        for account in subjects:
            account.sequence += 1
            account.previous = built.leaf_hash
            self._account_entries.append((account.address, account.sequence, index))
        if built.sealed is not None:
            self._disclosures.append((index, built.subject, built.sealed))
        self.leaves.append(Leaf(index, built.leaf_data, built.leaf_hash))
        return index

    def add_operation(
        self, index: int, built: Built, operation: Operation, moved: int, evidence: bytes | None
    ) -> None:
        """Add the operand row of the entry at ``index``."""
        self._operations.append(
            (
                index, built.leaf_hash, int(operation.kind), operation.sender, operation.receiver,
                operation.amount, operation.valid_until, operation.ref, built.op_salt, evidence, moved, 0,
            )
        )  # fmt: skip

    def add_authorization(self, account: bytes, nonce: bytes, index: int) -> None:
        """Add the row that keeps an authorization from being used again."""
        self._authorizations.append((account, nonce, index))

    def insert(self, connection: Connection) -> None:
        """Write all rows."""
        for table, columns, rows in (
            ("entries", "log_index,entry_id,chapter,type,at,salt,body,leaf_data", self._entries),
            ("account_entries", "account,seq,log_index", self._account_entries),
            ("operations", _OPERATION_COLUMNS, self._operations),
            ("disclosures", "log_index,account,sealed", self._disclosures),
            ("authorizations", "account,nonce,log_index", self._authorizations),
        ):
            insert_rows(connection, table, columns, rows)


_OPERATION_COLUMNS = (
    "log_index,leaf_hash,kind,sender,receiver,amount,valid_until,ref,op_salt,evidence,moved,outcome"
)
