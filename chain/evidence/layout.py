"""Where the contracts keep what a storage proof shows. Pure.

The slot numbers are those of the compiler's ``storageLayout``; a test compares them with the committed
artifacts, so a contract cannot move a variable and leave this page behind.
"""

from __future__ import annotations

from dataclasses import dataclass

from chain.errors import FormatError
from chain.hashing import keccak256
from chain.types import Address, Digest

ACCOUNTS_SLOT = 0
"""``TimeCredit._accounts``: mapping address -> the packed account below."""

CURSOR_SLOT = 4
"""``TimeCredit._cursor``: mapping log id -> index of the next leaf to execute."""

REFUSED_SLOT = 5
"""``TimeCredit._refused``: mapping log id -> mapping index -> reason of refusal, 0 = not refused."""

LOCKS_SLOT = 8
"""``TimeCredit._locks``: mapping leaf hash of a lock -> the packed lock below."""

SLOTS = {
    "_accounts": ACCOUNTS_SLOT,
    "_cursor": CURSOR_SLOT,
    "_refused": REFUSED_SLOT,
    "_locks": LOCKS_SLOT,
}
"""Variable of ``TimeCredit`` -> slot number, as the compiler's layout names them."""

ACCOUNT_MEMBERS = (
    ("balance", 64),
    ("locked", 64),
    ("sequence", 40),
    ("day", 16),
    ("spent", 40),
    ("flags", 8),
    ("place", 24),
)
"""Fields of one account's word and their bits, from the lowest, as ``PackedAccount.sol`` packs them."""

_MAX_INDEX = 2**64 - 1
_HOLDER_BITS = 160
_REST_BITS = 64


@dataclass(frozen=True, slots=True)
class AccountSlot:
    """One account of ``TimeCredit``: hundredths of a coin (``balance`` includes what is locked), operations
    so far, the day's spending, and its standing.
    """

    balance: int
    locked: int
    sequence: int
    day: int
    spent: int
    flags: int
    place: int


@dataclass(frozen=True, slots=True)
class LockSlot:
    """One lock of ``TimeCredit``: who locked, and what is still locked, in hundredths of a coin.

    The holder stays when the rest is 0; the zero address stands for a lock that never was.
    """

    holder: Address
    rest: int


def cursor_key(log_id: Digest) -> Digest:
    """Return the storage slot of ``cursor[log_id]``, 32 bytes."""
    return _mapping_key(log_id, CURSOR_SLOT)


def refused_key(log_id: Digest, index: int) -> Digest:
    """Return the storage slot of ``refused[log_id][index]``, 32 bytes. Raises FormatError."""
    if not 0 <= index <= _MAX_INDEX:
        raise FormatError("index", "not 64 bits")
    # A mapping inside a mapping: the outer one's slot takes the place of the variable's number.
    return keccak256(index.to_bytes(32, "big") + _mapping_key(log_id, REFUSED_SLOT))


def account_key(address: Address) -> Digest:
    """Return the storage slot of ``accounts[address]``, 32 bytes."""
    if len(address) != 20:
        raise FormatError("account", "address is not 20 bytes")
    return _mapping_key(bytes(12) + address, ACCOUNTS_SLOT)


def lock_key(leaf_hash: bytes) -> Digest:
    """Return the storage slot of ``locks[leaf_hash]``, 32 bytes. Raises FormatError."""
    return _mapping_key(leaf_hash, LOCKS_SLOT)


def parse_lock_slot(word: int) -> LockSlot:
    """Return the members packed into one storage word. Raises FormatError where a bit beyond them is set."""
    if not 0 <= word < 1 << _HOLDER_BITS + _REST_BITS:
        raise FormatError("lock slot", f"not {_HOLDER_BITS + _REST_BITS} bits")
    return LockSlot(Address((word & (1 << _HOLDER_BITS) - 1).to_bytes(20, "big")), word >> _HOLDER_BITS)


def parse_account_slot(word: int) -> AccountSlot:
    """Return the members packed into one storage word. Inverse of :func:`format_account_slot`."""
    if not 0 <= word < 1 << 256:
        raise FormatError("account slot", "not a 256-bit word")
    values = []
    for _, bits in ACCOUNT_MEMBERS:
        values.append(word & (1 << bits) - 1)
        word >>= bits
    return AccountSlot(*values)


def format_account_slot(account: AccountSlot) -> int:
    """Return the storage word of an account. Inverse of :func:`parse_account_slot`. Raises FormatError."""
    word = shift = 0
    for name, bits in ACCOUNT_MEMBERS:
        value: int = getattr(account, name)
        if not 0 <= value < 1 << bits:
            raise FormatError(f"account slot.{name}", f"does not fit {bits} bits")
        word |= value << shift
        shift += bits
    return word


def _mapping_key(key: bytes, slot: int) -> Digest:
    """Solidity's rule for a mapping with a 32-byte key: keccak-256(key || slot)."""
    if len(key) != 32:
        raise FormatError("mapping key", "not 32 bytes")
    return keccak256(key + slot.to_bytes(32, "big"))
