"""A real chain with the real contracts, and a log in memory, for tests of outbox, mirror and anchor.

The node makes blocks only when told (`Network.mine`), so a test decides what is in which block.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from chain.evm.artifacts import load_artifact
from chain.evm.calldata import (
    Registration,
    encode_grant_role,
    encode_register,
    encode_register_log,
    encode_register_policy,
    encode_set_quota,
)
from chain.evm.client import EvmClient
from chain.evm.local import CHAIN_ID, LocalChain
from chain.evm.signers.base import LocalKey
from chain.evm.transactions import TransactionFields, contract_address
from chain.hashing import hash_leaf, keccak256
from chain.merkle.prove import consistency_proof, inclusion_proof, window_proof
from chain.merkle.tree import Tree
from chain.operation import Operation, OperationKind, encode_operands
from chain.typed_data import Place
from chain.types import Address, Digest, LeafIndex, NodeHash, TreeSize

CHAPTER = 31010007
ORIGIN = "test.tongyi.example/log"
LOG_ID = sha256(ORIGIN.encode()).digest()
QUIET = 3_600.0
"""Seconds between blocks of the node's own clock: never, during a test."""
QUOTA = 1_000_000_000_000


def key(number: int) -> LocalKey:
    """Return a fixed test key."""
    return LocalKey(sha256(b"test key %d" % number).digest())


def account(number: int) -> Address:
    """Return a fixed custodial account, for which nobody holds a key."""
    return Address(sha256(b"test account %d" % number).digest()[:20])


@dataclass(frozen=True, slots=True)
class TestLeaf:
    """A leaf as settlement reads it."""

    __test__ = False

    index: int
    leaf_hash: bytes
    commitment: bytes
    kind: int = 0
    sender: bytes = bytes(20)
    receiver: bytes = bytes(20)
    amount: int = 0
    valid_until: int = 0
    ref: bytes = bytes(32)
    op_salt: bytes | None = None
    evidence: bytes | None = None


@dataclass(frozen=True, slots=True)
class TestCheckpoint:
    """A size and root the log has published."""

    __test__ = False

    size: TreeSize
    root: NodeHash


class MemoryLog:
    """A log in memory with real leaves and a real tree: leaf source, tree proofs and checkpoint source."""

    def __init__(self) -> None:
        self.rows: list[TestLeaf] = []
        self.tree = Tree()
        self.published = 0
        self.record()
        self.publish()

    def record(self) -> TestLeaf:
        """Append a leaf without operation."""
        return self._append(None, None, None)

    def operate(
        self,
        kind: OperationKind,
        sender: bytes,
        receiver: bytes,
        amount: int,
        *,
        ref: bytes = bytes(32),
        valid_until: int = 0,
        evidence: bytes | None = None,
    ) -> TestLeaf:
        """Append an operation."""
        operation = Operation(kind, Address(sender), Address(receiver), amount, valid_until, ref)
        salt = sha256(b"op salt %d" % len(self.rows)).digest()[:16]
        return self._append(operation, salt, evidence)

    def _append(self, operation: Operation | None, salt: bytes | None, evidence: bytes | None) -> TestLeaf:
        index = len(self.rows)
        commitment = sha256(b"commitment %d" % index).digest()
        digest = bytes(32)
        if operation is not None and salt is not None:
            digest = keccak256(encode_operands(operation, salt))
        leaf_hash = hash_leaf(b"\x01" + commitment + digest)
        if operation is None:
            row = TestLeaf(index, leaf_hash, commitment)
        else:
            row = TestLeaf(
                index,
                leaf_hash,
                commitment,
                int(operation.kind),
                operation.sender,
                operation.receiver,
                operation.amount,
                operation.valid_until,
                operation.ref,
                salt,
                evidence,
            )
        self.rows.append(row)
        self.tree.append([leaf_hash])
        return row

    def publish(self) -> int:
        """Make all leaves so far a checkpoint; return its size."""
        self.published = len(self.rows)
        return self.published

    def leaves(self, start: int, end: int) -> Sequence[TestLeaf]:
        return self.rows[start:end]

    def operation(self, leaf_hash: bytes) -> TestLeaf | None:
        return next((row for row in self.rows if row.leaf_hash == leaf_hash and row.kind), None)

    def first_index(self, entry_ids: Sequence[str]) -> int | None:
        """Entries of this log are called ``entry 0``, ``entry 1``, ...; other references are not its own."""
        mine = [int(name.removeprefix("entry ")) for name in entry_ids if name.startswith("entry ")]
        return min(mine, default=None)

    def indices(self, entry_ids: Sequence[str]) -> dict[str, int]:
        """Named as in `first_index`."""
        return {name: int(name.removeprefix("entry ")) for name in entry_ids if name.startswith("entry ")}

    def first_operation(self, start: int, end: int) -> int | None:
        return next((row.index for row in self.rows[start:end] if row.kind), None)

    def root(self, size: int) -> NodeHash:
        return self.tree.root(size)

    def latest_checkpoint(self) -> TestCheckpoint | None:
        return TestCheckpoint(TreeSize(self.published), self.tree.root(self.published))

    def inclusion_proof(self, index: LeafIndex, size: TreeSize) -> list[bytes]:
        return list(inclusion_proof(self.tree, index, size))

    def consistency_proof(self, size1: TreeSize, size2: TreeSize) -> list[bytes]:
        return list(consistency_proof(self.tree, size1, size2))

    def window_proof(self, start: int, end: int, size: TreeSize) -> tuple[list[bytes], list[bytes]]:
        left, right = window_proof(self.tree, start, end, size)
        return list(left), list(right)


