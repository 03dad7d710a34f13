"""What the chain made of accepted operations, once it is final: refused ones are undone in the registers,
once.

Reads the mirror and runs inside the sequencer's transaction, because the registers are the sequencer's
alone. Outcomes of blocks that may still be reorganised are left for later, so nothing here is ever taken
back.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from sqlalchemy import Connection

from chain.operation import OperationKind
from gateway.db import execute, execute_many, fetch_all
from gateway.ledger.acceptance import Moment, Movement, moment_of
from gateway.ledger.identity import LogIdentity
from gateway.ledger.movements import touch, undo_movement
from gateway.ledger.references import REFUSED
from gateway.ledger.registers import Registers
from gateway.ledger.steps import CaseRules, Settled
from gateway.rules.calendar import parse_timestamp

LOOK_SECONDS = 0.5
"""How often the mirror is looked at, at most."""

_SELECT_SETTLED = """
SELECT max(s."end") FROM mirror_settlements s JOIN mirror_cursor c ON c.chain_id = s.chain_id
WHERE s.chain_id = ? AND s.log_id = ? AND s.start >= ? AND s.block_number <= c.block_number - ?"""

# Reversals and recoveries move what is there, which acceptance could only foresee.
_SELECT_DIFFERENT = """
SELECT o.log_index, o.leaf_hash, o.kind, o.sender, o.receiver, o.moved, o.ref, e.at, m.reason,
       m.moved - m.moved_locked, e.type, e.chapter
FROM mirror_operations m JOIN operations o ON o.log_index = m.leaf_index
JOIN entries e ON e.log_index = o.log_index
WHERE m.chain_id = ? AND m.log_id = ? AND m.leaf_index >= ? AND m.leaf_index < ? AND o.outcome = 0
  AND (m.reason <> 0 OR (m.kind IN (8, 9) AND m.moved - m.moved_locked <> o.moved))
ORDER BY m.leaf_index"""


_SELECT_TAKEN = """
SELECT coalesce(sum(amount), 0) FROM locks
WHERE account = ? AND leaf_hash IN (SELECT leaf_hash FROM operations WHERE sender = ? AND kind = 5)"""

_GIVE_BACK = """
UPDATE locks SET account = ?
WHERE account = ? AND leaf_hash IN (SELECT leaf_hash FROM operations WHERE sender = ? AND kind = 5)"""


_Row = tuple[int, bytes, int, bytes, bytes, int, bytes, str, int, int, str, int]


@dataclass(frozen=True, slots=True)
class _Different:
    """An operation whose effect on chain is not what acceptance foresaw."""

    log_index: int
    leaf_hash: bytes
    kind: int
    sender: bytes
    receiver: bytes
    foreseen: int
    ref: bytes
    at: str
    reason: int
    moved: int
    type: str
    chapter: int


class FinalOutcomes:
    """Follows the mirrored outcomes of one log on one chain; ``depth`` blocks on top make a block final."""

    def __init__(
        self,
        chain_id: int,
        identity: LogIdentity,
        depth: int,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._chain_id = chain_id
        self._origin = identity.origin
        self._log_id = bytes(identity.log_id)
        self._depth = depth
        self._monotonic = monotonic
        self._looked_at = float("-inf")

    def undo(self, connection: Connection, registers: Registers, rules: CaseRules | None = None) -> int:
        """Process what became final since last time; return how many operations were corrected."""
        now = self._monotonic()
        if now - self._looked_at < LOOK_SECONDS:
            return 0
        self._looked_at = now
        rows = fetch_all(connection, "SELECT next_index FROM outcome_cursors WHERE origin = ?", self._origin)
        start = cast("int", rows[0][0])
        settled = fetch_all(connection, _SELECT_SETTLED, self._chain_id, self._log_id, start, self._depth)[0][
            0
        ]
        if settled is None:
            return 0
        end = cast("int", settled)
        different = [
            _Different(*cast("_Row", row))
            for row in fetch_all(connection, _SELECT_DIFFERENT, self._chain_id, self._log_id, start, end)
        ]
        registers.load(connection, {address for one in different for address in (one.sender, one.receiver)})
        for one in different:
            self._correct(connection, registers, one)
        self._mark(connection, different)
        if rules is not None:
            self._correct_sums(connection, registers, rules, different)
        execute(connection, "UPDATE outcome_cursors SET next_index = ? WHERE origin = ?", end, self._origin)
        if different:
            # Before the group reads locks and quotas of the same transaction.
            registers.store(connection)
        return len(different)

    def _correct_sums(
        self, connection: Connection, registers: Registers, rules: CaseRules, different: list[_Different]
    ) -> None:
        session = rules.open(connection, registers)
        for one in different:
            parties = (registers.accounts.get(one.sender), registers.accounts.get(one.receiver))
            movement = Movement(OperationKind(one.kind), *parties, one.foreseen)
            moved = 0 if one.reason else one.moved
            session.correct(Settled(one.type, one.chapter, parse_timestamp(one.at), movement, moved))
        session.store()

    def _correct(self, connection: Connection, registers: Registers, one: _Different) -> None:
        kind = OperationKind(one.kind)
        sender, receiver = registers.accounts.get(one.sender), registers.accounts.get(one.receiver)
        if kind in (OperationKind.LOCK, OperationKind.RELEASE):
            receiver = None
        if not one.reason:
            change = one.moved - one.foreseen
            if sender is not None:
                sender.available -= change
            if receiver is not None:
                receiver.available += change
            touch(registers, sender, receiver)
            return
        moment = moment_of(parse_timestamp(one.at))
        movement = Movement(kind, sender, receiver, one.foreseen)
        self._undo(connection, registers, movement, moment, one)

    def _undo(
        self,
        connection: Connection,
        registers: Registers,
        movement: Movement,
        moment: Moment,
        one: _Different,
    ) -> None:
        quota = lock = None
        held = 0
        if movement.kind is OperationKind.ISSUE and movement.receiver is not None:
            quota = registers.quota(connection, movement.receiver.chapter, moment.month)
        elif movement.kind is OperationKind.LOCK:
            lock = registers.lock(connection, one.leaf_hash)
        elif movement.kind in (OperationKind.RELEASE, OperationKind.CANCEL):
            lock = registers.lock(connection, one.ref)
        elif movement.kind is OperationKind.RECOVER:
            held = self._give_locks_back(connection, registers, one)
        undo_movement(
            registers,
            movement,
            moment,
            quota=quota,
            lock=lock,
            held=held,
            leaf_hash=one.leaf_hash,
            ref=one.ref,
        )

    def _give_locks_back(self, connection: Connection, registers: Registers, one: _Different) -> int:
        """Return locks that a refused recover had taken along; the sum of what they hold."""
        registers.store(connection)
        total = fetch_all(connection, _SELECT_TAKEN, one.receiver, one.sender)
        execute(connection, _GIVE_BACK, one.sender, one.receiver, one.sender)
        registers.locks.clear()
        return int(cast("int", total[0][0]))

    def _mark(self, connection: Connection, different: list[_Different]) -> None:
        refused = [(REFUSED, one.log_index) for one in different if one.reason]
        changed = [(one.moved, one.log_index) for one in different if not one.reason]
        execute_many(connection, "UPDATE operations SET outcome = ? WHERE log_index = ?", refused)
        execute_many(connection, "UPDATE operations SET moved = ? WHERE log_index = ?", changed)
