"""Merkle-Patricia tries, the building side: what an exporter needs to prove a receipt. Pure.

The verifying side is ``chain.evidence.tries``, which never imports this module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chain.errors import FormatError
from chain.evidence.rlp import format_number, format_rlp
from chain.hashing import keccak256
from chain.types import Digest

_EMPTY = format_rlp(b"")
_Pairs = list[tuple[bytes, bytes]]


class Trie:
    """An immutable trie over ``items`` (key as the trie holds it -> value, never empty)."""

    __slots__ = ("_nodes", "_pairs", "root")

    def __init__(self, items: Mapping[bytes, bytes]) -> None:
        if any(not value for value in items.values()):
            raise FormatError("trie", "empty value")
        self._pairs: _Pairs = sorted((_nibbles(key), value) for key, value in items.items())
        self._nodes: dict[tuple[bytes, int], bytes] = {}
        raw = self._build(0, len(self._pairs), 0)
        self.root = Digest(keccak256(raw))
        """Hash of the root node, 32 bytes."""

    def proof(self, key: bytes) -> list[bytes]:
        """Return the nodes from the root to where ``key`` ends, for its value or for its absence.

        Nodes below 32 bytes stand inside their parent and are left out, except the root.
        """
        nibbles = _nibbles(key)
        return [
            raw
            for depth in range(len(nibbles) + 1)
            if (raw := self._nodes.get((nibbles[:depth], depth))) is not None
            and (depth == 0 or len(raw) >= 32)
        ]

    def _build(self, start: int, end: int, depth: int) -> bytes:
        """Return the encoding of the node over pairs ``[start, end)``, which share ``depth`` nibbles."""
        if start == end:
            return _EMPTY
        first = self._pairs[start][0]
        raw = format_rlp(self._fields(start, end, depth))
        self._nodes[first[:depth], depth] = raw
        return raw

    def _fields(self, start: int, end: int, depth: int) -> list[object]:
        pairs = self._pairs
        first, last = pairs[start][0], pairs[end - 1][0]
        if end - start == 1:
            return [_encode_path(first[depth:], leaf=True), pairs[start][1]]
        # The pairs are sorted, so what the first and the last share, all share.
        shared = depth
        while shared < len(first) and shared < len(last) and first[shared] == last[shared]:
            shared += 1
        if shared > depth:
            below = self._build(start, end, shared)
            return [_encode_path(first[depth:shared], leaf=False), _embed(below)]
        fields: list[object] = [b""] * 17
        at = start
        if len(first) == depth:
            fields[16] = pairs[start][1]
            at += 1
        while at < end:
            nibble = pairs[at][0][depth]
            stop = at
            while stop < end and pairs[stop][0][depth] == nibble:
                stop += 1
            fields[nibble] = _embed(self._build(at, stop, depth + 1))
            at = stop
        return fields


def build_receipt_proof(receipts: Sequence[bytes], index: int) -> tuple[Digest, list[bytes]]:
    """Return the receipts root of a block and the proof of receipt ``index``.

    ``receipts`` are the consensus bytes of all the block's receipts in order (type byte first where typed).
    Requires 0 <= index < len(receipts); raises FormatError otherwise.
    """
    if not 0 <= index < len(receipts):
        raise FormatError("index", "not a receipt of the block")
    trie = Trie({format_rlp(format_number(at)): receipt for at, receipt in enumerate(receipts)})
    return trie.root, trie.proof(format_rlp(format_number(index)))


def _embed(raw: bytes) -> object:
    """Return what a parent holds for a child: its hash, or the child itself when shorter than a hash."""
    return keccak256(raw) if len(raw) >= 32 else _decode_short(raw)


def _decode_short(raw: bytes) -> object:
    """Return the fields of a node of at most 31 bytes, for encoding inside its parent."""
    fields: list[object] = []
    at = 1
    while at < len(raw):
        head = raw[at]
        if head < 0x80:
            fields.append(raw[at : at + 1])
            at += 1
        elif head < 0xC0:
            fields.append(raw[at + 1 : at + 1 + head - 0x80])
            at += 1 + head - 0x80
        else:
            fields.append(_decode_short(raw[at : at + 1 + head - 0xC0]))
            at += 1 + head - 0xC0
    return fields


def _nibbles(data: bytes) -> bytes:
    return bytes(nibble for byte in data for nibble in (byte >> 4, byte & 15))


def _encode_path(nibbles: bytes, *, leaf: bool) -> bytes:
    """Hex-prefix encoding (yellow paper, appendix C)."""
    flag = 2 if leaf else 0
    padded = bytes([flag + 1]) + nibbles if len(nibbles) % 2 else bytes([flag, 0]) + nibbles
    return bytes(high << 4 | low for high, low in zip(padded[::2], padded[1::2], strict=True))
