"""The product's QBFT verifier against headers built independently by Besu's written rules."""

from __future__ import annotations

import pytest

from chain.errors import FormatError, VerificationError
from chain.evidence.headers import header_hash, parse_header, qbft_items, verify_links
from chain.evidence.rlp import parse_rlp_list
from chain.evidence.seals import qbft_quorum, verify_qbft_seals
from chain.types import Address, Digest
from tests.reference.besu_headers import (
    MIX_HASH,
    Block,
    address_of,
    keccak,
    key_of,
    make_block,
    make_keys,
    rlp,
    scalar,
    seal,
)

BESU_SAMPLE = (
    "f87aa00000000000000000000000000000000000000000000000000000000000000000f85494"
    "64a702e6263b7297a96638cac6ae65e6541f416994"
    "3923390ad55e90c237593b3b0e401f3b08a0318594"
    "aefdb9a738c9f433e5b6b212a6d62f6370c2f69294"
    "c7eeb9a4e00ce683cf93039b212648e01c6c6b78c080c0"
)
"""Extra data of block 0 as Besu's public QBFT examples have it: four validators, no vote, no seals."""


def pinned(count: int) -> list[Address]:
    return [Address(address_of(key)) for key in make_keys(count)]


def test_the_encoder_gives_besus_own_sample() -> None:
    listed = tuple(bytes.fromhex(BESU_SAMPLE[place : place + 40]) for place in (76, 118, 160, 202))
    block = Block(0, bytes(32), listed, bytes(20))
    assert block.extra(0, []).hex() == BESU_SAMPLE
    assert MIX_HASH == b"ctical byzantine fault tolerance"


def test_the_products_parser_reads_besus_own_sample() -> None:
    block = Block(0, bytes(32), (), bytes(20))
    fields = [item for item in parse_rlp_list(block.encode(0, [])) if isinstance(item, bytes)]
    assert fields[12] == block.extra(0, [])
    fields[12] = bytes.fromhex(BESU_SAMPLE)
    vanity, listed, vote, round_number, seals = qbft_items(parse_header(rlp(fields)))
    assert (vanity, vote, round_number, seals) == (bytes(32), [], b"", [])
    assert [address.hex()[:8] for address in listed] == ["64a702e6", "3923390a", "aefdb9a7", "c7eeb9a4"]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 7, 10, 13, 21])
def test_every_number_of_seals_is_counted(count: int) -> None:
    signers = make_keys(count)
    need = (2 * count + 2) // 3
    assert qbft_quorum(count) == need
    for sealed in {0, 1, need - 1, need, count}:
        header = parse_header(make_block(signers).sealed_by(signers[:sealed]))
        found = verify_qbft_seals(header, pinned(count))
        assert (found.sealed, found.validators, found.needed) == (sealed, count, need)
        assert (found.sealed >= found.needed) is (3 * sealed >= 2 * count)


@pytest.mark.parametrize("round_number", [0, 1, 127, 128, 255, 256, 70_000])
@pytest.mark.parametrize("vote", [(), (b"\x11" * 20, b"\xff"), (b"\x11" * 20, b"")])
def test_round_and_vote_are_under_the_seal_and_only_the_vote_under_the_hash(
    round_number: int, vote: tuple[bytes, bytes] | tuple[()]
) -> None:
    signers = make_keys(4)
    block = make_block(signers, round=round_number, vote=vote)
    header = parse_header(block.sealed_by(signers[1:]))
    assert verify_qbft_seals(header, pinned(4)).sealed == 3
    assert header_hash(header, "qbft") == block.name()
    other_round = make_block(signers, round=round_number + 1, vote=vote)
    assert header_hash(parse_header(other_round.sealed_by(signers)), "qbft") == block.name()
    assert other_round.seal_digest() != block.seal_digest()
    other_vote = make_block(signers, round=round_number, vote=(b"\x12" * 20, b"\xff"))
    assert header_hash(parse_header(other_vote.sealed_by(signers)), "qbft") != block.name()


