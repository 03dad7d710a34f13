"""Find out what became of sent transactions, by nonce and hash, never by the answer to a send.

Successful windows are found by their `Settled` event, since a window's receipt repeats hundreds of logs;
everything else, and whatever that search does not find, by receipt. A failed transaction's receipt is short.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chain.events import TOPICS
from chain.evm.blocks import Receipt, as_list, parse_bytes, parse_log
from chain.evm.client import EvmClient
from chain.evm.errors import NodeRefused
from chain.evm.transport import Call, Json
from gateway.outbox.rows import Sent

SETTLED_TOPIC = next(topic for topic, rule in TOPICS.items() if rule.signature.startswith("Settled("))
"""First topic of the event that every successful `settle` emits once."""

SETTLE = "settle"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the chain as it stands says about one row.

    ``tx_hash`` is the one of the row's hashes that was mined. ``gas_used`` is None where only the event was
    read.
    """

    row: Sent
    tx_hash: bytes
    block_number: int
    block_hash: bytes
    succeeded: bool
    gas_used: int | None


class OutcomeFinder:
    """Looks up outcomes; remembers from which block on events were searched, which is only a saving."""

    def __init__(self, client: EvmClient, settle_contract: bytes, *, overlap: int) -> None:
        """``overlap`` is how many blocks are searched again each time, for reorganisations."""
        self._client = client
        self._contract = settle_contract
        self._overlap = overlap
        self._searched: int | None = None

    def find(self, rows: Sequence[Sent], head: int) -> list[Outcome]:
        """Return the outcomes of those of ``rows`` that are mined; the others are not in the answer.

        Raises:
            TransientChainError: the node did not answer.
        """
        settled = self._settled(head) if any(row.kind == SETTLE for row in rows) else {}
        found, missing = [], []
        for row in rows:
            at = settled.get(row.tx_hash)
            if at is None:
                missing.append(row)
            else:
                found.append(Outcome(row, row.tx_hash, at[0], at[1], True, None))
        found.extend(self._by_receipt(missing))
        return found

    def _settled(self, head: int) -> dict[bytes, tuple[int, bytes]]:
        """Return where each transaction with a `Settled` event was mined, in the newest blocks."""
        first = head - self._overlap if self._searched is None else self._searched - self._overlap
        self._searched = head
        query: dict[str, Json] = {
            "fromBlock": hex(max(0, min(first, head))),
            "toBlock": hex(head),
            "address": "0x" + self._contract.hex(),
            "topics": [["0x" + SETTLED_TOPIC.hex()]],
        }
        logs = [parse_log(item) for item in as_list(self._client.call("eth_getLogs", query), "eth_getLogs")]
        return {log.tx_hash: (log.block_number, log.block_hash) for log in logs}

    def _by_receipt(self, rows: Sequence[Sent]) -> list[Outcome]:
        found = []
        for row, receipt in zip(rows, self._receipts([row.tx_hash for row in rows]), strict=True):
            if receipt is None and row.refused_hash is not None:
                # The bytes the node refused may have reached the chain by another one.
                receipt = self._client.receipt(row.refused_hash)
            if receipt is not None:
                found.append(
                    Outcome(
                        row,
                        receipt.tx_hash,
                        receipt.block_number,
                        receipt.block_hash,
                        receipt.succeeded,
                        receipt.gas_used,
                    )
                )
        return found

    def _receipts(self, hashes: Sequence[bytes]) -> list[Receipt | None]:
        found: list[Receipt | None] = []
        for start in range(0, len(hashes), 100):
            found.extend(self._client.receipts(hashes[start : start + 100]))
        return found

    def block_hashes(self, numbers: Sequence[int]) -> dict[int, bytes]:
        """Return the hash the chain has now at each height; heights it does not have are left out."""
        calls: list[Call] = [("eth_getBlockByNumber", (hex(number), False)) for number in numbers]
        hashes: dict[int, bytes] = {}
        for number, answer in zip(numbers, self._client.batch(calls), strict=True):
            if isinstance(answer, NodeRefused):
                raise answer
            if isinstance(answer, dict) and isinstance(answer.get("hash"), str):
                hashes[number] = parse_bytes(answer["hash"], "eth_getBlock", 32)
        return hashes
