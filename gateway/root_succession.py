"""The trust root that follows another after rotations: keys of log and witnesses as the entries say. Pure.

It names the one it replaces, so that what was proved under that one holds under it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chain.checkpoint import parse_vkey
from chain.trust_root import LogKey, TrustRoot, Witness, trust_root_id
from gateway.ledger.log_keys import KeyRange, WitnessChange

SKEW_SECONDS = 300
"""How far a witness's clock may be from the log's: so long before and after the entry both keys count."""


def succeed_root(
    root: TrustRoot, origin: str, ranges: Sequence[KeyRange], changes: Sequence[WitnessChange] = ()
) -> TrustRoot:
    """Return the trust root with these keys of the log ``origin`` and of witnesses, or itself where it has
    them already.
    """
    wanted = tuple(LogKey(origin, key.vkey, key.start, key.end) for key in ranges)
    others = tuple(key for key in root.logs if key.origin != origin)
    logs = root.logs if {key for key in root.logs if key.origin == origin} == set(wanted) else others + wanted
    witnesses = root.witnesses
    for change in changes:
        witnesses = follow_witness(witnesses, change)
    if (logs, witnesses) == (root.logs, root.witnesses):
        return root
    return replace(root, replaces=(*root.replaces, trust_root_id(root)), logs=logs, witnesses=witnesses)


def follow_witness(witnesses: tuple[Witness, ...], change: WitnessChange) -> tuple[Witness, ...]:
    """Return the witnesses with the old key ended and the new one begun, of the same operator.

    As they are where the new key is there already, or the old one is not: nobody is pinned by an entry who
    was not pinned before.
    """
    old = next((one for one in witnesses if one.vkey == change.old_vkey), None)
    if old is None or any(one.vkey == change.new_vkey for one in witnesses):
        return witnesses
    end = change.at + SKEW_SECONDS
    ended = replace(old, end=end if old.end is None else min(end, old.end))
    start = max(old.start, change.at - SKEW_SECONDS)
    begun = replace(
        old, name=parse_vkey(change.new_vkey).name, vkey=change.new_vkey, start=start, end=old.end
    )
    return (*(ended if one is old else one for one in witnesses), begun)
