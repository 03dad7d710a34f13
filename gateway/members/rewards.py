"""What a completed order pays to those above its buyer, out of its margin, and takes back on refund (R2, R4).

Money records: nothing moves here. A reward is one case keyed by its sale; a receiver's rewards of a business
month are another one, so that the monthly cap holds. Crossed links mark the referral as paid: the meter reads
those.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import cast

from chain.canonical import JsonValue
from chain.operation import chapter_code
from chain.types import AccountId, EntryId
from gateway.cases.case import Case, changed
from gateway.cases.filling import concern, fill, read_sum
from gateway.cases.world import World
from gateway.commerce.rule_tables import table_in_force
from gateway.errors import Refusal
from gateway.ledger.drafts import Draft
from gateway.members import switches
from gateway.members.referrals import DECLARED, PAID, REFERRAL, SALE, read_ties
from gateway.rules.calendar import business_month, format_month
from gateway.rules.referral import (
    Decision,
    Order,
    OrderKind,
    Reward,
    RewardRules,
    Ties,
    claw_back_rewards,
    reward_order,
)
from gateway.rules.referral_meter import PaidChains, build_chains
from gateway.rules.referral_tables import METER_LIMITS, REWARD_TERMS
from gateway.rules.split_tables import MARGIN_OWNER, REFERRER, SERVING_SHOP
from gateway.rules.splits import SplitTable
from gateway.rules.versions import pick_table

REWARD, INCOME = "referral_reward", "referral_income"
PARTLY_RETURNED, RETURNED = "partly_returned", "returned"
TERMS = "reward_per_person"
"""Paper C pays per person, so for a referred member's first order only."""


@dataclass(frozen=True, slots=True)
class _Offer:
    """One order with what is offered for it and under which rules."""

    order: Order
    table: SplitTable
    rules: RewardRules
    ties: Ties

    @property
    def amounts(self) -> list[int]:
        """The table's amount for every level that is switched on, at least the first."""
        amount = next(line.amount for line in self.table.fixed if line.role == REFERRER)
        return [amount] * max(1, self.rules.switches.depth)


