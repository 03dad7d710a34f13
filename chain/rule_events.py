"""Decoders of the events of ``SeatRegistry`` and ``RuleBook``, strict as all of ``chain.events``. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from chain.errors import FormatError
from chain.event_kinds import (
    ReferralActivated,
    ReferralAnnounced,
    ReferralLowered,
    ReferralWithdrawn,
    SeatGranted,
    SeatLapsed,
    SeatReleased,
    SeatRenewed,
    TablePublished,
)
from chain.event_words import EventRule, read_address, read_unsigned
from chain.rule_kinds import RuleLine
from chain.types import Address, Digest

_LINES_AT: Final = 160
_LINE_SIZE: Final = 96


def _seat(topics: Sequence[bytes]) -> tuple[int, Digest, Address]:
    """Return chapter, industry and merchant, which all seat events index."""
    chapter = read_unsigned(topics[1], 32, "chapter")
    return chapter, Digest(topics[2]), read_address(topics[3], "merchant")


def _term(data: bytes) -> tuple[Digest, int, int]:
    until, term = read_unsigned(data[32:64], 64, "until"), read_unsigned(data[64:], 32, "term")
    return Digest(data[:32]), until, term


def _seat_granted(topics: Sequence[bytes], data: bytes) -> SeatGranted:
    return SeatGranted(*_seat(topics), *_term(data))


def _seat_renewed(topics: Sequence[bytes], data: bytes) -> SeatRenewed:
    return SeatRenewed(*_seat(topics), *_term(data))


def _seat_released(topics: Sequence[bytes], data: bytes) -> SeatReleased:
    return SeatReleased(*_seat(topics), Digest(data[:32]), Digest(data[32:]))


def _seat_lapsed(topics: Sequence[bytes], data: bytes) -> SeatLapsed:
    return SeatLapsed(*_seat(topics), read_unsigned(data, 64, "until"))


def _table_published(topics: Sequence[bytes], data: bytes) -> TablePublished:
    if len(data) < _LINES_AT + 32 or int.from_bytes(data[128:160], "big") != _LINES_AT:
        raise FormatError("lines", "are not at their one place")
    start = _LINES_AT + 32
    if len(data) != start + _LINE_SIZE * int.from_bytes(data[_LINES_AT:start], "big"):
        raise FormatError("lines", "length does not match the data")
    return TablePublished(
        Digest(topics[1]),
        read_unsigned(topics[2], 32, "chapter"),
        read_unsigned(topics[3], 32, "version"),
        read_unsigned(data[:32], 8, "kind"),
        read_unsigned(data[32:64], 64, "effectiveFrom"),
        Digest(data[64:96]),
        Digest(data[96:128]),
        tuple(_line(data[at : at + _LINE_SIZE]) for at in range(start, len(data), _LINE_SIZE)),
    )


def _line(words: bytes) -> RuleLine:
    kind, value = read_unsigned(words[32:64], 8, "lines"), read_unsigned(words[64:], 64, "lines")
    return RuleLine(Digest(words[:32]), kind, value)


def _referral_announced(topics: Sequence[bytes], data: bytes) -> ReferralAnnounced:
    gate, value = read_unsigned(topics[1], 8, "gate"), read_unsigned(data[:32], 8, "value")
    return ReferralAnnounced(gate, value, Digest(data[32:64]), read_unsigned(data[64:], 64, "readyAt"))


def _referral_activated(topics: Sequence[bytes], data: bytes) -> ReferralActivated:
    gate, value = read_unsigned(topics[1], 8, "gate"), read_unsigned(data[:32], 8, "value")
    return ReferralActivated(gate, value, Digest(data[32:]))


def _referral_lowered(topics: Sequence[bytes], data: bytes) -> ReferralLowered:
    gate, value = read_unsigned(topics[1], 8, "gate"), read_unsigned(data[:32], 8, "value")
    return ReferralLowered(gate, value, read_unsigned(data[32:], 8, "was"))


def _referral_withdrawn(topics: Sequence[bytes], data: bytes) -> ReferralWithdrawn:
    return ReferralWithdrawn(read_unsigned(topics[1], 8, "gate"), read_unsigned(data, 8, "value"))


RULE_EVENTS: Final = (
    EventRule("SeatGranted(uint32,bytes32,address,bytes32,uint64,uint32)", 4, 96, _seat_granted),
    EventRule("SeatRenewed(uint32,bytes32,address,bytes32,uint64,uint32)", 4, 96, _seat_renewed),
    EventRule("SeatReleased(uint32,bytes32,address,bytes32,bytes32)", 4, 64, _seat_released),
    EventRule("SeatLapsed(uint32,bytes32,address,uint64)", 4, 32, _seat_lapsed),
    EventRule(
        "TablePublished(bytes32,uint32,uint32,uint8,uint64,bytes32,bytes32,(bytes32,uint8,uint64)[])",
        4,
        None,
        _table_published,
    ),
    EventRule("ReferralAnnounced(uint8,uint8,bytes32,uint64)", 2, 96, _referral_announced),
    EventRule("ReferralActivated(uint8,uint8,bytes32)", 2, 64, _referral_activated),
    EventRule("ReferralLowered(uint8,uint8,uint8)", 2, 64, _referral_lowered),
    EventRule("ReferralWithdrawn(uint8,uint8)", 2, 32, _referral_withdrawn),
)
"""Every event of these two contracts, in the contracts' order."""
