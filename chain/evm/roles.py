"""Role kinds, role ids and policies as the contracts know them (``contracts/src/libraries/Roles.sol``)."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from chain.errors import FormatError
from chain.hashing import keccak256
from chain.types import Digest

ADMIN_ROLE: Final = 0
"""The access manager's own role: it grants and revokes all others."""

NETWORK: Final = 0
"""The chapter that stands for all chapters."""


class RoleKind(IntEnum):
    """What a key may do; held for one chapter or for the whole network."""

    HQ = 1
    CITY_NODE = 2
    PRESIDENT = 3
    SECRETARY = 4
    ISSUER = 5
    OPERATOR = 6
    FREEZER = 7
    RECOVERER = 8
    CUSTODIAN = 9
    TRUSTEE = 10
    AUDITOR = 11
    WITNESS = 12
    REGULATOR = 13


def role_id(kind: RoleKind, chapter: int = NETWORK) -> int:
    """Return the access manager's id of ``kind`` in ``chapter``. Raises FormatError for no uint32."""
    if not 0 <= chapter < 1 << 32:
        raise FormatError("chapter", "does not fit uint32")
    return kind << 32 | chapter


REVERSE_POLICY: Final[Digest] = keccak256(b"reverse")
CANCEL_POLICY: Final[Digest] = keccak256(b"cancel")
PASS_POLICY: Final[Digest] = keccak256(b"pass")
SEAT_POLICY: Final[Digest] = keccak256(b"seat")
REFERRAL_POLICY: Final[Digest] = keccak256(b"referral")
