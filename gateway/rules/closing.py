"""Suspending, restoring and closing an account: a balance always goes somewhere named first. Pure.

Rule 13: an account is closed at zero only; a suspended balance moves to the chapter's pool and comes back
whole. No paper says what becomes of a balance on death or leaving: the allowed destinations are a parameter.
Invariant: balance + parked + what went out stays the same in every step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from gateway.rules.membership import KinTerms, check_relation
from gateway.rules.refusals import RuleRefusal, check_amount
from gateway.rules.transitions import Machine


class AccountState(StrEnum):
    """Where an account stands; closed is final."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSING = "closing"
    CLOSED = "closed"


class ClosingStep(StrEnum):
    """What can happen to an account's state."""

    SUSPEND = "suspend"
    RESTORE = "restore"
    BEGIN = "begin"
    WITHDRAW = "withdraw"
    PAY_OUT = "pay_out"
    CLOSE = "close"


class ClosingActor(StrEnum):
    """Who acts; an heir acts for a member who has died."""

    HOLDER = "holder"
    HEIR = "heir"
    CHAPTER = "chapter"


class Destination(StrEnum):
    """Where a closing account's balance goes."""

    KIN = "kin"
    POOL = "pool"
    BURN = "burn"


_CHAPTER = frozenset({ClosingActor.CHAPTER})
_OWNER = frozenset({ClosingActor.HOLDER, ClosingActor.HEIR})

CLOSING_MACHINE: Machine[AccountState, ClosingStep, ClosingActor] = Machine(
    "closing",
    {
        (AccountState.ACTIVE, ClosingStep.SUSPEND): (AccountState.SUSPENDED, _CHAPTER),
        (AccountState.SUSPENDED, ClosingStep.RESTORE): (AccountState.ACTIVE, _CHAPTER),
        (AccountState.ACTIVE, ClosingStep.BEGIN): (AccountState.CLOSING, _OWNER | _CHAPTER),
        (AccountState.CLOSING, ClosingStep.WITHDRAW): (AccountState.ACTIVE, _OWNER | _CHAPTER),
        (AccountState.CLOSING, ClosingStep.PAY_OUT): (AccountState.CLOSING, _CHAPTER),
        (AccountState.CLOSING, ClosingStep.CLOSE): (AccountState.CLOSED, _CHAPTER),
    },
)


@dataclass(frozen=True, slots=True)
class ClosingTerms:
    """Destinations a balance may go to."""

    destinations: tuple[Destination, ...] = (Destination.KIN, Destination.POOL, Destination.BURN)


@dataclass(frozen=True, slots=True)
class Holding:
    """An account as closing sees it. Amounts in hundredths of a coin.

    ``parked`` lies in the chapter's pool while suspended; ``locked`` are pledged coins, ``pending`` those
    held by bookings or not settled yet. ``receiver`` is the account of kin or pool, None for a burn.
    """

    balance: int
    state: AccountState = AccountState.ACTIVE
    parked: int = 0
    locked: int = 0
    pending: int = 0
    destination: Destination | None = None
    receiver: str | None = None

    def __post_init__(self) -> None:
        for amount in (self.balance, self.parked, self.locked, self.pending):
            check_amount(amount, "holding")


@dataclass(frozen=True, slots=True)
class ClosingEvent:
    """One step; ``destination``, ``receiver`` and ``relation`` (of kin) belong to ``begin``."""

    step: ClosingStep
    actor: ClosingActor
    destination: Destination | None = None
    receiver: str | None = None
    relation: str | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """Coins the step moves: into the pool (``park``), back (``unpark``) or out (``pay_out``, ``burn``)."""

    kind: str
    amount: int
    receiver: str | None = None


def advance_account(
    holding: Holding, event: ClosingEvent, terms: ClosingTerms, kin: KinTerms
) -> tuple[Holding, Move | None]:
    """Return the account after a step and what it moves (None: nothing).

    Raises RuleRefusal ``closing.*`` (wrong state or actor; ``not_empty`` naming balance, locked or pending
    coins; ``no_destination``; ``not_allowed``) and ``member.kin_not_allowed``.
    """
    state = CLOSING_MACHINE.step(holding.state, event.step, event.actor)
    after = replace(holding, state=state)
    match event.step:
        case ClosingStep.SUSPEND:
            return replace(after, balance=0, parked=holding.balance), _move("park", holding.balance)
        case ClosingStep.RESTORE:
            back = holding.balance + holding.parked
            return replace(after, balance=back, parked=0), _move("unpark", holding.parked)
        case ClosingStep.BEGIN:
            _check_quiet(holding)
            _check_destination(event, terms, kin)
            return replace(after, destination=event.destination, receiver=event.receiver), None
        case ClosingStep.WITHDRAW:
            return replace(after, destination=None, receiver=None), None
        case ClosingStep.PAY_OUT:
            # Coins may have become pending since closing began.
            _check_quiet(holding)
            kind = "burn" if holding.destination is Destination.BURN else "pay_out"
            return replace(after, balance=0), _move(kind, holding.balance, holding.receiver)
        case ClosingStep.CLOSE:
            _check_quiet(holding)
            if holding.balance:
                raise RuleRefusal("closing.not_empty", what="balance")
            return after, None


def _move(kind: str, amount: int, receiver: str | None = None) -> Move | None:
    return Move(kind, amount, receiver) if amount else None


def _check_quiet(holding: Holding) -> None:
    if holding.locked:
        raise RuleRefusal("closing.not_empty", what="locked")
    if holding.pending:
        raise RuleRefusal("closing.not_empty", what="pending")


def _check_destination(event: ClosingEvent, terms: ClosingTerms, kin: KinTerms) -> None:
    if event.destination is None or (event.receiver is None) != (event.destination is Destination.BURN):
        raise RuleRefusal("closing.no_destination")
    if event.destination not in terms.destinations:
        raise RuleRefusal("closing.not_allowed", destination=event.destination.value)
    if event.destination is Destination.KIN:
        check_relation(event.relation, kin)
