"""What clients were shown of the log, held against its leaves, for the checker: proofs, verdicts, events.

Proofs are C2SP ``.tlog-proof`` files and events chains of hashes (FORMATS.md section 9), both read anew here.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scripts.faults.tree import NoCheckpoint, fold_path, leaf_hash, open_checkpoint

_HEADER = "c2sp.org/tlog-proof@v1"


def find_false_proofs(
    proofs: Sequence[Mapping[str, Any]], leaves: Sequence[bytes], vkeys: Sequence[str]
) -> Iterator[str]:
    """Say which proofs do not lead from the leaf they were asked for to a root that the log signed."""
    for shown in proofs:
        index = int(shown["of"])
        try:
            named, path, leaf, note = read_proof(shown["proof"])
            checkpoint = open_checkpoint(note.encode(), *vkeys)
        except (NoCheckpoint, ValueError) as error:
            yield f"the proof of entry {index} is none: {error}"
            continue
        if named != index or index >= len(leaves) or leaf_hash(leaf) != leaves[index]:
            yield f"the proof of entry {index} is of another leaf, at {named}"
        elif fold_path(index, checkpoint.size, leaves[index], path) != checkpoint.root:
            yield f"the proof of entry {index} does not lead to the root of {checkpoint.size}"


def read_proof(text: str) -> tuple[int, list[bytes], bytes, str]:
    """Return index, path, leaf data and checkpoint of a file. Raises ValueError."""
    head, _, note = text.partition("\n\n")
    header, extra, index, *path = head.split("\n")
    if header != _HEADER or not extra.startswith("extra ") or not index.startswith("index "):
        raise ValueError("no proof file")
    return int(index[6:]), [base64.b64decode(one) for one in path], base64.b64decode(extra[6:]), note


def find_false_verdicts(verdicts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Say which files were judged wrongly: a forged one must be a mismatch, an honest one must not."""
    for said in verdicts:
        if said["forged"] != (said["verdict"] == "mismatch"):
            kind = "forged" if said["forged"] else "honest"
            yield f"the {kind} proof of entry {said['of']} was called {said['verdict']}"


def find_gaps(heard: Mapping[str, Sequence[Mapping[str, Any]]], total: int) -> Iterator[str]:
    """Say where a listener missed an event, or heard two histories; ``total`` is how many were to be told.

    The same event again is no fault: whoever delivers may have lost the answer.
    """
    for listener, events in heard.items():
        last, before = 0, ""
        for event in events:
            if event["seq"] <= last:
                continue
            if event["seq"] != last + 1:
                yield f"{listener} heard event {event['seq']} after {last}"
                break
            start = hashlib.sha256(f"tongyi events v1\n{event['stream']}".encode()).hexdigest()
            if event["prev"] != (before or start):
                yield f"{listener} heard an event {event['seq']} that does not follow the one before"
                break
            last, before = event["seq"], hashlib.sha256(_canonical(event)).hexdigest()
        else:
            if last != total:
                yield f"{listener} heard {last} of {total} events"


def _canonical(event: Mapping[str, Any]) -> bytes:
    """RFC 8785 of what events hold: texts, whole numbers, null, in objects with ASCII names."""
    return json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
