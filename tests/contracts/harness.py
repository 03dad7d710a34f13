"""The contracts on a throw-away anvil, and a plain Merkle tree of their leaves. For these tests only.

Everything here is written a second time on purpose, apart from ``chain``: hashing by ``hashlib``, the tree as
full levels, calls encoded by ``eth_abi``. So agreement with the product's own encoders means something.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eth_abi import decode, encode
from eth_utils import keccak

from chain.evm.artifacts import CONTRACT_NAMES, load_artifact
from chain.evm.solc import CONTRACTS_DIR

ZERO = "0x" + "00" * 20
OPERANDS = "(uint8,address,address,uint128,uint64,bytes32,bytes16)"
OPERATION = "(uint8,address,address,uint128,uint64,bytes32,bytes16,bytes32)"
ISSUE, TRANSFER, REDEEM, BURN, LOCK, RELEASE, CANCEL, REVERSE, RECOVER = range(1, 10)
ROLE_KINDS = {
    "hq": 1,
    "president": 3,
    "secretary": 4,
    "issuer": 5,
    "operator": 6,
    "freezer": 7,
    "recoverer": 8,
    "regulator": 13,
}


GENESIS = b"\x47" * 32
"""Salt of the deployment's domains; any value but zero."""


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def address(label: str) -> str:
    return "0x" + sha(label.encode())[:20].hex()


class Reverted(Exception):
    """A call reverted; ``name`` is the custom error and ``values`` its arguments."""

    def __init__(self, name: str, values: tuple[Any, ...]) -> None:
        super().__init__(f"{name}{values}")
        self.name = name
        self.values = values


@dataclass
class Operation:
    kind: int
    sender: str
    receiver: str
    amount: int
    valid_until: int = 0
    ref: bytes = bytes(32)
    salt: bytes = bytes(16)
    commitment: bytes = bytes(32)

    def operands(self) -> tuple[Any, ...]:
        return (
            self.kind,
            self.sender,
            self.receiver,
            self.amount,
            self.valid_until,
            self.ref,
            self.salt,
        )

    def digest(self) -> bytes:
        return keccak(encode([OPERANDS], [self.operands()]))

    def row(self) -> tuple[Any, ...]:
        return (*self.operands(), self.commitment)


def leaf_hash(leaf: Operation | bytes) -> bytes:
    """Hash of an operation's leaf, or of a plain leaf given by its commitment."""
    if isinstance(leaf, Operation):
        return sha(b"\x00\x01" + leaf.commitment + leaf.digest())
    return sha(b"\x00\x01" + leaf + bytes(32))


