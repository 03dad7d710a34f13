"""The body of add-checkpoint (C2SP tlog-witness): parsed, and its checkpoint opened with trusted keys.

Holds no state and signs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chain.base64_text import decode_base64, encode_base64
from chain.checkpoint import Checkpoint, open_note, parse_checkpoint_text, select_signatures
from chain.errors import FormatError, VerificationError
from chain.hashing import EMPTY_ROOT, HASH_SIZE
from gateway.witness.refusals import WitnessRefusal

MAX_PROOF_LINES = 63
"""Lines of a proof at most, by the specification."""

_OLD = re.compile(rb"old (0|[1-9][0-9]{0,18})\Z")


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A request whose checkpoint a trusted key of its log signed.

    ``text`` is the checkpoint's text as signed, ``note`` the same with the signatures of trusted keys alone.
    """

    old_size: int
    proof: tuple[bytes, ...]
    checkpoint: Checkpoint
    text: str
    note: bytes


def format_request(old_size: int, proof: Sequence[bytes], note: bytes) -> bytes:
    """Return the body that asks for a cosignature. Inverse of :func:`split_request`."""
    lines = [f"old {old_size}", *map(encode_base64, proof), "", ""]
    return "\n".join(lines).encode() + note


def split_request(body: bytes) -> tuple[int, tuple[bytes, ...], bytes]:
    """Return old size, proof and note of a body. Inverse of :func:`format_request`.

    Raises WitnessRefusal ``request.malformed``.
    """
    head, separator, note = body.partition(b"\n\n")
    first, *lines = head.split(b"\n")
    old = _OLD.match(first)
    if not separator or old is None or len(lines) > MAX_PROOF_LINES:
        raise WitnessRefusal("request.malformed")
    try:
        proof = tuple(decode_base64(line.decode("ascii"), "proof") for line in lines)
    except (FormatError, UnicodeDecodeError):
        raise WitnessRefusal("request.malformed") from None
    if any(len(node) != HASH_SIZE for node in proof):
        raise WitnessRefusal("request.malformed")
    return int(old[1]), proof, note


def open_request(body: bytes, logs: Mapping[str, Sequence[str]]) -> AddCheckpoint:
    """Return a request that deserves a look at what was cosigned before; ``logs`` are vkeys by origin.

    1. the body is well formed (400); 2. its origin is known (404); 3. a trusted key signed it, and none that
    is named fails (403); 4. the checkpoint is well formed and not smaller than the old size (400); 5. a tree
    of size 0 has the empty root (422).

    Raises WitnessRefusal.
    """
    old_size, proof, note = split_request(body)
    try:
        origin = note.partition(b"\n")[0].decode()
    except UnicodeDecodeError:
        raise WitnessRefusal("request.malformed") from None
    vkeys = logs.get(origin)
    if vkeys is None:
        raise WitnessRefusal("log.unknown")
    try:
        text = open_note(note, vkeys).text
        checkpoint = parse_checkpoint_text(text, extensions=True)
        kept = select_signatures(note, vkeys)
    except VerificationError:
        raise WitnessRefusal("signature.invalid") from None
    except FormatError:
        raise WitnessRefusal("request.malformed") from None
    if old_size > checkpoint.size:
        raise WitnessRefusal("size.old_above_new")
    if checkpoint.size == 0 and checkpoint.root != EMPTY_ROOT:
        raise WitnessRefusal("root.not_empty")
    return AddCheckpoint(old_size, proof, checkpoint, text, kept)
