"""Headers and seals against chains that foreign libraries encoded and signed."""

from __future__ import annotations

from dataclasses import replace

import pytest
import rlp

from chain.errors import FormatError, VerificationError
from chain.evidence.headers import Header, header_hash, parse_header, verify_links
from chain.evidence.seals import (
    clique_quorum,
    clique_signer,
    qbft_quorum,
    recover_signer,
    verify_clique_seals,
    verify_qbft_seals,
)
from chain.types import Address
from tests.reference import chain_maker
from tests.reference.chain_maker import Block, address, keccak, seal_clique, seal_none, seal_qbft, validator

N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141

# The one header whose hash everybody knows.
MAINNET_GENESIS = rlp.encode(
    [
        bytes(32),
        bytes.fromhex("1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347"),
        bytes(20),
        bytes.fromhex("d7f8974fb5ac78d9ac099b9ad5018bedc2ce0a72dad1827a1709da30580f0544"),
        bytes.fromhex("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"),
        bytes.fromhex("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"),
        bytes(256),
        bytes.fromhex("0400000000"),
        b"",
        bytes.fromhex("1388"),
        b"",
        b"",
        bytes.fromhex("11bbe8db4e347b4e8c937c1c8370e4b5ed33adb3db69cbdb7a38e1e50b1b82fa"),
        bytes(32),
        bytes.fromhex("0000000000000042"),
    ]
)


def block(number: int, **changes: object) -> Block:
    return replace(Block(number, 5_000 + number, b"s" * 32, b"r" * 32), **changes)  # type: ignore[arg-type]


def signers(count: int) -> list[Address]:
    return sorted(Address(address(validator(index))) for index in range(count))


def clique(count: int, turns: list[int], validators: int = 4) -> list[Header]:
    parent, headers = keccak(b"parent"), []
    for offset in range(count):
        raw, parent = seal_clique(block(100 + offset), parent, validators, turns[offset])
        headers.append(parse_header(raw))
    return headers


def in_turn(first: int, count: int, validators: int = 4) -> list[int]:
    return [(first + offset) % validators for offset in range(count)]


def test_mainnet_genesis_has_its_public_hash() -> None:
    header = parse_header(MAINNET_GENESIS)
    want = "d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3"
    assert header_hash(header, "none").hex() == want
    assert (header.number, header.difficulty, header.timestamp) == (0, 0x0400000000, 0)


@pytest.mark.parametrize("extra", [0, 1, 2, 5, 6, 9])
def test_accepts_legacy_to_later_forks_and_keeps_all_fields(extra: int) -> None:
    raw, hashed = seal_none(
        block(7, extra_fields=tuple(bytes([n]) * 32 for n in range(1, extra + 1))), b"p" * 32
    )
    header = parse_header(raw)
    assert len(header.fields) == 15 + extra
    assert header_hash(header, "none") == hashed
    assert (header.parent_hash, header.state_root, header.receipts_root) == (b"p" * 32, b"s" * 32, b"r" * 32)
    assert (header.number, header.timestamp) == (7, 5_007)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda f: f[:14], "header"),
        (lambda f: f + [b""] * 18, "header"),
        (lambda f: [b"short", *f[1:]], "header.parent_hash"),
        (lambda f: [*f[:3], bytes(31), *f[4:]], "header.state_root"),
        (lambda f: [*f[:5], bytes(33), *f[6:]], "header.receipts_root"),
        (lambda f: [*f[:6], bytes(255), *f[7:]], "header.bloom"),
        (lambda f: [*f[:8], b"\x00\x01", *f[9:]], "header.number"),
        (lambda f: [*f[:11], b"\x01" * 9, *f[12:]], "header.timestamp"),
        (lambda f: [*f[:12], [b"x"], *f[13:]], "header"),
        (lambda f: [*f[:12], bytes(65_537), *f[13:]], "header.extra"),
    ],
)
def test_refuses_headers_of_another_form(change: object, where: str) -> None:
    raw, _ = seal_none(block(7), b"p" * 32)
    fields = rlp.decode(raw)
    with pytest.raises(FormatError) as caught:
        parse_header(rlp.encode(change(fields)))  # type: ignore[operator]
    assert caught.value.where == where


