"""Merkle-Patricia tries as appendix D of the yellow paper writes them: naive recursion over a foreign RLP
library.

Shares no code with ``chain.evidence``; slow on purpose.
"""

from __future__ import annotations

import rlp
from eth_hash.auto import keccak

Pairs = dict[tuple[int, ...], bytes]
EMPTY = keccak(rlp.encode(b""))


def nibbles(key: bytes) -> tuple[int, ...]:
    return tuple(int(digit, 16) for digit in key.hex())


def hex_prefix(path: tuple[int, ...], leaf: bool) -> bytes:
    odd = len(path) % 2
    head = (2 * leaf + odd,) if odd else (2 * leaf, 0)
    return bytes.fromhex("".join(f"{digit:x}" for digit in head + path))


def structure(pairs: Pairs) -> object:
    """c(J, 0): the node over these pairs, whose keys share nothing that is already consumed."""
    if not pairs:
        return b""
    if len(pairs) == 1:
        ((path, value),) = pairs.items()
        return [hex_prefix(path, True), value]
    shared = 0
    paths = list(pairs)
    while all(len(path) > shared and path[shared] == paths[0][shared] for path in paths):
        shared += 1
    if shared:
        rest = {path[shared:]: value for path, value in pairs.items()}
        return [hex_prefix(paths[0][:shared], False), embed(structure(rest))]
    branch: list[object] = []
    for digit in range(16):
        below = {path[1:]: value for path, value in pairs.items() if path and path[0] == digit}
        branch.append(embed(structure(below)) if below else b"")
    return [*branch, pairs.get((), b"")]


def embed(node: object) -> object:
    """n(J, i): the node itself when its encoding is below 32 bytes, else its hash."""
    encoded = rlp.encode(node)
    return node if len(encoded) < 32 else keccak(encoded)


def root(items: dict[bytes, bytes]) -> bytes:
    return keccak(rlp.encode(structure({nibbles(key): value for key, value in items.items()})))


def prove(items: dict[bytes, bytes], key: bytes) -> list[bytes]:
    """The nodes with a hash of their own on the way to ``key``, root first."""
    proof: list[bytes] = []
    pairs: Pairs = {nibbles(item): value for item, value in items.items()}
    path = nibbles(key)
    if not pairs:
        return []
    while pairs:
        node = structure(pairs)
        encoded = rlp.encode(node)
        if not proof or len(encoded) >= 32:
            proof.append(encoded)
        assert isinstance(node, list)
        if len(node) == 17:
            if not path:
                break
            pairs = {item[1:]: value for item, value in pairs.items() if item and item[0] == path[0]}
            path = path[1:]
            continue
        if len(pairs) == 1:
            break
        shared = 0
        paths = list(pairs)
        while all(len(item) > shared and item[shared] == paths[0][shared] for item in paths):
            shared += 1
        if path[:shared] != paths[0][:shared]:
            break
        pairs = {item[shared:]: value for item, value in pairs.items()}
        path = path[shared:]
    return proof
