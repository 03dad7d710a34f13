"""The contracts' events, decoded from bytes by fixed positions. Pure; no ABI library.

Every decoder takes the topics and the data of one log and accepts only what Solidity emits: the exact number
of topics, the exact length, zero padding, and dynamic arrays in the one canonical place. web3.py is the
oracle in tests. The signatures below are compared with the compiled ABI by a test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from chain.errors import FormatError
from chain.event_kinds import (
    AccountRecovered,
    AccountRegistered,
    Anchored,
    Approved,
    DailyCapSet,
    Event,
    HoldingCapSet,
    LeafPassed,
    LogRegistered,
    LogSucceeded,
    OperationDone,
    OperationRefused,
    PolicyRegistered,
    QuotaSet,
    RawLog,
    ReferralActivated,
    ReferralAnnounced,
    ReferralLowered,
    ReferralWithdrawn,
    RightsChanged,
    SeatGranted,
    SeatLapsed,
    SeatReleased,
    SeatRenewed,
    Settled,
    SignersSet,
    TablePublished,
    Transfer,
)
from chain.event_words import EventRule, read_address, read_boolean, read_unsigned
from chain.hashing import keccak256
from chain.rule_events import RULE_EVENTS
from chain.types import Address, Digest, LeafHash, LeafIndex, NodeHash, TreeSize

__all__ = [
    "EVENTS",
    "TOPICS",
    "AccountRecovered",
    "AccountRegistered",
    "Anchored",
    "Approved",
    "DailyCapSet",
    "Event",
    "EventRule",
    "HoldingCapSet",
    "LeafPassed",
    "LogRegistered",
    "LogSucceeded",
    "OperationDone",
    "OperationRefused",
    "PolicyRegistered",
    "QuotaSet",
    "RawLog",
    "ReferralActivated",
    "ReferralAnnounced",
    "ReferralLowered",
    "ReferralWithdrawn",
    "RightsChanged",
    "SeatGranted",
    "SeatLapsed",
    "SeatReleased",
    "SeatRenewed",
    "Settled",
    "SignersSet",
    "TablePublished",
    "Transfer",
    "decode",
    "decode_event",
]

_Z12: Final = bytes(12)
_Z16: Final = bytes(16)
_number = int.from_bytes


def _account_registered(topics: Sequence[bytes], data: bytes) -> AccountRegistered:
    return AccountRegistered(
        read_address(topics[1], "account"),
        read_unsigned(topics[2], 32, "chapter"),
        read_unsigned(data[:32], 8, "kind"),
        read_unsigned(data[32:64], 8, "custody"),
        Digest(data[64:96]),
        Digest(data[96:]),
    )


def _rights_changed(topics: Sequence[bytes], data: bytes) -> RightsChanged:
    return RightsChanged(
        read_address(topics[1], "account"),
        read_boolean(data[:32], "maySend"),
        read_boolean(data[32:64], "mayReceive"),
        Digest(data[64:]),
    )


def _account_recovered(topics: Sequence[bytes], data: bytes) -> AccountRecovered:
    return AccountRecovered(read_address(topics[1], "from"), read_address(topics[2], "to"), Digest(data))


def _operation_fields(
    topics: Sequence[bytes], data: bytes
) -> tuple[Digest, LeafIndex, LeafHash, int, Address, Address, int, int, Digest, bytes]:
    """Return what both outcomes share: three topics and the first seven words."""
    if data[32:44] != _Z12 or data[64:76] != _Z12:
        raise FormatError("from, to", "address padding is not zero")
    if data[96:112] != _Z16:
        raise FormatError("amount", "does not fit uint128")
    if data[208:224] != _Z16:
        raise FormatError("opSalt", "bytes16 padding is not zero")
    return (
        Digest(topics[1]),
        LeafIndex(read_unsigned(topics[2], 64, "index")),
        LeafHash(topics[3]),
        read_unsigned(data[:32], 8, "kind"),
        Address(data[44:64]),
        Address(data[76:96]),
        _number(data[112:128], "big"),
        read_unsigned(data[128:160], 64, "validUntil"),
        Digest(data[160:192]),
        data[192:208],
    )


def _operation_done(topics: Sequence[bytes], data: bytes) -> OperationDone:
    return OperationDone(*_operation_fields(topics, data), read_unsigned(data[224:], 128, "moved"))


def _operation_refused(topics: Sequence[bytes], data: bytes) -> OperationRefused:
    return OperationRefused(*_operation_fields(topics, data), read_unsigned(data[224:], 8, "reason"))


def _settled(topics: Sequence[bytes], data: bytes) -> Settled:
    return Settled(
        Digest(topics[1]),
        LeafIndex(read_unsigned(data[:32], 64, "start")),
        LeafIndex(read_unsigned(data[32:64], 64, "end")),
        TreeSize(read_unsigned(data[64:], 64, "anchoredSize")),
    )


def _leaf_passed(topics: Sequence[bytes], data: bytes) -> LeafPassed:
    return LeafPassed(Digest(topics[1]), LeafIndex(read_unsigned(topics[2], 64, "index")), LeafHash(data))


def _quota_set(topics: Sequence[bytes], data: bytes) -> QuotaSet:
    chapter, period = read_unsigned(topics[1], 32, "chapter"), read_unsigned(topics[2], 32, "period")
    return QuotaSet(chapter, period, read_unsigned(data, 64, "amount"))


def _daily_cap_set(topics: Sequence[bytes], data: bytes) -> DailyCapSet:
    return DailyCapSet(read_unsigned(topics[1], 32, "chapter"), read_unsigned(data, 64, "amount"))


def _holding_cap_set(topics: Sequence[bytes], data: bytes) -> HoldingCapSet:
    return HoldingCapSet(read_unsigned(topics[1], 32, "chapter"), read_unsigned(data, 64, "amount"))


def _transfer(topics: Sequence[bytes], data: bytes) -> Transfer:
    return Transfer(read_address(topics[1], "from"), read_address(topics[2], "to"), _number(data, "big"))


def _log_registered(topics: Sequence[bytes], data: bytes) -> LogRegistered:
    return LogRegistered(Digest(topics[1]), NodeHash(data[:32]), read_unsigned(data[32:], 64, "maxGrowth"))


def _array_and_threshold(data: bytes) -> tuple[list[bytes], int]:
    """Return the words of the one array, and the uint8 beside its offset: ``abi.encode(T[], uint8)``."""
    if len(data) < 96 or _number(data[:32], "big") != 64:
        raise FormatError("array", "is not at its one place")
    count = _number(data[64:96], "big")
    if len(data) != 96 + 32 * count:
        raise FormatError("array", "length does not match the data")
    words = [data[96 + 32 * i : 128 + 32 * i] for i in range(count)]
    return words, read_unsigned(data[32:64], 8, "threshold")


def _signers_set(topics: Sequence[bytes], data: bytes) -> SignersSet:
    words, threshold = _array_and_threshold(data)
    return SignersSet(Digest(topics[1]), tuple(read_address(word, "signers") for word in words), threshold)


def _anchored(topics: Sequence[bytes], data: bytes) -> Anchored:
    return Anchored(
        Digest(topics[1]),
        TreeSize(read_unsigned(topics[2], 64, "size")),
        NodeHash(data[:32]),
        TreeSize(read_unsigned(data[32:], 64, "previousSize")),
    )


def _log_succeeded(topics: Sequence[bytes], _data: bytes) -> LogSucceeded:
    return LogSucceeded(Digest(topics[1]), Digest(topics[2]))


def _policy_registered(topics: Sequence[bytes], data: bytes) -> PolicyRegistered:
    words, threshold = _array_and_threshold(data)
    return PolicyRegistered(Digest(topics[1]), tuple(read_unsigned(w, 8, "kinds") for w in words), threshold)


def _approved(topics: Sequence[bytes], data: bytes) -> Approved:
    chapter, kind = read_unsigned(data[:32], 32, "chapter"), read_unsigned(data[32:], 8, "kind")
    return Approved(Digest(topics[1]), Digest(topics[2]), read_address(topics[3], "approver"), chapter, kind)


EVENTS: Final = (
    EventRule("AccountRegistered(address,uint32,uint8,uint8,bytes32,bytes32)", 3, 128, _account_registered),
    EventRule("RightsChanged(address,bool,bool,bytes32)", 2, 96, _rights_changed),
    EventRule("AccountRecovered(address,address,bytes32)", 3, 32, _account_recovered),
    EventRule(
        "OperationDone(bytes32,uint64,bytes32,uint8,address,address,uint128,uint64,bytes32,bytes16,uint128)",
        4,
        256,
        _operation_done,
    ),
    EventRule(
        "OperationRefused(bytes32,uint64,bytes32,uint8,address,address,uint128,uint64,bytes32,bytes16,uint8)",
        4,
        256,
        _operation_refused,
    ),
    EventRule("Settled(bytes32,uint64,uint64,uint64)", 2, 96, _settled),
    EventRule("LeafPassed(bytes32,uint64,bytes32)", 3, 32, _leaf_passed),
    EventRule("QuotaSet(uint32,uint32,uint64)", 3, 32, _quota_set),
    EventRule("DailyCapSet(uint32,uint64)", 2, 32, _daily_cap_set),
    EventRule("HoldingCapSet(uint32,uint64)", 2, 32, _holding_cap_set),
    EventRule("Transfer(address,address,uint256)", 3, 32, _transfer),
    EventRule("LogRegistered(bytes32,bytes32,uint64)", 2, 64, _log_registered),
    EventRule("SignersSet(bytes32,address[],uint8)", 2, None, _signers_set),
    EventRule("Anchored(bytes32,uint64,bytes32,uint64)", 3, 64, _anchored),
    EventRule("LogSucceeded(bytes32,bytes32)", 3, 0, _log_succeeded),
    EventRule("PolicyRegistered(bytes32,uint8[],uint8)", 2, None, _policy_registered),
    EventRule("Approved(bytes32,bytes32,address,uint32,uint8)", 4, 64, _approved),
    *RULE_EVENTS,
)
"""Every event the product follows, in the contracts' order."""

TOPICS: Final[Mapping[bytes, EventRule]] = MappingProxyType(
    {keccak256(rule.signature.encode()): rule for rule in EVENTS}
)
"""First topic (keccak-256 of the signature) to its rule."""


def decode_event(topics: Sequence[bytes], data: bytes) -> Event:
    """Return the event these topics and data encode.

    Raises FormatError for an unknown first topic, a wrong count or length, or padding that is not zero.
    """
    rule = TOPICS.get(topics[0]) if topics else None
    if rule is None:
        raise FormatError("topics[0]", "is no event of these contracts")
    if len(topics) != rule.topics:
        raise FormatError(rule.signature, f"has {len(topics)} topics, wants {rule.topics}")
    for topic in topics:
        if len(topic) != 32:
            raise FormatError(rule.signature, "a topic is not 32 bytes")
    if rule.size is not None and len(data) != rule.size:
        raise FormatError(rule.signature, f"has {len(data)} data bytes, wants {rule.size}")
    return rule.decoder(topics, data)


def decode(raw: RawLog) -> Event:
    """Return the event in ``raw``; ``decode_event`` of its topics and data."""
    return decode_event(raw.topics, raw.data)
