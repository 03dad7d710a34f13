"""The merchant's bond: lodged, held for complaints, paid from, topped up, forfeited, refunded. Pure.

RULES. Money lies with the custodian bank; here are only its records, each with a receipt's hash, and nothing
moves. A verified complaint is paid from the bond, then from the reserve, then by the platform; what an appeal
finds was paid wrongly comes back. A bond below its floor suspends the merchant. Every function takes a
deposit and returns the next one with the record to write; amounts in fen, days are business dates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from types import MappingProxyType

from chain.errors import FormatError
from gateway.rules.refusals import RuleRefusal, check_amount
from gateway.rules.splits import WHOLE

BOND, RESERVE, PLATFORM = "bond", "reserve", "platform"
"""The waterfall's sources, in the order they pay."""


@dataclass(frozen=True, slots=True)
class DepositTerms:
    """One version: the ``required`` bond, its ``floor`` and the forfeited part in basis points of it.

    By when a verified complaint is paid is the complaint's own clock (``gateway.rules.complaints``).
    """

    id: str
    version: int
    effective_from: date
    required: int
    floor_points: int
    forfeit_points: int
    source: str

    def __post_init__(self) -> None:
        check_amount(self.required, "required", least=1)
        shares = 0 < self.floor_points <= WHOLE and 0 <= self.forfeit_points <= WHOLE
        if not shares:
            raise FormatError("deposit_terms", "a share is out of range")

    @property
    def floor(self) -> int:
        """Fen below which the merchant is suspended: the floor's part of the required bond, rounded up."""
        return -(-self.required * self.floor_points // WHOLE)


DEPOSIT_TERMS = (
    # 500 CNY [C] and 5,000 CNY [D]; 20% forfeited [D]. The floor is the product's choice: the papers only say
    # that a verified complaint is paid first.
    DepositTerms("merchant_deposit", 1, date(2025, 1, 1), 50_000, 5_000, 2_000, "C"),
    DepositTerms("merchant_deposit", 2, date(2026, 1, 1), 500_000, 5_000, 2_000, "D"),
)
"""The versions that ship."""


class DepositState(StrEnum):
    """Where a bond stands. ``awaited`` until it was lodged in full once; ``closed`` is final."""

    AWAITED = "awaited"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class ClaimState(StrEnum):
    """Where a complaint's claim stands; ``paid`` and ``dismissed`` ones leave the deposit."""

    HELD = "held"
    VERIFIED = "verified"


class RecordKind(StrEnum):
    """What a record says of the bond."""

    LODGED = "lodged"
    HELD = "held"
    VERIFIED = "verified"
    RELEASED = "released"
    COMPENSATED = "compensated"
    RESTORED = "restored"
    TOPPED_UP = "topped_up"
    FORFEITED = "forfeited"
    REFUNDED = "refunded"


@dataclass(frozen=True, slots=True)
class Claim:
    """A complaint against the bond: what is asked, and what of the balance it holds."""

    id: str
    amount: int
    held: int
    state: ClaimState = ClaimState.HELD


@dataclass(frozen=True, slots=True)
class Deposit:
    """One merchant's bond: ``balance`` with the custodian, of which claims hold a part."""

    terms: DepositTerms
    state: DepositState = DepositState.AWAITED
    balance: int = 0
    claims: Mapping[str, Claim] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def held(self) -> int:
        """Fen held for claims, never more than the balance."""
        return sum(claim.held for claim in self.claims.values())

    @property
    def free(self) -> int:
        """Fen of the balance that no claim holds."""
        return self.balance - self.held

    @property
    def missing(self) -> int:
        """Fen to the required bond: what a top-up may bring."""
        return max(0, self.terms.required - self.balance)


@dataclass(frozen=True, slots=True)
class BondRecord:
    """One record: ``amount`` in fen, the bond's ``balance`` after it, and what it is about."""

    kind: RecordKind
    amount: int
    balance: int
    reference: str


@dataclass(frozen=True, slots=True)
class Compensation:
    """How one claim was paid: a leg for each source that paid, ``unpaid`` where all three were not enough."""

    claim: str
    legs: tuple[tuple[str, int], ...]
    unpaid: int


Step = tuple[Deposit, BondRecord]
"""The next deposit and the record of the step."""


def lodge_deposit(deposit: Deposit, amount: int, receipt: str) -> Step:
    """Lodge the bond, whole or in parts; active once it is complete.

    Raises RuleRefusal ``deposit.wrong_state``, ``deposit.above_required`` (with what is ``left``).
    """
    _require(deposit, "lodge", DepositState.AWAITED)
    return _bring(deposit, RecordKind.LODGED, amount, receipt)


def top_up(deposit: Deposit, amount: int, receipt: str) -> Step:
    """Bring the bond up again; at its floor or above the merchant is active again.

    Raises RuleRefusal ``deposit.wrong_state``, ``deposit.above_required`` (with what is ``left``).
    """
    _require(deposit, "top_up", DepositState.ACTIVE, DepositState.SUSPENDED)
    return _bring(deposit, RecordKind.TOPPED_UP, amount, receipt)


def hold_claim(deposit: Deposit, claim: str, amount: int) -> Step:
    """Hold what a complaint asks for, as far as the balance is free.

    Raises RuleRefusal ``deposit.wrong_state``, ``deposit.claim_exists``.
    """
    _require(deposit, "hold", DepositState.AWAITED, DepositState.ACTIVE, DepositState.SUSPENDED)
    check_amount(amount, "amount", least=1)
    if claim in deposit.claims:
        raise RuleRefusal("deposit.claim_exists")
    held = min(amount, deposit.free)
    after = _with_claim(deposit, Claim(claim, amount, held))
    return after, BondRecord(RecordKind.HELD, held, after.balance, claim)


def verify_claim(deposit: Deposit, claim: str, amount: int) -> Step:
    """Find a complaint right, for ``amount`` (at most what was asked).

    Raises RuleRefusal ``deposit.no_claim``, ``deposit.claim_state``, ``deposit.above_claim``.
    """
    check_amount(amount, "amount", least=1)
    asked = _find(deposit, claim, ClaimState.HELD)
    if amount > asked.amount:
        raise RuleRefusal("deposit.above_claim", left=asked.amount)
    verified = Claim(claim, amount, min(asked.held, amount), ClaimState.VERIFIED)
    after = _with_claim(deposit, verified)
    return after, BondRecord(RecordKind.VERIFIED, amount, after.balance, claim)


def dismiss_claim(deposit: Deposit, claim: str) -> Step:
    """Find a complaint wrong: what was held is free again.

    Raises RuleRefusal ``deposit.no_claim``, ``deposit.claim_state``.
    """
    held = _find(deposit, claim, ClaimState.HELD).held
    after = _without_claim(deposit, claim)
    return after, BondRecord(RecordKind.RELEASED, held, after.balance, claim)


def pay_claim(
    deposit: Deposit, claim: str, reserve: int, platform: int
) -> tuple[Deposit, BondRecord, Compensation]:
    """Pay a verified complaint: from the bond, then from the reserve, then by the platform.

    The bond pays with what it holds for this claim and what is free, not with what it holds for others.
    ``reserve`` and ``platform`` are what these have. Below its floor the bond suspends the merchant.
    Raises RuleRefusal ``deposit.no_claim``, ``deposit.claim_state``.
    """
    check_amount(reserve, "reserve")
    check_amount(platform, "platform")
    verified = _find(deposit, claim, ClaimState.VERIFIED)
    left, legs = verified.amount, []
    for source, has in ((BOND, verified.held + deposit.free), (RESERVE, reserve), (PLATFORM, platform)):
        if part := min(left, has):
            legs.append((source, part))
            left -= part
    from_bond = dict(legs).get(BOND, 0)
    after = _settle(replace(_without_claim(deposit, claim), balance=deposit.balance - from_bond))
    record = BondRecord(RecordKind.COMPENSATED, from_bond, after.balance, claim)
    return after, record, Compensation(claim, tuple(legs), left)


def restore(deposit: Deposit, amount: int, reference: str) -> Step:
    """Bring back what was paid from the bond and should not have been, as far as it is missing now.

    What the merchant has topped up meanwhile, and all where the bond is closed, is the merchant's own to get:
    the record says how much the bond got.
    """
    check_amount(amount, "amount")
    part = 0 if deposit.state is DepositState.CLOSED else min(amount, deposit.missing)
    after = _settle(replace(deposit, balance=deposit.balance + part)) if part else deposit
    return after, BondRecord(RecordKind.RESTORED, part, after.balance, reference)


def forfeit(deposit: Deposit, reference: str) -> Step:
    """Forfeit the terms' part of the required bond, at most what no claim holds [D: 20% at disqualification].

    Raises RuleRefusal ``deposit.wrong_state``.
    """
    _require(deposit, "forfeit", DepositState.ACTIVE, DepositState.SUSPENDED)
    amount = min(deposit.terms.required * deposit.terms.forfeit_points // WHOLE, deposit.free)
    after = _settle(replace(deposit, balance=deposit.balance - amount))
    return after, BondRecord(RecordKind.FORFEITED, amount, after.balance, reference)


def refund_deposit(deposit: Deposit, left_on: date | None, day: date, receipt: str) -> Step:
    """Refund what is left after the exit, and close the bond. ``left_on``: the date the exit took effect.

    Raises RuleRefusal ``deposit.wrong_state``, ``deposit.not_left``, ``deposit.claims_open``.
    """
    _require(deposit, "refund", DepositState.AWAITED, DepositState.ACTIVE, DepositState.SUSPENDED)
    if left_on is None or day < left_on:
        raise RuleRefusal("deposit.not_left")
    if deposit.claims:
        raise RuleRefusal("deposit.claims_open", count=len(deposit.claims))
    after = replace(deposit, balance=0, state=DepositState.CLOSED)
    return after, BondRecord(RecordKind.REFUNDED, deposit.balance, 0, receipt)


def _require(deposit: Deposit, step: str, *states: DepositState) -> None:
    if deposit.state not in states:
        raise RuleRefusal("deposit.wrong_state", state=deposit.state.value, step=step)


def _find(deposit: Deposit, claim: str, state: ClaimState) -> Claim:
    found = deposit.claims.get(claim)
    if found is None:
        raise RuleRefusal("deposit.no_claim")
    if found.state is not state:
        raise RuleRefusal("deposit.claim_state", state=found.state.value)
    return found


def _bring(deposit: Deposit, kind: RecordKind, amount: int, receipt: str) -> Step:
    check_amount(amount, "amount", least=1)
    if amount > deposit.missing:
        raise RuleRefusal("deposit.above_required", left=deposit.missing)
    after = _settle(replace(deposit, balance=deposit.balance + amount))
    return after, BondRecord(kind, amount, after.balance, receipt)


def _settle(deposit: Deposit) -> Deposit:
    """The state that follows from the balance: awaited until complete, then by the floor."""
    if deposit.state is DepositState.AWAITED and deposit.missing:
        return deposit
    below = deposit.balance < deposit.terms.floor
    return replace(deposit, state=DepositState.SUSPENDED if below else DepositState.ACTIVE)


def _with_claim(deposit: Deposit, claim: Claim) -> Deposit:
    return replace(deposit, claims=MappingProxyType({**deposit.claims, claim.id: claim}))


def _without_claim(deposit: Deposit, claim: str) -> Deposit:
    kept = {name: one for name, one in deposit.claims.items() if name != claim}
    return replace(deposit, claims=MappingProxyType(kept))
