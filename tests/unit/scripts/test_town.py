"""scripts/retail: plan of the town, lines of the traffic, sample and bit flips; no server."""

from __future__ import annotations

import random
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest

from chain.entry_types import check_draft
from gateway.api.instruction import read_draft
from gateway.rules.rebate import compute_rebate
from scripts.retail import odd_cases, report
from scripts.retail.baskets import ASSUMED_ZONE, Basket, load_baskets
from scripts.retail.offline import choose_records, failed_step, flip_one_bit, read_verdicts
from scripts.retail.settling import Books, list_accounts
from scripts.retail.town import Town, plan_town, rebates_by_chapter
from scripts.retail.traffic import (
    Tally,
    count,
    gift_line,
    purchase_line,
    rebate_line,
    redemption_line,
)

NOON = datetime(2017, 1, 1, 12, 0, tzinfo=ASSUMED_ZONE)
PURCHASE = "01JDXM2V9E0000000000000000"


def basket(number: int, household: int, store: int, amount: int = 1000, coupon: int = 0) -> Basket:
    return Basket(number, household, store, amount, coupon, 3, NOON)


def make_town(baskets: list[Basket]) -> Town:
    town = plan_town(baskets, chapters=2)
    town.pools = {code: f"acct_{place:040x}" for place, code in enumerate(town.chapters, 1)}
    town.members = {house: f"acct_{house + 1000:040x}" for house in town.chapter_of_household}
    town.merchants = {store: f"acct_{store + 2000:040x}" for store in town.chapter_of_store}
    return town


def test_stores_are_spread_and_households_live_where_they_buy_most() -> None:
    town = plan_town(
        [basket(1, 1, 10), basket(2, 1, 10), basket(3, 1, 20), basket(4, 2, 20), basket(5, 3, 30)], 2
    )
    assert town.chapter_of_store == {10: "3101-0001", 20: "3101-0002", 30: "3101-0001"}
    assert town.chapter_of_household == {1: "3101-0001", 2: "3101-0002", 3: "3101-0001"}
    assert town.chapters == ["3101-0001", "3101-0002"]


def test_a_tie_between_stores_goes_to_the_lower_number() -> None:
    town = plan_town([basket(1, 1, 20), basket(2, 1, 10), basket(3, 9, 20)], 2)
    assert town.chapter_of_household[1] == town.chapter_of_store[10]


def test_pools_owe_the_sum_of_rounded_rebates() -> None:
    baskets = [basket(1, 1, 10, 1999), basket(2, 1, 10, 19), basket(3, 2, 20, 30)]
    assert rebates_by_chapter(make_town(baskets), baskets) == {"3101-0001": 99, "3101-0002": 1}


def test_every_line_is_one_the_gateway_reads() -> None:
    baskets = [basket(1, 1, 10, 1999, coupon=50), basket(2, 2, 20)]
    town = make_town(baskets)
    rebate = rebate_line(town, baskets[0], PURCHASE, "run")
    assert rebate is not None
    back = odd_cases.clawback_line(town, baskets[0], PURCHASE, "run")
    assert back is not None
    lines = [
        purchase_line(town, baskets[0], "run"),
        rebate,
        redemption_line(town, baskets[0], PURCHASE, "run"),
        gift_line(town, baskets[0], baskets[1], 7, "run"),
        odd_cases.refund_lines(town, baskets[0], PURCHASE, "run"),
        back,
    ]
    for line in lines:
        draft = read_draft(line)  # type: ignore[arg-type]
        check_draft(draft.type, draft.public, draft.operation)
        assert line["idempotency_key"]
    assert rebate["op"] == {
        "kind": "transfer",
        "from": town.pools["3101-0001"],
        "to": town.members[1],
        "amount": "99",
    }
    assert rebate["public"]["remainder"] == compute_rebate(1999, 500).remainder == 9500  # type: ignore[index]


