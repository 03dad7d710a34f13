"""What an executed operation does to balances, locks and quotas. Pure; the inverse is the same with a minus.

The chain decides; this only repeats its arithmetic from the operands that `OperationDone` carries.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from chain.operation import ZERO_ADDRESS, OperationKind

_OFFSET = timedelta(hours=8)
_ISSUE, _BURN = int(OperationKind.ISSUE), int(OperationKind.BURN)
_LOCK, _RELEASE = int(OperationKind.LOCK), int(OperationKind.RELEASE)
_CANCEL, _RECOVER = int(OperationKind.CANCEL), int(OperationKind.RECOVER)


class Movements:
    """Sums of changes per account: ``changes[address] = [balance, locked]`` in hundredths of a coin."""

    __slots__ = ("changes",)

    def __init__(self) -> None:
        self.changes: dict[bytes, list[int]] = {}

    def add(
        self, kind: int, sender: bytes, receiver: bytes, moved: int, moved_locked: int, *, sign: int = 1
    ) -> None:
        """Add one done operation (``sign`` 1) or take it back (-1)."""
        amount = moved * sign
        if kind == _LOCK:
            self._change(sender, 0, amount)
        elif kind == _RELEASE:
            self._change(sender, 0, -amount)
        elif kind == _CANCEL:
            self._change(sender, -amount, -amount)
        elif kind == _ISSUE:
            self._change(receiver, amount, 0)
        elif kind == _BURN:
            self._change(sender, -amount, 0)
        else:
            locked = moved_locked * sign if kind == _RECOVER else 0
            self._change(sender, -amount, -locked)
            # The reversal of an issue burns.
            if receiver != ZERO_ADDRESS:
                self._change(receiver, amount, locked)

    def locked_change(self, address: bytes) -> int:
        """Return the change of an account's locked amount so far."""
        change = self.changes.get(address)
        return 0 if change is None else change[1]

    def _change(self, address: bytes, balance: int, locked: int) -> None:
        change = self.changes.get(address)
        if change is None:
            self.changes[address] = [balance, locked]
        else:
            change[0] += balance
            change[1] += locked


def quota_period(timestamp: int) -> int:
    """Return the month ``yyyymm`` at UTC+8 of a block's time in Unix seconds."""
    local = datetime.fromtimestamp(timestamp, UTC) + _OFFSET
    return local.year * 100 + local.month