def test_links_hold_for_a_chain_and_break_with_any_of_it() -> None:
    parent, raws, hashes = b"p" * 32, [], []
    for number in range(5):
        raw, parent = seal_none(block(number), parent)
        raws.append(parse_header(raw))
        hashes.append(parent)
    kinds = ["none"] * 5
    verify_links(raws, kinds, hashes[-1])
    for broken, reason in (
        ([raws[0], raws[2]], "numbers do not follow"),
        ([raws[1], raws[0]], "numbers do not follow"),
    ):
        with pytest.raises(VerificationError) as caught:
            verify_links(broken, kinds[:2], hashes[2])
        assert caught.value.reason == reason
    with pytest.raises(VerificationError) as caught:
        verify_links(raws, kinds, hashes[3])
    assert caught.value.reason == "last header is not the head named"
    other, _ = seal_none(block(1, state_root=b"x" * 32), hashes[0])
    with pytest.raises(VerificationError) as caught:
        verify_links([raws[0], parse_header(other), raws[2]], kinds[:3], hashes[2])
    assert caught.value.reason == "header does not name the block before it"
    early, head = seal_none(block(1, timestamp=1), hashes[0])
    with pytest.raises(VerificationError) as caught:
        verify_links([raws[0], parse_header(early)], kinds[:2], head)
    assert caught.value.reason == "time runs backwards"


def test_recovery_refuses_high_s_and_other_shapes() -> None:
    key, digest = validator(0), keccak(b"message")
    signature = chain_maker.sign(key, digest)
    assert recover_signer(digest, signature) == address(key)
    s = int.from_bytes(signature[32:64], "big")
    twin = signature[:32] + (N - s).to_bytes(32, "big") + bytes([signature[64] ^ 1])
    for bad, reason in (
        (twin, "signature with a high s"),
        (signature[:64], "not a 65-byte signature with v 0 or 1"),
        (signature[:64] + b"\x1b", "not a 65-byte signature with v 0 or 1"),
        (b"\xff" * 32 + signature[32:], "no key fits the signature"),
        (bytes(64) + b"\x00", "no key fits the signature"),
    ):
        with pytest.raises(VerificationError) as caught:
            recover_signer(digest, bad)
        assert caught.value.reason == reason


def test_clique_signers_in_and_out_of_turn() -> None:
    order = signers(4)
    headers = clique(4, [0, 1, 3, 2])
    assert [clique_signer(header) for header in headers] == [order[0], order[1], order[3], order[2]]
    assert verify_clique_seals(headers, [order] * 4) == (order[0], order[1], order[3], order[2])
    with_base_fee, _ = seal_clique(block(100, extra_fields=(b"\x07",)), b"p" * 32, 4)
    assert clique_signer(parse_header(with_base_fee)) == order[0]


def test_clique_refuses_strangers_recency_and_fields() -> None:
    order = signers(4)
    cases: list[tuple[list[Header], list[list[Address]], str]] = [
        (clique(1, [0]), [order[1:]], "signer is not in the trust root"),
        # N = 4: nobody may sign again within 3 blocks; so 0, 1, 0 is refused and 0, 1, 2, 0 is not.
        (clique(3, [0, 1, 0]), [order] * 3, "signed again too soon"),
        (clique(2, [0, 0]), [order] * 2, "signed again too soon"),
    ]
    verify_clique_seals(clique(4, [0, 1, 2, 0]), [order] * 4)
    for headers, sets, reason in cases:
        with pytest.raises(VerificationError) as caught:
            verify_clique_seals(headers, sets)
        assert caught.value.reason == reason
    lone = signers(1)
    verify_clique_seals(clique(3, [0, 0, 0], validators=1), [lone] * 3)


