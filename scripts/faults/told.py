"""What the gateway told about outcomes, held against the log's operations, for the checker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scripts.faults.stored import Stored


def find_untrue(stored: Stored, operations: Sequence[int]) -> Iterator[str]:
    """Say what is wrong with the numbered events; ``operations`` are the leaves with one, in order.

    Each operation is told once, in the log's order, and numbers are dense from 1, of all and of a chapter.
    """
    rows = stored.rows(
        "SELECT number, leaf_index, chapter, chapter_number FROM told_events ORDER BY chain_id, number"
    )
    leaves = [leaf for _, leaf, _, _ in rows]
    if leaves != list(operations):
        missing = sorted(set(operations) - set(leaves))
        yield f"{len(leaves)} outcomes were told of {len(operations)} operations; not of {missing[:3]}"
    if [number for number, _, _, _ in rows] != list(range(1, len(rows) + 1)):
        yield "the numbers of what was told are not dense"
    chapters: dict[int, int] = {}
    for _, leaf, chapter, number in rows:
        chapters[chapter] = chapters.get(chapter, 0) + 1
        if number != chapters[chapter]:
            yield f"leaf {leaf} is number {number} of its chapter, not {chapters[chapter]}"
            return