def test_a_rebate_of_nothing_is_not_sent() -> None:
    town = make_town([basket(1, 1, 10, 19)])
    assert rebate_line(town, basket(1, 1, 10, 19), PURCHASE, "run") is None
    assert rebate_line(town, basket(1, 1, 10, 20), PURCHASE, "run") is not None


def test_answers_are_tallied_by_type_and_code() -> None:
    town = make_town([basket(1, 1, 10, coupon=5)])
    lines = [
        purchase_line(town, basket(1, 1, 10), "r"),
        redemption_line(town, basket(1, 1, 10, coupon=5), PURCHASE, "r"),
    ]
    tally = Tally()
    count(tally, lines, [{"id": "A"}, {"code": "balance.insufficient"}])
    assert tally.accepted == {"purchase.recorded": 1}
    assert tally.refused == {("redemption.recorded", "balance.insufficient"): 1}
    assert (tally.records, tally.operations) == ([(town.members[1], "A")], 0)


def test_the_sample_has_one_record_of_each_member_and_repeats() -> None:
    records = [(f"m{n % 30}", f"e{n}") for n in range(300)]
    chosen = choose_records(records, 20, 7)
    assert len({member for member, _ in chosen}) == len(chosen) == 20
    assert set(chosen) <= set(records)
    assert chosen == choose_records(records, 20, 7) != choose_records(records, 20, 8)


def test_exactly_one_bit_is_flipped() -> None:
    content, choice = bytes(range(256)), random.Random(1)
    places = set()
    for _ in range(200):
        flipped = flip_one_bit(content, choice)
        difference = int.from_bytes(content, "big") ^ int.from_bytes(flipped, "big")
        assert difference.bit_count() == 1
        places.add(difference)
    assert len(places) > 150


def test_verdicts_are_read_and_their_first_failed_step_named() -> None:
    output = (
        'noise\n{"outcome":"mismatch","steps":[{"number":1,"name":"format","status":"passed"},'
        '{"number":6,"name":"inclusion","status":"failed"},{"number":7,"name":"x","status":"failed"}]}\n'
    )
    (verdict,) = read_verdicts(output)
    assert failed_step(verdict) == "6 inclusion"
    assert failed_step({"outcome": "pass", "steps": []}) is None


@pytest.mark.parametrize(("supply", "negative", "balanced"), [(10, 0, True), (11, 0, False), (10, 1, False)])
def test_books_balance_only_when_they_do(supply: int, negative: int, balanced: bool) -> None:
    books = Books(Counter({("3101-0001", "pool"): 10}), 10, supply, negative)
    assert books.balanced is balanced
    assert ("=" if balanced else "≠") in report.format_books(books, make_town([basket(1, 1, 10)]))


def test_everybody_who_can_hold_credits_is_counted() -> None:
    town = make_town([basket(1, 1, 10), basket(2, 2, 20)])
    accounts = list_accounts(town)
    assert len({account for account, _, _ in accounts}) == len(accounts) == 2 + 2 + 2


def test_over_precise_sums_are_written_with_their_text(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    town = make_town([basket(1, 1, 10)])
    odd_cases.write_over_precise(path, town, town.members[1], 10)
    rows = path.read_text().splitlines()
    assert len(rows) == odd_cases.IMPORTED + 1
    assert rows[3].split(",")[3:6] == ["7.12345678901234567", "7.12345678901234567", "half-up"]


def test_the_data_set_is_what_the_issue_says() -> None:
    data = load_baskets(24_000)
    assert len(data.baskets) == 24_000
    assert sum(b.coupon > 0 for b in data.baskets) >= 1_000
    assert min(b.amount for b in data.baskets) > 0
    uneven = sum(compute_rebate(b.amount, 500).remainder != 0 for b in data.baskets)
    assert 0.85 < uneven / len(data.baskets) < 0.95
    assert data.baskets[0].occurred_at == "2017-01-01T03:53:26.000Z"
    assert list(data.baskets) == sorted(data.baskets, key=lambda b: (b.at, b.basket_id))
