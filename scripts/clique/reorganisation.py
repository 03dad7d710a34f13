"""A reorganisation as it happens: the gateway's node is cut off with too few validators, and comes back.

A minority seals as many blocks as it has members, then waits for others: nobody may sign twice within a
quorum of blocks. The majority goes on, so its chain is the heavier one when the lines are back.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.clique.network import Network, block_of, height, quorum, weight
from scripts.clique.node import Node, wait_until
from scripts.clique.report import Report

PATIENCE = 90.0
TIE = 10.0
"""Seconds after which two newest blocks on one side are taken for a tie."""
TRIES = 5


@dataclass(frozen=True, slots=True)
class AnchorRow:
    """One anchor as the outbox has it: its transaction, its state and its block."""

    size: int
    tx_hash: bytes
    state: str
    block: int | None
    block_hash: bytes | None


def read_anchors(data: Path) -> list[AnchorRow]:
    """Read the outbox's anchors, oldest first."""
    wanted = "SELECT anchored_size, tx_hash, state, block_number, block_hash FROM chain_transactions"
    with sqlite3.connect(f"file:{data / 'gateway.sqlite3'}?mode=ro", uri=True, timeout=30.0) as connection:
        rows = connection.execute(f"{wanted} WHERE kind = 'anchor' ORDER BY id").fetchall()
    connection.close()
    return [AnchorRow(*row) for row in rows]


def minority(network: Network) -> list[Node]:
    """As many validators as the others can do without, and one fewer where there are enough.

    Others that are just a quorum must all take turns, and stand still for good at the first tie.
    """
    count = len(network.validators)
    return network.validators[: max(1, count - quorum(count) - 1)]


def pool_targets(node: Node) -> set[str]:
    """Whom the transactions in a node's pool call; 0x and hex digits."""
    found = node.ask("txpool_content")
    pending = found.get("pending", {}) if isinstance(found, dict) else {}
    return {str(one["to"]).lower() for by_nonce in pending.values() for one in by_nonce.values()}


def play(
    report: Report,
    network: Network,
    data: Path,
    anchor_contract: str,
    write: Callable[[], None],
) -> None:
    """Cut the member off with a minority, have an anchor mined there, join, and see it anchored again.

    ``write`` records entries through the gateway. Raises CheckFailed or TimeoutError.
    """
    member, lone = network.gateway_node, minority(network)
    rest = [node for node in network.validators if node not in lone]
    fork = cut_off(network, lone, rest)
    write()
    wait_until("an anchor waits", lambda: anchor_contract.lower() in pool_targets(lone[0]), PATIENCE)
    seal(lone, True)
    end = fork + len(lone)
    wait_until("the minority's blocks", lambda: height(member) >= end, PATIENCE)
    lost = {number: str(block_of(member, number)["hash"]) for number in range(fork + 1, end + 1)}
    gone = {bytes.fromhex(name[2:]) for name in lost.values()}
    wait_until("an anchor mined by the minority", lambda: bool(anchored_in(data, gone)), PATIENCE)
    before = anchored_in(data, gone)
    # Not one block more, however long one waits: nobody of the minority may sign again.
    heavier = weight(member) + 2 * len(network.validators)
    wait_until("the majority is ahead", lambda: weight(rest[0]) > heavier, PATIENCE)
    report.require(
        "a minority seals no more than its number of blocks", height(member) == end, f"{height(member)}"
    )
    report.counts["reorganised_blocks"] = len(lost)
    report.counts["anchors_on_the_losing_side"] = len(before)
    # Nobody seals while the lines come back, so that what the outbox does with its lost anchors can be seen.
    seal(network.validators, False)
    network.connect([*rest, *lone, member])
    wait_until("the member follows the majority", lambda: on_one_chain(rest[0], member, lost), PATIENCE)
    hashes = {row.tx_hash for row in before}
    wait_until("anchors sent again", lambda: states_of(data, hashes) == {"sent"}, PATIENCE)
    report.require("the outbox took its anchors back and sent them again", True)
    seal(network.validators, True)
    wait_until("anchored again", lambda: anchored_again(data, before), PATIENCE)
    report.require("anchors of the losing side are anchored again", True)


def cut_off(network: Network, lone: Sequence[Node], rest: Sequence[Node]) -> int:
    """Cut every line between the member with the ``lone`` validators and the others.

    None of the lone seals, and none has sealed one of the last blocks, so each may seal one when it is told
    to. Returns the number of the last common block. Raises TimeoutError.
    """
    seal(lone, False)
    member = network.gateway_node
    side = [*lone, member]
    for _ in range(TRIES):
        others_alone(network)
        network.part(side, rest)
        if agree(side):
            return height(member)
        # Cut between two blocks of one weight, of which each node keeps the one it saw first: only a further
        # block decides, and nobody on this side seals one.
        network.connect([*rest, *side])
    raise TimeoutError(f"cut off {TRIES} times, and never with one newest block")


def others_alone(network: Network) -> None:
    """Wait until the last blocks are of those who seal now. Raises TimeoutError."""
    member = network.gateway_node
    quiet = height(member) + quorum(len(network.validators))
    wait_until("others seal alone", lambda: height(member) >= quiet, PATIENCE)


def seal(nodes: Sequence[Node], on: bool) -> None:
    """Have validators begin or stop sealing."""
    for node in nodes:
        node.seal(on)


def states_of(data: Path, hashes: set[bytes]) -> set[str]:
    """The states of these transactions in the outbox."""
    return {row.state for row in read_anchors(data) if row.tx_hash in hashes}


def agree(side: Sequence[Node]) -> bool:
    """Wait until all of a side have the same newest block; whether they came to."""

    def same() -> bool:
        return len({str(block_of(node, "latest")["hash"]) for node in side}) == 1

    try:
        wait_until("the side agrees", same, TIE)
    except TimeoutError:
        return False
    return True


def anchored_in(data: Path, blocks: set[bytes]) -> list[AnchorRow]:
    """Anchors that the outbox has in one of these blocks."""
    return [row for row in read_anchors(data) if row.block_hash in blocks]


def on_one_chain(there: Node, here: Node, lost: dict[int, str]) -> bool:
    """Whether a node left the lost blocks for another node's chain."""
    first = min(lost)
    now = str(block_of(here, first).get("hash"))
    return now != lost[first] and now == str(block_of(there, first).get("hash"))


def anchored_again(data: Path, before: Sequence[AnchorRow]) -> bool:
    """Whether each of these anchors is in another block by the same transaction."""
    now = {row.tx_hash: row for row in read_anchors(data)}
    return all(
        now[row.tx_hash].block_hash not in (None, row.block_hash)
        and now[row.tx_hash].state in ("mined", "final")
        for row in before
    )
