"""State proofs of a node are checked against the header before anyone relies on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import pytest
from eth_hash.auto import keccak

from chain.errors import TransientChainError, VerificationError
from chain.evm import state
from chain.evm.blocks import AccountProof, Header, StorageProof
from chain.evm.client import EvmClient
from chain.types import Address, BlockNumber, Digest
from tests.reference import chain_maker, naive_trie

SLOT = (7).to_bytes(32, "big")
NO_SLOT = (8).to_bytes(32, "big")


def build(value: int) -> tuple[Header, AccountProof]:
    """A header and the proof of one contract whose slot 7 holds ``value``."""
    contract = chain_maker.Contract(b"\x11" * 20, keccak(b"code"), {SLOT: value})
    items = chain_maker.state([contract])
    header = Header(
        number=BlockNumber(9),
        hash=Digest(bytes(32)),
        parent_hash=Digest(bytes(32)),
        timestamp=0,
        state_root=Digest(naive_trie.root(items)),
        receipts_root=Digest(bytes(32)),
        gas_used=0,
        raw=b"",
        tx_hashes=(),
    )
    slots = tuple(
        StorageProof(key, held, contract.storage_proof(key)) for key, held in ((SLOT, value), (NO_SLOT, 0))
    )
    proof = AccountProof(
        address=Address(contract.address),
        nonce=1,
        balance=0,
        code_hash=Digest(contract.code_hash),
        storage_root=Digest(naive_trie.root(contract.slots())),
        nodes=tuple(naive_trie.prove(items, keccak(contract.address))),
        storage=slots,
    )
    return header, proof


@dataclass
class Node:
    """Answers the next of ``answers``, the last one for ever."""

    answers: list[AccountProof]
    asked: list[tuple[Address, Sequence[bytes], int]] = field(default_factory=list)

    def storage_proof(self, address: Address, keys: Sequence[bytes], block: int) -> AccountProof:
        self.asked.append((address, keys, block))
        return self.answers[min(len(self.asked), len(self.answers)) - 1]


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "_PAUSE", 0.0)


def test_a_state_between_blocks_is_asked_for_again() -> None:
    header, sound = build(41)
    _, between = build(42)
    node = Node([between, sound])
    got = state.fetch_proven_state(cast(EvmClient, node), header, sound.address, [SLOT, NO_SLOT])
    assert got == sound
    assert node.asked == [(sound.address, [SLOT, NO_SLOT], 9)] * 2


def test_a_node_that_keeps_proving_another_state_is_not_believed() -> None:
    header, sound = build(41)
    _, between = build(42)
    node = Node([between])
    with pytest.raises(
        TransientChainError, match=r"^block 9: the node proves another state: trie: node is not"
    ):
        state.fetch_proven_state(cast(EvmClient, node), header, sound.address, [SLOT])
    assert len(node.asked) == state.ATTEMPTS


def test_values_beside_the_proof_must_be_the_proven_ones() -> None:
    header, sound = build(41)
    lie = replace(sound.storage[0], value=40)
    with pytest.raises(VerificationError) as slot:
        state.check_state_proof(header, replace(sound, storage=(lie,)))
    assert (slot.value.step, slot.value.got, slot.value.want) == ("state", 40, 41)
    with pytest.raises(VerificationError) as code:
        state.check_state_proof(header, replace(sound, code_hash=Digest(b"\x01" * 32)))
    assert (code.value.got, code.value.want) == ("01" * 32, sound.code_hash.hex())
