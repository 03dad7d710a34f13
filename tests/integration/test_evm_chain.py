"""The EVM shell against a real node: deployment, a settled window, and proofs the pure verifier accepts."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from chain.entry import Operation, OperationKind, leaf_data, operation_digest
from chain.errors import FatalChainError
from chain.events import (
    AccountRegistered,
    Anchored,
    Event,
    LogRegistered,
    OperationDone,
    OperationRefused,
    QuotaSet,
    Settled,
    Transfer,
    decode,
)
from chain.evidence.headers import parse_header as parse_header_bytes
from chain.evidence.layout import account_key, parse_account_slot
from chain.evidence.rlp import format_number, format_rlp
from chain.evidence.tries import verify_account_proof, verify_storage_proof
from chain.evidence.tries_build import Trie
from chain.evm import calldata
from chain.evm.blocks import Receipt, encode_receipt
from chain.evm.client import EvmClient
from chain.evm.deploy import (
    Deployment,
    DeploymentPlan,
    LogPlan,
    PolicyPlan,
    RoleGrant,
    check_deployment,
    deploy,
    load_deployment,
)
from chain.evm.errors import NodeRefused, WrongChain
from chain.evm.local import CHAIN_ID, LocalChain
from chain.evm.roles import CANCEL_POLICY, REVERSE_POLICY, RoleKind
from chain.evm.signers.base import LocalKey
from chain.evm.transactions import TransactionFields
from chain.hashing import hash_leaf, keccak256
from chain.merkle.prove import consistency_proof, window_proof
from chain.merkle.tree import Tree
from chain.typed_data import Place, anchor_payload
from chain.types import Address, Digest, TreeSize

LOG_ID = hashlib.sha256(b"log.example/test").digest()
CHAPTER = 31010007
NOBODY = Address(bytes(20))
DEPLOYER = LocalKey(hashlib.sha256(b"deployer").digest())
OPERATOR = LocalKey(hashlib.sha256(b"operator").digest())
ISSUER = LocalKey(hashlib.sha256(b"issuer").digest())
WITNESS = LocalKey(hashlib.sha256(b"witness").digest())
MEMBERS = [Address(hashlib.sha256(b"member %d" % i).digest()[:20]) for i in range(20)]
POOL = Address(hashlib.sha256(b"pool").digest()[:20])
GENESIS_LEAF = leaf_data(Digest(hashlib.sha256(b"genesis").digest()), None)


@dataclass
class Network:
    """A deployed network and a sender of calls."""

    client: EvmClient
    deployment: Deployment
    progress: Path

    def send(self, key: LocalKey, target: str, data: bytes) -> Receipt:
        """Send one call and wait for its receipt."""
        nonce = self.client.transaction_count(key.address)
        to = self.deployment.address(target)
        raw = key.sign_transaction(TransactionFields(CHAIN_ID, nonce, 30_000_000, to, data))
        return self.client.wait_for_receipt(self.client.send_raw(raw), pause=0.05)

    def events(self, receipt: Receipt) -> list[Event]:
        """Decode what a call emitted."""
        assert receipt.succeeded
        return [decode(log) for log in receipt.logs]


def first_tree() -> Tree:
    """The log as it is registered: one genesis leaf."""
    return Tree([hash_leaf(GENESIS_LEAF)])


def plan() -> DeploymentPlan:
    """Roles, policies and one log whose anchors the operator and a witness both sign."""
    signers = (OPERATOR.address, WITNESS.address)
    return DeploymentPlan(
        grants=(
            RoleGrant(RoleKind.OPERATOR, 0, OPERATOR.address),
            RoleGrant(RoleKind.ISSUER, CHAPTER, ISSUER.address),
        ),
        policies=(
            PolicyPlan(REVERSE_POLICY, (RoleKind.PRESIDENT, RoleKind.SECRETARY), 2),
            PolicyPlan(CANCEL_POLICY, (RoleKind.PRESIDENT, RoleKind.TRUSTEE), 2),
        ),
        logs=(LogPlan(Digest(LOG_ID), first_tree().root(), 1_000_000, signers, 2),),
    )


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """A fresh chain with everything deployed."""
    folder = tmp_path_factory.mktemp("network")
    with LocalChain(folder / "chain", block_time=0.2) as chain:
        client = EvmClient(chain.url, expected_chain_id=CHAIN_ID)
        progress = folder / "deploy.json"
        yield Network(client, deploy(client, DEPLOYER, plan(), progress=progress), progress)
        client.close()


def test_deploy_records_code_and_sets_roles_policies_and_log(network: Network, tmp_path: Path) -> None:
    deployment, client = network.deployment, network.client
    assert set(deployment.contracts) == {
        "RoleManager",
        "LogAnchor",
        "CoSignature",
        "TimeCredit",
        "Membership",
        "SeatRegistry",
        "RuleBook",
    }
    for contract in deployment.contracts.values():
        assert keccak256(client.code(contract.address)) == contract.code_hash
    logs = client.logs(0, client.block_number(), [deployment.address("LogAnchor")])
    assert LogRegistered(Digest(LOG_ID), first_tree().root(), 1_000_000) in [decode(log) for log in logs]
    deployment.save(tmp_path / "deployment.json")
    assert load_deployment(tmp_path / "deployment.json") == deployment
    check_deployment(client, deployment)


def test_deploy_takes_hq_back_from_the_deployer(network: Network) -> None:
    role = (1 << 32).to_bytes(32, "big")
    call = keccak256(b"hasRole(uint64,address)")[:4] + role + bytes(12) + DEPLOYER.address
    answer = network.client.view(network.deployment.address("RoleManager"), call)
    assert answer == bytes(64)
    assert network.deployment.first_block <= network.client.block_number()


def test_deploy_again_with_its_progress_changes_nothing(network: Network) -> None:
    nonce = network.client.transaction_count(DEPLOYER.address)
    assert deploy(network.client, DEPLOYER, plan(), progress=network.progress) == network.deployment
    assert network.client.transaction_count(DEPLOYER.address) == nonce


def test_deploy_refuses_another_plan_than_the_one_begun(network: Network) -> None:
    with pytest.raises(FatalChainError, match="plan is not the one"):
        deploy(network.client, DEPLOYER, DeploymentPlan(grants=()), progress=network.progress)


def test_deploy_goes_on_after_a_crash_between_two_sends(network: Network, tmp_path: Path) -> None:
    key, sent = LocalKey(hashlib.sha256(b"another deployer").digest()), 0

    class Crash(Exception):
        pass

    class CrashingClient(EvmClient):
        def send_raw(self, raw: bytes) -> Digest:
            nonlocal sent
            sent += 1
            if sent == 6:
                raise Crash
            return super().send_raw(raw)

    progress = tmp_path / "progress.json"
    crashing = CrashingClient(network.client.url)
    with pytest.raises(Crash):
        deploy(crashing, key, plan(), progress=progress)
    crashing.close()
    deployment = deploy(network.client, key, plan(), progress=progress)
    check_deployment(network.client, deployment)
    assert deployment.address("TimeCredit") != network.deployment.address("TimeCredit")
    # One nonce a step and no more: six creations, three grants, two policies, one log, one revocation.
    assert network.client.transaction_count(key.address) == 13


def test_deploy_names_the_step_that_reverts(network: Network) -> None:
    bad = DeploymentPlan(grants=(), policies=(PolicyPlan(REVERSE_POLICY, (RoleKind.PRESIDENT,), 2),))
    with pytest.raises(FatalChainError, match=f"step policy {REVERSE_POLICY.hex()} reverted"):
        deploy(network.client, LocalKey(hashlib.sha256(b"third").digest()), bad)


def test_check_deployment_names_what_differs(network: Network) -> None:
    deployment = network.deployment
    credit = deployment.contracts["TimeCredit"]
    contracts = {**deployment.contracts, "TimeCredit": replace(credit, code_hash=Digest(bytes(32)))}
    with pytest.raises(WrongChain) as other_code:
        check_deployment(network.client, replace(deployment, contracts=contracts))
    assert (other_code.value.what, other_code.value.got) == ("code of TimeCredit", credit.code_hash.hex())
    contracts = {**deployment.contracts, "TimeCredit": replace(credit, address=NOBODY)}
    with pytest.raises(WrongChain) as no_code:
        check_deployment(network.client, replace(deployment, contracts=contracts))
    assert (no_code.value.what, no_code.value.got) == ("code of TimeCredit", "none")
    with pytest.raises(WrongChain) as other_genesis:
        check_deployment(network.client, replace(deployment, genesis_hash=Digest(bytes(32))))
    assert other_genesis.value.what == "genesis block"
    with pytest.raises(WrongChain) as other_chain:
        EvmClient(network.client.url, expected_chain_id=1)
    assert (other_chain.value.got, other_chain.value.want) == (CHAIN_ID, 1)
    with pytest.raises(WrongChain) as other_start:
        EvmClient(network.client.url, expected_genesis=bytes(32))
    assert (other_start.value.got, other_start.value.want) == (deployment.genesis_hash.hex(), "00" * 32)


@dataclass
class Ledger:
    """A small ledger: every leaf with its operation, if any."""

    tree: Tree
    operations: list[tuple[Operation, bytes] | None]
    commitments: list[bytes]

    def add(self, operation: Operation | None) -> None:
        """Append one leaf."""
        index = self.tree.size
        salt = hashlib.sha256(b"salt %d" % index).digest()[:16]
        commitment = hashlib.sha256(b"entry %d" % index).digest()
        digest = None if operation is None else operation_digest(operation, salt)
        self.tree.append([hash_leaf(leaf_data(Digest(commitment), digest))])
        self.operations.append(None if operation is None else (operation, salt))
        self.commitments.append(commitment)

    def settle_call(self, start: int, end: int, size: int) -> bytes:
        """Return the call for the window ``[start, end)``."""
        mask, operations, others = 0, [], []
        for index in range(start, end):
            found = self.operations[index]
            if found is None:
                others.append(self.commitments[index])
                continue
            mask |= 1 << (index - start)
            op, salt = found
            operations.append(
                calldata.pack_operation(
                    op.kind,
                    op.sender,
                    op.receiver,
                    op.amount,
                    op.valid_until,
                    op.ref,
                    salt,
                    self.commitments[index],
                )
            )
        left, right = window_proof(self.tree, start, end, size)
        return calldata.encode_settle(LOG_ID, start, end - start, mask, operations, others, left, right, [])

    def anchor_call(self, network: Network, old: int, size: int) -> bytes:
        """Return the anchor of ``size``, signed by both signers in address order."""
        root = self.tree.root(size)
        deployed = network.deployment
        place = Place(CHAIN_ID, deployed.genesis_hash, deployed.address("LogAnchor"))
        payload = anchor_payload(place, LOG_ID, TreeSize(size), root)
        keys = sorted((OPERATOR, WITNESS), key=lambda key: key.address)
        proof = consistency_proof(self.tree, old, size)
        return calldata.encode_anchor(
            LOG_ID, TreeSize(size), root, proof, [k.sign_payload(payload) for k in keys]
        )


def operation(kind: OperationKind, sender: Address, receiver: Address, amount: int) -> Operation:
    return Operation(kind, sender, receiver, amount, 0, bytes(32))


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    """1 genesis leaf, 1 issue, then 300 leaves of which two of three are transfers, one without the coins."""
    book = Ledger(first_tree(), [None], [GENESIS_LEAF[1:33]])
    book.add(operation(OperationKind.ISSUE, NOBODY, POOL, 10_000_00))
    for i in range(300):
        pays = operation(OperationKind.TRANSFER, POOL, MEMBERS[i % 20], 100 + i)
        book.add(None if i % 3 == 2 else pays)
    book.add(operation(OperationKind.TRANSFER, MEMBERS[0], MEMBERS[1], 2**60))
    return book


@pytest.fixture(scope="module")
def settled(network: Network, ledger: Ledger) -> list[Event]:
    """Register the accounts, anchor the ledger, settle it in two windows; returns what ``settle`` emitted."""
    accounts = [calldata.Registration(POOL, CHAPTER, 3, 1, LOG_ID, hashlib.sha256(b"pool").digest())]
    accounts += [calldata.Registration(m, CHAPTER, 1, 1, LOG_ID, keccak256(m)) for m in MEMBERS]
    registered = network.events(network.send(OPERATOR, "Membership", calldata.encode_register(accounts)))
    assert registered[1] == AccountRegistered(
        MEMBERS[0], CHAPTER, 1, 1, Digest(LOG_ID), keccak256(MEMBERS[0])
    )
    period = int(time.strftime("%Y%m", time.gmtime(time.time() + 8 * 3600)))
    quota = network.events(
        network.send(ISSUER, "TimeCredit", calldata.encode_set_quota(CHAPTER, period, 20_000_00))
    )
    assert quota == [QuotaSet(CHAPTER, period, 20_000_00)]
    size = ledger.tree.size
    anchored = network.events(network.send(WITNESS, "LogAnchor", ledger.anchor_call(network, 1, size)))
    assert anchored == [Anchored(Digest(LOG_ID), TreeSize(size), ledger.tree.root(), TreeSize(1))]
    events = network.events(network.send(OPERATOR, "TimeCredit", ledger.settle_call(0, 130, size)))
    return events + network.events(network.send(OPERATOR, "TimeCredit", ledger.settle_call(130, size, size)))


def test_settle_executes_the_ledger_in_order(settled: list[Event], ledger: Ledger) -> None:
    outcomes = [e for e in settled if isinstance(e, OperationDone | OperationRefused)]
    wanted = [i for i, found in enumerate(ledger.operations) if found is not None]
    assert [outcome.index for outcome in outcomes] == wanted
    for outcome in outcomes:
        op, salt = ledger.operations[outcome.index] or pytest.fail("an operation was invented")
        assert (outcome.kind, outcome.sender, outcome.receiver, outcome.amount) == (
            op.kind,
            op.sender,
            op.receiver,
            op.amount,
        )
        assert (outcome.ref, outcome.op_salt, outcome.valid_until) == (op.ref, salt, op.valid_until)
        assert outcome.leaf_hash == ledger.tree.leaf_hash(outcome.index)
    refused = [outcome for outcome in outcomes if isinstance(outcome, OperationRefused)]
    assert [(outcome.index, outcome.reason) for outcome in refused] == [(ledger.tree.size - 1, 7)]
    moved = sum(e.value for e in settled if isinstance(e, Transfer) and e.sender != NOBODY)
    assert moved == sum(o.moved for o in outcomes if isinstance(o, OperationDone) and o.kind == 2)
    windows = [e for e in settled if isinstance(e, Settled)]
    size = ledger.tree.size
    assert windows == [Settled(Digest(LOG_ID), *w, TreeSize(size)) for w in ((0, 130), (130, size))]


def test_settle_refuses_a_changed_operand(network: Network, ledger: Ledger, settled: list[Event]) -> None:
    size = ledger.tree.size
    ledger.add(operation(OperationKind.TRANSFER, POOL, MEMBERS[3], 55))
    try:
        larger = ledger.tree.size
        assert network.send(OPERATOR, "LogAnchor", ledger.anchor_call(network, size, larger)).succeeded
        honest = ledger.settle_call(size, larger, larger)
        at = honest.index((55).to_bytes(32, "big"))
        forged = honest[:at] + (56).to_bytes(32, "big") + honest[at + 32 :]
        with pytest.raises(NodeRefused) as refused:
            network.client.view(network.deployment.address("TimeCredit"), forged, sender=OPERATOR.address)
        assert refused.value.code == 3
        assert not network.send(OPERATOR, "TimeCredit", forged).succeeded
        assert network.send(OPERATOR, "TimeCredit", honest).succeeded
    finally:
        assert ledger.tree.size == size + 1


def test_state_and_receipts_prove_themselves(network: Network, ledger: Ledger, settled: list[Event]) -> None:
    client, credit = network.client, network.deployment.address("TimeCredit")
    header = client.header("latest")
    assert parse_header_bytes(header.raw).state_root == header.state_root
    proof = client.storage_proof(credit, [account_key(MEMBERS[5])], header.number)
    account = verify_account_proof(header.state_root, credit, list(proof.nodes))
    assert account.code_hash == network.deployment.contracts["TimeCredit"].code_hash
    word = verify_storage_proof(proof.storage_root, account_key(MEMBERS[5]), list(proof.storage[0].nodes))
    got = parse_account_slot(word).balance
    assert got == sum(
        e.value * (1 if e.receiver == MEMBERS[5] else -1)
        for e in settled
        if isinstance(e, Transfer) and MEMBERS[5] in (e.sender, e.receiver)
    )
    logs = client.logs(0, header.number, [credit])
    for number in sorted({log.block_number for log in logs}):
        receipts = client.block_receipts(number)
        trie = Trie({format_rlp(format_number(r.tx_index)): encode_receipt(r) for r in receipts})
        assert trie.root == client.header(number).receipts_root
        assert [log for r in receipts for log in r.logs if log.address == credit] == [
            log for log in logs if log.block_number == number
        ]
    assert client.knows_transactions([logs[0].tx_hash, b"\x01" * 32, logs[-1].tx_hash]) == [True, False, True]
