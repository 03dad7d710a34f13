"""What the ledger refuses before anything is recorded, and what accepting an operation changes in the
registers.

The chain executes and may still refuse; these checks only spare members an operation that cannot succeed,
from the effect of every operation accepted so far. Answers name fields, never values, and an account of
another chapter reads exactly like one that does not exist.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from chain.operation import MAX_AMOUNT, ZERO_ADDRESS, ZERO_REF, Operation, OperationKind
from gateway.errors import Refusal
from gateway.ledger.authorization import AUTHORIZED_KINDS
from gateway.ledger.drafts import AccountKind, Custody, Draft
from gateway.ledger.references import original_of
from gateway.ledger.registers import Account, Chapter, Registers
from gateway.rules.calendar import business_date, business_day, business_month
from gateway.rules.corrections import REVERSAL_DAYS
from gateway.rules.parameters import value_on

_REVERSIBLE = frozenset({OperationKind.ISSUE, OperationKind.TRANSFER, OperationKind.REDEEM})


@dataclass(slots=True)
class Moment:
    """The second at which a group is accepted, with its business day and month (UTC+8)."""

    seconds: int
    day: int
    month: int


def moment_of(unix_milliseconds: int) -> Moment:
    """Return the moment of a clock reading."""
    seconds = unix_milliseconds // 1000
    return Moment(seconds, business_day(seconds), business_month(seconds))


@dataclass(frozen=True, slots=True)
class Movement:
    """What an accepted operation does to the registers: ``moved`` credits between the two accounts."""

    kind: OperationKind
    sender: Account | None
    receiver: Account | None
    moved: int


class Acceptance:
    """Checks drafts against the registers inside one write transaction."""

    def __init__(self, connection: Connection, registers: Registers, moment: Moment) -> None:
        self._connection = connection
        self._registers = registers
        self._moment = moment

    def check_chapter(self, number: int) -> Chapter:
        """Return the open chapter. Raises Refusal ``chapter.unknown``."""
        chapter = self._registers.chapter(self._connection, number)
        if chapter is None:
            raise Refusal("chapter.unknown", field="chapter")
        return chapter

    def check_owner(self, operation: Operation | None, chapter: int) -> None:
        """Pass when the chapter owns whom the operation takes from, or gives to if it takes from nobody.

        First of all checks of an operation: any before it would tell another chapter's account from none.
        Raises Refusal ``member.unknown`` or ``chapter.wrong``.
        """
        if operation is None:
            return
        if operation.kind is OperationKind.ISSUE:
            self._own(operation.receiver, chapter, "op.to")
        else:
            self._own(operation.sender, chapter, "op.from")

    def check_operation(self, draft: Draft, operation: Operation, chapter: int) -> Movement:
        """Return what accepting the operation moves. Raises Refusal."""
        if operation.valid_until and operation.valid_until <= self._moment.seconds:
            if draft.authorization is not None:
                raise Refusal("signature.expired")
            raise Refusal("entry.bad_field", field="op.valid_until", reason="has passed")
        kind = operation.kind
        if kind is OperationKind.ISSUE:
            return self._check_issue(operation, chapter)
        sender = self._own(operation.sender, chapter, "op.from")
        self._check_custody(draft, operation, sender)
        if kind in (OperationKind.TRANSFER, OperationKind.REDEEM):
            return self._check_payment(operation, sender)
        if kind is OperationKind.BURN:
            # Rights do not matter: what a frozen account holds can still expire or be forfeited.
            self._check_available(sender, operation.amount)
            return Movement(kind, sender, None, operation.amount)
        if kind is OperationKind.REVERSE:
            return self._check_reversal(operation, sender)
        if kind is OperationKind.RECOVER:
            return self._check_recovery(operation, sender)
        return self._check_lock(operation, sender)

    def _account(self, address: bytes, field: str) -> Account:
        account = self._registers.accounts.get(address)
        if account is None:
            raise Refusal("member.unknown", field=field)
        return account

    def _own(self, address: bytes, chapter: int, field: str) -> Account:
        account = self._account(address, field)
        if account.chapter != chapter:
            raise Refusal("chapter.wrong", field=field)
        return account

    def _check_custody(self, draft: Draft, operation: Operation, sender: Account) -> None:
        """Hold self-custody accounts to a signature and all others to none."""
        needs = sender.custody == Custody.SELF and operation.kind in AUTHORIZED_KINDS
        if needs and draft.authorization is None:
            raise Refusal("signature.missing", field="authorization")
        if not needs and draft.authorization is not None:
            raise Refusal(
                "entry.bad_field", field="authorization", reason="the account is not in self-custody"
            )
        free = operation.kind in (OperationKind.TRANSFER, OperationKind.REDEEM, OperationKind.BURN)
        if free and not needs and operation.ref != ZERO_REF:
            raise Refusal(
                "entry.bad_field", field="op.ref", reason=f"{operation.kind.label} takes no ref here"
            )

    def _check_issue(self, operation: Operation, chapter: int) -> Movement:
        receiver = self._own(operation.receiver, chapter, "op.to")
        if receiver.kind not in (AccountKind.MEMBER, AccountKind.POOL):
            raise Refusal(
                "entry.bad_field", field="op.to", reason="credits are issued to members and pools only"
            )
        self._check_receiving(receiver, operation.amount)
        quota = self._registers.quota(self._connection, receiver.chapter, self._moment.month)
        if quota.used + operation.amount > quota.amount:
            raise Refusal("quota.exceeded")
        return Movement(operation.kind, None, receiver, operation.amount)

    def _check_payment(self, operation: Operation, sender: Account) -> Movement:
        receiver = self._account(operation.receiver, "op.to")
        if receiver is sender:
            raise Refusal("entry.bad_field", field="op.to", reason="is the sender itself")
        if operation.kind is OperationKind.REDEEM and receiver.kind != AccountKind.MERCHANT:
            raise Refusal("entry.bad_field", field="op.to", reason="is not a merchant")
        self._check_spending(sender, operation.amount)
        self._check_daily_cap(sender, operation.amount)
        self._check_receiving(receiver, operation.amount)
        return Movement(operation.kind, sender, receiver, operation.amount)

    def _check_spending(self, sender: Account, amount: int) -> None:
        if not sender.may_send:
            raise Refusal("member.frozen", field="op.from")
        self._check_available(sender, amount)

    def _check_available(self, sender: Account, amount: int) -> None:
        if sender.available < amount:
            raise Refusal("balance.insufficient", field="op.from")

    def _check_daily_cap(self, sender: Account, amount: int) -> None:
        chapter = self._registers.chapter(self._connection, sender.chapter)
        if chapter is None or not chapter.daily_cap or not is_capped(sender):
            return
        if sender.spent_on(self._moment.day) + amount > chapter.daily_cap:
            raise Refusal("cap.exceeded", field="op.from", cap="daily")

    def _check_receiving(self, receiver: Account, amount: int) -> None:
        if not receiver.may_receive:
            raise Refusal("member.frozen", field="op.to")
        held = receiver.available + receiver.locked + amount
        chapter = self._registers.chapter(self._connection, receiver.chapter)
        limit = chapter.holding_cap if chapter is not None and receiver.kind == AccountKind.MEMBER else 0
        if held > (limit or MAX_AMOUNT):
            raise Refusal("cap.exceeded", field="op.to", cap="holding")

    def _check_lock(self, operation: Operation, sender: Account) -> Movement:
        kind = operation.kind
        if kind is not OperationKind.CANCEL and operation.receiver != operation.sender:
            raise Refusal("entry.bad_field", field="op.to", reason="is not the sender itself")
        if kind is OperationKind.LOCK:
            self._check_spending(sender, operation.amount)
        else:
            lock = self._registers.lock(self._connection, operation.ref)
            if lock is None or lock.account != sender.address or lock.amount < operation.amount:
                raise Refusal("operation.unknown_ref", field="op.ref")
        return Movement(kind, sender, None, operation.amount)

    def _check_reversal(self, operation: Operation, sender: Account) -> Movement:
        """The sender of a reversal holds what its original gave; it gives back at most what it has."""
        original = original_of(self._connection, operation.ref)
        if original is None or original.kind not in _REVERSIBLE:
            raise Refusal("operation.unknown_ref", field="op.ref")
        limit = value_on(REVERSAL_DAYS, business_date(self._moment.seconds))
        if limit is not None and self._moment.seconds - original.at // 1000 > limit * 86_400:
            raise Refusal("operation.too_old", field="op.ref", limit=limit)
        parties = (self._holder_now(original.receiver), self._holder_now(original.sender))
        if parties != (operation.sender, operation.receiver):
            raise Refusal("entry.bad_field", field="op.ref", reason="its parties are not these two, swapped")
        if operation.amount > original.left - self._registers.asked_back.get(operation.ref, 0):
            raise Refusal("entry.bad_field", field="op.amount", reason="more than is left of the original")
        receiver = None
        if operation.receiver != ZERO_ADDRESS:
            receiver = self._account(operation.receiver, "op.to")
        return Movement(operation.kind, sender, receiver, max(0, min(operation.amount, sender.available)))

    def _holder_now(self, address: bytes) -> bytes:
        """Return the account that followed ``address`` by recovery, itself when none did."""
        while address != ZERO_ADDRESS:
            self._registers.load(self._connection, (address,))
            account = self._registers.accounts.get(address)
            if account is None or account.recovered_to is None:
                break
            address = account.recovered_to
        return address

    def _check_recovery(self, operation: Operation, sender: Account) -> Movement:
        receiver = self._account(operation.receiver, "op.to")
        if sender.recovered_to != receiver.address:
            raise Refusal("entry.bad_field", field="op.to", reason="does not follow the sender's account")
        return Movement(operation.kind, sender, receiver, sender.available)


def is_capped(account: Account) -> bool:
    """Say whether the daily cap holds: for members whose keys the operator has."""
    return account.custody == Custody.OPERATOR and account.kind == AccountKind.MEMBER
