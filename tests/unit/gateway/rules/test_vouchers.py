"""Cross-store vouchers: issue, single use, expiry, and what refunds of either order do."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import FormatError
from gateway.rules.refusals import RuleRefusal
from gateway.rules.split_tables import pick_split
from gateway.rules.vouchers import (
    VOUCHER_TERMS,
    Return,
    Voucher,
    VoucherState,
    expire_voucher,
    issue_voucher,
    return_issue,
    return_use,
    use_voucher,
)

TERMS = VOUCHER_TERMS[0]
DAY = date(2026, 3, 1)
COST = pick_split("voucher_cost", DAY)
LAST = date(2026, 5, 29)


def make_voucher() -> Voucher:
    voucher = issue_voucher("holder", "sponsor", "shop_a", "order_1", 5_000, DAY, TERMS)
    assert voucher is not None
    return voucher


def use(voucher: Voucher, bill: int = 3_000, day: date = DAY) -> Voucher:
    return use_voucher(voucher, "holder", "shop_b", "order_2", bill, day, COST).voucher


def test_fifty_yuan_give_five() -> None:
    assert make_voucher() == Voucher("holder", "sponsor", "shop_a", "order_1", 500, 5_000, LAST)
    assert issue_voucher("holder", "sponsor", "shop_a", "order_1", 4_999, DAY, TERMS) is None


def test_platform_pays_a_fifth_and_the_shops_the_rest() -> None:
    used = use(make_voucher())
    assert (used.state, used.used_order, used.discount) == (VoucherState.USED, "order_2", 500)
    assert used.cost == (("honouring_shop", 200), ("issuing_shop", 200), ("platform", 100))


@given(st.integers(1, 2_000))
def test_rule_32_discount_and_rest_are_the_bill(bill: int) -> None:
    result = use_voucher(make_voucher(), "holder", "shop_b", "order_2", bill, DAY, COST)
    assert result.discount + result.to_pay == bill
    assert result.to_pay == max(0, bill - 500)
    assert sum(part for _, part in result.voucher.cost) == result.discount


@pytest.mark.parametrize(
    ("change", "asked", "refusal"),
    [
        ({"state": VoucherState.USED}, {}, RuleRefusal("voucher.not_open", state="used")),
        ({"state": VoucherState.VOID}, {}, RuleRefusal("voucher.not_open", state="void")),
        ({}, {"day": LAST + timedelta(days=1)}, RuleRefusal("voucher.expired", day="2026-05-29")),
        ({}, {"holder": "other"}, RuleRefusal("voucher.not_holder")),
        ({}, {"shop": "shop_a"}, RuleRefusal("voucher.same_shop")),
    ],
)
def test_who_when_and_where_it_cannot_be_used(
    change: dict[str, VoucherState], asked: dict[str, object], refusal: RuleRefusal
) -> None:
    voucher = replace(make_voucher(), **change)  # type: ignore[arg-type]
    call: dict[str, object] = {"holder": "holder", "shop": "shop_b", "day": DAY, **asked}
    with pytest.raises(RuleRefusal) as caught:
        use_voucher(voucher, order="order_2", bill=3_000, cost_table=COST, **call)  # type: ignore[arg-type]
    assert caught.value == refusal


def test_a_bill_of_nothing_uses_no_voucher() -> None:
    with pytest.raises(FormatError) as caught:
        use(make_voucher(), bill=0)
    assert caught.value.where == "bill"


def test_it_can_be_used_on_its_last_day_and_expires_after_it() -> None:
    voucher = make_voucher()
    assert use(voucher, day=LAST).state is VoucherState.USED
    assert expire_voucher(voucher, LAST) is voucher
    assert expire_voucher(voucher, LAST + timedelta(days=1)).state is VoucherState.EXPIRED
    used = use(voucher)
    assert expire_voucher(used, LAST + timedelta(days=1)) is used


def test_rule_10_a_whole_refund_gives_the_voucher_back() -> None:
    voucher = make_voucher()
    back = return_use(use(voucher), "order_2", 3_000, 3_000, DAY)
    assert back == Return(voucher, (("honouring_shop", 200), ("issuing_shop", 200), ("platform", 100)))
    late = return_use(use(voucher), "order_2", 3_000, 3_000, LAST + timedelta(days=1))
    assert late.voucher.state is VoucherState.EXPIRED
    # Given back, it can be used again, once.
    again = use(back.voucher)
    with pytest.raises(RuleRefusal):
        use(again)


def test_a_part_refund_or_another_order_leaves_it_used() -> None:
    used = use(make_voucher())
    assert return_use(used, "order_2", 3_000, 2_999, DAY) == Return(used)
    assert return_use(used, "order_9", 3_000, 3_000, DAY) == Return(used)


def test_rule_10_refund_of_the_order_it_came_from_takes_it_back() -> None:
    voucher = replace(make_voucher(), threshold=5_000)
    assert return_issue(voucher, 6_000, 1_000) == Return(voucher)
    below = return_issue(voucher, 6_000, 1_001)
    assert (below.voucher.state, below.owed) == (VoucherState.VOID, 0)
    used = return_issue(use(voucher, bill=300), 6_000, 6_000)
    assert (used.voucher.state, used.owed) == (VoucherState.VOID, 300)
    assert used.cost == (("honouring_shop", 120), ("issuing_shop", 120), ("platform", 60))
    assert return_issue(used.voucher, 6_000, 6_000).owed == 0
    # The second order is refunded too: nobody had a discount in the end, so nobody pays one.
    both = return_use(used.voucher, "order_2", 300, 300, DAY)
    assert (both.voucher.state, both.cost, both.returned) == (VoucherState.VOID, (), 300)
    assert return_use(both.voucher, "order_2", 300, 300, DAY) == Return(both.voucher)


@pytest.mark.parametrize("function", ["use", "issue"])
def test_rule_11_more_than_the_order_is_refused(function: str) -> None:
    used = use(make_voucher())
    with pytest.raises(RuleRefusal) as caught:
        if function == "use":
            return_use(used, "order_2", 3_000, 3_001, DAY)
        else:
            return_issue(used, 3_000, 3_001)
    assert caught.value == RuleRefusal("refund.exceeds_original", left=3_000)


@given(st.lists(st.sampled_from(["use", "refund_use", "refund_issue", "expire"]), max_size=12))
def test_a_discount_is_paid_once_by_its_payers_or_by_the_holder(steps: list[str]) -> None:
    voucher, taken, owed, day = make_voucher(), 0, 0, DAY
    for step in steps:
        if step == "use" and voucher.state is VoucherState.OPEN and day <= LAST:
            voucher, taken = use(voucher, day=day), taken + 500
        elif step == "refund_use":
            result = return_use(voucher, "order_2", 3_000, 3_000, day)
            taken -= sum(part for _, part in result.cost)
            owed, voucher = owed - result.returned, result.voucher
        elif step == "refund_issue":
            result = return_issue(voucher, 5_000, 5_000)
            taken -= sum(part for _, part in result.cost)
            owed, voucher = owed + result.owed, result.voucher
        elif step == "expire":
            day = LAST + timedelta(days=1)
            voucher = expire_voucher(voucher, day)
        is_void = voucher.state is VoucherState.VOID
        assert taken == (500 if voucher.state is VoucherState.USED else 0)
        assert owed == (voucher.discount if is_void else 0)


@pytest.mark.parametrize("change", [{"valid_days": 0}, {"value": 5_001}, {"value": 0}])
def test_terms_that_make_no_sense_do_not_exist(change: dict[str, int]) -> None:
    with pytest.raises(FormatError):
        replace(TERMS, **change)  # type: ignore[arg-type]
