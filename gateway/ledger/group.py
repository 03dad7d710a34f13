"""One group commit: many submissions, one write transaction. Everything here happens before the commit.

Each submission is judged on the registers as the ones before it left them. A refused one changes nothing: it
is checked whole before anything of it is applied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, cast

from sqlalchemy import Connection

from chain.entry import MAX_ENTRY_SIZE
from chain.entry_types import check_draft
from chain.errors import FormatError
from chain.hashing import HASH_SIZE, hash_leaf
from chain.operation import (
    ZERO_ADDRESS,
    ZERO_REF,
    FieldError,
    Operation,
    OperationKind,
    account_address,
    account_id,
    chapter_number,
)
from chain.typed_data import Place
from gateway.db import fetch_all, fetch_in, insert_rows
from gateway.errors import Refusal
from gateway.ledger.acceptance import Acceptance, Moment, Movement
from gateway.ledger.api_keys import KeyUse
from gateway.ledger.append import Batch
from gateway.ledger.authorization import verify_authorization
from gateway.ledger.drafts import AccountKind, ApproveOperation, Draft, Submission, ToldEffect, key_digest
from gateway.ledger.effects import accounts_named, apply_effects, check_effects, needs_chapter
from gateway.ledger.movements import apply_movement
from gateway.ledger.proposals import ApprovalSource, ProposalUse
from gateway.ledger.registers import Account, Registers
from gateway.ledger.steps import CaseRules, NewEntry, Step
from gateway.ledger.vault import Vault
from gateway.outbox.calls import ChainCall
from gateway.outbox.queue import enqueue_rows

_SELECT_KEYS = """
SELECT k.digest, k.fingerprint, e.entry_id, e.log_index, e.leaf_data, e.at
FROM idempotency_keys k JOIN entries e ON e.log_index = k.log_index WHERE k.digest IN (@)"""


_FREE = frozenset({OperationKind.TRANSFER, OperationKind.REDEEM, OperationKind.BURN, OperationKind.LOCK})
"""Operations that need nobody else's approval."""


class ChainPlanner(Protocol):
    """Turns effects into calls: few calls for many effects, in the order the chain must see them."""

    @property
    def chain_id(self) -> int:
        """The chain the calls are for."""
        ...

    def plan(self, effects: Sequence[tuple[str, ToldEffect]]) -> list[tuple[str, ChainCall]]:
        """Return (entry id, call) pairs for (entry id, effect) pairs."""
        ...


@dataclass(frozen=True, slots=True)
class Recorded:
    """An entry of the log, not signed for yet."""

    entry_id: str
    index: int
    leaf_hash: bytes
    at: str
    replayed: bool


