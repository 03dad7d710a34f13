"""The first entry of a log and the place of the next one. Run once, before a sequencer or a chain exists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from sqlalchemy import Connection

from chain.hashing import hash_leaf
from chain.operation import chapter_code
from chain.types import NodeHash
from gateway.db import Database, execute, fetch_all, insert_rows
from gateway.failpoints import step
from gateway.ledger.api_keys import KeyUse, issue_draft
from gateway.ledger.append import Batch, RandomPool
from gateway.ledger.drafts import Draft, IssueKey
from gateway.ledger.faults import LedgerFault
from gateway.ledger.identity import LogIdentity
from gateway.ledger.vault import Entropy
from gateway.rules.calendar import parse_timestamp

Clock = Callable[[], int]
"""Source of Unix milliseconds."""


@dataclass(slots=True)
class Head:
    """Where the log's next entry goes: fencing epoch, next index, milliseconds of the last entry. Mutable."""

    epoch: int
    next_index: int
    milliseconds: int


def open_log(
    database: Database,
    identity: LogIdentity,
    *,
    clock: Clock,
    entropy: Entropy,
    chain_id: int | None = None,
    first_key: Callable[[], IssueKey] | None = None,
) -> NodeHash:
    """Create the log with its `log.genesis` entry if there is none; return the genesis root (size 1).

    With it goes the `key.issued` of ``first_key``, which is asked for it then alone.
    Raises LedgerFault when the database holds another log.
    """
    with database.writer(step("start.log")) as connection:
        rows = fetch_all(connection, "SELECT origin FROM log_heads")
        if rows and rows != [(identity.origin,)]:
            raise LedgerFault("the database holds another log", got=rows[0][0], want=identity.origin)
        if not rows:
            _create(connection, identity, clock(), entropy, chain_id, first_key)
        first = fetch_all(connection, "SELECT leaf_data FROM entries WHERE log_index = ?", 0)
    if not first:
        raise LedgerFault("the genesis entry is missing", got=0, want=1)
    return NodeHash(hash_leaf(cast("bytes", first[0][0])))


def _create(
    connection: Connection,
    identity: LogIdentity,
    now: int,
    entropy: Entropy,
    chain_id: int | None,
    first_key: Callable[[], IssueKey] | None,
) -> None:
    public: dict[str, str | int] = {"origin": identity.origin, "vkey": identity.vkey}
    if chain_id is not None:
        public["chain_id"] = chain_id
    drafts = [Draft("log.genesis", chapter_code(0), None, (), public=public)]
    batch = Batch(0, now, RandomPool(entropy), None)
    if first_key is not None:
        drafts.append(issue_draft(first_key()))
        KeyUse(connection, batch.at).apply(drafts[-1])
    for draft in drafts:
        batch.add(batch.build(draft, batch.draw_id(), (), None), draft, 0, ())
    batch.insert(connection)
    head = (identity.origin, 0, batch.next_index, batch.at)
    insert_rows(connection, "log_heads", "origin,epoch,next_index,at", [head])
    insert_rows(connection, "outcome_cursors", "origin,next_index", [(identity.origin, 0)])


def take_epoch(connection: Connection, origin: str) -> Head:
    """Start a new epoch: a sequencer of an older one can no longer commit. Returns the head.

    Raises LedgerFault when there is no such log or its last entry is not where the head says.
    """
    if execute(connection, "UPDATE log_heads SET epoch = epoch + 1 WHERE origin = ?", origin) != 1:
        raise LedgerFault("there is no such log", got=None, want=origin)
    return read_head(connection, origin)


def read_head(connection: Connection, origin: str) -> Head:
    """Return the stored head.

    Raises LedgerFault when there is no such log or the entries do not end where its head says.
    """
    rows = fetch_all(connection, "SELECT epoch, next_index, at FROM log_heads WHERE origin = ?", origin)
    if not rows:
        raise LedgerFault("there is no such log", got=None, want=origin)
    epoch, next_index, at = cast("tuple[int, int, str]", rows[0])
    last = fetch_all(connection, "SELECT max(log_index) FROM entries")[0][0]
    if last != next_index - 1:
        raise LedgerFault("the entries do not end at the head", got=last, want=next_index - 1)
    return Head(epoch, next_index, parse_timestamp(at))
