"""What must hold of a log too large for the whole checker: its leaves, promises about them, outcomes.

Everything here is linear in the log and asks the chain for nothing: a million events would not fit into one
answer of a node. Of what clients were told all is held against the log, as the checker does.
"""

from __future__ import annotations

from collections.abc import Iterator

from scripts.faults.checker import Place
from scripts.faults.journals import read_journals
from scripts.faults.published import read_tiles
from scripts.faults.stored import Stored
from scripts.faults.tree import leaf_hash, open_checkpoint, receipt_holds, roots_at


def find_differences(place: Place) -> Iterator[str]:
    """Say which oracle does not hold."""
    stored = Stored(place.database)
    rows = stored.rows("SELECT log_index, leaf_data FROM entries ORDER BY log_index")
    leaves = [leaf_hash(bytes(data)) for _, data in rows]
    if [index for index, _ in rows] != list(range(len(rows))):
        yield "O1 gap: the entries are not dense"
        return
    yield from _find_other_trees(place, stored, leaves)
    yield from _find_lost(place, leaves)
    yield from _find_untold(stored)


def _find_other_trees(place: Place, stored: Stored, leaves: list[bytes]) -> Iterator[str]:
    """Compare every checkpoint that is stored, and the one that is published, with the leaves."""
    notes = stored.rows("SELECT size, root FROM checkpoints")
    roots = roots_at(leaves, [size for size, _ in notes])
    for size, root in notes:
        if roots.get(size) != bytes(root):
            yield f"O5 root: another root was signed for size {size}"
    shown = open_checkpoint((place.log / "checkpoint").read_bytes(), place.vkey)
    if (shown.size, shown.root) != (len(leaves), roots.get(len(leaves))):
        yield f"O9 checkpoint: shows {shown.size} of {len(leaves)} entries, or another root"
    if read_tiles(place.log, shown.size) != leaves[: shown.size]:
        yield "O9 tiles: the lowest tiles are not the leaves of SQL"


def _find_lost(place: Place, leaves: list[bytes]) -> Iterator[str]:
    told = read_journals(place.journals)
    for key in told.twice:
        yield f"O2 double: {key} was accepted as two entries"
    for key, answer in told.accepted.items():
        index = int(answer["index"])
        if index >= len(leaves) or leaves[index].hex() != answer["leaf_hash"]:
            yield f"O1 lost: {key} was accepted at {index}"
        elif not receipt_holds(answer["receipt"], place.vkey):
            yield f"O1 receipt: {key}: its signature does not hold"


def _find_untold(stored: Stored) -> Iterator[str]:
    """Each operation is mirrored once and told once, in the log's order."""
    orders = (
        "SELECT log_index FROM operations ORDER BY log_index",
        "SELECT leaf_index FROM mirror_operations ORDER BY leaf_index",
        "SELECT leaf_index FROM told_events ORDER BY number",
    )
    wanted, mirrored, told = ([row[0] for row in stored.rows(sql)] for sql in orders)
    if mirrored != wanted:
        yield f"O3 {len(mirrored)} outcomes are mirrored of {len(wanted)} operations, or others"
    if told != wanted:
        yield f"O2 {len(told)} outcomes were told of {len(wanted)} operations, or in another order"
