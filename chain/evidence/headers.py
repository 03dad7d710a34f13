"""Block headers from their RLP: fields, hashes and links between them. Pure.

Formats: go-ethereum and Hyperledger Besu up to and beyond Cancun, which only ever append fields (15 legacy,
16 London, 17 Shanghai, 20 Cancun, 21 Prague; anything later is kept as it is and hashed). Who sealed a header
is the business of ``chain.evidence.seals``; this module trusts nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chain.errors import FormatError, VerificationError
from chain.evidence.rlp import RlpItem, format_rlp, parse_fixed, parse_number, parse_rlp_list
from chain.hashing import keccak256
from chain.types import BlockNumber, Digest

SEAL_KINDS = ("none", "clique", "qbft")
"""How a chain's blocks may be sealed: not at all (a development node), Clique (EIP-225) or Besu's QBFT."""

EXTRA = 12
"""Position of ``extraData`` among the header's fields."""

_MIN_FIELDS = 15
_MAX_FIELDS = 32
_FIXED = (
    (0, "parent_hash", 32),
    (1, "ommers_hash", 32),
    (2, "beneficiary", 20),
    (3, "state_root", 32),
    (4, "transactions_root", 32),
    (5, "receipts_root", 32),
    (6, "bloom", 256),
    (13, "mix_hash", 32),
    (14, "nonce", 8),
)
_MAX_EXTRA = 65_536


@dataclass(frozen=True, slots=True)
class Header:
    """One block header; ``fields`` are all of its RLP items in order, ``timestamp`` is Unix seconds."""

    raw: bytes
    fields: tuple[bytes, ...]
    parent_hash: Digest
    state_root: Digest
    receipts_root: Digest
    difficulty: int
    number: BlockNumber
    timestamp: int
    extra: bytes


def parse_header(raw: bytes) -> Header:
    """Return the header that ``raw`` encodes. Raises FormatError; checks no link, seal or consensus rule."""
    items = parse_rlp_list(raw)
    if not _MIN_FIELDS <= len(items) <= _MAX_FIELDS:
        raise FormatError("header", f"not {_MIN_FIELDS} to {_MAX_FIELDS} fields")
    fields = tuple(_field(item) for item in items)
    for position, name, size in _FIXED:
        parse_fixed(fields[position], f"header.{name}", size)
    if len(fields[EXTRA]) > _MAX_EXTRA:
        raise FormatError("header.extra", f"longer than {_MAX_EXTRA} bytes")
    return Header(
        raw=raw,
        fields=fields,
        parent_hash=Digest(fields[0]),
        state_root=Digest(fields[3]),
        receipts_root=Digest(fields[5]),
        difficulty=parse_number(fields[7], "header.difficulty", bits=256),
        number=BlockNumber(parse_number(fields[8], "header.number", bits=53)),
        timestamp=parse_number(fields[11], "header.timestamp", bits=53),
        extra=fields[EXTRA],
    )


def header_hash(header: Header, kind: str) -> Digest:
    """Return the hash by which the next block names this one, on a chain sealed as ``kind``.

    Besu's QBFT leaves the round number and the committed seals out of it, as they differ between validators;
    block 0 is hashed as it is. Raises FormatError for QBFT extra data of another form.
    """
    if kind == "qbft" and header.number:
        return keccak256(encode_with_extra(header, qbft_extra(header, keep_round=False)))
    return keccak256(header.raw)


def encode_with_extra(header: Header, extra: bytes) -> bytes:
    """Return the RLP of the header with other extra data: what seals sign."""
    fields = header.fields
    return format_rlp([*fields[:EXTRA], extra, *fields[EXTRA + 1 :]])


def qbft_items(header: Header) -> tuple[bytes, list[bytes], RlpItem, bytes, list[bytes]]:
    """Return QBFT extra data: vanity, validators (20 bytes each), vote, round, committed seals (65 bytes
    each).

    Raises FormatError.
    """
    items = parse_rlp_list(header.extra)
    if len(items) != 5:
        raise FormatError("header.extra", "not the 5 items of QBFT")
    vanity, validators, vote, round_number, seals = items
    parse_number(round_number, "header.extra.round", bits=32)
    if not isinstance(validators, list) or not isinstance(seals, list) or not isinstance(vote, list):
        raise FormatError("header.extra", "validators, vote or seals are no list")
    _check_vote(vote)
    return (
        parse_fixed(vanity, "header.extra.vanity", 32),
        [parse_fixed(item, "header.extra.validator", 20) for item in validators],
        vote,
        _field(round_number),
        [parse_fixed(item, "header.extra.seal", 65) for item in seals],
    )


def _check_vote(vote: list[RlpItem]) -> None:
    """Check that a vote is none, or an address with ff to add it and nothing to drop it.

    Besu writes a vote anew before it hashes it, so one of another form would be hashed otherwise here.
    """
    if not vote:
        return
    if len(vote) != 2:
        raise FormatError("header.extra.vote", "not an address and a choice")
    parse_fixed(vote[0], "header.extra.vote", 20)
    if vote[1] not in (b"\xff", b""):
        raise FormatError("header.extra.vote", "neither adds nor drops")


def qbft_extra(header: Header, *, keep_round: bool) -> bytes:
    """Return QBFT extra data without seals: with the round, what committers sign; without, what is hashed."""
    vanity, validators, vote, round_number, _ = qbft_items(header)
    return format_rlp([vanity, validators, vote, round_number if keep_round else b"", []])


def verify_links(headers: Sequence[Header], kinds: Sequence[str], head: Digest) -> None:
    """Check that each header names the one before it and that the last one's hash is ``head``.

    ``kinds`` says how each header's chain was sealed. Does not check seals. Raises VerificationError.
    """
    hashes = [header_hash(header, kind) for header, kind in zip(headers, kinds, strict=True)]
    for before, after, before_hash in zip(headers[:-1], headers[1:], hashes[:-1], strict=True):
        if after.number != before.number + 1:
            raise VerificationError(
                "blocks", "numbers do not follow", got=after.number, want=before.number + 1
            )
        if after.parent_hash != before_hash:
            raise VerificationError("blocks", "header does not name the block before it", got=after.number)
        if after.timestamp < before.timestamp:
            raise VerificationError("blocks", "time runs backwards", got=after.number)
    if not hashes or hashes[-1] != head:
        raise VerificationError("blocks", "last header is not the head named")


def _field(item: RlpItem) -> bytes:
    if not isinstance(item, bytes):
        raise FormatError("header", "field is a list")
    return item