@dataclass
class Network:
    """A node with the contracts deployed and one key per role."""

    client: EvmClient
    log: MemoryLog
    genesis_hash: bytes
    addresses: dict[str, Address]
    chain_id: int = CHAIN_ID
    admin: LocalKey = field(default_factory=lambda: key(0))
    operator: LocalKey = field(default_factory=lambda: key(1))
    issuer: LocalKey = field(default_factory=lambda: key(2))
    freezer: LocalKey = field(default_factory=lambda: key(3))
    recoverer: LocalKey = field(default_factory=lambda: key(4))
    regulator: LocalKey = field(default_factory=lambda: key(5))
    anchor_keys: tuple[LocalKey, LocalKey] = field(default_factory=lambda: (key(6), key(7)))

    def place(self, contract: str) -> Place:
        """Where signatures for a contract count."""
        return Place(self.chain_id, Digest(self.genesis_hash), self.addresses[contract])

    @property
    def signers(self) -> dict[str, LocalKey]:
        """Role name -> key, as the outbox takes them."""
        return {
            "operator": self.operator,
            "issuer": self.issuer,
            "freezer": self.freezer,
            "recoverer": self.recoverer,
            "hq": self.admin,
        }

    @property
    def contracts(self) -> list[bytes]:
        """Addresses whose events are mirrored."""
        names = ("Membership", "TimeCredit", "LogAnchor", "CoSignature", "SeatRegistry", "RuleBook")
        return [self.addresses[name] for name in names]

    def mine(self, blocks: int = 1) -> int:
        """Make blocks; return the head."""
        for _ in range(blocks):
            self.client.call("evm_mine")
        return int(self.client.block_number())

    def send(self, signer: LocalKey, target: bytes | None, data: bytes, gas: int = 16_000_000) -> bytes:
        """Send one transaction past the outbox; return its hash."""
        nonce = self.client.transaction_count(signer.address, "pending")
        raw = signer.sign_transaction(
            TransactionFields(self.chain_id, nonce, gas, None if target is None else Address(target), data)
        )
        return self.client.send_raw(raw)

    def do(self, signer: LocalKey, target: bytes | None, data: bytes) -> None:
        """Send one transaction, mine it, and require that it succeeded."""
        tx_hash = self.send(signer, target, data)
        self.mine()
        receipt = self.client.receipt(tx_hash)
        assert receipt is not None
        assert receipt.succeeded, f"setup call failed: {data[:4].hex()}"

    def balance_of(self, address: bytes) -> int:
        """Return the token balance the contract answers."""
        data = keccak256(b"balanceOf(address)")[:4] + address.rjust(32, b"\0")
        return int.from_bytes(self.client.view(self.addresses["TimeCredit"], data), "big")

    def cursor(self) -> int:
        """Return the contract's cursor of the test log."""
        data = keccak256(b"cursor(bytes32)")[:4] + LOG_ID
        return int.from_bytes(self.client.view(self.addresses["TimeCredit"], data), "big")

    def register(self, accounts: Iterable[bytes], *, kind: int = 1, custody: int = 1) -> None:
        """Register accounts past the outbox."""
        items = [
            Registration(Address(address), CHAPTER, kind, custody, LOG_ID, sha256(address).digest())
            for address in accounts
        ]
        for start in range(0, len(items), 100):
            calldata = encode_register(items[start : start + 100])
            self.do(self.operator, self.addresses["Membership"], calldata)

    def set_quota(self, amount: int = QUOTA) -> None:
        """Set a quota for all months that a test may run in."""
        stamp = self.client.header("latest").timestamp
        for month in _months(stamp):
            calldata = encode_set_quota(CHAPTER, month, amount)
            self.do(self.issuer, self.addresses["TimeCredit"], calldata)