@pytest.mark.parametrize(
    "later", [(), (b"",), (b"\x07", b"w" * 32), (b"\x07", b"w" * 32, b"", b"", b"r" * 32)]
)
def test_headers_of_every_fork_are_hashed_and_counted(later: tuple[bytes, ...]) -> None:
    signers = make_keys(4)
    block = make_block(signers, later=later)
    header = parse_header(block.sealed_by(signers[:3]))
    assert header_hash(header, "qbft") == block.name()
    assert verify_qbft_seals(header, pinned(4)).sealed == 3


def test_blocks_name_each_other_whoever_sealed_them_and_block_0_as_it_is() -> None:
    signers = make_keys(4)
    genesis = make_block(signers, number=0, proposer=bytes(20))
    # Whatever its extra data holds: block 0 is no block of a round.
    first_raw = genesis.encode(5, [])
    first = make_block(signers, number=1, parent=keccak(first_raw), round=2)
    second = make_block(signers, number=2, parent=first.name())
    for some in (signers[:3], signers[1:], signers):
        raws = [first_raw, first.sealed_by(some), second.sealed_by(signers[:3])]
        verify_links([parse_header(raw) for raw in raws], ["qbft"] * 3, Digest(second.name()))
    broken = make_block(signers, number=2, parent=keccak(first.sealed_by(signers)))
    with pytest.raises(VerificationError) as caught:
        raws = [first.sealed_by(signers), broken.sealed_by(signers)]
        verify_links([parse_header(raw) for raw in raws], ["qbft"] * 2, Digest(broken.name()))
    assert caught.value.reason == "header does not name the block before it"


def test_a_contract_may_name_the_validators() -> None:
    signers = make_keys(4)
    header = parse_header(make_block(signers, validators=()).sealed_by(signers[:3]))
    assert verify_qbft_seals(header, pinned(4)).sealed == 3


def seals_over(block: Block, signed: Block, count: int = 3) -> bytes:
    """``block`` with seals that were made for ``signed``."""
    digest = signed.seal_digest()
    return block.encode(block.round, [seal(key, digest) for key in make_keys(4)[:count]])


def negatives() -> list[tuple[str, bytes, str]]:
    """Name, header, reason why four pinned validators did not seal it."""
    signers = make_keys(4)
    block, digest = make_block(signers), make_block(signers).seal_digest()
    stranger, two = key_of("stranger"), [seal(key, digest) for key in signers[:2]]
    listed = tuple(address_of(key) for key in signers)
    not_pinned, breaks = "signer is not in the trust root", "{} breaks QBFT"
    unlike = "validators listed are not those pinned"
    high = bytearray(two[0])
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    high[32:64] = (order - int.from_bytes(two[0][32:64], "big")).to_bytes(32, "big")
    high[64] ^= 1
    return [
        ("a stranger among the sealers", block.encode(0, [*two, seal(stranger, digest)]), not_pinned),
        ("one validator twice", block.encode(0, [*two, two[0]]), "a validator's seal appears twice"),
        (
            "the same seal with a high s",
            block.encode(0, [two[1], two[0], bytes(high)]),
            "signature with a high s",
        ),
        (
            "a recovery id of Bitcoin's kind",
            block.encode(0, [two[0][:64] + b"\x1b"]),
            "not a 65-byte signature with v 0 or 1",
        ),
        ("seals of another round", seals_over(block, make_block(signers, round=1)), not_pinned),
        ("seals of another block", seals_over(block, make_block(signers, number=10)), not_pinned),
        ("seals of another parent", seals_over(block, make_block(signers, parent=b"\x08" * 32)), not_pinned),
        (
            "seals over the block's name",
            block.encode(1, [seal(key, block.name()) for key in signers]),
            not_pinned,
        ),
        ("one validator fewer listed", make_block(signers, validators=listed[:3]).sealed_by(signers), unlike),
        (
            "one more listed",
            make_block(signers, validators=(*listed, b"\xff" * 20)).sealed_by(signers),
            unlike,
        ),
        ("listed in another order", make_block(signers, validators=listed[::-1]).sealed_by(signers), unlike),
        ("listed twice", make_block(signers, validators=(*listed, listed[3])).sealed_by(signers), unlike),
        (
            "another difficulty",
            make_block(signers, difficulty=2).sealed_by(signers),
            breaks.format("difficulty"),
        ),
        (
            "another mix hash",
            make_block(signers, mix=bytes(32)).sealed_by(signers),
            breaks.format("mix hash"),
        ),
        (
            "a stranger proposed it",
            make_block(signers, proposer=address_of(stranger)).sealed_by(signers),
            breaks.format("proposer"),
        ),
    ]


