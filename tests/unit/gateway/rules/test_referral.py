"""The referral guard: who may refer, what is paid, and that nothing else ever is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.referral import (
    Order,
    OrderKind,
    Reason,
    Reward,
    RewardRules,
    Ties,
    Withheld,
    check_referrer,
    claw_back_rewards,
    reward_order,
    split_fee,
    waives_year,
)
from gateway.rules.referral_meter import PaidChains, build_chains
from gateway.rules.referral_tables import (
    METER_LIMITS,
    REWARD_TERMS,
    SHIPPED,
    WAIVER_TERMS,
    Switches,
)
from gateway.rules.refusals import RuleRefusal
from gateway.rules.split_tables import TRIAL, pick_split

EACH = RewardRules(REWARD_TERMS[1], METER_LIMITS[0], SHIPPED)
ONCE = RewardRules(REWARD_TERMS[0], METER_LIMITS[0], SHIPPED)
DEEP = replace(EACH, switches=Switches(depth=3))
ORDER = Order("o1", OrderKind.PURCHASE, "buyer", amount=20_000, margin=5_000, completed=True, first=True)
TIES = Ties({"buyer": "anna", "anna": "bert", "bert": "carl", "carl": "dora"}, {})
NOTHING = PaidChains()


def test_rule_40_only_completed_purchases_pay() -> None:
    decision = reward_order(ORDER, [1_000], EACH, TIES, NOTHING, {})
    assert decision.rewards == (Reward("o1", "anna", 1, 1_000),)
    assert decision.withheld == ()
    assert decision.chains.links == {"buyer": "anna"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"kind": OrderKind.JOINING_FEE}, Reason.NOT_A_PURCHASE),
        ({"kind": OrderKind.RENEWAL_FEE}, Reason.NOT_A_PURCHASE),
        ({"kind": OrderKind.DEPOSIT}, Reason.NOT_A_PURCHASE),
        ({"completed": False}, Reason.NOT_COMPLETED),
        ({"refunded": 1}, Reason.REFUNDED),
        ({"first": False}, Reason.NOT_FIRST_ORDER),
        ({"margin": 0}, Reason.MARGIN),
    ],
)
def test_rule_40_nothing_else_is_paid(change: dict[str, object], reason: Reason) -> None:
    order = replace(ORDER, **change)  # type: ignore[arg-type]
    decision = reward_order(order, [1_000], ONCE, TIES, NOTHING, {})
    assert decision.rewards == ()
    assert decision.withheld == (Withheld(1, "anna", 1_000, reason),)
    assert decision.chains is NOTHING


def test_a_reward_for_each_order_does_not_ask_for_the_first() -> None:
    order = replace(ORDER, first=False)
    assert reward_order(order, [1_000], EACH, TIES, NOTHING, {}).rewards[0].amount == 1_000


def test_no_referrer_and_household_pay_nothing() -> None:
    alone = reward_order(ORDER, [1_000], EACH, Ties({}, {}), NOTHING, {})
    assert alone.withheld == (Withheld(1, None, 1_000, Reason.NO_REFERRER),)
    moved_in = Ties(TIES.parents, {"buyer": "h1", "anna": "h1"})
    assert reward_order(ORDER, [1_000], EACH, moved_in, NOTHING, {}).withheld == (
        Withheld(1, "anna", 1_000, Reason.HOUSEHOLD),
    )
    own = Ties({"buyer": "buyer"}, {})
    assert reward_order(ORDER, [1_000], EACH, own, NOTHING, {}).rewards == ()


def test_one_level_by_default_and_never_more_than_three() -> None:
    decision = reward_order(ORDER, [100, 100], EACH, TIES, NOTHING, {})
    assert [reward.receiver for reward in decision.rewards] == ["anna"]
    assert decision.withheld == (Withheld(2, "bert", 100, Reason.BEYOND_DEPTH),)
    deep = reward_order(ORDER, [400, 300, 200, 100], DEEP, TIES, NOTHING, {})
    assert [(r.receiver, r.level, r.amount) for r in deep.rewards] == [
        ("anna", 1, 400),
        ("bert", 2, 300),
        ("carl", 3, 200),
    ]
    assert deep.withheld == (Withheld(4, "dora", 100, Reason.BEYOND_DEPTH),)
    assert deep.chains.links == {"buyer": "anna", "anna": "bert", "bert": "carl"}
    for depth in (4, -1, True):
        with pytest.raises(RuleRefusal) as caught:
            Switches(depth=depth)
        assert caught.value == RuleRefusal("referral.depth_over_cap", limit=3)
    off = replace(EACH, switches=Switches(depth=0))
    assert reward_order(ORDER, [100], off, TIES, NOTHING, {}).rewards == ()


def test_a_level_passed_over_is_a_link_of_the_chain_all_the_same() -> None:
    month = {"anna": REWARD_TERMS[1].month_cap}
    decision = reward_order(ORDER, [400, 300], DEEP, TIES, NOTHING, month)
    assert decision.rewards == (Reward("o1", "bert", 2, 300),)
    assert decision.withheld == (Withheld(1, "anna", 400, Reason.MONTH_CAP),)
    assert decision.chains.links == {"buyer": "anna", "anna": "bert"}


@pytest.mark.parametrize(
    ("margin", "month", "paid", "reason"),
    [
        (999, 0, 999, Reason.MARGIN),
        (30_000, 0, 18_000, Reason.ORDER_CAP),
        (30_000, 170_000, 10_000, Reason.MONTH_CAP),
        (30_000, 180_001, 0, Reason.MONTH_CAP),
    ],
)
def test_margin_and_caps_cut_an_offer(margin: int, month: int, paid: int, reason: Reason) -> None:
    order = replace(ORDER, margin=margin)
    decision = reward_order(order, [20_000], EACH, TIES, NOTHING, {"anna": month})
    assert sum(reward.amount for reward in decision.rewards) == paid
    assert decision.withheld == (Withheld(1, "anna", 20_000 - paid, reason),)


@given(
    st.lists(st.integers(0, 30_000), max_size=4),
    st.integers(0, 40_000),
    st.integers(0, 3),
    st.integers(0, 200_000),
)
def test_offers_are_paid_or_withheld_and_never_exceed_the_caps(
    offers: list[int], margin: int, depth: int, month: int
) -> None:
    rules = replace(EACH, switches=Switches(depth=depth))
    decision = reward_order(replace(ORDER, margin=margin), offers, rules, TIES, NOTHING, {"anna": month})
    paid = sum(reward.amount for reward in decision.rewards)
    assert paid + sum(one.amount for one in decision.withheld) == sum(offers)
    assert paid <= min(margin, rules.terms.order_cap)
    assert all(0 < reward.amount and reward.level <= depth for reward in decision.rewards)
    for reward in decision.rewards:
        assert reward.amount + (month if reward.receiver == "anna" else 0) <= rules.terms.month_cap


def test_paying_stops_before_two_levels() -> None:
    paid = build_chains({"anna": "bert"})
    decision = reward_order(ORDER, [100], EACH, TIES, paid, {})
    assert decision.withheld == (Withheld(1, "anna", 100, Reason.METER),)
    assert reward_order(ORDER, [100], DEEP, TIES, paid, {}).rewards[0].amount == 100


def test_paying_stops_before_twenty_five_people() -> None:
    paid = build_chains({f"m{n}": "anna" for n in range(22)})
    decision = reward_order(ORDER, [100], EACH, TIES, paid, {})
    assert decision.rewards[0].amount == 100
    assert decision.chains.figures_of("anna").people == 24
    other = Ties({**TIES.parents, "late": "anna"}, {})
    late = reward_order(replace(ORDER, buyer="late"), [100], EACH, other, decision.chains, {})
    assert late.withheld == (Withheld(1, "anna", 100, Reason.METER),)
    # Who is in the chain already goes on being paid for.
    assert reward_order(ORDER, [100], EACH, other, decision.chains, {}).rewards[0].amount == 100


@pytest.mark.parametrize(
    ("member", "referrer", "code"),
    [
        ("eve", "eve", "referral.self"),
        ("old", "anna", "referral.fixed"),
        ("eve", "fred", "referral.household"),
        ("dora", "buyer", "referral.cycle"),
        ("carl", "buyer", "referral.cycle"),
    ],
)
def test_who_may_not_refer(member: str, referrer: str, code: str) -> None:
    ties = Ties(TIES.parents, {"eve": "h1", "fred": "h1", "anna": "h2"})
    with pytest.raises(RuleRefusal) as caught:
        check_referrer(member, referrer, ties, {"old"})
    assert caught.value == RuleRefusal(code)


def test_who_may_refer() -> None:
    check_referrer("eve", "anna", Ties(TIES.parents, {"anna": "h2"}), {"old"})
    # A cycle in old data ends the walk.
    check_referrer("eve", "x", Ties({"x": "y", "y": "x"}, {}), ())


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=40))
def test_accepted_referrers_never_form_a_cycle(wishes: list[tuple[int, int]]) -> None:
    parents: dict[str, str] = {}
    for member, referrer in wishes:
        try:
            check_referrer(f"m{member}", f"m{referrer}", Ties(parents, {}), ())
        except RuleRefusal:
            continue
        parents[f"m{member}"] = f"m{referrer}"
    for start in parents:
        above, steps = start, 0
        while above in parents:
            above, steps = parents[above], steps + 1
            assert steps <= len(parents)


def test_rule_10_a_refund_claws_back_rewards_in_proportion() -> None:
    rewards = (Reward("o1", "anna", 1, 1_001), Reward("o1", "bert", 2, 3))
    first = claw_back_rewards(rewards, 20_000, 0, 5_000)
    assert first == (Reward("o1", "anna", 1, 250),)
    rest = claw_back_rewards(rewards, 20_000, 5_000, 15_000)
    assert rest == (Reward("o1", "anna", 1, 751), Reward("o1", "bert", 2, 3))


@given(st.integers(0, 20_000), st.lists(st.integers(1, 5_000), min_size=1, max_size=6))
def test_rule_11_claw_backs_end_at_the_reward_exactly(amount: int, parts: list[int]) -> None:
    whole, before, back = sum(parts), 0, 0
    for part in parts:
        for reward in claw_back_rewards([Reward("o1", "anna", 1, amount)], whole, before, part):
            back += reward.amount
        before += part
        assert back <= amount
    assert back == amount
    with pytest.raises(RuleRefusal) as caught:
        claw_back_rewards([Reward("o1", "anna", 1, amount)], whole, before, 1)
    assert caught.value == RuleRefusal("refund.exceeds_original", left=0)


def test_joining_fees_reward_nobody_until_switched_on() -> None:
    table = pick_split("first_year_fee", TRIAL)
    off = split_fee(100_000, table, referred=True, switches=SHIPPED)
    assert dict(off) == {"chapter_fund": 10_000, "chapter_holding": 80_000, "platform": 10_000}
    on = Switches(joining_fee=True)
    assert dict(split_fee(100_000, table, referred=True, switches=on))["referring_shop"] == 40_000
    assert split_fee(100_000, table, referred=False, switches=on) == off
    fee = replace(ORDER, kind=OrderKind.JOINING_FEE)
    switched = replace(EACH, switches=on)
    assert reward_order(fee, [500], switched, TIES, NOTHING, {}).rewards == (Reward("o1", "anna", 1, 500),)


def test_waiver_ships_switched_off() -> None:
    terms = WAIVER_TERMS[0]
    assert not waives_year(30, terms, SHIPPED)
    on = Switches(waiver=True)
    assert [waives_year(n, terms, on) for n in (0, 2, 3, 4)] == [False, False, True, True]
