"""Blocks of a crook's own: sealed by one validator of four, or of a real node of his own."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from eth_keys import keys

from chain.evidence.bundle import AnchorEvidence, Bundle, ChainEvidence, HeaderRun
from chain.evidence.tries_build import build_receipt_proof
from chain.evm.blocks import encode_receipt
from chain.evm.client import EvmClient
from chain.evm.deploy import deploy
from chain.evm.state import fetch_proven_state
from chain.evm.transactions import TransactionFields
from chain.trust_root import SignerSet, format_trust_root, trust_root_id
from chain.typed_data import Place
from chain.types import Address, BlockNumber, Digest
from gateway.bootstrap import build_plan
from tests.malicious.crook import Crook, History
from tests.malicious.scene import DEVELOPMENT, Scene
from tests.reference import chain_maker, naive_trie
from tests.reference.chain_maker import Contract, keccak, word

VALIDATORS = 4
EVERYBODY = "validators in turn"
ANCHORED = keccak(b"Anchored(bytes32,uint64,bytes32,uint64)")


def sealed_root(scene: Scene) -> bytes:
    """Return the trust root of the same log on a chain that four validators seal."""
    root = scene.trust_root(DEVELOPMENT)
    addresses = sorted(
        Address(chain_maker.address(chain_maker.validator(number))) for number in range(VALIDATORS)
    )
    signers = SignerSet("clique", tuple(addresses), BlockNumber(0), None)
    chain = replace(root.chains[0], signers=(signers,))
    required = replace(root.required, seals="clique", depth=2)
    return format_trust_root(
        replace(root, name="consortium", replaces=(trust_root_id(root),), chains=(chain,), required=required)
    )


def reseal(bundle: Bundle, scene: Scene, history: History, how: str) -> Bundle:
    """Return the bundle with an anchor of ``history`` in blocks that the crook sealed in this way."""
    crook, size = scene.crook, history.size
    pin = next(pin for pin in scene.trust_root(DEVELOPMENT).chains[0].contracts if pin.name == "LogAnchor")
    event = chain_maker.log(
        pin.address, [ANCHORED, crook.identity.log_id, word(size)], history.root() + word(1)
    )
    items = chain_maker.receipts([chain_maker.receipt([event])])
    state = chain_maker.state([Contract(pin.address, pin.code_hash)])
    raws, parent = [], keccak(b"parent")
    for offset in range(1 if how == "own key, one block" else 3):
        roots = (naive_trie.root(state), naive_trie.root(items) if not offset else naive_trie.EMPTY)
        block = chain_maker.Block(900 + offset, 1_790_000_000 + offset, *roots, (b"\x07",))
        raw, parent = _seal(block, parent, how, offset)
        raws.append(raw)
    anchor = AnchorEvidence(
        block=BlockNumber(900),
        contract=pin.address,
        tx_index=0,
        log_index=0,
        receipt_proof=tuple(naive_trie.prove(items, naive_trie.rlp.encode(0))),
        account_proof=tuple(naive_trie.prove(state, keccak(pin.address))),
    )
    chain = ChainEvidence(crook.deployment.chain_id, (HeaderRun(tuple(raws), Digest(parent)),))
    return replace(bundle, chain=chain, anchor=anchor, outcome=None, state=None)


def _seal(block: chain_maker.Block, parent: bytes, how: str, offset: int) -> tuple[bytes, bytes]:
    """Seal a block: in the crook's turn with his key, else as ``how`` says."""
    own = 900 % VALIDATORS
    if how == EVERYBODY:
        return chain_maker.seal_clique(block, parent, VALIDATORS)
    if how.startswith("own key") or not offset:
        return chain_maker.seal_clique(block, parent, VALIDATORS, signer=own)
    vanity = b"tongyi".ljust(32, b"\0")
    digest = keccak(naive_trie.rlp.encode(chain_maker.fields(block, parent, vanity, 2)))
    if how == "made-up keys":
        seal = chain_maker.sign(keys.PrivateKey(keccak(b"made up %d" % offset)), digest)
    else:
        # What the validator in turn once signed for another block.
        order = sorted(map(chain_maker.validator, range(VALIDATORS)), key=chain_maker.address)
        seal = chain_maker.sign(order[block.number % VALIDATORS], keccak(b"a true block"))
    raw = naive_trie.rlp.encode(chain_maker.fields(block, parent, vanity + seal, 2))
    return raw, keccak(raw)


class LyingClient(EvmClient):
    """A client whose chain claims the genesis block of the true one, where contracts take their salt from."""

    true_genesis = Digest(bytes(32))

    def genesis_hash(self) -> Digest:
        return self.true_genesis


def anchor_elsewhere(
    client: EvmClient, crook: Crook, forged: Bundle, history: History, progress: Path, depth: int
) -> tuple[Place, Bundle]:
    """Deploy the same contracts with the same keys on another node, anchor there, and take its evidence."""
    identity, chain_id = crook.identity, client.chain_id()
    # The pins hold from the block of the true deployment on, so his anchor must lie behind that.
    client.call("anvil_mine", hex(200))
    plan = build_plan(crook.keys, identity, history.root(1))
    deployed = deploy(client, crook.keys.signer("deployer"), plan, progress=progress)
    contract = deployed.address("LogAnchor")
    assert contract == crook.deployment.address("LogAnchor")
    place = Place(chain_id, deployed.genesis_hash, contract)
    hq = crook.keys.signer("hq")
    call = TransactionFields(
        chain_id,
        client.transaction_count(hq.address),
        5_000_000,
        contract,
        crook.anchor_call(place, history, 1),
    )
    receipt = client.wait_for_receipt(client.send_raw(hq.sign_transaction(call)))
    assert receipt.succeeded
    first = BlockNumber(receipt.block_number)
    deadline = time.monotonic() + 20
    while client.block_number() < first + depth:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    headers = client.headers(first, first + depth + 1)
    receipts = [encode_receipt(item) for item in client.block_receipts(first)]
    anchor = AnchorEvidence(
        block=first,
        contract=contract,
        tx_index=receipt.tx_index,
        log_index=next(n for n, log in enumerate(receipt.logs) if log.topics[0] == ANCHORED),
        receipt_proof=tuple(build_receipt_proof(receipts, receipt.tx_index)[1]),
        account_proof=fetch_proven_state(client, headers[0], contract, []).nodes,
    )
    run = HeaderRun(tuple(header.raw for header in headers), headers[-1].hash)
    chain = ChainEvidence(chain_id, (run,))
    return place, replace(forged, chain=chain, anchor=anchor, outcome=None, state=None)
