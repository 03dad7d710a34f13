"""Bundles of two sets of contracts on one real chain, under trust roots that know one of them or both.

What a verifier needs of a migration and no more: the gateway cannot move to new contracts yet (see
contracts/README.md), so the second set is deployed, and the log anchored there, from here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from chain.checkpoint import open_checkpoint
from chain.event_kinds import Anchored
from chain.events import decode
from chain.evidence.bundle import (
    AnchorEvidence,
    Bundle,
    ChainEvidence,
    HeaderRun,
    format_bundle,
    parse_bundle,
)
from chain.evidence.tries_build import build_receipt_proof
from chain.evm.blocks import Receipt, encode_receipt
from chain.evm.calldata import encode_anchor
from chain.evm.client import EvmClient
from chain.evm.deploy import deploy
from chain.evm.deployment import Deployment
from chain.evm.local import LocalChain
from chain.evm.state import fetch_proven_state
from chain.evm.transactions import TransactionFields
from chain.hashing import hash_leaf
from chain.merkle.prove import consistency_proof, inclusion_proof
from chain.merkle.tree import Tree
from chain.trust_root import CONTRACTS, ContractPin, TrustRoot, format_trust_root, parse_trust_root
from chain.trust_root import trust_root_id as id_of
from chain.typed_data import Place, anchor_payload
from chain.types import TreeSize
from chain.verify import Verdict, verify_bundle
from gateway.bootstrap import ANCHOR_ROLES, build_plan
from gateway.data_folder import DataFolder
from gateway.keys import KeyFolder
from gateway.ledger.recovery import stored_leaves
from gateway.stopped import stopped_gateway
from tests.integration.serving import Serving
from tests.integration.test_witnessed_log import eventually

CHAPTER = "3101-0007"
ENTRY: dict[str, object] = {
    "type": "service.recorded", "chapter": CHAPTER, "actor": None, "subjects": [], "public": {},
}  # fmt: skip


class NewContracts:
    """A second set on the chain of a stopped gateway, set up as the first, and the log's tree there."""

    def __init__(self, client: EvmClient, data: Path) -> None:
        self.client = client
        self.keys = KeyFolder(DataFolder(data).keys)
        self.identity = self.keys.log_identity(None)
        with stopped_gateway(data, None) as (_, database), database.reader() as connection:
            self.tree = Tree(map(hash_leaf, stored_leaves(connection, 0, 1 << 20)))
        plan = build_plan(self.keys, self.identity, self.tree.root(1))
        self.deployment: Deployment = deploy(client, self.keys.signer("deployer"), plan)

    def anchor(self, size: int) -> Receipt:
        """Anchor the first ``size`` leaves: the new contract has none but the genesis leaf."""
        contract, root = self.deployment.address("LogAnchor"), self.tree.root(size)
        place = Place(self.deployment.chain_id, self.deployment.genesis_hash, contract)
        signers = sorted(map(self.keys.signer, ANCHOR_ROLES), key=lambda one: one.address)
        payload = anchor_payload(place, self.identity.log_id, TreeSize(size), root)
        signatures = [one.sign_payload(payload) for one in signers]
        proof = consistency_proof(self.tree, 1, size)
        data = encode_anchor(self.identity.log_id, TreeSize(size), root, proof, signatures)
        # Anyone may post what the signers signed.
        sender = self.keys.signer("deployer")
        nonce = self.client.transaction_count(sender.address)
        fields = TransactionFields(place.chain_id, nonce, 1_000_000, contract, data)
        sent = self.client.send_raw(sender.sign_transaction(fields))
        return self.client.wait_for_receipt(sent)

    def evidence(self, mined: Receipt, depth: int) -> tuple[AnchorEvidence, ChainEvidence]:
        """Return what proves that anchor, with the headers that follow it."""
        number = mined.block_number
        eventually(lambda: self.client.block_number() >= number + depth)
        receipts = [encode_receipt(one) for one in self.client.block_receipts(number)]
        headers = self.client.headers(number, number + depth + 1)
        got, proof = build_receipt_proof(receipts, mined.tx_index)
        assert got == headers[0].receipts_root
        contract = self.deployment.address("LogAnchor")
        account = fetch_proven_state(self.client, headers[0], contract, [])
        (place,) = [n for n, one in enumerate(mined.logs) if isinstance(decode(one), Anchored)]
        anchor = AnchorEvidence(number, contract, mined.tx_index, place, tuple(proof), account.nodes)
        run = HeaderRun(tuple(header.raw for header in headers), headers[-1].hash)
        return anchor, ChainEvidence(self.deployment.chain_id, (run,))

    def follow(self, root: TrustRoot) -> TrustRoot:
        """Return the successor of a trust root in which these contracts count from their first block on."""
        chain, first = root.chains[0], self.deployment.first_block
        found = self.deployment.contracts
        new = tuple(ContractPin(n, found[n].address, found[n].code_hash, first, None) for n in CONTRACTS)
        old = tuple(replace(pin, end=first) for pin in chain.contracts)
        moved = replace(chain, contracts=old + new)
        return replace(root, replaces=(*root.replaces, id_of(root)), chains=(moved,))


