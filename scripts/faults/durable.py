"""What a disk shows of a log, read without a gateway: whether its checkpoint stands on tiles that are there.

For the moment after a power cut, before anybody repairs anything. Shares no code with the product.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from scripts.faults.published import TILE, read_bundles, read_part
from scripts.faults.tree import Checkpoint, NoCheckpoint, leaf_hash, open_checkpoint, roots_at


def find_unfounded(log: Path, vkeys: Sequence[str], seen: Iterable[str]) -> list[str]:
    """Return how the checkpoint on disk says more than the files beside it, or less than clients ``seen``."""
    path = log / "checkpoint"
    shown = [open_checkpoint(note.encode(), *vkeys).size for note in seen]
    if not path.exists():
        return [f"a checkpoint of {max(shown)} was shown and none is on disk"] if shown else []
    try:
        checkpoint = open_checkpoint(path.read_bytes(), *vkeys)
    except NoCheckpoint as error:
        return [f"the checkpoint on disk: {error}"]
    found = list(_differences(log, checkpoint))
    if shown and checkpoint.size < max(shown):
        found.append(f"a checkpoint of {max(shown)} was shown, one of {checkpoint.size} is on disk")
    return found


def _differences(log: Path, checkpoint: Checkpoint) -> Iterator[str]:
    size = checkpoint.size
    leaves = [leaf_hash(data) for data in read_bundles(log, size)]
    if len(leaves) != size:
        yield f"a checkpoint of {size} is on disk, and bundles of {len(leaves)} entries"
        return
    if size and roots_at(leaves, [size])[size] != checkpoint.root:
        yield f"the bundles on disk do not give the root of {size}"
    level, nodes = 0, leaves
    while nodes:
        for first in range(0, len(nodes), TILE):
            part = nodes[first : first + TILE]
            found = read_part(log / "tile" / str(level), first, len(part))
            if found[: 32 * len(part)] != b"".join(part):
                yield f"a checkpoint of {size} is on disk, and not tile {first // TILE} of level {level}"
        whole = range(0, len(nodes) - len(nodes) % TILE, TILE)
        nodes = [roots_at(nodes[first : first + TILE], [TILE])[TILE] for first in whole]
        level += 1
