"""Rows of `OperationDone` and `OperationRefused`, straight from the bytes: nine of ten events are these.

The same rules as ``chain.events`` for the same bytes, at a third of the cost; a test holds the two together
on generated events. Anything unusual is left to ``chain.events``, which says what is wrong with it.
"""

from __future__ import annotations

from struct import Struct

from chain.events import EVENTS, RawLog
from chain.hashing import keccak256

# kind | 12 zero, from | 12 zero, to | 16 zero, amount | 24 zero, validUntil | ref | opSalt, 16 zero | last
# word
_WORDS = Struct(">31xB12s20s12s20s16sQQ24sQ32s16s16s16sQQ")
_SIZE = 256
_Z12, _Z16, _Z24, _Z31 = bytes(12), bytes(16), bytes(24), bytes(31)
_MAX = 2**63 - 1

DONE = next(
    keccak256(rule.signature.encode()) for rule in EVENTS if rule.signature.startswith("OperationDone(")
)
"""First topic of an executed operation."""

REFUSED = next(
    keccak256(rule.signature.encode()) for rule in EVENTS if rule.signature.startswith("OperationRefused(")
)
"""First topic of a refused operation."""

Operands = tuple[int, int, bytes, bytes, int, int, bytes, bytes, int]
"""Leaf index, kind, from, to, amount, valid until, ref, salt, and the last word (moved, or the reason)."""


def read_operation(log: RawLog) -> Operands | None:
    """Return the operands of an outcome event, or None where ``chain.events`` must judge.

    Requires ``log.topics[0]`` to be `DONE` or `REFUSED`. None also for values above 2^63 - 1.
    """
    topics, data = log.topics, log.data
    if len(topics) != 4 or len(data) != _SIZE or data[:31] != _Z31:
        return None
    index_word = topics[2]
    kind, pad, sender, gap, receiver, empty, high, amount, void, valid, ref, salt, tail, zero, top, last = (
        _WORDS.unpack(data)
    )
    if pad != _Z12 or gap != _Z12 or empty != _Z16 or void != _Z24 or tail != _Z16 or zero != _Z16:
        return None
    if high or top or amount > _MAX or valid > _MAX or last > _MAX or index_word[:24] != _Z24:
        return None
    return int.from_bytes(index_word, "big"), kind, sender, receiver, amount, valid, ref, salt, last
