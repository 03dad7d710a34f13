"""Names for different things that would otherwise all be ``bytes`` or ``int``. Pure; no behaviour."""

from __future__ import annotations

from typing import NewType

Digest = NewType("Digest", bytes)
"""Any 32-byte SHA-256 or keccak-256 value."""

LeafHash = NewType("LeafHash", bytes)
"""RFC 9162 leaf hash: SHA-256(0x00 || leaf data), 32 bytes."""

NodeHash = NewType("NodeHash", bytes)
"""RFC 9162 interior node or root: SHA-256(0x01 || left || right), 32 bytes."""

LeafIndex = NewType("LeafIndex", int)
"""Position of a leaf, from 0."""

TreeSize = NewType("TreeSize", int)
"""Number of leaves of a tree."""

BlockNumber = NewType("BlockNumber", int)
"""Height of a block, from 0."""

Address = NewType("Address", bytes)
"""20-byte EVM address."""

AccountId = NewType("AccountId", str)
"""``acct_`` and the 40 lower-case hex digits of the account's address: one account, one address."""

ChapterCode = NewType("ChapterCode", str)
"""``NNNN-NNNN``: city code and chapter number; its eight digits read as a number are the on-chain chapter."""

EntryId = NewType("EntryId", str)
"""26-character ULID, upper case (Crockford base 32)."""
