"""Proposed operations: officers approve a digest on chain first, then the entry with that digest is recorded.

A proposal is used by at most one entry, in that entry's own transaction. The sequencer alone uses them;
`gateway.members.proposals` makes them. An approval counts once its block is final, because nobody here could
send an officer's transaction again after a reorganisation.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from sqlalchemy import Connection

from chain.evm.roles import CANCEL_POLICY, REVERSE_POLICY
from chain.operation import Operation, OperationKind, operation_digest, parse_operation
from gateway.db import execute, fetch_all
from gateway.errors import Refusal
from gateway.ledger.drafts import Draft
from gateway.ledger.faults import LedgerFault
from gateway.mirror.approvals import Approval, Policy, read_approvals, read_policy

POLICIES: Mapping[OperationKind, bytes] = {
    OperationKind.CANCEL: CANCEL_POLICY,
    OperationKind.REVERSE: REVERSE_POLICY,
}
"""The policy by which officers approve each kind that needs them."""

_COLUMNS = "id, chapter, kind, instruction, sealed, op_salt, digest, created_at, expires_at, entry_id"


@dataclass(frozen=True, slots=True)
class Proposal:
    """One stored proposal. Times are RFC 3339 UTC with milliseconds, so they compare as text.

    ``instruction`` is the request's JSON without its private fields; those are ``sealed`` with the key of the
    operation's sender. ``digest`` is the operation's digest under ``op_salt``.
    """

    id: str
    chapter: int
    kind: OperationKind
    instruction: str
    sealed: bytes | None
    op_salt: bytes
    digest: bytes
    created_at: str
    expires_at: str
    entry_id: str | None

    @property
    def operation(self) -> Operation:
        """What is proposed, as the digest binds it."""
        operands = json.loads(self.instruction)
        members = ("from", "to", "amount", "valid_until", "ref")
        return parse_operation({"kind": self.kind.label} | {name: operands[name] for name in members})

    @property
    def policy(self) -> bytes:
        """The policy by which it is approved."""
        return POLICIES[self.kind]

    def state_at(self, at: str) -> str:
        """Return ``used`` by an entry, else ``expired`` or ``open``."""
        if self.entry_id is not None:
            return "used"
        return "expired" if at >= self.expires_at else "open"


def read_proposal(connection: Connection, proposal_id: str) -> Proposal | None:
    """Return a proposal by its id, None when there is none."""
    rows = fetch_all(connection, f"SELECT {_COLUMNS} FROM credit_proposals WHERE id = ?", proposal_id)  # noqa: S608
    if not rows:
        return None
    found = cast(
        "tuple[str, int, int, str, bytes | None, bytes, bytes, str, str, str | None]", tuple(rows[0])
    )
    return Proposal(found[0], found[1], OperationKind(found[2]), *found[3:])


@dataclass(frozen=True, slots=True)
class ApprovalSource:
    """The mirror of one chain as the place where approvals are seen; ``depth`` blocks make one count."""

    chain_id: int
    depth: int

    def policy(self, connection: Connection, proposal: Proposal) -> Policy:
        """Return who must approve. Raises Refusal ``chain.unavailable`` while the mirror does not know."""
        policy = read_policy(connection, self.chain_id, proposal.policy)
        if policy is None:
            raise Refusal("chain.unavailable")
        return policy

    def approvals(self, connection: Connection, proposal: Proposal) -> tuple[Approval, ...]:
        """Return what was approved so far."""
        return read_approvals(
            connection, self.chain_id, self.depth,
            policy=proposal.policy, chapter=proposal.chapter, digest=proposal.digest,
        )  # fmt: skip


def count_final(approvals: tuple[Approval, ...]) -> int:
    """Return how many different kinds of officers have approved in final blocks."""
    return len({approval.kind for approval in approvals if approval.is_final})


class ProposalUse:
    """The use of proposals in one write transaction, whose entries have the time ``at``."""

    def __init__(self, connection: Connection, source: ApprovalSource | None, at: str) -> None:
        self._connection = connection
        self._source = source
        self._at = at
        self._salts: dict[str, bytes] = {}
        self._used: dict[str, str] = {}

    def check(self, draft: Draft, chapter: int) -> None:
        """Judge whether the draft's proposal may become its entry now. Raises a ``proposal.*`` Refusal.

        1. It is one of the chapter; 2. no entry has used it; 3. it has not expired; 4. its digest is that of
        the draft's operation; 5. enough officers have approved.
        """
        name = cast("str", draft.proposal)
        proposal = read_proposal(self._connection, name)
        if proposal is None or proposal.chapter != chapter:
            raise Refusal("proposal.unknown")
        state = "used" if name in self._used else proposal.state_at(self._at)
        if state != "open":
            raise Refusal(f"proposal.{state}")
        operation = draft.operation
        if operation is None or operation_digest(operation, proposal.op_salt) != proposal.digest:
            raise Refusal("entry.bad_field", field="proposal", reason="is of another operation")
        if self._source is None:
            raise Refusal("chain.unavailable")
        want = self._source.policy(self._connection, proposal).threshold
        got = count_final(self._source.approvals(self._connection, proposal))
        if got < want:
            raise Refusal("proposal.not_approved", got=got, want=want)
        self._salts[name] = proposal.op_salt

    def salt_of(self, proposal_id: str) -> bytes:
        """Return the operation salt of a proposal that was checked."""
        return self._salts[proposal_id]

    def use(self, proposal_id: str, entry_id: str) -> None:
        """The proposal has become this entry: the transaction's later drafts find it used."""
        self._used[proposal_id] = entry_id

    def store(self) -> None:
        """Write which entries used which proposals.

        Raises LedgerFault when one was used meanwhile: only the sequencer uses them.
        """
        for proposal_id, entry_id in self._used.items():
            changed = execute(
                self._connection,
                "UPDATE credit_proposals SET entry_id = ? WHERE id = ? AND entry_id IS NULL",
                entry_id,
                proposal_id,
            )
            if changed != 1:
                raise LedgerFault("a proposal was used by another sequencer", got=changed, want=1)
