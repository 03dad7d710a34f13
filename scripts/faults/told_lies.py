"""What a node may say wrongly in an answer that looks right: edits of results, by name and method.

Each edit is given the call and the node's own answer and returns the answer that goes back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scripts.faults.rpc_proxy import Ask, JsonCall, Lie, Reply, Rule

BEHIND = 3
"""Blocks that a stale node is behind."""
FAR = 1_000
"""Blocks that a node claims to be ahead."""

Change = Callable[[Any], Any]


def _results(change: Change) -> Rule:
    """Edit every result that is there."""

    def edit(_: JsonCall, answer: JsonCall) -> JsonCall:
        if answer.get("result") is None:
            return answer
        return {**answer, "result": change(answer["result"])}

    def rule(ask: Ask) -> Reply:
        return ask.edited(edit)

    return rule


def _plus(count: int) -> Change:
    return lambda result: hex(max(0, int(result, 16) + count))


def _field(name: str, change: Change) -> Change:
    """Edit one field of an object, or of each object of an array."""

    def edit(result: Any) -> Any:
        if isinstance(result, list):
            return [edit(one) for one in result]
        return {**result, name: change(result[name])} if name in result else result

    return edit


def _flip(text: Any) -> Any:
    """Change the last byte of a hex string."""
    return text[:-2] + f"{int(text[-2:], 16) ^ 1:02x}" if isinstance(text, str) and len(text) > 3 else text


def _in_logs(change: Change) -> Change:
    """Edit the logs of a receipt, or of each receipt of an array."""
    return _field("logs", change)


def _forge_amounts(logs: Any) -> Any:
    return [{**log, "data": _flip(log["data"])} for log in logs]


def _mark_removed(logs: Any) -> Any:
    return [{**log, "removed": True} for log in logs]


def _fail(_: Any) -> Any:
    return "0x0"


def _flip_storage(proof: Any) -> Any:
    slots = [{**slot, "value": hex(int(slot["value"], 16) ^ 1)} for slot in proof["storageProof"]]
    return {**proof, "nonce": hex(int(proof["nonce"], 16) + 1), "storageProof": slots}


_BLOCK = "eth_getBlockByNumber"
_RECEIPTS = "eth_getBlockReceipts"
_RECEIPT = "eth_getTransactionReceipt"
_LOGS = "eth_getLogs"
_COUNT = "eth_getTransactionCount"
_SEND = "eth_sendRawTransaction"

TOLD: tuple[tuple[str, str, Change], ...] = (
    ("stale head", "eth_blockNumber", _plus(-BEHIND)),
    ("stale head", _COUNT, _plus(-1)),
    ("head far ahead", "eth_blockNumber", _plus(FAR)),
    ("nonce ahead", _COUNT, _plus(2)),
    ("logs missing", _LOGS, lambda _: []),
    ("logs missing", _RECEIPTS, _in_logs(lambda logs: logs[1:])),
    ("logs missing", _RECEIPT, _in_logs(lambda _: [])),
    ("receipts missing", _RECEIPTS, lambda _: []),
    ("logs shuffled", _LOGS, lambda logs: logs[::-1]),
    ("logs shuffled", _RECEIPTS, _in_logs(lambda logs: logs[::-1])),
    ("receipts shuffled", _RECEIPTS, lambda receipts: receipts[::-1]),
    ("logs repeated", _LOGS, lambda logs: logs * 2),
    ("logs repeated", _RECEIPTS, _in_logs(lambda logs: logs * 2)),
    ("receipts repeated", _RECEIPTS, lambda receipts: receipts * 2),
    ("logs truncated", _LOGS, lambda logs: logs[: len(logs) // 2]),
    ("logs truncated", _RECEIPTS, _in_logs(lambda logs: logs[: len(logs) // 2])),
    ("removed: true", _LOGS, _mark_removed),
    ("removed: true", _RECEIPTS, _in_logs(_mark_removed)),
    ("removed: true", _RECEIPT, _in_logs(_mark_removed)),
    ("wrong block hash", _BLOCK, _field("hash", _flip)),
    ("wrong block hash", _LOGS, _field("blockHash", _flip)),
    ("wrong block hash", _RECEIPTS, _field("blockHash", _flip)),
    ("wrong block hash", _RECEIPT, _field("blockHash", _flip)),
    ("wrong parent hash", _BLOCK, _field("parentHash", _flip)),
    ("wrong height", _BLOCK, _field("number", _plus(1))),
    ("wrong height", _LOGS, _field("blockNumber", _plus(1))),
    ("wrong height", _RECEIPT, _field("blockNumber", _plus(1))),
    ("wrong receipts root", _BLOCK, _field("receiptsRoot", _flip)),
    ("wrong bloom", _BLOCK, _field("logsBloom", lambda bloom: "0x" + "00" * 256)),
    ("wrong transaction hash", _SEND, _flip),
    ("wrong transaction hash", _LOGS, _field("transactionHash", _flip)),
    ("wrong transaction hash", _RECEIPTS, _field("transactionHash", _flip)),
    ("wrong transaction hash", _RECEIPT, _field("transactionHash", _flip)),
    ("forged amounts", _LOGS, _forge_amounts),
    ("forged amounts", _RECEIPTS, _in_logs(_forge_amounts)),
    ("forged status", _RECEIPTS, _field("status", _fail)),
    ("forged status", _RECEIPT, _field("status", _fail)),
    ("forged state", "eth_getProof", _flip_storage),
    ("wrong chain id", "eth_chainId", _plus(1)),
)
"""What is told, in answers to which method, and how."""


def list_told() -> list[Lie]:
    """Return every lie about results."""
    return [Lie(name, method, _results(change)) for name, method, change in TOLD]
