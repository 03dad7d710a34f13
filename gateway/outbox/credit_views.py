"""What settlement and anchoring ask the contracts: cursor, anchored tree, and who signs for themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chain.errors import FatalChainError
from chain.evm.client import EvmClient
from chain.evm.errors import NodeRefused
from chain.evm.transport import Call, Json
from chain.hashing import keccak256
from chain.types import Address

_CURSOR = keccak256(b"cursor(bytes32)")[:4]
_LATEST = keccak256(b"latest(bytes32)")[:4]
_STANDING = keccak256(b"standingOf(address)")[:4]
_SELF_CUSTODY = 2


@dataclass(frozen=True, slots=True)
class AnchoredTree:
    """The newest tree of a log that the anchor contract holds."""

    size: int
    root: bytes


def load_cursor(client: EvmClient, credit: Address, log_id: bytes) -> int:
    """Return the index of the next leaf that the contract will execute, at the newest block."""
    return _words(client.view(credit, _CURSOR + log_id), 1)[0]


def load_anchored(client: EvmClient, anchor: Address, log_id: bytes) -> AnchoredTree:
    """Return the anchored tree at the newest block.

    Raises:
        FatalChainError: the log is not registered.
    """
    answer = client.view(anchor, _LATEST + log_id)
    size = _words(answer, 2)[0]
    if size == 0:
        raise FatalChainError(f"log {log_id.hex()} is not registered with the anchor contract")
    return AnchoredTree(size, answer[32:64])


def load_self_custody(client: EvmClient, credit: Address, accounts: Sequence[bytes]) -> frozenset[bytes]:
    """Return those of ``accounts`` whose holders sign for themselves, as the contract knows them now."""
    calls: list[Call] = [("eth_call", (_request(credit, account), "latest")) for account in accounts]
    found = set()
    for account, answer in zip(accounts, client.batch(calls), strict=True):
        if isinstance(answer, NodeRefused):
            raise answer
        words = _words(bytes.fromhex(str(answer)[2:]), 6)
        if words[1] == _SELF_CUSTODY:
            found.add(account)
    return frozenset(found)


def _request(credit: Address, account: bytes) -> dict[str, Json]:
    return {"to": "0x" + credit.hex(), "data": "0x" + (_STANDING + account.rjust(32, b"\0")).hex()}


def _words(answer: bytes, count: int) -> list[int]:
    if len(answer) != 32 * count:
        raise FatalChainError(f"a view of our contracts answered {len(answer)} bytes, wants {32 * count}")
    return [int.from_bytes(answer[32 * at : 32 * at + 32], "big") for at in range(count)]
