"""The merchant's bond: every step's figures, who pays a claim in which order, and that nothing gets lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import FormatError
from gateway.rules.deposits import (
    DEPOSIT_TERMS,
    BondRecord,
    Claim,
    ClaimState,
    Compensation,
    Deposit,
    DepositState,
    RecordKind,
    dismiss_claim,
    forfeit,
    hold_claim,
    lodge_deposit,
    pay_claim,
    refund_deposit,
    restore,
    top_up,
    verify_claim,
)
from gateway.rules.refusals import RuleRefusal
from gateway.rules.versions import pick_table

TERMS = DEPOSIT_TERMS[0]
DAY = date(2026, 3, 1)


def lodged() -> Deposit:
    return lodge_deposit(Deposit(TERMS), 50_000, "r1")[0]


def test_both_papers_are_versions() -> None:
    assert pick_table(DEPOSIT_TERMS, "merchant_deposit", date(2025, 12, 31)).required == 50_000
    assert pick_table(DEPOSIT_TERMS, "merchant_deposit", date(2026, 1, 1)).required == 500_000
    assert (DEPOSIT_TERMS[1].floor, DEPOSIT_TERMS[1].forfeit_points) == (250_000, 2_000)


def test_lodging_in_parts_is_active_when_complete() -> None:
    deposit, record = lodge_deposit(Deposit(TERMS), 20_000, "r1")
    assert (deposit.state, deposit.missing) == (DepositState.AWAITED, 30_000)
    assert record == BondRecord(RecordKind.LODGED, 20_000, 20_000, "r1")
    with pytest.raises(RuleRefusal) as caught:
        lodge_deposit(deposit, 30_001, "r2")
    assert caught.value == RuleRefusal("deposit.above_required", left=30_000)
    deposit, record = lodge_deposit(deposit, 30_000, "r2")
    assert (deposit.state, record.balance) == (DepositState.ACTIVE, 50_000)
    with pytest.raises(RuleRefusal) as caught:
        lodge_deposit(deposit, 1, "r3")
    assert caught.value == RuleRefusal("deposit.wrong_state", state="active", step="lodge")


def test_a_claim_is_held_verified_and_paid_first_from_the_bond() -> None:
    deposit, record = hold_claim(lodged(), "c1", 30_000)
    assert (deposit.held, deposit.free, record.amount) == (30_000, 20_000, 30_000)
    deposit, record = verify_claim(deposit, "c1", 28_000)
    assert deposit.claims["c1"] == Claim("c1", 28_000, 28_000, ClaimState.VERIFIED)
    assert (deposit.free, record) == (22_000, BondRecord(RecordKind.VERIFIED, 28_000, 50_000, "c1"))
    deposit, record, paid = pay_claim(deposit, "c1", 10**6, 10**6)
    assert paid == Compensation("c1", (("bond", 28_000),), 0)
    assert record == BondRecord(RecordKind.COMPENSATED, 28_000, 22_000, "c1")
    assert (deposit.balance, deposit.state, deposit.claims) == (22_000, DepositState.SUSPENDED, {})


def test_the_floor_itself_does_not_suspend() -> None:
    deposit = verify_claim(hold_claim(lodged(), "c1", 25_000)[0], "c1", 25_000)[0]
    assert pay_claim(deposit, "c1", 0, 0)[0].state is DepositState.ACTIVE


@pytest.mark.parametrize(
    ("amount", "reserve", "platform", "legs", "unpaid"),
    [
        (50_000, 0, 0, (("bond", 50_000),), 0),
        (60_000, 20_000, 5_000, (("bond", 50_000), ("reserve", 10_000)), 0),
        (80_000, 20_000, 50_000, (("bond", 50_000), ("reserve", 20_000), ("platform", 10_000)), 0),
        (80_000, 0, 5_000, (("bond", 50_000), ("platform", 5_000)), 25_000),
    ],
)
def test_the_waterfall_is_bond_reserve_platform(
    amount: int, reserve: int, platform: int, legs: tuple[tuple[str, int], ...], unpaid: int
) -> None:
    deposit = verify_claim(hold_claim(lodged(), "c1", amount)[0], "c1", amount)[0]
    paid = pay_claim(deposit, "c1", reserve, platform)[2]
    assert paid == Compensation("c1", legs, unpaid)


def test_what_is_held_for_others_is_not_paid_out() -> None:
    deposit = hold_claim(lodged(), "c1", 40_000)[0]
    deposit = hold_claim(deposit, "c2", 40_000)[0]
    assert [claim.held for claim in deposit.claims.values()] == [40_000, 10_000]
    deposit = verify_claim(deposit, "c2", 40_000)[0]
    deposit, _, paid = pay_claim(deposit, "c2", 5_000, 0)
    assert paid == Compensation("c2", (("bond", 10_000), ("reserve", 5_000)), 25_000)
    assert (deposit.balance, deposit.held) == (40_000, 40_000)


def test_a_dismissed_claim_frees_what_it_held() -> None:
    deposit, record = dismiss_claim(hold_claim(lodged(), "c1", 40_000)[0], "c1")
    assert (deposit, record) == (lodged(), BondRecord(RecordKind.RELEASED, 40_000, 50_000, "c1"))


@pytest.mark.parametrize(
    ("step", "refusal"),
    [
        (lambda d: hold_claim(d, "held", 1), RuleRefusal("deposit.claim_exists")),
        (lambda d: verify_claim(d, "none", 1), RuleRefusal("deposit.no_claim")),
        (lambda d: verify_claim(d, "held", 101), RuleRefusal("deposit.above_claim", left=100)),
        (lambda d: verify_claim(d, "right", 1), RuleRefusal("deposit.claim_state", state="verified")),
        (lambda d: pay_claim(d, "held", 0, 0), RuleRefusal("deposit.claim_state", state="held")),
        (lambda d: dismiss_claim(d, "right"), RuleRefusal("deposit.claim_state", state="verified")),
        (lambda d: refund_deposit(d, DAY, DAY, "r"), RuleRefusal("deposit.claims_open", count=2)),
        (lambda d: refund_deposit(d, None, DAY, "r"), RuleRefusal("deposit.not_left")),
        (lambda d: refund_deposit(d, date(2026, 3, 2), DAY, "r"), RuleRefusal("deposit.not_left")),
        (lambda d: top_up(d, 1, "r"), RuleRefusal("deposit.above_required", left=0)),
    ],
)
def test_refusals_of_an_active_deposit(step: object, refusal: RuleRefusal) -> None:
    deposit = hold_claim(hold_claim(lodged(), "held", 100)[0], "right", 100)[0]
    deposit = verify_claim(deposit, "right", 100)[0]
    with pytest.raises(RuleRefusal) as caught:
        step(deposit)  # type: ignore[operator]
    assert caught.value == refusal


@pytest.mark.parametrize(
    ("step", "name"),
    [
        (lambda d: lodge_deposit(d, 1, "r"), "lodge"),
        (lambda d: top_up(d, 1, "r"), "top_up"),
        (lambda d: hold_claim(d, "c", 1), "hold"),
        (lambda d: forfeit(d, "x"), "forfeit"),
        (lambda d: refund_deposit(d, DAY, DAY, "r"), "refund"),
    ],
)
def test_a_closed_deposit_stays_closed(step: object, name: str) -> None:
    closed, record = refund_deposit(lodged(), DAY, DAY, "r9")
    assert (closed.state, closed.balance) == (DepositState.CLOSED, 0)
    assert record == BondRecord(RecordKind.REFUNDED, 50_000, 0, "r9")
    with pytest.raises(RuleRefusal) as caught:
        step(closed)  # type: ignore[operator]
    assert caught.value == RuleRefusal("deposit.wrong_state", state="closed", step=name)


def test_a_fifth_is_forfeited_and_the_rest_refunded() -> None:
    deposit, record = forfeit(lodged(), "duty")
    assert record == BondRecord(RecordKind.FORFEITED, 10_000, 40_000, "duty")
    assert refund_deposit(deposit, DAY, DAY, "r2")[1].amount == 40_000
    held = hold_claim(lodged(), "c1", 45_000)[0]
    assert forfeit(held, "duty")[1].amount == 5_000


def test_a_top_up_ends_the_suspension_at_the_floor() -> None:
    low = replace(lodged(), balance=1_000, state=DepositState.SUSPENDED)
    below = top_up(low, 23_999, "r2")[0]
    assert below.state is DepositState.SUSPENDED
    at_floor, record = top_up(below, 1, "r3")
    assert (at_floor.state, record) == (
        DepositState.ACTIVE,
        BondRecord(RecordKind.TOPPED_UP, 1, 25_000, "r3"),
    )


@pytest.mark.parametrize("change", [{"required": 0}, {"floor_points": 0}, {"forfeit_points": 10_001}])
def test_terms_that_make_no_sense_do_not_exist(change: dict[str, int]) -> None:
    with pytest.raises(FormatError):
        replace(TERMS, **change)  # type: ignore[arg-type]


STEPS = st.tuples(
    st.sampled_from(["lodge", "top_up", "hold", "verify", "dismiss", "pay", "forfeit", "refund"]),
    st.integers(1, 60_000),
    st.integers(0, 2),
)


@given(st.lists(STEPS, max_size=40))
def test_no_fen_appears_or_is_lost(steps: list[tuple[str, int, int]]) -> None:
    deposit, lodged_sum, out = Deposit(TERMS), 0, 0
    for name, amount, number in steps:
        claim = f"c{number}"
        try:
            if name in ("lodge", "top_up"):
                step = lodge_deposit if name == "lodge" else top_up
                deposit, record = step(deposit, amount, "r")
                lodged_sum += record.amount
            elif name == "hold":
                deposit, record = hold_claim(deposit, claim, amount)
            elif name == "verify":
                deposit, record = verify_claim(deposit, claim, amount)
            elif name == "dismiss":
                deposit, record = dismiss_claim(deposit, claim)
            elif name == "pay":
                deposit, record, paid = pay_claim(deposit, claim, amount, amount)
                assert dict(paid.legs).get("bond", 0) == record.amount
                out += record.amount
            else:
                done = forfeit(deposit, "x") if name == "forfeit" else refund_deposit(deposit, DAY, DAY, "r")
                deposit, record = done
                out += record.amount
        except RuleRefusal:
            continue
        assert record.balance == deposit.balance == lodged_sum - out
        assert 0 <= deposit.held <= deposit.balance <= TERMS.required
        if deposit.state in (DepositState.ACTIVE, DepositState.SUSPENDED):
            assert (deposit.state is DepositState.SUSPENDED) == (deposit.balance < TERMS.floor)


def test_an_overturned_payment_comes_back_as_far_as_it_is_missing() -> None:
    deposit = verify_claim(hold_claim(lodged(), "c1", 30_000)[0], "c1", 30_000)[0]
    deposit = pay_claim(deposit, "c1", 0, 0)[0]
    assert (deposit.state, deposit.balance) == (DepositState.SUSPENDED, 20_000)
    whole, record = restore(deposit, 30_000, "c1")
    assert (whole.state, whole.balance) == (DepositState.ACTIVE, 50_000)
    assert record == BondRecord(RecordKind.RESTORED, 30_000, 50_000, "c1")
    topped = top_up(deposit, 25_000, "receipt")[0]
    restored, record = restore(topped, 30_000, "c1")
    assert (restored.balance, record.amount) == (50_000, 5_000)
    closed = replace(deposit, state=DepositState.CLOSED, balance=0)
    assert restore(closed, 30_000, "c1") == (closed, BondRecord(RecordKind.RESTORED, 0, 0, "c1"))
