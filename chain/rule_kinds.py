"""Seats, split tables and gates of referral as the contracts number them, and codes as 32 bytes. Pure.

The numbers are those of ``contracts/src/libraries/Rules.sol``; a test compares them. Digests that officers
approve are made here as ``SeatRegistry`` and ``RuleBook`` make them; they check nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from chain.errors import FormatError
from chain.hashing import keccak256
from chain.types import Address, Digest

WHOLE: Final = 10_000
"""Basis points of a whole table."""

MAX_DEPTH: Final = 3
"""Levels of referral that the chain allows at most, whoever approves."""

MAX_LINES: Final = 32
"""Lines of a table at most."""

_CODE: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")


class TableKind(IntEnum):
    """What a split table is for; the last three are used only while their gate is open."""

    FEE = 1
    PURCHASE = 2
    REFERRAL = 3
    JOINING_FEE_REFERRAL = 4
    FEE_WAIVER = 5
    REFERRAL_DUTY = 6


class LineKind(IntEnum):
    """How a line takes its part: fixed amounts in fen first, then basis points of what is left."""

    BASIS_POINTS = 1
    FIXED_AMOUNT = 2


class Gate(IntEnum):
    """What about referrals only HQ and regulator together raise or switch on."""

    DEPTH = 1
    JOINING_FEE_REFERRAL = 2
    FEE_WAIVER = 3
    REFERRAL_DUTY = 4


class SeatAction(IntEnum):
    """What an approval under the policy ``seat`` is for."""

    GRANT = 1
    RENEW = 2


@dataclass(frozen=True, slots=True)
class RuleLine:
    """One line of a table: ``role`` takes ``value`` basis points (kind 1) or fen (kind 2)."""

    role: Digest
    kind: int
    value: int


def encode_code(text: str) -> Digest:
    """Return a code (industry, role, table, reason) as the contracts hold it: ASCII, filled with zeros.

    Inverse of ``decode_code``. Such codes sort as their texts do. Raises FormatError for anything but 1 to 32
    of ``a-z 0-9 . _ -`` that begin with a letter or digit.
    """
    if not _CODE.fullmatch(text):
        raise FormatError("code", "is not 1 to 32 of a-z 0-9 . _ - beginning with a letter or digit")
    return Digest(text.encode("ascii").ljust(32, b"\0"))


def decode_code(word: bytes) -> str:
    """Return the text of a code. Inverse of ``encode_code``; raises FormatError where it is none."""
    text = word.rstrip(b"\0").decode("ascii", "replace")
    if len(word) != 32 or encode_code(text) != word:
        raise FormatError("code", "is not 1 to 32 of a-z 0-9 . _ - beginning with a letter or digit")
    return text


def sorted_lines(lines: tuple[RuleLine, ...]) -> tuple[RuleLine, ...]:
    """Return the lines in the one order that ``RuleBook`` takes: ascending by role, then kind."""
    return tuple(sorted(lines, key=lambda line: (line.role, line.kind)))


def seat_digest(
    registry: Address,
    action: SeatAction,
    chapter: int,
    industry: Digest,
    merchant: Address,
    certificate: Digest,
    until: int,
    term: int,
) -> Digest:
    """Return what officers approve for the next grant or renewal of a seat, as ``approvalDigest`` does.

    ``until`` is Unix seconds, ``term`` the number of grants and renewals the seat has had so far; for a
    renewal ``merchant`` is the holder after recoveries.
    """
    words = (bytes(12) + registry, _word(action), _word(chapter), industry, bytes(12) + merchant, certificate)
    return keccak256(b"".join((*words, _word(until), _word(term))))


def raise_digest(rule_book: Address, gate: Gate, value: int, opinion: Digest, changes: int) -> Digest:
    """Return what HQ and regulator approve for the next raise of a gate, as ``raiseDigest`` does.

    ``opinion`` is the digest of the legal opinion, ``changes`` how often the gate was changed so far.
    """
    words = (bytes(12) + rule_book, _word(gate), _word(value), opinion, _word(changes))
    return keccak256(b"".join(words))


def _word(value: int) -> bytes:
    return value.to_bytes(32, "big")
