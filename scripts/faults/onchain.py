"""What the chain holds, read over JSON-RPC for the checker: events of credits and anchors, balances, nonces.

Event signatures and functions are those of the contracts' sources, hashed here; no artifact is read.
"""

from __future__ import annotations

import itertools
import json
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from Crypto.Hash import keccak


def keccak256(data: bytes) -> bytes:
    """Return the hash that the EVM names by it."""
    return keccak.new(digest_bits=256, data=data).digest()


_OPERANDS = "bytes32,uint64,bytes32,uint8,address,address,uint128,uint64,bytes32,bytes16"
DONE = "0x" + keccak256(f"OperationDone({_OPERANDS},uint128)".encode()).hex()
REFUSED = "0x" + keccak256(f"OperationRefused({_OPERANDS},uint8)".encode()).hex()
TRANSFER = "0x" + keccak256(b"Transfer(address,address,uint256)").hex()
ANCHORED = "0x" + keccak256(b"Anchored(bytes32,uint64,bytes32,uint64)").hex()

ISSUE, BURN, LOCK, RELEASE, CANCEL, REVERSE, RECOVER = 1, 4, 5, 6, 7, 8, 9


class NoAnswer(Exception):
    """The node did not answer, or said that it cannot."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the chain did with the operation of one leaf; ``moved`` is 0 where it refused."""

    index: int
    leaf_hash: bytes
    done: bool
    kind: int
    sender: str
    receiver: str
    amount: int
    moved: int
    block: int
    tx_hash: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """A (size, root) that the anchor contract took."""

    size: int
    root: bytes
    block: int


class Chain:
    """One node by its address."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._ids = itertools.count(1)

    def call(self, method: str, *params: object) -> Any:
        """Return a method's result. Raises NoAnswer."""
        (result,) = self.batch([(method, params)])
        return result

    def batch(self, calls: Sequence[tuple[str, Sequence[object]]]) -> list[Any]:
        """Return the results of several calls in one request. Raises NoAnswer."""
        body = [
            {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": list(params)}
            for method, params in calls
        ]
        if not body:
            return []
        request = urllib.request.Request(  # noqa: S310  a node of ours on 127.0.0.1
            self._url, json.dumps(body).encode(), {"content-type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310
                answers = json.loads(response.read())
        except (OSError, ValueError) as error:
            raise NoAnswer(type(error).__name__) from None
        by_id = {answer.get("id"): answer for answer in answers}
        if any("result" not in by_id.get(one["id"], {}) for one in body):
            raise NoAnswer(str(answers)[:200])
        return [by_id[one["id"]]["result"] for one in body]

    def head(self) -> int:
        """Return the newest block's number."""
        return int(self.call("eth_blockNumber"), 16)

    def logs(self, addresses: Sequence[str], topic: str | None = None) -> list[dict[str, Any]]:
        """Return all events of contracts, from block 0, of one kind where given."""
        wanted: dict[str, object] = {"fromBlock": "0x0", "toBlock": "latest", "address": list(addresses)}
        if topic is not None:
            wanted["topics"] = [topic]
        found: list[dict[str, Any]] = self.call("eth_getLogs", wanted)
        return found

    def outcomes(self, credit: str, log_id: bytes) -> list[Outcome]:
        """Return what became of every operation of the log, in the chain's order."""
        found = [_outcome(log) for log in self.logs([credit]) if log["topics"][0] in (DONE, REFUSED)
                 and log["topics"][1] == "0x" + log_id.hex()]  # fmt: skip
        return found

    def anchors(self, contract: str, log_id: bytes) -> list[Anchor]:
        """Return every anchor of the log, in the chain's order."""
        return [
            Anchor(int(log["topics"][2], 16), bytes.fromhex(log["data"][2:66]), int(log["blockNumber"], 16))
            for log in self.logs([contract], ANCHORED)
            if log["topics"][1] == "0x" + log_id.hex()
        ]

    def view(self, contract: str, signature: str, *words: bytes) -> int:
        """Return the first word that a contract's view gives."""
        data = keccak256(signature.encode())[:4] + b"".join(word.rjust(32, b"\0") for word in words)
        answer = self.call("eth_call", {"to": contract, "data": "0x" + data.hex()}, "latest")
        return int(answer[2:66] or "0", 16)

    def balances(self, credit: str, accounts: Sequence[bytes]) -> list[int]:
        """Return what each account holds, locked coins included."""
        start = keccak256(b"balanceOf(address)")[:4]
        calls = [
            ("eth_call", ({"to": credit, "data": "0x" + (start + bytes(12) + one).hex()}, "latest"))
            for one in accounts
        ]
        return [int(answer, 16) for answer in self.batch(calls)]

    def transaction_count(self, address: bytes) -> int:
        """Return how many transactions of an account were mined."""
        return int(self.call("eth_getTransactionCount", "0x" + address.hex(), "latest"), 16)


def _outcome(log: dict[str, Any]) -> Outcome:
    data = bytes.fromhex(log["data"][2:])
    words = [data[at : at + 32] for at in range(0, len(data), 32)]
    done = log["topics"][0] == DONE
    return Outcome(
        index=int(log["topics"][2], 16),
        leaf_hash=bytes.fromhex(log["topics"][3][2:]),
        done=done,
        kind=int.from_bytes(words[0], "big"),
        sender=words[1][12:].hex(),
        receiver=words[2][12:].hex(),
        amount=int.from_bytes(words[3], "big"),
        moved=int.from_bytes(words[7], "big") if done else 0,
        block=int(log["blockNumber"], 16),
        tx_hash=log["transactionHash"],
    )
