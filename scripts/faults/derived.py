"""What follows from the log and is kept beside it in SQL, derived anew for the checker: rights, windows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from scripts.faults import onchain
from scripts.faults.onchain import Outcome
from scripts.faults.stored import Stored

_SENDING, _RECEIVING = ("transfer", "redeem", "lock"), ("transfer", "redeem", "issue")


def find_without_right(bodies: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Say which operations an account took part in that an entry before it had frozen."""
    rights: dict[str, tuple[bool, bool]] = {}
    for index, body in enumerate(bodies):
        public, operation = body["public"], body["op"]
        if body["type"] in ("member.frozen", "member.unfrozen"):
            rights[public["account"]] = public["may_send"], public["may_receive"]
        elif body["type"] == "account.recovered":
            rights.pop(public["from"], None)
        if operation is None:
            continue
        kind, sender, receiver = operation["kind"], operation["from"], operation["to"]
        if kind in _SENDING and not rights.get(sender, (True, True))[0]:
            yield f"entry {index}: a frozen account gives"
        if kind in _RECEIVING and not rights.get(receiver, (True, True))[1]:
            yield f"entry {index}: a frozen account takes"


def find_repeated_windows(stored: Stored) -> Iterator[str]:
    """Say where windows of leaves of one run do not follow each other: one was queued twice, or left out."""
    ends: dict[tuple[bytes, int], int] = {}
    for log_id, run, start, end in stored.rows(
        "SELECT log_id, run, window_start, window_end FROM chain_transactions "
        "WHERE kind = 'settle' ORDER BY id"
    ):
        of = bytes(log_id), run
        if ends.get(of, start) != start:
            yield f"run {run}: a window from {start} was queued behind one up to {ends[of]}"
        ends[of] = end


def read_registers(stored: Stored) -> dict[bytes, int]:
    """Return what each account holds by the ledger's own registers, locked coins included."""
    rows = stored.rows("SELECT account, available + locked FROM balances")
    return {bytes(account): int(held) for account, held in rows}


def sum_movements(outcomes: Iterable[Outcome]) -> dict[bytes, int]:
    """Return what each account holds by the events alone; locking moves nothing between accounts."""
    sums: Counter[bytes] = Counter()
    for one in outcomes:
        if not one.done or one.kind == onchain.LOCK or one.kind == onchain.RELEASE:
            continue
        for account, amount in ((one.sender, -one.moved), (one.receiver, one.moved)):
            if int(account, 16):
                sums[bytes.fromhex(account)] += amount
    return dict(sums)
