"""What an accepted operation changes in the registers, and the exact inverse when the chain refuses it. No
SQL but locks.
"""

from __future__ import annotations

from chain.operation import OperationKind
from gateway.ledger.acceptance import Moment, Movement, is_capped
from gateway.ledger.registers import Account, Lock, Quota, Registers

_K = OperationKind


def apply_movement(
    registers: Registers, movement: Movement, moment: Moment, *, leaf_hash: bytes, ref: bytes, amount: int
) -> None:
    """Change the registers as the contract will. Requires a movement that was just checked against them."""
    kind, sender, receiver, moved = movement.kind, movement.sender, movement.receiver, movement.moved
    if kind is _K.ISSUE and receiver is not None:
        registers.quotas[(receiver.chapter, moment.month)].used += moved
        registers.touched_quotas.add((receiver.chapter, moment.month))
    elif kind is _K.LOCK and sender is not None:
        sender.locked += moved
        registers.locks[leaf_hash] = Lock(sender.address, moved)
        registers.touched_locks.add(leaf_hash)
    elif kind in (_K.RELEASE, _K.CANCEL) and sender is not None:
        sender.locked -= moved
        registers.locks[ref].amount -= moved
        registers.touched_locks.add(ref)
    elif kind is _K.REVERSE:
        registers.asked_back[ref] = registers.asked_back.get(ref, 0) + amount
    elif kind is _K.RECOVER and sender is not None and receiver is not None:
        receiver.locked += sender.locked
        sender.locked = 0
        registers.recovered.append((sender.address, receiver.address))
    if sender is not None:
        sender.available += _sign_for_sender(kind) * moved
        if kind in (_K.TRANSFER, _K.REDEEM) and is_capped(sender):
            sender.spent = sender.spent_on(moment.day) + moved
            sender.day = moment.day
    if receiver is not None:
        receiver.available += moved
    touch(registers, sender, receiver)


def undo_movement(
    registers: Registers,
    movement: Movement,
    moment: Moment,
    *,
    quota: Quota | None,
    lock: Lock | None,
    held: int,
    leaf_hash: bytes,
    ref: bytes,
) -> None:
    """Take back what `apply_movement` changed for an operation that the chain refused.

    ``moment`` is that of the entry. ``quota`` is that of an issue, ``lock`` that of a lock, release or
    cancel, ``held`` the locked part that a recover had moved. A balance may become negative: its holder
    spent credits that never came, and the chain refuses those operations too.
    """
    kind, sender, receiver, moved = movement.kind, movement.sender, movement.receiver, movement.moved
    if quota is not None and receiver is not None:
        quota.used -= moved
        registers.touched_quotas.add((receiver.chapter, moment.month))
    if lock is not None and sender is not None:
        change = -moved if kind is _K.LOCK else moved
        sender.locked += change
        lock.amount += change
        registers.touched_locks.add(leaf_hash if kind is _K.LOCK else ref)
    if kind is _K.RECOVER and sender is not None and receiver is not None:
        receiver.locked -= held
        sender.locked += held
    if sender is not None:
        sender.available -= _sign_for_sender(kind) * moved
        if kind in (_K.TRANSFER, _K.REDEEM) and is_capped(sender) and sender.day == moment.day:
            sender.spent -= moved
    if receiver is not None:
        receiver.available -= moved
    touch(registers, sender, receiver)


def touch(registers: Registers, *accounts: Account | None) -> None:
    """Mark the balances of these accounts as changed."""
    for account in accounts:
        if account is not None:
            registers.touched_balances.add(account.address)


def _sign_for_sender(kind: OperationKind) -> int:
    """Released credits come back; cancelled ones were not available before; all else leaves."""
    if kind is _K.RELEASE:
        return 1
    return 0 if kind is _K.CANCEL else -1
