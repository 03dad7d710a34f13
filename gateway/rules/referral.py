"""The referral guard (R1 to R5): who may refer whom, and what an order pays to whom above its buyer. Pure.

A reward is paid for a completed order that was not refunded, out of that order's margin, and for nothing
else: not for joining, a number of heads, a deposit or one's own purchase (rule 40: sign-ups are not paid
for). What is withheld is an outcome with its reason, never an error. Joining-fee rewards exist and ship
switched off.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from gateway.rules.referral_meter import PaidChains, is_stopped, join_chains
from gateway.rules.referral_tables import MeterLimits, RewardTerms, Switches, WaiverTerms
from gateway.rules.refusals import RuleRefusal, check_amount
from gateway.rules.split_tables import REFERRING_SHOP
from gateway.rules.splits import Legs, SplitTable, claw_back, fold_leg, split


class OrderKind(StrEnum):
    """What was paid for. Only purchases carry rewards; joining fees only while their switch is on."""

    PURCHASE = "purchase"
    JOINING_FEE = "joining_fee"
    RENEWAL_FEE = "renewal_fee"
    DEPOSIT = "deposit"


class Reason(StrEnum):
    """Why a reward, or a part of it, was not paid."""

    NOT_A_PURCHASE = "not_a_purchase"
    NOT_COMPLETED = "not_completed"
    REFUNDED = "refunded"
    NOT_FIRST_ORDER = "not_first_order"
    NO_REFERRER = "no_referrer"
    BEYOND_DEPTH = "beyond_depth"
    HOUSEHOLD = "household"
    METER = "meter"
    MARGIN = "margin"
    ORDER_CAP = "order_cap"
    MONTH_CAP = "month_cap"


@dataclass(frozen=True, slots=True)
class Order:
    """One order, in fen: its ``amount``, the ``margin`` that rewards come from, what was ``refunded``.

    ``first``: the buyer's first completed order.
    """

    id: str
    kind: OrderKind
    buyer: str
    amount: int
    margin: int
    completed: bool
    refunded: int = 0
    first: bool = False


@dataclass(frozen=True, slots=True)
class Reward:
    """What an order pays to the referrer ``level`` steps above its buyer, in fen, above 0."""

    order: str
    receiver: str
    level: int
    amount: int


@dataclass(frozen=True, slots=True)
class Withheld:
    """What was offered at a level and not paid, in fen, with its reason; ``receiver`` None: nobody there."""

    level: int
    receiver: str | None
    amount: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class Decision:
    """What an order pays and what not, and the paid chains afterwards.

    Rewards and withheld amounts of all levels sum to what was offered.
    """

    rewards: tuple[Reward, ...]
    withheld: tuple[Withheld, ...]
    chains: PaidChains


@dataclass(frozen=True, slots=True)
class Ties:
    """Who is whose: ``parents`` (member -> referrer) and ``households`` (member -> code, where known)."""

    parents: Mapping[str, str]
    households: Mapping[str, str]

    def same_household(self, one: str, other: str) -> bool:
        """Say whether both have the same household code. Unknown households are not equal."""
        code = self.households.get(one)
        return code is not None and code == self.households.get(other)


@dataclass(frozen=True, slots=True)
class RewardRules:
    """The versions in force for one order, and the gates of the rule book."""

    terms: RewardTerms
    limits: MeterLimits
    switches: Switches


def check_referrer(member: str, referrer: str, ties: Ties, has_ordered: Container[str]) -> None:
    """Check that ``referrer`` may become the one referrer of ``member`` (R5).

    1. Nobody refers himself: ``referral.self``.
    2. After the first order nothing changes, an absent referrer included: ``referral.fixed``.
    3. Not within a household: ``referral.household``.
    4. No cycle: ``referral.cycle``.

    Raises RuleRefusal.
    """
    if member == referrer:
        raise RuleRefusal("referral.self")
    if member in has_ordered:
        raise RuleRefusal("referral.fixed")
    if ties.same_household(member, referrer):
        raise RuleRefusal("referral.household")
    # Seen members end the walk even where old data holds a cycle that we did not make.
    above: str | None = referrer
    seen: set[str] = set()
    while above is not None and above not in seen:
        if above == member:
            raise RuleRefusal("referral.cycle")
        seen.add(above)
        above = ties.parents.get(above)


def reward_order(
    order: Order,
    offers: Iterable[int],
    rules: RewardRules,
    ties: Ties,
    chains: PaidChains,
    paid_this_month: Mapping[str, int],
) -> Decision:
    """Return what an order pays to those above its buyer.

    ``offers`` are the tables' amounts for level 1, 2, ... in fen; ``paid_this_month`` is what each receiver
    got in the business month of the order. Of each offer, what margin, order cap and month cap leave is paid;
    the tightest of them names the reason for the rest. Raises FormatError for what is no amount.
    """
    check_amount(order.margin, "margin")
    refused = _refuse_order(order, rules)
    rewards: list[Reward] = []
    withheld: list[Withheld] = []
    path: list[tuple[str, str]] = []
    paid, member = 0, order.buyer
    for level, offer in enumerate(offers, 1):
        check_amount(offer, "offer")
        receiver = ties.parents.get(member)
        reason = refused or _refuse_receiver(order, receiver, level, rules, ties)
        joined = chains
        if receiver is not None:
            path.append((member, receiver))
            member = receiver
            if reason is None:
                joined = _join_path(chains, path)
                stopped = is_stopped(joined.figures_of(receiver), rules.limits, rules.switches)
                reason = Reason.METER if stopped else None
        amount = 0
        if reason is None and receiver is not None:
            amount, reason = _cap_offer(offer, order.margin, paid, paid_this_month.get(receiver, 0), rules)
            if amount:
                rewards.append(Reward(order.id, receiver, level, amount))
                chains, paid = joined, paid + amount
        if amount < offer:
            withheld.append(Withheld(level, receiver, offer - amount, reason or Reason.NO_REFERRER))
    return Decision(tuple(rewards), tuple(withheld), chains)


def claw_back_rewards(
    rewards: Iterable[Reward], order_amount: int, refunded_before: int, refunded_now: int
) -> tuple[Reward, ...]:
    """Return what each receiver gives back when ``refunded_now`` more of the order is refunded (R4, rule 10).

    In proportion, and all of it once all is refunded. Links of the meter stay: they were paid over.
    Raises as ``claw_back``.
    """
    back = [
        replace(reward, amount=claw_back(reward.amount, order_amount, refunded_before, refunded_now))
        for reward in rewards
    ]
    return tuple(reward for reward in back if reward.amount)


def split_fee(amount: int, table: SplitTable, referred: bool, switches: Switches) -> Legs:
    """Return the legs of a yearly fee [D]. The referring shop has one only if there is one and it is on.

    Without it, what the table gives the referring shop goes to the table's residual. Raises as ``split``.
    """
    legs = split(amount, table)
    if referred and switches.joining_fee:
        return legs
    return fold_leg(legs, REFERRING_SHOP, table.residual)


def waives_year(referrals: int, terms: WaiverTerms, switches: Switches) -> bool:
    """Say whether this many referrals in a year waive the next yearly fee [C]: never while switched off."""
    check_amount(referrals, "referrals")
    return switches.waiver and referrals >= terms.referrals


def _refuse_order(order: Order, rules: RewardRules) -> Reason | None:
    """Why this order pays nobody, or None (R2)."""
    joining = order.kind is OrderKind.JOINING_FEE and rules.switches.joining_fee
    if order.kind is not OrderKind.PURCHASE and not joining:
        return Reason.NOT_A_PURCHASE
    if not order.completed:
        return Reason.NOT_COMPLETED
    if order.refunded:
        return Reason.REFUNDED
    return Reason.NOT_FIRST_ORDER if rules.terms.once and not order.first else None


def _refuse_receiver(
    order: Order, receiver: str | None, level: int, rules: RewardRules, ties: Ties
) -> Reason | None:
    """Why this order does not pay at this level, or None."""
    if receiver is None:
        return Reason.NO_REFERRER
    if level > rules.switches.depth:
        return Reason.BEYOND_DEPTH
    own = receiver == order.buyer or ties.same_household(receiver, order.buyer)
    return Reason.HOUSEHOLD if own else None


def _join_path(chains: PaidChains, path: Iterable[tuple[str, str]]) -> PaidChains:
    """The chains when a reward crosses all these links: a level passed over is crossed too."""
    for member, referrer in path:
        chains = join_chains(chains, member, referrer)
    return chains


def _cap_offer(
    offer: int, margin: int, paid: int, paid_this_month: int, rules: RewardRules
) -> tuple[int, Reason]:
    """What of an offer is paid, and which cap is the tightest (R4)."""
    room = {
        Reason.MARGIN: margin - paid,
        Reason.ORDER_CAP: rules.terms.order_cap - paid,
        Reason.MONTH_CAP: rules.terms.month_cap - paid_this_month,
    }
    tightest = min(room, key=lambda reason: room[reason])
    return max(0, min(offer, room[tightest])), tightest
