"""Operands, accounts, rights, balances, quotas and locks once more from the entries of the log.

Read are each entry's own bytes, which its leaf commits to. What an entry does not say comes from the mirror
(a pool's commitment, what a reversal moved in the end, what the contract refused). Of SQL itself only what is
kept nowhere else is believed: salts of operands, held against the leaf, and what a reversal or recovery that
is not final yet was foreseen to move.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from sqlalchemy import Connection, Table

from chain.errors import NotaryError
from chain.hashing import hash_leaf
from chain.operation import (
    ZERO_ADDRESS,
    Operation,
    OperationKind,
    account_address,
    chapter_number,
    operation_digest,
    operation_from_entry,
)
from chain.types import AccountId, ChapterCode
from gateway.db import fetch_all, insert_rows
from gateway.ledger.acceptance import moment_of
from gateway.ledger.drafts import AccountKind, Custody
from gateway.ledger.references import REFUSED
from gateway.ledger.tables import (
    account_entries,
    accounts,
    balances,
    chapters,
    locks,
    operations,
    quotas,
)
from gateway.rules.calendar import parse_timestamp

DERIVED: tuple[Table, ...] = (operations, account_entries, chapters, accounts, balances, quotas, locks)
"""Tables that `derive_registers` fills."""

_K = OperationKind
_MEETS_HOLDER_LATER = frozenset({_K.REVERSE, _K.RECOVER})
"""Kinds that move what is there, which acceptance could only foresee."""
_DIGEST_AT = 33
_SPENDS = frozenset({_K.TRANSFER, _K.REDEEM})
_PAGE = 2_000
_SELECT = """
SELECT e.log_index, e.at, e.body, e.leaf_data, o.op_salt, o.evidence, o.moved
FROM entries e LEFT JOIN operations o ON o.log_index = e.log_index
WHERE e.log_index > ? ORDER BY e.log_index LIMIT ?"""
_SELECT_OUTCOMES = (
    "SELECT leaf_index, reason, moved - moved_locked, op_salt FROM mirror_operations "
    "WHERE chain_id = ? AND log_id = ?"
)
_SELECT_COMMITMENTS = "SELECT address, commitment FROM mirror_accounts WHERE chain_id = ?"
_SELECT_STORED = "SELECT account, kind, custody, commitment FROM accounts"


class NotTold(NotaryError):
    """An entry that cannot be read again: ``index``; ``why`` is erased, unreadable or operands."""

    def __init__(self, index: int, why: str) -> None:
        super().__init__(f"entry {index}: {why}")
        self.index = index
        self.why = why


@dataclass(slots=True)
class _Account:
    chapter: int
    kind: int
    custody: int
    commitment: bytes
    index: int
    may_send: bool = True
    may_receive: bool = True
    recovered_to: bytes | None = None
    available: int = 0
    locked: int = 0
    day: int = 0
    spent: int = 0
    moved: bool = False


@dataclass(frozen=True, slots=True)
class _Outcome:
    reason: int
    moved: int
    op_salt: bytes


@dataclass(frozen=True, slots=True)
class _Entry:
    index: int
    at: str
    leaf: bytes
    document: dict[str, object]
    salt: bytes | None
    evidence: bytes | None
    foreseen: int | None

    @property
    def chapter(self) -> int:
        return chapter_number(ChapterCode(str(self.document["chapter"])))


@dataclass(slots=True)
class Registers:
    """What the entries give; ``untold`` are accounts whose balance and locks cannot be told from them."""

    rows: dict[str, list[tuple[object, ...]]] = field(default_factory=dict)
    untold: set[bytes] = field(default_factory=set)

    def store(self, place: Connection) -> None:
        """Put the rows into an empty place."""
        for table in DERIVED:
            columns = ",".join(f'"{column.name}"' for column in table.columns)
            insert_rows(place, table.name, columns, self.rows[table.name])

    def skips(self, table: Table, row: tuple[object, ...]) -> bool:
        """Say whether nothing can be said of a row."""
        place = {"balances": 0, "locks": 1}.get(table.name)
        return place is not None and row[place] in self.untold


def derive_registers(stored: Connection, origin: str, chain_id: int, log_id: bytes) -> Registers:
    """Return the registers as the entries and the chain's mirrored outcomes give them.

    Raises NotTold.
    """
    return _Derivation(stored, origin, chain_id, log_id).run()


class _Derivation:
    def __init__(self, stored: Connection, origin: str, chain_id: int, log_id: bytes) -> None:
        self._stored = stored
        rows = fetch_all(stored, "SELECT next_index FROM outcome_cursors WHERE origin = ?", origin)
        self._settled = cast("int", rows[0][0]) if rows else 0
        self._outcomes = {
            cast("int", index): _Outcome(*cast("tuple[int, int, bytes]", tuple(rest)))
            for index, *rest in fetch_all(stored, _SELECT_OUTCOMES, chain_id, log_id)
        }
        self._commitments = dict(
            cast("list[tuple[bytes, bytes]]", fetch_all(stored, _SELECT_COMMITMENTS, chain_id))
        )
        self._known = {
            address: (kind, custody, commitment)
            for address, kind, custody, commitment in cast(
                "list[tuple[bytes, int, int, bytes]]", fetch_all(stored, _SELECT_STORED)
            )
        }
        self._accounts: dict[bytes, _Account] = {}
        self._chapters: dict[int, list[object]] = {}
        self._quotas: dict[tuple[int, int], list[int]] = {}
        self._locks: dict[bytes, list[object]] = {}
        self._operations: list[tuple[object, ...]] = []
        self._entries: list[tuple[object, ...]] = []
        self._recovered: set[bytes] = set()
        self._refused: set[bytes] = set()

    def run(self) -> Registers:
        for entry in self._read():
            try:
                self._take(entry)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise NotTold(entry.index, "unreadable") from error
        return Registers(self._rows(), self._recovered & self._refused)

    def _read(self) -> Iterator[_Entry]:
        last = -1
        while rows := fetch_all(self._stored, _SELECT, last, _PAGE):
            for index, at, body, leaf, salt, evidence, moved in cast(
                "list[tuple[int, str, bytes | None, bytes, bytes | None, bytes | None, int | None]]", rows
            ):
                if body is None:
                    raise NotTold(index, "erased")
                try:
                    document = json.loads(body)
                except ValueError:
                    raise NotTold(index, "unreadable") from None
                yield _Entry(index, at, leaf, document, salt, evidence, moved)
                last = index

    def _take(self, entry: _Entry) -> None:
        self._register(entry)
        subjects = cast("Mapping[str, Mapping[str, int]]", entry.document["subjects"])
        self._entries += [(_address(account), link["seq"], entry.index) for account, link in subjects.items()]
        operation = operation_from_entry(entry.document)
        if operation is not None:
            self._operate(entry, operation)

    # --- who there is -------------------------------------------------------------------------------------

    def _register(self, entry: _Entry) -> None:
        public = cast("Mapping[str, object]", entry.document["public"])
        match entry.document["type"]:
            case "chapter.opened":
                pool = _address(public["pool"])
                self._add(entry, pool, int(AccountKind.POOL), int(Custody.OPERATOR), None)
                self._chapters[entry.chapter] = [pool, 0, 0, entry.index]
            case "member.joined":
                told = bytes.fromhex(str(public["commitment"])) if "commitment" in public else None
                kind, custody, _ = self._known_of(_address(public["account"]))
                kind = AccountKind[str(public["kind"]).upper()] if "kind" in public else kind
                custody = Custody[str(public["custody"]).upper()] if "custody" in public else custody
                self._add(entry, _address(public["account"]), int(kind), int(custody), told)
            case "member.frozen" | "member.unfrozen":
                account = self._accounts[_address(public["account"])]
                account.may_send, account.may_receive = bool(public["may_send"]), bool(public["may_receive"])
            case "account.closed":
                for name in cast("Mapping[str, object]", entry.document["subjects"]):
                    account = self._accounts[_address(name)]
                    account.may_send = account.may_receive = False
            case "account.recovered":
                self._recover(entry, _address(public["from"]), _address(public["to"]))
            case "quota.set":
                place = entry.chapter, int(str(public["period"]))
                self._quotas.setdefault(place, [0, 0])[0] = int(str(public["amount"]))
            case "cap.set":
                self._cap(entry.chapter, str(public["cap"]), int(str(public["amount"])))
            case "parameter.in_force" if public["parameter"] in _CAPS and "amount" in public:
                self._cap(entry.chapter, _CAPS[str(public["parameter"])], int(str(public["amount"])))
            case _:
                return

    def _add(self, entry: _Entry, address: bytes, kind: int, custody: int, told: bytes | None) -> None:
        # The entry does not say how a pool's commitment is salted; the chain has it, else only this row.
        commitment = told or self._commitments.get(address) or self._known_of(address)[2]
        self._accounts[address] = _Account(entry.chapter, kind, custody, commitment, entry.index)

    def _known_of(self, address: bytes) -> tuple[int, int, bytes]:
        """Return kind, custody and commitment as SQL has them, for what older entries do not say."""
        return self._known.get(address, (int(AccountKind.MEMBER), int(Custody.OPERATOR), b""))

    def _recover(self, entry: _Entry, old: bytes, new: bytes) -> None:
        lost = self._accounts[old]
        self._accounts[new] = replace(
            lost, index=entry.index, recovered_to=None, available=0, locked=0, moved=False
        )
        lost.recovered_to, lost.may_send, lost.may_receive = new, False, False
        self._recovered |= {old, new}

    def _cap(self, chapter: int, cap: str, amount: int) -> None:
        self._chapters[chapter][1 if cap == "daily" else 2] = amount

    # --- what moved ---------------------------------------------------------------------------------------

    def _operate(self, entry: _Entry, operation: Operation) -> None:
        leaf_hash = bytes(hash_leaf(entry.leaf))
        told = self._outcomes.get(entry.index)
        final = told if entry.index < self._settled else None
        refused = final is not None and bool(final.reason)
        moved = operation.amount
        if operation.kind in _MEETS_HOLDER_LATER:
            moved = final.moved if final is not None and not refused else entry.foreseen or 0
        salt = _salt_of(entry, operation, None if told is None else told.op_salt)
        self._operations.append(
            (entry.index, leaf_hash, int(operation.kind), bytes(operation.sender), bytes(operation.receiver),
             operation.amount, operation.valid_until, bytes(operation.ref), salt, entry.evidence, moved,
             REFUSED if refused else 0)
        )  # fmt: skip
        self._move(entry, operation, leaf_hash, moved, refused)

    def _move(self, entry: _Entry, operation: Operation, leaf_hash: bytes, moved: int, refused: bool) -> None:
        kind = operation.kind
        sender = None if kind is _K.ISSUE else self._accounts.get(bytes(operation.sender))
        receiver = self._accounts.get(bytes(operation.receiver)) if kind in _RECEIVES else None
        moment = moment_of(parse_timestamp(entry.at))
        stands = 0 if refused else moved
        if refused:
            self._refused |= {bytes(operation.sender), bytes(operation.receiver)} - {bytes(ZERO_ADDRESS)}
        if kind is _K.ISSUE and receiver is not None:
            self._quotas.setdefault((receiver.chapter, moment.month), [0, 0])[1] += stands
        elif kind in (_K.LOCK, _K.RELEASE, _K.CANCEL) and sender is not None:
            self._lock(operation, leaf_hash, sender, stands)
        elif kind is _K.RECOVER and sender is not None and receiver is not None and not refused:
            receiver.locked, sender.locked = receiver.locked + sender.locked, 0
            for lock in self._locks.values():
                if lock[0] == bytes(operation.sender):
                    lock[0] = bytes(operation.receiver)
        if sender is not None:
            sender.moved = True
            sender.available += _sign(kind) * stands
            if kind in _SPENDS and sender.custody == Custody.OPERATOR and sender.kind == AccountKind.MEMBER:
                sender.spent = (sender.spent if sender.day == moment.day else 0) + stands
                sender.day = moment.day
        if receiver is not None:
            receiver.moved = True
            receiver.available += stands

    def _lock(self, operation: Operation, leaf_hash: bytes, sender: _Account, stands: int) -> None:
        if operation.kind is _K.LOCK:
            self._locks[leaf_hash] = [bytes(operation.sender), stands]
            sender.locked += stands
            return
        lock = self._locks[bytes(operation.ref)]
        lock[1] = cast("int", lock[1]) - stands
        sender.locked -= stands

    # --- rows ---------------------------------------------------------------------------------------------

    def _rows(self) -> dict[str, list[tuple[object, ...]]]:
        people = sorted(self._accounts.items())
        return {
            "operations": self._operations,
            "account_entries": self._entries,
            "chapters": [(number, *rest) for number, rest in sorted(self._chapters.items())],
            "accounts": [
                (address, one.chapter, one.kind, one.custody, one.commitment, one.may_send, one.may_receive,
                 one.recovered_to, one.index)
                for address, one in people
            ],
            "balances": [
                (address, one.available, one.locked, one.day, one.spent)
                for address, one in people if one.moved
            ],
            "quotas": [(*place, *sums) for place, sums in sorted(self._quotas.items())],
            "locks": [(leaf_hash, *rest) for leaf_hash, rest in sorted(self._locks.items())],
        }  # fmt: skip


_CAPS = {"holding_cap": "holding", "spent_daily_cap": "daily"}
"""Parameters of a chapter that are caps on the chain, too: see gateway/members/parameters.py."""
_RECEIVES = frozenset({_K.ISSUE, _K.TRANSFER, _K.REDEEM, _K.REVERSE, _K.RECOVER})


def _address(account: object) -> bytes:
    return bytes(account_address(AccountId(str(account))))


def _sign(kind: OperationKind) -> int:
    """Released credits come back; cancelled ones were not available before; all else leaves."""
    if kind is _K.RELEASE:
        return 1
    return 0 if kind is _K.CANCEL else -1


def _salt_of(entry: _Entry, operation: Operation, mirrored: bytes | None) -> bytes:
    """Return the operands' salt that the leaf commits to, of SQL or of the chain. Raises NotTold."""
    for salt in (entry.salt, mirrored):
        if salt and operation_digest(operation, salt) == entry.leaf[_DIGEST_AT:]:
            return salt
    raise NotTold(entry.index, "operands")
