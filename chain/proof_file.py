"""The ``.tlog-proof`` file: an inclusion proof that stands alone. C2SP tlog-proof. Pure.

What it proves hangs on the keys the verifier already has; nothing in the file is believed before them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from chain.base64_text import decode_base64, encode_base64
from chain.checkpoint import Checkpoint, KeyKind, open_checkpoint
from chain.errors import FormatError, VerificationError
from chain.hashing import HASH_SIZE, hash_leaf
from chain.merkle.verify import verify_inclusion
from chain.types import LeafIndex, NodeHash

HEADER = "c2sp.org/tlog-proof@v1"
MAX_PROOF_FILE_SIZE = 1_100_000
MAX_PATH = 63
"""Siblings of a leaf in the largest tree there is."""

_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})\Z")
_EXTRA = "extra "


@dataclass(frozen=True, slots=True)
class TlogProof:
    """A parsed file. ``extra`` is not authenticated by anything; ``checkpoint`` is the note verbatim."""

    index: LeafIndex
    path: tuple[NodeHash, ...]
    checkpoint: bytes
    extra: bytes | None = None


def format_tlog_proof(proof: TlogProof) -> bytes:
    """Return the file's bytes. Inverse of :func:`parse_tlog_proof`."""
    lines = [HEADER]
    if proof.extra is not None:
        lines.append(_EXTRA + encode_base64(proof.extra))
    lines.append(f"index {proof.index}")
    lines.extend(encode_base64(node) for node in proof.path)
    return "\n".join(lines).encode() + b"\n\n" + proof.checkpoint


def parse_tlog_proof(data: bytes) -> TlogProof:
    """Return the parts of a file. Inverse of :func:`format_tlog_proof`. Raises FormatError.

    Does not look into the checkpoint.
    """
    if len(data) > MAX_PROOF_FILE_SIZE:
        raise FormatError("proof file", f"longer than {MAX_PROOF_FILE_SIZE} bytes")
    head, separator, checkpoint = data.partition(b"\n\n")
    if not separator:
        raise FormatError("proof file", "no empty line before its checkpoint")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise FormatError("proof file", "not ASCII before its checkpoint") from None
    if lines.pop(0) != HEADER:
        raise FormatError("proof file", "first line is not the format's name and version")
    extra: bytes | None = None
    if lines and lines[0].startswith(_EXTRA):
        extra = decode_base64(lines.pop(0)[len(_EXTRA) :], "extra")
    match = _INDEX.match(lines.pop(0)) if lines else None
    if match is None:
        raise FormatError("index", "no line with a decimal index")
    if len(lines) > MAX_PATH:
        raise FormatError("path", f"more than {MAX_PATH} nodes")
    path = tuple(_parse_node(line, f"node {position}") for position, line in enumerate(lines))
    return TlogProof(LeafIndex(int(match[1])), path, checkpoint, extra)


def verify_tlog_proof(
    proof: bytes, leaf_data: bytes, vkeys: Sequence[str], *, witness_quorum: int = 0
) -> Checkpoint:
    """Return the checkpoint of a log of ``vkeys`` that includes ``leaf_data``.

    1. the file parses; 2. a log key of the checkpoint's origin signed it; 3. at least ``witness_quorum``
    different cosigner keys of ``vkeys`` cosigned it; 4. the leaf is at its index. Does not use ``extra`` and
    does not judge cosignature times: they are in the result.

    Raises FormatError or VerificationError.
    """
    parsed = parse_tlog_proof(proof)
    checkpoint = open_checkpoint(parsed.checkpoint, vkeys)
    witnesses = sum(signature.kind is KeyKind.COSIGNER for signature in checkpoint.signatures)
    if witnesses < witness_quorum:
        raise VerificationError("witnesses", "too few cosignatures", got=witnesses, want=witness_quorum)
    verify_inclusion(parsed.index, checkpoint.size, hash_leaf(leaf_data), parsed.path, checkpoint.root)
    return checkpoint


def _parse_node(line: str, where: str) -> NodeHash:
    node = decode_base64(line, where)
    if len(node) != HASH_SIZE:
        raise FormatError(where, "not 32 bytes")
    return NodeHash(node)
