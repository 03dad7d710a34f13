"""The product's Clique verifier against real headers of go-ethereum, and what geth says about them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chain.errors import VerificationError
from chain.evidence.headers import Header, encode_with_extra, header_hash, parse_header, verify_links
from chain.evidence.seals import clique_quorum, clique_signer, verify_clique_seals
from chain.types import Address, Digest
from tests.reference.record_clique import FILE

RECORDED: dict[str, Any] = json.loads(FILE.read_text())
HEADERS = [parse_header(bytes.fromhex(raw)) for raw in RECORDED["headers"]]
HASHES = [Digest(bytes.fromhex(name)) for name in RECORDED["hashes"]]
SIGNERS = [Address(bytes.fromhex(name[2:])) for name in RECORDED["signers"]]
PINNED = [Address(bytes.fromhex(name[2:])) for name in RECORDED["validators"]]
EPOCH: int = RECORDED["epoch"]


def judge(headers: list[Header], pinned: list[Address]) -> tuple[Address, ...]:
    return verify_clique_seals(headers, [pinned] * len(headers))


def test_signers_are_those_that_geth_names() -> None:
    assert len(HEADERS) == 24 and [header.number for header in HEADERS] == list(range(24))
    assert [clique_signer(header) for header in HEADERS[1:]] == SIGNERS[1:]
    assert judge(HEADERS[1:], PINNED) == tuple(SIGNERS[1:])


def test_hashes_and_links_are_those_of_geth() -> None:
    assert [header_hash(header, "clique") for header in HEADERS] == HASHES
    verify_links(HEADERS, ["clique"] * len(HEADERS), HASHES[-1])


def test_the_record_has_blocks_of_every_kind() -> None:
    difficulties = [header.difficulty for header in HEADERS[1:]]
    assert difficulties.count(2) >= 8 and difficulties.count(1) >= 8
    listing = [header.number for header in HEADERS if len(header.extra) > 32 + 65]
    assert listing == list(range(0, 24, EPOCH))
    # While one was away, any three blocks in a row still were of three.
    assert set(SIGNERS[1:10]) == set(PINNED) and set(SIGNERS[-10:]) < set(PINNED)
    quorum = clique_quorum(4)
    assert all(len(set(SIGNERS[at : at + quorum])) == quorum for at in range(1, 24 - quorum + 1))


@pytest.mark.parametrize("number", [1, 5, 12, 20, 23])
def test_no_flipped_bit_of_a_seal_passes(number: int) -> None:
    header = HEADERS[number]
    for place in range(len(header.extra) - 65, len(header.extra)):
        for bit in range(8):
            extra = bytearray(header.extra)
            extra[place] ^= 1 << bit
            with pytest.raises(VerificationError):
                judge([parse_header(encode_with_extra(header, bytes(extra)))], PINNED)


@pytest.mark.parametrize("number", range(1, 24))
def test_nobody_but_the_pinned_may_seal(number: int) -> None:
    stranger = Address(b"\xff" * 20)
    others = sorted([*(one for one in PINNED if one != SIGNERS[number]), stranger])
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
    away = next(one for one in PINNED if one not in SIGNERS[-10:])
    others = sorted([*(one for one in PINNED if one != away), Address(b"\xff" * 20)])
    # Where the one that was away comes last, turns are the same under both sets and only the list differs.
    assert PINNED.index(away) == others.index(Address(b"\xff" * 20)) == 3
    judge([HEADERS[14]], others)
    with pytest.raises(VerificationError) as caught:
        judge([HEADERS[15]], others)
    assert (caught.value.reason, caught.value.got) == ("signer list breaks EIP-225", 15)


@pytest.mark.parametrize("field", [0, 2, 3, 5, 7, 8, 9, 10, 11, 15])
def test_a_seal_covers_every_field(field: int) -> None:
    header = HEADERS[12]
    fields = list(header.fields)
    fields[field] = bytes([*fields[field][:-1], fields[field][-1] ^ 2]) if fields[field] else b"\x01"
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
