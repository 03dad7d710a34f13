"""Send stored bytes to the node, as often as needed, and read each answer for what it says.

An answer to a send is one of three things: the node has the transaction, the node will never take it, or
nothing is known. Only the middle one changes the call; the others are settled by looking for the outcome.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from chain.evm.client import EvmClient
from chain.evm.errors import NodeRefused
from chain.evm.transport import Call
from gateway.failpoints import step
from gateway.outbox.rows import Sent


class Answer(StrEnum):
    """What a node's answer to signed bytes means for them."""

    TAKEN = "taken"
    """The node has them: now, already before, or even mined."""
    UNKNOWN = "unknown"
    """Perhaps; look for the outcome and send again."""
    NEVER = "never"
    """These bytes can never be mined by this node: their nonce must be filled by something else."""


_TAKEN = ("already known", "already imported", "known transaction", "already exists")
_UNKNOWN = ("nonce too low", "nonce is too low", "underpriced", "pool is full", "limit exceeded")
_NEVER = (
    "intrinsic gas",
    "exceeds block gas limit",
    "gas limit too high",
    "greater than the block",
    "oversized data",
    "max initcode",
    "floor data gas",
    "gas too low",
)


MOST_IN_BATCH = 100
"""Calls in one JSON-RPC batch at most."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One row's answer; ``reason`` is the node's own words where it refused."""

    row: Sent
    answer: Answer
    reason: str | None = None


def read_refusal(message: str) -> Answer:
    """Return what a refusal means, from the wordings of go-ethereum, Besu, anvil and Hardhat.

    A wording not listed is unknown: sending the same bytes again is always safe, giving up is not.
    """
    text = message.lower()
    for words, answer in ((_TAKEN, Answer.TAKEN), (_UNKNOWN, Answer.UNKNOWN), (_NEVER, Answer.NEVER)):
        if any(word in text for word in words):
            return answer
    return Answer.UNKNOWN


Signed = tuple[Sent, bytes]
"""A row and its signed bytes."""


def send_rows(client: EvmClient, rows: Iterable[Signed], *, batch_bytes: int) -> Iterator[list[Delivery]]:
    """Send ``rows`` in nonce order, as batches of about ``batch_bytes``, and yield each batch's answers.

    Taken lazily, so that only one batch of bytes is in memory.

    Raises:
        TransientChainError: a batch got no answer; whether the node has its transactions is unknown.
    """
    for batch in _batches(rows, batch_bytes):
        calls: list[Call] = [("eth_sendRawTransaction", ("0x" + raw.hex(),)) for _, raw in batch]
        with step("outbox.send"):
            answers = client.batch(calls)
        yield [_delivery(row, answer) for (row, _), answer in zip(batch, answers, strict=True)]


def _delivery(row: Sent, answer: object) -> Delivery:
    if isinstance(answer, NodeRefused):
        return Delivery(row, read_refusal(answer.message), answer.message)
    if answer == "0x" + row.tx_hash.hex():
        return Delivery(row, Answer.TAKEN)
    # The node named another hash than that of the bytes: believe nothing, look for the outcome.
    return Delivery(row, Answer.UNKNOWN, "the node named another hash")


def _batches(rows: Iterable[Signed], batch_bytes: int) -> Iterator[list[Signed]]:
    batch: list[Signed] = []
    size = 0
    for row, raw in rows:
        if batch and (size + len(raw) > batch_bytes or len(batch) >= MOST_IN_BATCH):
            yield batch
            batch, size = [], 0
        batch.append((row, raw))
        size += len(raw)
    if batch:
        yield batch