def for_root(bundle: Bundle, root: TrustRoot) -> bytes:
    """Return a bundle's bytes that name this trust root."""
    return format_bundle(replace(bundle, trust_root=id_of(root)))


def failed(verdict: Verdict) -> list[tuple[str, str]]:
    return [(step.name, step.code) for step in verdict.steps if step.status == "failed"]


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[LocalChain]:
    with LocalChain(tmp_path / "chain", block_time=0.3) as chain:
        yield chain


@pytest.fixture
def serving(chain: LocalChain, tmp_path: Path) -> Serving:
    return Serving(tmp_path / "data", ("--chain-url", chain.url), environment={"TONGYI_ANCHOR_INTERVAL": "0"})


def test_bundles_hold_on_both_sides_of_a_migration(serving: Serving, chain: LocalChain) -> None:
    serving.start()
    pool, member = serving.open_chapter(CHAPTER), serving.join(CHAPTER)
    gift = {"chapter": CHAPTER, "from": pool, "to": member, "amount": "2000"}
    operation = serving.made("/v1/credits/transfer", gift)["id"]
    entry = serving.made("/v1/entries", ENTRY)["id"]
    old = [serving.proof(operation), serving.proof(entry)]
    note = serving.client.get("/log/checkpoint").content
    before = parse_trust_root(Path(serving.ready["trust_root"]).read_bytes())
    assert serving.stop() == 0

    with closing(EvmClient(chain.url)) as client:
        new = NewContracts(client, serving.data)
        size = open_checkpoint(note, [new.identity.vkey]).size
        anchor, evidence = new.evidence(new.anchor(size), before.required.depth)
    after = new.follow(before)
    known, follower = format_trust_root(before), format_trust_root(after)
    first = parse_bundle(old[1])
    assert first.anchor is not None and first.anchor.block < new.deployment.first_block <= anchor.block
    path = tuple(inclusion_proof(new.tree, first.log.index, size))
    log = replace(first.log, size=size, path=path, checkpoint=note.decode())
    moved = replace(first, log=log, anchor=anchor, chain=evidence)

    # Of before: under the root of its day and under the one that follows, the operation's outcome included.
    for data in old:
        assert [verify_bundle(data, root).outcome for root in (known, follower)] == ["pass", "pass"]
    # Of after: by the new contract, of another address and other code. The old root does not know it.
    verdict = verify_bundle(for_root(moved, after), follower)
    assert (verdict.outcome, failed(verdict)) == ("pass", [])
    named = new.deployment.contracts["LogAnchor"]
    assert verdict.facts.contracts == (f"LogAnchor {named.address.hex()} {named.code_hash.hex()}",)
    pinned = {pin.name: pin for pin in before.chains[0].contracts}["LogAnchor"]
    assert (named.address, named.code_hash) != (pinned.address, pinned.code_hash)
    assert failed(verify_bundle(for_root(moved, before), known)) == [("contract", "unpinned")]

    # Whoever goes on with the old contracts convinces those alone who have not heard.
    serving.start()
    late = serving.proof(serving.made("/v1/entries", ENTRY)["id"])
    assert serving.stop() == 0
    assert verify_bundle(late, known).outcome == "pass"
    assert failed(verify_bundle(late, follower)) == [("contract", "unpinned")]