class Group:
    """The work of one transaction; ``run`` once, then ``store``."""

    def __init__(
        self,
        connection: Connection,
        registers: Registers,
        batch: Batch,
        moment: Moment,
        *,
        vault: Vault,
        place: Place | None,
        planner: ChainPlanner | None,
        rules: CaseRules | None = None,
        approvals: ApprovalSource | None = None,
    ) -> None:
        self._judged = rules.types if rules is not None else ()
        self._cases = rules.open(connection, registers) if rules is not None else None
        self._connection = connection
        self._registers = registers
        self._batch = batch
        self._moment = moment
        self._vault = vault
        self._place = place
        self._planner = planner
        self._acceptance = Acceptance(connection, registers, moment)
        self._proposals = ProposalUse(connection, approvals, batch.at)
        self._callers = KeyUse(connection, batch.at)
        self._known: dict[bytes, tuple[bytes, Recorded]] = {}
        self._keys: list[tuple[object, ...]] = []
        self._refs: set[str] = set()
        self._nonces: set[tuple[bytes, bytes]] = set()
        self._effects: list[tuple[str, ToldEffect]] = []
        self._calls: list[tuple[str, ChainCall]] = []

    def run(self, submissions: Sequence[Submission]) -> list[Recorded | Refusal]:
        """Judge and apply all submissions in order; return what each came to."""
        keys = [key_digest(submission) for submission in submissions]
        self._read_keys([key for key in keys if key])
        self._prefetch([submission.draft for submission in submissions])
        self._callers.load(submission.principal for submission in submissions)
        answers: list[Recorded | Refusal] = []
        for key, submission in zip(keys, submissions, strict=True):
            try:
                answers.append(self._one(key, submission))
            except Refusal as refusal:
                answers.append(refusal)
        return answers

    def store(self) -> None:
        """Write everything the group accepted."""
        self._batch.insert(self._connection)
        insert_rows(self._connection, "idempotency_keys", "digest,fingerprint,log_index", self._keys)
        self._registers.store(self._connection)
        if self._cases is not None:
            self._cases.store()
        self._proposals.store()
        if self._planner is not None:
            calls = self._planner.plan(self._effects) + self._calls
            enqueue_rows(self._connection, calls, chain_id=self._planner.chain_id, at=self._batch.at)

    # --- reading ahead ---------------------------------------------------------------------------------

    def _read_keys(self, keys: list[bytes]) -> None:
        rows = fetch_in(self._connection, _SELECT_KEYS, keys)
        for digest, fingerprint, entry_id, index, leaf_data, at in cast(
            "list[tuple[bytes, bytes, str, int, bytes, str]]", rows
        ):
            self._known[digest] = fingerprint, Recorded(entry_id, index, hash_leaf(leaf_data), at, True)

    def _prefetch(self, drafts: list[Draft]) -> None:
        wanted: set[bytes] = set()
        sealed: set[bytes] = set()
        refs: set[str] = set()
        for draft in drafts:
            named = [account_address(account) for account in draft.subjects]
            if draft.private and named:
                sealed.add(named[0])
            wanted.update(named)
            if draft.actor is not None:
                wanted.add(account_address(draft.actor))
            if draft.operation is not None:
                wanted.update((draft.operation.sender, draft.operation.receiver))
            if draft.effects:
                wanted.update(accounts_named(draft.effects))
            refs.update(draft.refs)
        self._registers.load(self._connection, wanted)
        if self._cases is not None:
            self._cases.foresee(drafts)
        refs -= self._refs
        known = fetch_in(self._connection, "SELECT entry_id FROM entries WHERE entry_id IN (@)", sorted(refs))
        self._refs |= {cast("str", row[0]) for row in known}
        if sealed:
            registered = {a for draft in drafts for a in accounts_named(draft.effects)}
            # If we crash here, keys exist that no entry uses: harmless. The other way round would lose data.
            self._vault.ensure_keys(a for a in sealed if a in self._registers.accounts or a in registered)

    # --- one submission --------------------------------------------------------------------------------

    def _one(self, key: bytes, submission: Submission) -> Recorded:
        self._callers.admit(submission.principal)
        known = self._known.get(key) if key else None
        if known is not None:
            if known[0] != submission.fingerprint:
                raise Refusal("idempotency.key_reused")
            return replace(known[1], replayed=True)
        draft = submission.draft
        number = chapter_number(draft.chapter)
        if needs_chapter(draft):
            self._acceptance.check_chapter(number)
        self._acceptance.check_owner(draft.operation, number)
        if draft.proposal is not None:
            self._proposals.check(draft, number)
        entry_id = self._batch.draw_id()
        if draft.type in self._judged:
            draft = self._complete(entry_id, draft)
        self._callers.check(draft, number)
        new = check_effects(self._connection, self._registers, draft, number) if draft.effects else {}
        subjects = self._subjects(draft, new)
        for ref in draft.refs:
            if ref not in self._refs:
                raise Refusal("refs.unknown")
        operation, movement, evidence = self._operation(draft, number)
        self._check_pool(submission.draft, movement)
        recorded = self._record(draft, entry_id, number, subjects, new, operation, movement, evidence)
        if self._cases is not None:
            if draft.type in self._judged:
                self._cases.keep(recorded.index)
            new_entry = NewEntry(
                recorded.index, recorded.entry_id, self._batch.milliseconds, number, draft, movement
            )
            self._cases.count(new_entry)
        if key:
            self._keys.append((key, submission.fingerprint, recorded.index))
            self._known[key] = submission.fingerprint, recorded
        return recorded

    def _complete(self, entry_id: str, draft: Draft) -> Draft:
        """Have the rules of its use case judge and complete a draft. Raises Refusal."""
        assert self._cases is not None  # noqa: S101  some types are judged
        completed = self._cases.complete(Step(entry_id, self._batch.milliseconds, draft))
        try:
            check_draft(completed.type, completed.public, completed.operation)
        except FieldError as error:
            raise Refusal("entry.bad_field", field=error.where, reason=error.reason) from None
        if completed is not draft:
            self._prefetch([completed])
        return completed

    def _subjects(self, draft: Draft, new: dict[bytes, Account]) -> list[Account]:
        addresses: dict[bytes, str] = {account_address(account): "subjects" for account in draft.subjects}
        if draft.operation is not None:
            # Named as the operation's checks name them, so that who may not see another chapter cannot tell
            # its accounts from none by the field.
            sender, receiver = draft.operation.sender, draft.operation.receiver
            addresses[sender] = "op.from"
            if receiver != sender:
                addresses[receiver] = "op.to"
            addresses.pop(ZERO_ADDRESS, None)
        if draft.actor is not None and not self._find(account_address(draft.actor), new):
            raise Refusal("member.unknown", field="actor")
        found: list[Account] = []
        for address, field in addresses.items():
            account = self._find(address, new)
            if account is None:
                raise Refusal("member.unknown", field=field)
            found.append(account)
        if draft.private and not found:
            raise Refusal("entry.bad_field", field="private", reason="belongs to no subject")
        return found

    def _find(self, address: bytes, new: dict[bytes, Account]) -> Account | None:
        return self._registers.accounts.get(address) or new.get(address)

    def _operation(
        self, draft: Draft, chapter: int
    ) -> tuple[Operation | None, Movement | None, bytes | None]:
        operation = draft.operation
        if operation is None:
            if draft.authorization is not None:
                raise Refusal("entry.bad_field", field="authorization", reason="there is no operation")
            return None, None, None
        try:
            movement = self._acceptance.check_operation(draft, operation, chapter)
        except Refusal as refusal:
            if self._cases is not None and refusal.code == "member.frozen":
                field = str(refusal.fields["field"])
                party = operation.sender if field == "op.from" else operation.receiver
                self._cases.explain_frozen(account_id(party), field)
            raise
        if operation.kind is OperationKind.REVERSE:
            self._check_sides(movement)
        if draft.authorization is None:
            return operation, movement, None
        if self._place is None:
            raise Refusal("chain.unavailable")
        digest, evidence = verify_authorization(self._place, operation, draft.authorization)
        if operation.ref not in (ZERO_REF, digest):
            raise Refusal("entry.bad_field", field="op.ref", reason="is not the authorization's digest")
        self._check_nonce(operation.sender, draft.authorization.nonce)
        return replace(operation, ref=digest), movement, evidence

    def _check_sides(self, movement: Movement) -> None:
        """Refuse to correct what a closed account was part of (rule 9); a frozen one is paid back."""
        for side, field in ((movement.sender, "op.from"), (movement.receiver, "op.to")):
            if self._cases is not None and side is not None and not side.may_receive:
                self._cases.explain_frozen(side.id, field)

    def _check_pool(self, asked: Draft, movement: Movement | None) -> None:
        """What a named pool holds is for its purpose: what a caller orders himself cannot move it.

        Officers may take back what came into one by mistake, never what is parked there for others (rule 26).
        """
        sender = None if movement is None else movement.sender
        if self._cases is None or sender is None or sender.kind != AccountKind.POOL:
            return
        kind = None if asked.operation is None else asked.operation.kind
        if kind in _FREE:
            self._cases.check_pool(sender.id, "op.from")
        elif kind is OperationKind.REVERSE:
            self._cases.check_parked(sender.id, "op.from")

    def _check_nonce(self, signer: bytes, nonce: bytes) -> None:
        sql = "SELECT log_index FROM authorizations WHERE account = ? AND nonce = ?"
        if (signer, nonce) in self._nonces or fetch_all(self._connection, sql, signer, nonce):
            raise Refusal("signature.replayed")

    def _record(
        self,
        draft: Draft,
        entry_id: str,
        chapter: int,
        subjects: list[Account],
        new: dict[bytes, Account],
        operation: Operation | None,
        movement: Movement | None,
        evidence: bytes | None,
    ) -> Recorded:
        batch = self._batch
        op_salt = None if draft.proposal is None else self._proposals.salt_of(draft.proposal)
        try:
            built = batch.build(draft, entry_id, subjects, operation, op_salt)
        except FieldError as error:
            raise Refusal("entry.bad_field", field=error.where, reason=error.reason) from None
        except FormatError as error:
            if error.where == "entry":
                raise Refusal("entry.too_large", limit=MAX_ENTRY_SIZE) from None
            raise Refusal("entry.bad_field", field=error.where, reason=error.reason) from None
        # From here on nothing refuses.
        index = batch.add(built, draft, chapter, subjects)
        if draft.effects:
            apply_effects(self._connection, self._registers, draft.effects, new, index)
            self._callers.apply(draft)
            self._effects += [(built.entry_id, effect) for effect in draft.effects]
        self._calls += [(built.entry_id, call) for call in draft.calls]
        if operation is not None and movement is not None:
            batch.add_operation(index, built, operation, movement.moved, evidence)
            apply_movement(
                self._registers, movement, self._moment,
                leaf_hash=built.leaf_hash, ref=operation.ref, amount=operation.amount,
            )  # fmt: skip
            if draft.approvers:
                digest = built.leaf_data[-HASH_SIZE:]
                approval = ApproveOperation(operation.kind, chapter, digest, draft.approvers)
                self._effects.append((built.entry_id, approval))
            if draft.proposal is not None:
                self._proposals.use(draft.proposal, built.entry_id)
            if draft.authorization is not None:
                batch.add_authorization(operation.sender, draft.authorization.nonce, index)
                self._nonces.add((operation.sender, draft.authorization.nonce))
        self._refs.add(built.entry_id)
        return Recorded(built.entry_id, index, built.leaf_hash, batch.at, False)