def reward_sale(world: World) -> Draft:
    """Record what a completed sale that was not refunded pays above its buyer, once."""
    sale = world.about(SALE)
    if world.find(REWARD, sale.key) is not None:
        raise Refusal("referral.rewarded_already")
    margin = read_sum(world.draft, "margin")
    limit = cast("dict[str, int]", sale.document["legs"]).get(SERVING_SHOP, 0)
    if margin > limit:
        raise Refusal("referral.margin_above", limit=limit)
    offer = _offer(world, sale, margin)
    month = business_month(world.now // 1000)
    receivers = set(offer.ties.parents.values())
    paid = {receiver: _income(world, receiver, month).number("paid") for receiver in receivers}
    decision = reward_order(offer.order, offer.amounts, offer.rules, offer.ties, _chains(world, offer), paid)
    if not decision.rewards:
        raise Refusal("referral.withheld", why=decision.withheld[0].reason.value)
    _keep(world, sale, decision, margin, month, offer.table)
    merchant = sale.text("merchant")
    total = sum(reward.amount for reward in decision.rewards)
    figures = decision.chains.figures_of(decision.rewards[0].receiver)
    draft = fill(
        world.draft,
        amount=str(total),
        withheld=str(sum(part.amount for part in decision.withheld)),
        table=offer.table.id,
        version=offer.table.version,
        period=format_month(month),
        levels=figures.levels,
        people=figures.people,
        legs=[*_legs(decision.rewards), _leg(MARGIN_OWNER, margin - total, merchant)],
    )
    draft = replace(draft, rule=f"{offer.table.id}:{offer.table.version}")
    return concern(
        draft, [*(one.receiver for one in decision.rewards), offer.order.buyer, merchant], [sale.key]
    )


def _offer(world: World, sale: Case, margin: int) -> _Offer:
    day, buyer = world.today, str(sale.holder)
    rules = RewardRules(
        pick_table(REWARD_TERMS, TERMS, day), pick_table(METER_LIMITS, "referral_meter", day),
        switches.read_switches(world),
    )  # fmt: skip
    earlier = [case.key for case in world.list(SALE, holder=buyer) if case.opened_index < sale.opened_index]
    order = Order(
        sale.key, OrderKind.PURCHASE, buyer, sale.number("amount"), margin,
        completed=True, refunded=sale.number("refunded"), first=not earlier,
    )  # fmt: skip
    return _Offer(order, table_in_force(world, "referral_reward"), rules, read_ties(world, buyer))


def _chains(world: World, offer: _Offer) -> PaidChains:
    """Return the paid chains that the order's links would join: those of its buyer and of all above."""
    links: dict[str, str] = {}
    waiting = {offer.order.buyer, *offer.ties.parents, *offer.ties.parents.values()}
    seen: set[str] = set()
    while waiting:
        member = waiting.pop()
        seen.add(member)
        own = world.find(REFERRAL, member)
        below = world.list(REFERRAL, state=PAID, holder=member)
        for case in [*([own] if own is not None and own.state == PAID else []), *below]:
            links[case.key] = case.text("referrer")
            waiting |= {case.key, case.text("referrer")} - seen
    return build_chains(links)


def _keep(world: World, sale: Case, decision: Decision, margin: int, month: int, table: SplitTable) -> None:
    """Keep the reward, what each receiver got this month, and the links that were crossed."""
    rows: list[JsonValue] = [
        {"receiver": one.receiver, "level": one.level, "amount": one.amount} for one in decision.rewards
    ]
    document: dict[str, JsonValue] = {
        "buyer": sale.holder, "merchant": sale.text("merchant"), "amount": sale.number("amount"),
        "margin": margin, "month": month, "rewards": rows, "refunded": 0, "returned": 0,
        "table": table.id, "version": table.version,
    }  # fmt: skip
    world.open(
        REWARD,
        sale.key,
        Case(REWARD, "", world.chapter, PAID, AccountId(decision.rewards[0].receiver), None, document),
    )
    for one in decision.rewards:
        income = _income(world, one.receiver, month)
        world.put(changed(income, paid=income.number("paid") + one.amount))
    member = str(sale.holder)
    for _ in range(max(one.level for one in decision.rewards)):
        link = world.find(REFERRAL, member)
        if link is None:
            break
        if link.state == DECLARED:
            world.put(replace(link, state=PAID))
        member = link.text("referrer")


def _income(world: World, receiver: str, month: int) -> Case:
    """Return what a receiver got in a month, a new case where nothing yet."""
    key = f"{receiver}:{format_month(month)}"
    standing = world.standing(receiver)
    holder = None if standing is None else standing.account
    empty: dict[str, JsonValue] = {"paid": 0, "returned": 0}
    return world.find(INCOME, key) or Case(INCOME, key, world.chapter, "counted", holder, None, empty)


def claw_back_reward(world: World) -> Draft:
    """Take back the part of each reward that was refunded of its order since (rule 10)."""
    sale = world.about(SALE)
    case = world.require(REWARD, sale.key, "public.about")
    before, now = case.number("refunded"), sale.number("refunded")
    if now == before:
        raise Refusal("referral.nothing_to_return")
    rewards = [
        Reward(sale.key, str(row["receiver"]), cast("int", row["level"]), cast("int", row["amount"]))
        for row in cast("list[dict[str, JsonValue]]", case.document["rewards"])
    ]
    back = claw_back_rewards(rewards, case.number("amount"), before, now - before)
    total = sum(one.amount for one in back)
    for one in back:
        income = _income(world, one.receiver, case.number("month"))
        world.put(changed(income, returned=income.number("returned") + one.amount))
    after = changed(case, refunded=now, returned=case.number("returned") + total)
    state = RETURNED if now == case.number("amount") else PARTLY_RETURNED
    world.put(replace(after, state=state, due_at=None))
    merchant = case.text("merchant")
    draft = fill(
        world.draft,
        refunded=str(now - before),
        amount=str(total),
        table=case.text("table"),
        version=case.number("version"),
        legs=[*_legs(back), _leg(MARGIN_OWNER, total, merchant)],
    )
    draft = replace(draft, rule=f"{case.text('table')}:{case.number('version')}")
    return concern(draft, [*(one.receiver for one in rewards), merchant], [sale.key])


def mark_refunded(world: World, sale: str) -> None:
    """Have the reward of a sale taken back: called by the step that refunds it."""
    case = world.find(REWARD, sale)
    if case is not None:
        world.put(replace(case, due_at=world.now))


def claw_back_due(case: Case) -> Draft:
    """Return the step that takes a reward back."""
    return Draft(
        "referral.clawed_back", chapter_code(case.chapter), None, (), public={"about": case.key},
        refs=(EntryId(case.key),),
    )  # fmt: skip


def _legs(rewards: Iterable[Reward]) -> list[JsonValue]:
    """Return one leg a level: the first level's role is the referrer's, higher ones are numbered."""
    return [
        _leg(REFERRER if one.level == 1 else f"{REFERRER}_{one.level}", one.amount, one.receiver)
        for one in rewards
    ]


def _leg(role: str, amount: int, account: str) -> JsonValue:
    return {"role": role, "amount": str(amount), "account": account}


REWARD_RULES = {"referral.rewarded": reward_sale, "referral.clawed_back": claw_back_reward}
