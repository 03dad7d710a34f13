"""A sum tree as FORMATS section 10 tells it, slowly and with nothing of the product: its tests' oracle."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence

Account = tuple[bytes, int, int, int, bytes, int, bytes]
"""Key, balance, locked, sequence and head at the start, sequence and head at the end."""
Node = tuple[bytes, int, int]
"""Hash, balance, locked."""


def leaf(account: Account) -> Node:
    """Return the node of one account."""
    key, balance, locked, *heads = account
    packed = struct.pack(">32sQQQ32sQ32s", key, balance, locked, *heads)
    return hashlib.sha256(b"\x02" + packed).digest(), balance, locked


def total(nodes: Sequence[Node]) -> Node:
    """Return the root of 1, 2, 4, ... nodes by halving them."""
    if len(nodes) == 1:
        return nodes[0]
    half = len(nodes) // 2
    left, right = total(nodes[:half]), total(nodes[half:])
    height = half.bit_length() - 1
    packed = struct.pack(">B32sQQ32sQQ", height, *left, *right)
    return hashlib.sha256(b"\x03" + packed).digest(), left[1] + right[1], left[2] + right[2]


def siblings(nodes: Sequence[Node], index: int) -> list[Node]:
    """Return the nodes beside the way from a leaf to the root, lowest first."""
    found = []
    width = 1
    while width < len(nodes):
        start = (index // width ^ 1) * width
        found.append(total(nodes[start : start + width]))
        width *= 2
    return found


def subtotal(name: bytes, depth: int, root: Node) -> Node:
    """Return the leaf of a tree's total in the tree above."""
    packed = struct.pack(">32sB32sQQ", name, depth, *root)
    return hashlib.sha256(b"\x04" + packed).digest(), root[1], root[2]
