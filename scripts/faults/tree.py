"""RFC 9162 trees and C2SP notes, written from the specifications for the checker alone.

Slow and plain on purpose: nothing here may come from the product that is checked.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from Crypto.PublicKey import ECC
from Crypto.Signature import eddsa


def leaf_hash(data: bytes) -> bytes:
    """RFC 9162 section 2.1.1: the hash of a leaf."""
    return hashlib.sha256(b"\x00" + data).digest()


def _parent(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def roots_at(leaves: Sequence[bytes], sizes: Iterable[int]) -> dict[int, bytes]:
    """Return the root of the first n leaf hashes for each n of ``sizes`` up to the number of leaves."""
    wanted = sorted({size for size in sizes if 0 < size <= len(leaves)})
    found: dict[int, bytes] = {}
    # The roots of the full subtrees of what was added, largest first: the binary digits of the size.
    peaks: list[tuple[int, bytes]] = []
    added = 0
    for size in wanted:
        for leaf in leaves[added:size]:
            node = (1, leaf)
            while peaks and peaks[-1][0] == node[0]:
                width, left = peaks.pop()
                node = (width * 2, _parent(left, node[1]))
            peaks.append(node)
        added = size
        root = peaks[-1][1]
        for _, left in reversed(peaks[:-1]):
            root = _parent(left, root)
        found[size] = root
    return found


def fold_path(index: int, size: int, leaf: bytes, path: Sequence[bytes]) -> bytes | None:
    """Return the root that an inclusion proof leads to (RFC 9162 section 2.1.1, folded from the leaf up).

    None where its length is not that of a leaf at ``index`` of ``size``.
    """
    first, width, sides = 0, size, list[bool]()
    while width > 1:
        half = 1 << (width - 1).bit_length() - 1
        is_right = index - first >= half
        first += half if is_right else 0
        width = width - half if is_right else half
        sides.append(is_right)
    if len(path) != len(sides) or not 0 <= index < size:
        return None
    node = leaf
    for is_right, sibling in zip(reversed(sides), path, strict=True):
        node = _parent(sibling, node) if is_right else _parent(node, sibling)
    return node


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's signed (size, root)."""

    origin: str
    size: int
    root: bytes


class NoCheckpoint(Exception):
    """A note that is no checkpoint signed by the log's key."""


def open_checkpoint(note: bytes, *vkeys: str) -> Checkpoint:
    """Return what a note says, when the key of one of ``vkeys`` signed it. Raises NoCheckpoint."""
    keys = [(vkey.partition("+")[0], base64.b64decode(vkey.split("+", 2)[2])[1:]) for vkey in vkeys]
    text, separator, signatures = note.decode().partition("\n\n")
    lines = text.split("\n")
    if not separator or len(lines) < 3:
        raise NoCheckpoint("no signed note")
    for line in signatures.splitlines():
        dash, _, tail = line.partition(" ")
        signer, _, encoded = tail.partition(" ")
        signature = base64.b64decode(encoded)[4:]
        if dash == "\u2014" and any(
            signer == name and holds(key, signature, text + "\n") for name, key in keys
        ):
            return Checkpoint(lines[0], int(lines[1]), base64.b64decode(lines[2]))
    raise NoCheckpoint("not signed by the log")


def holds(public_key: bytes, signature: bytes, text: str) -> bool:
    """Say whether an Ed25519 signature of ``text`` holds."""
    key = ECC.import_key(b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00" + public_key)
    try:
        eddsa.new(key, "rfc8032").verify(text.encode(), signature)
    except ValueError:
        return False
    return True


def receipt_holds(receipt: dict[str, object], vkey: str) -> bool:
    """Say whether the log of ``vkey`` signed a receipt (FORMATS.md section 7)."""
    lines = ("tongyi receipt v1", *(receipt[name] for name in ("origin", "index", "leaf_hash", "at")))
    text = "".join(f"{line}\n" for line in lines)
    public_key = base64.b64decode(vkey.split("+", 2)[2])[1:]
    return holds(public_key, base64.b64decode(str(receipt["signature"])), text)