def _months(timestamp: int) -> list[int]:
    from datetime import UTC, datetime, timedelta

    now = datetime.fromtimestamp(timestamp, UTC) + timedelta(hours=8)
    later = now + timedelta(days=31)
    return sorted({now.year * 100 + now.month, later.year * 100 + later.month})


def role(kind: int, chapter: int = 0) -> int:
    """Return a role id."""
    return kind << 32 | chapter


def deploy(client: EvmClient, log: MemoryLog) -> Network:
    """Deploy the contracts, grant the roles and register the log."""
    network = Network(client, log, client.genesis_hash(), {})
    admin = network.admin.address
    word = admin.rjust(32, b"\0")

    def create(name: str, arguments: bytes) -> Address:
        nonce = client.transaction_count(admin)
        network.do(network.admin, None, load_artifact(name).bytecode + arguments)
        network.addresses[name] = contract_address(admin, nonce)
        return network.addresses[name]

    roles = create("RoleManager", word).rjust(32, b"\0")
    anchor = create("LogAnchor", roles + client.genesis_hash()).rjust(32, b"\0")
    cosign = create("CoSignature", roles).rjust(32, b"\0")
    credit = create("TimeCredit", roles + anchor + cosign)
    answer = client.view(credit, keccak256(b"membership()")[:4])
    network.addresses["Membership"] = Address(answer[12:])
    create("SeatRegistry", roles + answer + cosign)
    create("RuleBook", roles + cosign + (7 * 86_400).to_bytes(32, "big"))
    grants = {1: network.admin, 6: network.operator, 5: network.issuer, 7: network.freezer}
    grants |= {8: network.recoverer, 13: network.regulator}
    for kind, holder in grants.items():
        network.do(
            network.admin, network.addresses["RoleManager"], encode_grant_role(role(kind), holder.address)
        )
    keys = sorted(signer.address for signer in network.anchor_keys)
    calldata = encode_register_log(LOG_ID, log.root(1), 1_000_000, keys, 2)
    network.do(network.admin, network.addresses["LogAnchor"], calldata)
    for policy in (b"reverse", b"cancel", b"pass", b"seat", b"referral"):
        calldata = encode_register_policy(keccak256(policy), [1, 13], 2)
        network.do(network.admin, network.addresses["CoSignature"], calldata)
    return network


@contextmanager
def running_network(folder: Path, *, block_time: float = QUIET) -> Iterator[Network]:
    """A local chain with everything deployed, stopped on exit."""
    with LocalChain(folder, block_time=block_time) as chain:
        client = EvmClient(chain.url)
        try:
            yield deploy(client, MemoryLog())
        finally:
            client.close()