@dataclass
class Log:
    """A log of leaves with complete levels of its perfect subtrees."""

    leaves: list[Operation | bytes] = field(default_factory=list)
    levels: list[list[bytes]] = field(default_factory=lambda: [[]])

    def append(self, leaves: Sequence[Operation | bytes]) -> None:
        for leaf in leaves:
            self.leaves.append(leaf)
            self.levels[0].append(leaf_hash(leaf))
            level = 0
            while len(self.levels[level]) % 2 == 0:
                left, right = self.levels[level][-2:]
                if level + 1 == len(self.levels):
                    self.levels.append([])
                self.levels[level + 1].append(sha(b"\x01" + left + right))
                level += 1

    def hash_range(self, start: int, end: int) -> bytes:
        """MTH of the leaves [start, end), RFC 9162 section 2.1.1."""
        size = end - start
        if size & (size - 1) == 0 and start % size == 0:
            return self.levels[size.bit_length() - 1][start // size]
        split = 1 << ((size - 1).bit_length() - 1)
        return sha(b"\x01" + self.hash_range(start, start + split) + self.hash_range(start + split, end))

    def root(self, size: int) -> bytes:
        return self.hash_range(0, size)

    def inclusion(self, index: int, start: int, end: int) -> list[bytes]:
        if end - start == 1:
            return []
        split = 1 << ((end - start - 1).bit_length() - 1)
        if index < start + split:
            return [*self.inclusion(index, start, start + split), self.hash_range(start + split, end)]
        return [*self.inclusion(index, start + split, end), self.hash_range(start, start + split)]

    def consistency(self, size: int, start: int, end: int, whole: bool = True) -> list[bytes]:
        """SUBPROOF of RFC 9162 section 2.1.4.1 for the first ``size`` leaves of [start, end)."""
        if size == end - start:
            return [] if whole else [self.hash_range(start, end)]
        split = 1 << ((end - start - 1).bit_length() - 1)
        if size <= split:
            inner = self.consistency(size, start, start + split, whole)
            return [*inner, self.hash_range(start + split, end)]
        inner = self.consistency(size - split, start + split, end, False)
        return [*inner, self.hash_range(start, start + split)]

    def left(self, start: int) -> list[bytes]:
        out, position = [], 0
        for level in reversed(range(start.bit_length())):
            if start >> level & 1:
                out.append(self.levels[level][position >> level])
                position += 1 << level
        return out

    def right(self, position: int, size: int) -> list[bytes]:
        out = []
        while position < size:
            level = 0
            while position >> level & 1 == 0 and (2 << level) <= size - position:
                level += 1
            out.append(self.levels[level][position >> level])
            position += 1 << level
        return out

    def window(self, start: int, count: int, size: int) -> list[Any]:
        """The proof arguments of settle: mask, operations, other commitments, left, right."""
        leaves = self.leaves[start : start + count]
        mask = [0] * ((count + 255) // 256)
        for position, leaf in enumerate(leaves):
            if isinstance(leaf, Operation):
                mask[position >> 8] |= 1 << (position & 255)
        operations = [leaf.row() for leaf in leaves if isinstance(leaf, Operation)]
        others = [leaf for leaf in leaves if isinstance(leaf, bytes)]
        return [mask, operations, others, self.left(start), self.right(start + count, size)]


def _type(parameter: dict[str, Any]) -> str:
    if parameter["type"].startswith("tuple"):
        inner = ",".join(_type(part) for part in parameter["components"])
        return f"({inner}){parameter['type'][5:]}"
    return str(parameter["type"])


class Contract:
    """A deployed contract: calls, transactions and errors by name."""

    def __init__(self, chain: Chain, name: str, where: str) -> None:
        self.chain, self.name, self.address = chain, name, where
        abi: list[dict[str, Any]] = [dict(item) for item in load_artifact(name).abi]
        self.functions = {item["name"]: item for item in abi if item["type"] == "function"}

    def data(self, function: str, *values: Any) -> str:
        types = [_type(part) for part in self.functions[function]["inputs"]]
        selector = keccak(f"{function}({','.join(types)})".encode())[:4]
        return "0x" + (selector + encode(types, values)).hex()

    def call(self, function: str, *values: Any) -> Any:
        request = {"to": self.address, "data": self.data(function, *values), "from": self.chain.admin}
        data = bytes.fromhex(self.chain.rpc("eth_call", request, "latest")[2:])
        out = decode([_type(part) for part in self.functions[function]["outputs"]], data)
        return out[0] if len(out) == 1 else out

    def send(self, function: str, *values: Any, sender: str | None = None) -> dict[str, Any]:
        return self.chain.transact(self.address, self.data(function, *values), sender)


class Chain:
    """A running anvil and the contracts deployed on it; account 0 holds every role that may be together."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.accounts: list[str] = self.rpc("eth_accounts")
        self.admin = self.accounts[0]
        self.errors = {
            keccak(f"{item['name']}({','.join(_type(part) for part in item['inputs'])})".encode())[:4]: item
            for name in CONTRACT_NAMES
            for item in map(dict, load_artifact(name).abi)
            if item["type"] == "error"
        }

    def rpc(self, method: str, *params: Any) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(self.url, body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=120) as response:
            answer = json.loads(response.read())
        if "error" in answer:
            self._raise(answer["error"])
        return answer["result"]

    def _raise(self, error: dict[str, Any]) -> None:
        data = error.get("data")
        if isinstance(data, str) and len(data) >= 10:
            raw = bytes.fromhex(data[2:])
            item = self.errors.get(raw[:4])
            if item is not None:
                raise Reverted(item["name"], decode([_type(part) for part in item["inputs"]], raw[4:]))
        raise AssertionError(error)

    def transact(self, to: str | None, data: str, sender: str | None = None) -> dict[str, Any]:
        request = {"from": sender or self.admin, "data": data, "gas": hex(900_000_000), "gasPrice": "0x0"}
        if to is not None:
            request["to"] = to
        transaction = self.rpc("eth_sendTransaction", request)
        receipt = None
        while receipt is None:  # a large block takes anvil a moment
            receipt = self.rpc("eth_getTransactionReceipt", transaction)
        assert int(receipt["status"], 16) == 1, receipt
        return dict(receipt)

    def deploy(self, name: str, *addresses: str, number: int | None = None) -> Contract:
        """Deploy a contract whose constructor takes addresses, then perhaps one number."""
        code = load_artifact(name).bytecode + b"".join(encode(["address"], [item]) for item in addresses)
        if number is not None:
            code += encode(["uint256"], [number])
        return Contract(self, name, self.transact(None, "0x" + code.hex())["contractAddress"])


@dataclass
class System:
    """All contracts, wired, with each role on an account of its own."""

    chain: Chain
    roles: Contract
    anchor: Contract
    cosign: Contract
    credit: Contract
    membership: Contract
    seats: Contract
    rules: Contract
    holders: dict[str, str]


def deploy_system(chain: Chain) -> System:
    roles = chain.deploy("RoleManager", chain.admin)
    anchor = chain.deploy("LogAnchor", roles.address, number=int.from_bytes(GENESIS, "big"))
    cosign = chain.deploy("CoSignature", roles.address)
    credit = chain.deploy("TimeCredit", roles.address, anchor.address, cosign.address)
    membership = Contract(chain, "Membership", credit.call("membership"))
    seats = chain.deploy("SeatRegistry", roles.address, membership.address, cosign.address)
    rules = chain.deploy("RuleBook", roles.address, cosign.address, number=7 * 86_400)
    holders = {}
    for position, (label, kind) in enumerate(ROLE_KINDS.items()):
        holders[label] = chain.accounts[position]
        roles.send("grantRole", kind << 32, chain.accounts[position], 0)
    return System(chain, roles, anchor, cosign, credit, membership, seats, rules, holders)


@contextmanager
def run_chain(*arguments: str) -> Iterator[Chain]:
    """Start anvil on a free port of 127.0.0.1 and stop it, by its own process, at the end."""
    binary = CONTRACTS_DIR / "node_modules" / "@foundry-rs" / "anvil-linux-amd64" / "bin" / "anvil"
    command = [str(binary), "--port", "0", "--host", "127.0.0.1", "--gas-limit", "1000000000"]
    command += ["--hardfork", "paris", "--base-fee", "0", "--accounts", "12", *arguments]
    # A file, not a pipe: nobody would drain a pipe, and anvil stops when it is full.
    with (
        tempfile.NamedTemporaryFile() as output,
        subprocess.Popen(command, stdout=output, stderr=output) as process,
    ):
        try:
            yield Chain(f"http://{_await_address(Path(output.name), process)}")
        finally:
            process.terminate()


def _await_address(output: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r"Listening on (127\.0\.0\.1:\d+)", output.read_text())
        if found:
            return found[1]
        time.sleep(0.05)
    raise AssertionError("anvil did not start")
