"""Operations that officers with keys of their own approve on chain before they are recorded.

A proposal fixes the operation's salt, and with it the digest that officers approve; the ledger uses it in the
transaction of the one entry that carries it out (`gateway.ledger.proposals`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import cast

from sqlalchemy import Connection

from chain.canonical import JsonValue
from chain.hashing import sha256
from chain.operation import OP_SALT_SIZE, account_address, chapter_number, operation_digest
from chain.types import AccountId, ChapterCode
from gateway.db import Database, execute, fetch_all
from gateway.errors import Refusal
from gateway.failpoints import step
from gateway.ledger.append import format_ulid
from gateway.ledger.drafts import Draft, Submission
from gateway.ledger.proposals import ApprovalSource, Proposal, count_final, read_proposal
from gateway.ledger.rehearsal import rehearse
from gateway.ledger.vault import NONCE_SIZE, Entropy, Vault
from gateway.mirror.approvals import Approval, Policy
from gateway.rules.calendar import format_timestamp

_DAY = 86_400_000

_INSERT = """
INSERT INTO credit_proposals
  (id, key_digest, fingerprint, chapter, kind, instruction, sealed, op_salt, digest, created_at, expires_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key_digest) DO NOTHING"""


@dataclass(frozen=True, slots=True)
class ProposalView:
    """A proposal with who must approve it, who has, and its state (``open``, ``used`` or ``expired``)."""

    proposal: Proposal
    state: str
    policy: Policy
    approvals: tuple[Approval, ...]

    @property
    def is_approved(self) -> bool:
        """Whether an entry may use it, as far as approvals go."""
        return count_final(self.approvals) >= self.policy.threshold


class Proposals:
    """Makes and shows proposals of one gateway. ``clock`` gives Unix milliseconds."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        source: ApprovalSource,
        *,
        lifetime_days: int,
        clock: Callable[[], int],
        entropy: Entropy,
    ) -> None:
        self._database = database
        self._vault = vault
        self._source = source
        self._lifetime = lifetime_days * _DAY
        self._clock = clock
        self._entropy = entropy

    def propose(
        self, submission: Submission, instruction: Mapping[str, JsonValue]
    ) -> tuple[ProposalView, bool]:
        """Store a proposal as first shown; the bool says whether it was there already under the same key.

        ``instruction`` is what `instruction` gives back, without private fields: these are the draft's.
        Requires a draft of a kind that needs approval. Keys of proposals are a space of their own.

        Raises:
            Refusal: what recording the entry now would be refused with, or ``idempotency.key_reused``.
        """
        key = sha256(f"{submission.principal}\x00{submission.idempotency_key}".encode())
        with self._database.reader() as connection:
            earlier = self._of_key(connection, key, submission.fingerprint)
        if earlier is not None:
            return earlier, True
        now = self._clock()
        rehearse(self._database, self._vault, submission.draft, now=now, entropy=self._entropy)
        row = self._build(submission.draft, instruction, now)
        with self._database.writer(step("members.propose")) as connection:
            execute(connection, _INSERT, row[0], key, submission.fingerprint, *row[1:])
            stored = self._of_key(connection, key, submission.fingerprint)
        if stored is None:
            raise Refusal("internal")
        return stored, stored.proposal.id != row[0]

    def _build(
        self, draft: Draft, instruction: Mapping[str, JsonValue], now: int
    ) -> tuple[str, *tuple[object, ...]]:
        """Return id and the row's values after fingerprint, in order."""
        operation = draft.operation
        if operation is None:
            raise Refusal("entry.bad_field", field="op", reason="there is no operation")
        proposal_id = format_ulid(now, self._entropy(16))
        op_salt = self._entropy(OP_SALT_SIZE)
        expires = now + self._lifetime
        if operation.valid_until:
            expires = min(expires, operation.valid_until * 1000)
        return (
            proposal_id, chapter_number(draft.chapter), int(operation.kind),
            json.dumps(dict(instruction), sort_keys=True, separators=(",", ":")),
            self._seal(proposal_id, draft), op_salt, operation_digest(operation, op_salt),
            format_timestamp(now), format_timestamp(expires),
        )  # fmt: skip

    def _seal(self, proposal_id: str, draft: Draft) -> bytes | None:
        if not draft.private:
            return None
        subject = bytes(account_address(draft.subjects[0]))
        # If we crash here, a key exists that nothing uses: harmless.
        self._vault.ensure_keys([subject])
        plain = json.dumps(dict(draft.private)).encode()
        return self._vault.seal(subject, _sealed_name(proposal_id), plain, self._entropy(NONCE_SIZE))

    def _of_key(self, connection: Connection, key: bytes, fingerprint: bytes) -> ProposalView | None:
        """Return the proposal made under a key, as it was first shown. Raises ``idempotency.key_reused``."""
        sql = "SELECT id, fingerprint FROM credit_proposals WHERE key_digest = ?"
        rows = fetch_all(connection, sql, key)
        if not rows:
            return None
        found, used_for = cast("tuple[str, bytes]", tuple(rows[0]))
        if used_for != fingerprint:
            raise Refusal("idempotency.key_reused")
        proposal = read_proposal(connection, found)
        if proposal is None:
            return None
        first_shown = replace(proposal, entry_id=None)
        return ProposalView(first_shown, "open", self._source.policy(connection, proposal), ())

    def find(self, proposal_id: str, chapter: str | None) -> ProposalView:
        """Return a proposal with what the mirror has seen of it. ``chapter`` None sees every chapter's.

        Raises:
            Refusal: ``proposal.unknown``, for another chapter's, too.
        """
        with self._database.reader() as connection:
            proposal = _seen(connection, proposal_id, chapter)
            return ProposalView(
                proposal,
                proposal.state_at(format_timestamp(self._clock())),
                self._source.policy(connection, proposal),
                self._source.approvals(connection, proposal),
            )

    def instruction(self, proposal_id: str, chapter: str) -> tuple[Proposal, dict[str, JsonValue]]:
        """Return a chapter's proposal and what was proposed, private fields opened under ``private``.

        Raises:
            Refusal: ``proposal.unknown``, or the private fields' key was destroyed.
        """
        with self._database.reader() as connection:
            proposal = _seen(connection, proposal_id, chapter)
        instruction: dict[str, JsonValue] = json.loads(proposal.instruction)
        if proposal.sealed is not None:
            subject = bytes(account_address(cast("AccountId", instruction["from"])))
            plain = self._vault.open(subject, _sealed_name(proposal.id), proposal.sealed)
            if plain is None:
                raise Refusal("entry.bad_field", field="private", reason="can no longer be read")
            instruction["private"] = json.loads(plain)
        return proposal, instruction


def _seen(connection: Connection, proposal_id: str, chapter: str | None) -> Proposal:
    proposal = read_proposal(connection, proposal_id)
    if proposal is None or (chapter is not None and proposal.chapter != chapter_number(ChapterCode(chapter))):
        raise Refusal("proposal.unknown")
    return proposal


def _sealed_name(proposal_id: str) -> str:
    return f"proposal-{proposal_id}"
