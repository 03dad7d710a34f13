"""A ledger with a lock that may be cancelled, proposals of it, and a mirror that hears of approvals."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from chain.evm.roles import CANCEL_POLICY, REVERSE_POLICY, RoleKind
from chain.operation import OperationKind, account_id
from gateway.db import Database, execute, fetch_all
from gateway.ledger.drafts import Accepted, Draft
from gateway.ledger.proposals import ApprovalSource, read_proposal
from gateway.members.proposals import Proposals
from tests.unit.gateway.ledger.worlds import (
    CHAPTER,
    OTHER_CHAPTER,
    World,
    address,
    joined,
    opened,
    operated,
    running,
)

K = OperationKind
SOURCE = ApprovalSource(31_337, 2)
HEAD = 100
DAY = 86_400_000
PRESIDENT, SECRETARY = int(RoleKind.PRESIDENT), int(RoleKind.SECRETARY)


@dataclass
class Town:
    """A world with a lock of 600 that may be cancelled, and a mirror that hears of approvals."""

    world: World
    lock: Accepted
    proposals: Proposals
    events: int = 0

    def cancel(self, amount: int = 100, **changes: object) -> Draft:
        """The draft that cancels so much of the lock."""
        draft = operated(K.CANCEL, address("a"), amount=amount, ref=self.lock.leaf_hash)
        return replace(draft, subjects=(account_id(address("a")),), **changes)  # type: ignore[arg-type]

    def propose(self, draft: Draft | None = None, key: str | None = None) -> str:
        """Propose a draft and return the proposal's id."""
        draft = draft or self.cancel()
        assert draft.operation is not None
        instruction = {
            "from": account_id(draft.operation.sender), "to": None, "amount": str(draft.operation.amount),
            "valid_until": draft.operation.valid_until, "ref": draft.operation.ref.hex(),
        }  # fmt: skip
        view, _ = self.proposals.propose(self.world.submission(draft, key), instruction)
        return view.proposal.id

    def approve(
        self,
        proposal_id: str,
        kind: int,
        *,
        block: int = HEAD - 2,
        chapter: int = CHAPTER,
        policy: bytes = CANCEL_POLICY,
    ) -> None:
        """Have the mirror see one approval."""
        self.events += 1
        with self.world.database.writer() as connection:
            proposal = read_proposal(connection, proposal_id)
            assert proposal is not None
            execute(
                connection,
                "INSERT INTO mirror_approvals"
                " (chain_id, block_number, log_index, policy, digest, approver, chapter, kind)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                SOURCE.chain_id, block, self.events, policy, proposal.digest,
                address(f"officer {kind}"), chapter, kind,
            )  # fmt: skip

    def approved(self, draft: Draft | None = None) -> str:
        """Propose, have both officers approve, and return the proposal's id."""
        proposal_id = self.propose(draft)
        self.approve(proposal_id, PRESIDENT)
        self.approve(proposal_id, SECRETARY)
        return proposal_id

    def used_by(self, proposal_id: str) -> str | None:
        """The entry that used a proposal."""
        with self.world.database.reader() as connection:
            proposal = read_proposal(connection, proposal_id)
        assert proposal is not None
        return proposal.entry_id

    def entries(self) -> int:
        """How many entries there are."""
        with self.world.database.reader() as connection:
            return int(str(fetch_all(connection, "SELECT count(*) FROM entries")[0][0]))


def fund(world: World) -> Accepted:
    """Open two chapters, lock 600 of a member's credits, and give the mirror a head and the policies."""
    for draft in (
        opened(), opened(OTHER_CHAPTER), joined("a"), joined("b"),
        operated(K.ISSUE, receiver=address("a"), amount=1_000),
    ):  # fmt: skip
        world.accept(draft)
    with world.database.writer() as connection:
        execute(
            connection,
            "INSERT INTO mirror_cursor (chain_id, genesis_hash, block_number, block_hash)"
            " VALUES (?, ?, ?, ?)",
            SOURCE.chain_id, bytes(32), HEAD, bytes(32),
        )  # fmt: skip
        for number, policy in enumerate((CANCEL_POLICY, REVERSE_POLICY)):
            execute(
                connection,
                "INSERT INTO mirror_policies (chain_id, block_number, log_index, policy, kinds, threshold)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                SOURCE.chain_id, 1, number, policy, bytes((PRESIDENT, SECRETARY)), 2,
            )  # fmt: skip
    return world.accept(operated(K.LOCK, address("a"), address("a"), 600))


@contextmanager
def towns(database: Database, folder: Path) -> Iterator[Town]:
    with running(database, folder, approvals=SOURCE) as world:
        proposals = Proposals(
            database, world.vault, SOURCE, lifetime_days=7, clock=world.clock, entropy=os.urandom
        )
        yield Town(world, fund(world), proposals)