@pytest.mark.parametrize(("name", "raw", "reason"), negatives(), ids=[name for name, _, _ in negatives()])
def test_what_the_validators_did_not_seal_is_refused(name: str, raw: bytes, reason: str) -> None:
    with pytest.raises(VerificationError) as caught:
        verify_qbft_seals(parse_header(raw), pinned(4))
    assert (caught.value.step, caught.value.reason) == ("seals", reason), name


def test_one_flipped_bit_anywhere_in_a_seal_is_never_counted() -> None:
    signers = make_keys(4)
    block = make_block(signers)
    good = [seal(key, block.seal_digest()) for key in signers[:3]]
    for place in range(65 * 8):
        bad = bytearray(good[1])
        bad[place // 8] ^= 1 << place % 8
        with pytest.raises(VerificationError):
            verify_qbft_seals(parse_header(block.encode(0, [good[0], bytes(bad), good[2]])), pinned(4))


def extra_data(vanity: bytes, listed: object, vote: object, round_number: object, seals: object) -> bytes:
    return rlp([vanity, listed, vote, round_number, seals])


@pytest.mark.parametrize(
    ("extra", "where"),
    [
        (rlp([bytes(32), [], [], b""]), "header.extra"),
        (rlp([bytes(32), [], [], b"", [], []]), "header.extra"),
        (bytes(32) + bytes(65), "rlp"),
        (extra_data(bytes(32), [], [], b"", []) + b"\x00", "rlp"),
        (extra_data(bytes(31), [], [], b"", []), "header.extra.vanity"),
        (extra_data(bytes(32), b"", [], b"", []), "header.extra"),
        (extra_data(bytes(32), [b"\x01" * 19], [], b"", []), "header.extra.validator"),
        (extra_data(bytes(32), [], b"", b"", []), "header.extra"),
        (extra_data(bytes(32), [], [b"\x11" * 20], b"", []), "header.extra.vote"),
        (extra_data(bytes(32), [], [b"\x11" * 19, b"\xff"], b"", []), "header.extra.vote"),
        (extra_data(bytes(32), [], [b"\x11" * 20, b"\x01"], b"", []), "header.extra.vote"),
        (extra_data(bytes(32), [], [b"\x11" * 20, b"\x00"], b"", []), "header.extra.vote"),
        (extra_data(bytes(32), [], [b"\x11" * 20, b"\xff", b""], b"", []), "header.extra.vote"),
        (extra_data(bytes(32), [], [], b"\x00", []), "header.extra.round"),
        (extra_data(bytes(32), [], [], b"\x00\x01", []), "header.extra.round"),
        (extra_data(bytes(32), [], [], scalar(1 << 32), []), "header.extra.round"),
        (extra_data(bytes(32), [], [], [], []), "header.extra.round"),
        (extra_data(bytes(32), [], [], b"", b""), "header.extra"),
        (extra_data(bytes(32), [], [], b"", [bytes(64)]), "header.extra.seal"),
        (extra_data(bytes(32), [], [], b"", [[bytes(65)]]), "header.extra.seal"),
    ],
)
def test_extra_data_of_another_form_is_refused(extra: bytes, where: str) -> None:
    signers = make_keys(4)
    fields = [item for item in parse_rlp_list(make_block(signers).encode(0, [])) if isinstance(item, bytes)]
    header = parse_header(rlp([*fields[:12], extra, *fields[13:]]))
    with pytest.raises(FormatError) as caught:
        verify_qbft_seals(header, pinned(4))
    assert caught.value.where == where
    with pytest.raises(FormatError):
        header_hash(header, "qbft")
