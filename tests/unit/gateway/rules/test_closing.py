"""Suspending and closing: zero first, somewhere named, and every coin accounted for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.closing import (
    CLOSING_MACHINE,
    AccountState,
    ClosingActor,
    ClosingEvent,
    ClosingStep,
    ClosingTerms,
    Destination,
    Holding,
    Move,
    advance_account,
)
from gateway.rules.membership import KinTerms
from gateway.rules.refusals import RuleRefusal

TERMS = ClosingTerms()
ANY_KIN = KinTerms()
BY_CHAPTER = ClosingActor.CHAPTER


def step(holding: Holding, event: ClosingEvent, kin: KinTerms = ANY_KIN) -> tuple[Holding, Move | None]:
    return advance_account(holding, event, TERMS, kin)


def begin(to: Destination | None, receiver: str | None, relation: str | None = None) -> ClosingEvent:
    return ClosingEvent(ClosingStep.BEGIN, ClosingActor.HOLDER, to, receiver, relation)


def by_chapter(kind: ClosingStep) -> ClosingEvent:
    return ClosingEvent(kind, BY_CHAPTER)


def refuse(holding: Holding, event: ClosingEvent, kin: KinTerms = ANY_KIN) -> RuleRefusal:
    with pytest.raises(RuleRefusal) as caught:
        step(holding, event, kin)
    return caught.value


@pytest.mark.parametrize(
    ("to", "receiver", "move"),
    [
        (Destination.KIN, "acct_kin", Move("pay_out", 700, "acct_kin")),
        (Destination.POOL, "acct_pool", Move("pay_out", 700, "acct_pool")),
        (Destination.BURN, None, Move("burn", 700, None)),
    ],
)
def test_rule_13_an_account_is_closed_at_zero_only(to: Destination, receiver: str | None, move: Move) -> None:
    closing, nothing = step(Holding(700), begin(to, receiver, "child"))
    assert (closing.state, closing.balance, nothing) == (AccountState.CLOSING, 700, None)
    assert refuse(closing, by_chapter(ClosingStep.CLOSE)) == RuleRefusal("closing.not_empty", what="balance")
    paid, moved = step(closing, by_chapter(ClosingStep.PAY_OUT))
    assert (paid.balance, moved) == (0, move)
    closed, nothing = step(paid, by_chapter(ClosingStep.CLOSE))
    assert (closed.state, nothing) == (AccountState.CLOSED, None)
    assert CLOSING_MACHINE.events(AccountState.CLOSED) == frozenset()


def test_rule_13_a_suspended_balance_comes_back_whole() -> None:
    suspended, parked = step(Holding(700), by_chapter(ClosingStep.SUSPEND))
    assert (suspended.balance, suspended.parked, parked) == (0, 700, Move("park", 700))
    # A refund may come in meanwhile.
    restored, back = step(replace(suspended, balance=25), by_chapter(ClosingStep.RESTORE))
    assert (restored.state, restored.balance, restored.parked) == (AccountState.ACTIVE, 725, 0)
    assert back == Move("unpark", 700)
    assert refuse(suspended, begin(Destination.BURN, None)) == RuleRefusal(
        "closing.wrong_state", state="suspended", step="begin"
    )


@pytest.mark.parametrize(("field", "what"), [("locked", "locked"), ("pending", "pending")])
def test_pledged_and_pending_coins_keep_an_account_open(field: str, what: str) -> None:
    busy = replace(Holding(700), **{field: 1})
    assert refuse(busy, begin(Destination.BURN, None)) == RuleRefusal("closing.not_empty", what=what)
    closing, _ = step(Holding(700), begin(Destination.BURN, None))
    late = replace(closing, **{field: 1})
    for kind in (ClosingStep.PAY_OUT, ClosingStep.CLOSE):
        assert refuse(late, by_chapter(kind)) == RuleRefusal("closing.not_empty", what=what)


@pytest.mark.parametrize(
    ("to", "receiver"),
    [(None, None), (None, "x"), (Destination.KIN, None), (Destination.POOL, None), (Destination.BURN, "x")],
)
def test_the_destination_is_named(to: Destination | None, receiver: str | None) -> None:
    assert refuse(Holding(1), begin(to, receiver)) == RuleRefusal("closing.no_destination")


def test_destinations_and_relations_are_parameters() -> None:
    with pytest.raises(RuleRefusal) as caught:
        advance_account(Holding(1), begin(Destination.BURN, None), ClosingTerms((Destination.POOL,)), ANY_KIN)
    assert caught.value == RuleRefusal("closing.not_allowed", destination="burn")
    friend = begin(Destination.KIN, "acct_f", "friend")
    assert refuse(Holding(1), friend, KinTerms(("parent", "child"))) == RuleRefusal("member.kin_not_allowed")
    assert step(Holding(1), friend)[0].receiver == "acct_f"


def test_closing_can_be_withdrawn_and_only_the_chapter_pays_out() -> None:
    closing, _ = step(Holding(5), begin(Destination.BURN, None))
    back, _ = step(closing, ClosingEvent(ClosingStep.WITHDRAW, ClosingActor.HOLDER))
    assert back == Holding(5)
    own = ClosingEvent(ClosingStep.PAY_OUT, ClosingActor.HOLDER)
    assert refuse(closing, own) == RuleRefusal("closing.wrong_actor", step="pay_out")


EVENTS = st.builds(
    ClosingEvent,
    st.sampled_from(ClosingStep),
    st.sampled_from([ClosingActor.HEIR, BY_CHAPTER, BY_CHAPTER]),
    st.sampled_from([*Destination, None]),
    st.sampled_from(["acct_x", None]),
)


@given(st.lists(st.tuples(EVENTS, st.integers(0, 3)), max_size=25), st.integers(0, 900))
def test_random_walks_stay_in_the_table_and_lose_no_coin(
    steps: list[tuple[ClosingEvent, int]], balance: int
) -> None:
    holding, out, total = Holding(balance), 0, balance
    for event, income in steps:
        before = holding
        if holding.state is not AccountState.CLOSED:
            before = replace(holding, balance=holding.balance + income)
            total += income
        try:
            holding, move = step(before, event)
        except RuleRefusal:
            holding = before
            continue
        assert CLOSING_MACHINE.rows[before.state, event.step][0] is holding.state
        assert event.actor in CLOSING_MACHINE.rows[before.state, event.step][1]
        if move is not None:
            assert move.amount > 0
            out += move.amount if move.kind in ("pay_out", "burn") else 0
        assert holding.balance + holding.parked + out == total
        assert holding.state is not AccountState.CLOSED or holding.balance == holding.parked == 0
