"""Trie proofs: the builder and the verifier against a naive trie over a foreign library, and mutations."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.errors import FormatError, NotaryError, VerificationError
from chain.evidence.rlp import format_number, format_rlp
from chain.evidence.tries import (
    EMPTY_TRIE_ROOT,
    verify_account_proof,
    verify_receipt_proof,
    verify_storage_proof,
    verify_trie_proof,
)
from chain.evidence.tries_build import Trie, build_receipt_proof
from chain.hashing import keccak256
from chain.types import Address
from tests.reference import naive_trie

KEYS = st.binary(min_size=1, max_size=3)
VALUES = st.binary(min_size=1, max_size=60)

# Roots published with Ethereum's own trie tests ("dogs", "puppy", "emptyValues"-free cases).
PUBLISHED = [
    (
        {b"do": b"verb", b"horse": b"stallion", b"doge": b"coin", b"dog": b"puppy"},
        "5991bb8c6514148a29db676a14ac506cd2cd5775ace63c30a4fe457715e9ac84",
    ),
    (
        {b"doe": b"reindeer", b"dog": b"puppy", b"dogglesworth": b"cat"},
        "8aad789dff2f538bca5d8ea56e8abe10f4c7ba3a5dea95fea4cd6e7c3a1168d3",
    ),
    ({b"A": b"a" * 50}, "d23786fb4a010da3ce639d66d5e904a11dbc02746d1ce25029e53290cabf28ab"),
    ({}, "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"),
]


@pytest.mark.parametrize(("items", "root"), PUBLISHED)
def test_roots_are_the_published_ones(items: dict[bytes, bytes], root: str) -> None:
    assert Trie(items).root.hex() == root
    assert naive_trie.root(items).hex() == root


@settings(max_examples=150)
@given(st.dictionaries(KEYS, VALUES, max_size=30), KEYS)
def test_builder_equals_the_naive_trie_and_proofs_verify(items: dict[bytes, bytes], absent: bytes) -> None:
    trie = Trie(items)
    assert trie.root == naive_trie.root(items)
    for key in [*items, absent]:
        proof = trie.proof(key)
        assert proof == naive_trie.prove(items, key)
        assert verify_trie_proof(trie.root, key, proof) == items.get(key)


def test_every_receipt_of_blocks_of_many_sizes() -> None:
    for count in (1, 2, 16, 17, 127, 128, 129, 300):
        values = [b"\x02" + format_rlp([b"receipt", format_number(n)]) * 3 for n in range(count)]
        expected = naive_trie.root({naive_trie.rlp.encode(n): value for n, value in enumerate(values)})
        for index in {0, 1, count // 2, count - 1} & set(range(count)):
            root, proof = build_receipt_proof(values, index)
            assert root == expected
            assert verify_receipt_proof(root, index, proof) == values[index]
            with pytest.raises(VerificationError):
                verify_receipt_proof(root, index ^ 1, proof)


def test_building_refuses_an_index_outside_the_block_and_empty_values() -> None:
    for index in (-1, 2):
        with pytest.raises(FormatError):
            build_receipt_proof([b"a", b"b"], index)
    with pytest.raises(FormatError):
        Trie({b"a": b""})


def test_no_mutated_proof_is_accepted_for_another_answer() -> None:
    chance = random.Random(4)
    items = {keccak256(bytes([n])): format_rlp(chance.randbytes(chance.randrange(1, 33))) for n in range(90)}
    trie = Trie(items)
    accepted = 0
    for _ in range(3_000):
        key = chance.choice([*items, keccak256(chance.randbytes(4))])
        proof = trie.proof(key)
        mutated = list(proof)
        at = chance.randrange(len(mutated))
        kind = chance.randrange(5)
        if kind == 0:
            byte = chance.randrange(len(mutated[at]))
            changed = bytearray(mutated[at])
            changed[byte] ^= 1 << chance.randrange(8)
            mutated[at] = bytes(changed)
        elif kind == 1:
            del mutated[at]
        elif kind == 2:
            mutated.insert(at, mutated[at])
        elif kind == 3:
            mutated.append(chance.choice(trie.proof(chance.choice(list(items)))))
        else:
            key = chance.choice([other for other in items if other != key])
        try:
            value = verify_trie_proof(trie.root, key, mutated)
        except NotaryError:
            continue
        # Only a proof that happens to be right for the key it is now read with may stand.
        accepted += value != items.get(key) or mutated != trie.proof(key)
    assert accepted == 0


def test_a_key_that_leaves_the_path_of_an_extension_is_absent_and_never_its_neighbour() -> None:
    items = {b"\x11\x11": b"one" * 20, b"\x11\x22": b"two" * 20}
    trie, stranger = Trie(items), b"\x21\x11"
    assert verify_trie_proof(trie.root, stranger, trie.proof(stranger)) is None
    with pytest.raises(VerificationError) as caught:
        verify_trie_proof(trie.root, stranger, trie.proof(b"\x11\x11"))
    assert caught.value.reason == "unused nodes"


def test_empty_trie_in_both_spellings_of_nodes_and_never_for_another_root() -> None:
    for proof in ([], [b"\x80"]):
        assert verify_trie_proof(EMPTY_TRIE_ROOT, b"k", proof) is None
        with pytest.raises(VerificationError) as caught:
            verify_trie_proof(bytes(32), b"k", proof)
        assert caught.value.reason == "no nodes for a trie that is not empty"


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        ([b"\x40", b"v"], "path prefix"),
        ([b"", b"v"], "path prefix"),
        ([b"\x31", b""], "leaf without a value"),
        ([b"\x2f\x00", b"v"], "path padding is not zero"),
        ([b"\x11", b"v"], "reference is neither empty nor a hash"),
        ([b"\x00", bytes(32)], "extension without a path"),
        ([b"\x11", b""], "extension that leads nowhere"),
        ([b"\x31", [b"v"]], "leaf without a value"),
        ([b"a", b"b", b"c"], "neither branch, extension nor leaf"),
    ],
)
def test_refuses_nodes_of_another_form(node: list[object], reason: str) -> None:
    raw = format_rlp(node)
    with pytest.raises(FormatError) as caught:
        verify_trie_proof(keccak256(raw), b"\x11", [raw])
    assert caught.value.reason == reason


def test_account_and_storage_values() -> None:
    address, other = Address(b"a" * 20), Address(b"b" * 20)
    account = format_rlp([b"\x01", b"\x05", b"s" * 32, b"c" * 32])
    trie = Trie({keccak256(address): account, keccak256(other): b"\x05"})
    found = verify_account_proof(trie.root, address, trie.proof(keccak256(address)))
    assert (found.nonce, found.balance, found.storage_root, found.code_hash) == (1, 5, b"s" * 32, b"c" * 32)
    with pytest.raises(FormatError):
        verify_account_proof(trie.root, other, trie.proof(keccak256(other)))
    absent = Address(b"c" * 20)
    with pytest.raises(VerificationError) as caught:
        verify_account_proof(trie.root, absent, trie.proof(keccak256(absent)))
    assert caught.value.got == absent.hex()

    slot, zero, long = bytes(31) + b"\x01", bytes(31) + b"\x02", bytes(31) + b"\x03"
    storage = Trie(
        {keccak256(slot): b"\x2a", keccak256(zero): b"\x80", keccak256(long): format_rlp(b"1" * 33)}
    )
    assert verify_storage_proof(storage.root, slot, storage.proof(keccak256(slot))) == 42
    absent_slot = bytes(31) + b"\x09"
    assert verify_storage_proof(storage.root, absent_slot, storage.proof(keccak256(absent_slot))) == 0
    for bad in (zero, long):
        with pytest.raises(FormatError):
            verify_storage_proof(storage.root, bad, storage.proof(keccak256(bad)))
