"""Transaction receipts from their consensus bytes (EIP-658, EIP-2718). Pure."""

from __future__ import annotations

from dataclasses import dataclass

from chain.errors import FormatError
from chain.evidence.rlp import RlpItem, parse_fixed, parse_number, parse_rlp_list
from chain.types import Address

_MAX_TYPE = 0x7F


@dataclass(frozen=True, slots=True)
class ReceiptLog:
    """One event as the receipt holds it; ``topics`` are 32 bytes each."""

    address: Address
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class Receipt:
    """One receipt: did the transaction succeed, and its events in order."""

    succeeded: bool
    logs: tuple[ReceiptLog, ...]


def parse_receipt(raw: bytes) -> Receipt:
    """Return the receipt that ``raw`` encodes (a type byte first where typed). Raises FormatError.

    Receipts from before EIP-658, which hold a state root for a status, are refused.
    """
    if not raw:
        raise FormatError("receipt", "empty")
    fields = parse_rlp_list(raw[1:] if raw[0] <= _MAX_TYPE else raw)
    if len(fields) != 4:
        raise FormatError("receipt", "not 4 fields")
    status = parse_number(fields[0], "receipt.status", bits=8)
    if status > 1:
        raise FormatError("receipt.status", "neither 0 nor 1")
    parse_number(fields[1], "receipt.gas")
    parse_fixed(fields[2], "receipt.bloom", 256)
    logs = fields[3]
    if not isinstance(logs, list):
        raise FormatError("receipt.logs", "not a list")
    return Receipt(status == 1, tuple(_log(item) for item in logs))


def _log(item: RlpItem) -> ReceiptLog:
    if not isinstance(item, list) or len(item) != 3:
        raise FormatError("receipt.log", "not 3 fields")
    address, topics, data = item
    if not isinstance(topics, list) or len(topics) > 4 or not isinstance(data, bytes):
        raise FormatError("receipt.log", "topics or data")
    return ReceiptLog(
        Address(parse_fixed(address, "receipt.log.address", 20)),
        tuple(parse_fixed(topic, "receipt.log.topic", 32) for topic in topics),
        data,
    )