@pytest.mark.parametrize(
    ("position", "value", "name"),
    [
        (7, b"\x01", "difficulty"),
        (1, b"o" * 32, "ommers hash"),
        (13, b"m" * 32, "mix hash"),
        (14, b"\x01" * 8, "nonce"),
        (17, b"\x01", "field count"),
        (12, b"tongyi".ljust(32, b"\x00") + b"l" * 20, "signer list"),
    ],
)
def test_clique_refuses_what_eip_225_forbids(position: int, value: bytes, name: str) -> None:
    """Each header is validly signed by the in-turn signer, and wrong in one field."""
    key = sorted((validator(index) for index in range(4)), key=address)[0]
    fields = chain_maker.fields(block(100), b"p" * 32, b"tongyi".ljust(32, b"\x00"), 2)
    fields = [*fields, b"\x07", b"w" * 32] if position == 17 else fields
    fields[min(position, len(fields) - 1)] = value
    seal = chain_maker.sign(key, keccak(rlp.encode(fields)))
    fields[12] += seal
    with pytest.raises(VerificationError) as caught:
        verify_clique_seals([parse_header(rlp.encode(fields))], [signers(4)])
    assert caught.value.reason == f"{name} breaks EIP-225"


def test_clique_accepts_the_signer_list_of_a_checkpoint_block_and_a_vote() -> None:
    order = signers(4)
    key = sorted((validator(index) for index in range(4)), key=address)[0]
    fields = chain_maker.fields(block(100), b"p" * 32, bytes(32) + b"".join(order), 2)
    fields[14] = b"\xff" * 8
    fields[12] += chain_maker.sign(key, keccak(rlp.encode(fields)))
    assert verify_clique_seals([parse_header(rlp.encode(fields))], [order]) == (order[0],)


def test_a_short_clique_extra_is_no_seal() -> None:
    with pytest.raises(VerificationError) as caught:
        clique_signer(parse_header(seal_none(block(1), bytes(32))[0]))
    assert caught.value.reason == "extra data too short for a seal"


def test_quorums() -> None:
    assert [clique_quorum(n) for n in (1, 2, 3, 4, 5, 6, 7)] == [1, 2, 2, 3, 3, 4, 4]
    assert [qbft_quorum(n) for n in (1, 2, 3, 4, 5, 6, 7)] == [1, 2, 2, 3, 4, 4, 5]


def test_qbft_counts_committed_seals_and_hashes_without_round_and_seals() -> None:
    order = signers(4)
    for committers in (0, 2, 3, 4):
        raw, hashed = seal_qbft(block(9), b"p" * 32, 4, round_number=3, committers=committers)
        header = parse_header(raw)
        count = verify_qbft_seals(header, order)
        assert (count.sealed, count.validators, count.needed) == (committers, 4, 3)
        assert header_hash(header, "qbft") == hashed
    again, same = seal_qbft(block(9), b"p" * 32, 4, round_number=0, committers=3)
    assert header_hash(parse_header(again), "qbft") == same == hashed


def test_qbft_refuses_strangers_doubles_and_other_validators() -> None:
    order = signers(4)
    raw, _ = seal_qbft(block(9), b"p" * 32, 4)
    header = parse_header(raw)
    fields = rlp.decode(raw)
    vanity, listed, vote, round_number, seals = rlp.decode(fields[12])

    def with_extra(items: list[object]) -> Header:
        return parse_header(rlp.encode([*fields[:12], rlp.encode(items), *fields[13:]]))

    stranger = chain_maker.sign(validator(9), keccak(b"anything"))
    cases = [
        (header, signers(5), "validators listed are not those pinned"),
        (
            with_extra([vanity, listed, vote, round_number, [*seals, seals[0]]]),
            order,
            "a validator's seal appears twice",
        ),
        (with_extra([vanity, listed, vote, b"\x07", seals]), order, "signer is not in the trust root"),
        (
            with_extra([vanity, listed, vote, round_number, [stranger]]),
            order,
            "signer is not in the trust root",
        ),
    ]
    for broken, validators, reason in cases:
        with pytest.raises(VerificationError) as caught:
            verify_qbft_seals(broken, validators)
        assert caught.value.reason == reason
    for items in (
        [vanity, listed, vote, round_number],
        [vanity[:31], listed, vote, round_number, seals],
        [vanity, [b"x"], vote, round_number, seals],
        [vanity, listed, vote, b"\x00", seals],
        [vanity, listed, b"", round_number, seals],
        [vanity, listed, vote, round_number, [seals[0][:64]]],
    ):
        with pytest.raises(FormatError):
            header_hash(with_extra(items), "qbft")
