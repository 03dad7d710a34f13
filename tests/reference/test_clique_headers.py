"""The product's Clique verifier against real headers of go-ethereum, and what geth says about them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chain.errors import VerificationError
from chain.evidence.headers import Header, encode_with_extra, header_hash, parse_header, verify_links
from chain.evidence.seals import clique_quorum, clique_signer, verify_clique_seals
from chain.trust_root import ChainPin, SignerSet
from chain.types import Address, BlockNumber, Digest
from tests.reference.record_clique import FILE

RECORDED: dict[str, Any] = json.loads(FILE.read_text())
HEADERS = [parse_header(bytes.fromhex(raw)) for raw in RECORDED["headers"]]
HASHES = [Digest(bytes.fromhex(name)) for name in RECORDED["hashes"]]
SIGNERS = [Address(bytes.fromhex(name[2:])) for name in RECORDED["signers"]]
PINNED = [Address(bytes.fromhex(name[2:])) for name in RECORDED["validators"]]
EPOCH: int = RECORDED["epoch"]
AWAY = Address(bytes.fromhex(RECORDED["voted_out"][2:]))
SMALLER: int = RECORDED["from"]
"""The first block that only the others may seal."""
LEFT = [one for one in PINNED if one != AWAY]
PIN = ChainPin(
    20262,
    HASHES[0],
    (),
    (
        SignerSet("clique", tuple(PINNED), BlockNumber(0), BlockNumber(SMALLER)),
        SignerSet("clique", tuple(LEFT), BlockNumber(SMALLER), None),
    ),
)
"""Who may seal, by range of blocks, as a trust root has it."""


def pinned_at(number: int) -> list[Address]:
    found = PIN.signer_set(BlockNumber(number))
    assert found is not None
    return list(found.addresses)


def judge(headers: list[Header], pinned: list[Address]) -> tuple[Address, ...]:
    return verify_clique_seals(headers, [pinned] * len(headers))


def test_signers_are_those_that_geth_names() -> None:
    assert [header.number for header in HEADERS] == list(range(40))
    assert [clique_signer(header) for header in HEADERS[1:]] == SIGNERS[1:]
    sets = [pinned_at(header.number) for header in HEADERS[1:]]
    assert verify_clique_seals(HEADERS[1:], sets) == tuple(SIGNERS[1:])


def test_a_set_of_signers_counts_in_its_own_range_of_blocks() -> None:
    votes = [header.number for header in HEADERS if header.fields[2] == AWAY]
    # Three of four voted it out, the last of them in the block before.
    assert len(votes) == clique_quorum(4) and votes[-1] == SMALLER - 1
    with pytest.raises(VerificationError) as caught:
        judge(HEADERS[SMALLER:], PINNED)
    assert caught.value.reason.endswith(" breaks EIP-225")
    with pytest.raises(VerificationError) as caught:
        judge(HEADERS[1:SMALLER], LEFT)
    assert caught.value.reason.endswith((" breaks EIP-225", "signer is not in the trust root"))
    own = SIGNERS.index(AWAY)
    with pytest.raises(VerificationError) as caught:
        judge([HEADERS[own]], LEFT)
    assert (caught.value.reason, caught.value.got) == ("signer is not in the trust root", AWAY.hex())


def test_hashes_and_links_are_those_of_geth() -> None:
    assert [header_hash(header, "clique") for header in HEADERS] == HASHES
    verify_links(HEADERS, ["clique"] * len(HEADERS), HASHES[-1])


def test_the_record_has_blocks_of_every_kind() -> None:
    difficulties = [header.difficulty for header in HEADERS[1:]]
    assert difficulties.count(2) >= 8 and difficulties.count(1) >= 8
    listing = [header.number for header in HEADERS if len(header.extra) > 32 + 65]
    assert listing == list(range(0, 40, EPOCH))
    # While one was away, any three blocks in a row still were of three.
    assert set(SIGNERS[1:10]) == set(PINNED) and set(SIGNERS[-10:]) == set(LEFT)
    quorum = clique_quorum(4)
    assert all(len(set(SIGNERS[at : at + quorum])) == quorum for at in range(1, SMALLER - quorum))


@pytest.mark.parametrize("number", [1, 5, 12, 20, 23])
def test_no_flipped_bit_of_a_seal_passes(number: int) -> None:
    header = HEADERS[number]
    for place in range(len(header.extra) - 65, len(header.extra)):
        for bit in range(8):
            extra = bytearray(header.extra)
            extra[place] ^= 1 << bit
            with pytest.raises(VerificationError):
                judge([parse_header(encode_with_extra(header, bytes(extra)))], PINNED)


@pytest.mark.parametrize("number", range(1, 40))
def test_nobody_but_the_pinned_may_seal(number: int) -> None:
    stranger = Address(b"\xff" * 20)
    others = sorted([*(one for one in pinned_at(number) if one != SIGNERS[number]), stranger])
    with pytest.raises(VerificationError) as caught:
        judge([HEADERS[number]], others)
    assert (caught.value.reason, caught.value.got) == (
        "signer is not in the trust root",
        SIGNERS[number].hex(),
    )


def test_a_signer_may_not_come_back_too_soon() -> None:
    for between in ([], [HEADERS[2]]):
        with pytest.raises(VerificationError) as caught:
            judge([HEADERS[1], *between, HEADERS[1]], PINNED)
        assert caught.value.reason == "signed again too soon"
    # Two others in between are enough with four validators.
    judge([HEADERS[1], HEADERS[2], HEADERS[3], HEADERS[1]], PINNED)


def test_a_list_of_signers_must_be_the_pinned_one() -> None:
    neighbour = Address((int.from_bytes(AWAY, "big") + 1).to_bytes(20, "big"))
    others = [neighbour if one == AWAY else one for one in PINNED]
    # In the same place of the order, so that turns are the same under both sets and only the list differs.
    assert others == sorted(others)
    judge([HEADERS[14]], others)
    with pytest.raises(VerificationError) as caught:
        judge([HEADERS[15]], others)
    assert (caught.value.reason, caught.value.got) == ("signer list breaks EIP-225", 15)


@pytest.mark.parametrize("field", [0, 2, 3, 5, 7, 8, 9, 10, 11, 15])
def test_a_seal_covers_every_field(field: int) -> None:
    header = HEADERS[12]
    fields = list(header.fields)
    fields[field] = bytes([*fields[field][:-1], fields[field][-1] ^ 4]) if fields[field] else b"\x01"
    changed = parse_header(encode_with_extra(replace_fields(header, fields), header.extra))
    with pytest.raises(VerificationError):
        judge([changed], PINNED)


def replace_fields(header: Header, fields: list[bytes]) -> Header:
    """A header with other fields, as far as its encoding goes."""
    return Header(
        raw=header.raw,
        fields=tuple(fields),
        parent_hash=header.parent_hash,
        state_root=header.state_root,
        receipts_root=header.receipts_root,
        difficulty=header.difficulty,
        number=header.number,
        timestamp=header.timestamp,
        extra=header.extra,
    )
