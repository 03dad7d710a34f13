"""What the year of one chapter is held to: entries added up, figures that must be equal, themes played."""

from __future__ import annotations

import random
from collections import Counter
from datetime import date, datetime, timedelta

import pytest

from gateway.rules.calendar import SHANGHAI
from scripts.chapter_year import DAYS, START, require_balanced, require_likeness
from scripts.retail.client import Client
from scripts.year.checks import Check, Closing, check_limits
from scripts.year.fit import Fit, measure_fit
from scripts.year.ledger import Ledger
from scripts.year.likeness import LEAST, MOST, Likeness
from scripts.year.limits import EARNED, Limits
from scripts.year.play import HOURS, TURN_HOUR, YEAR, month_before, plan_days, quarter_before
from scripts.year.stage import Stage
from scripts.year.tables import Tables
from scripts.year.themes import ENTRIES, FIGURES, REFUSALS, count_themes
from scripts.year.town import Town

NOON = "2027-03-31T04:00:00.000Z"
LATE = "2027-03-31T16:00:00.000Z"
"""Midnight of 1 April in Shanghai."""


def entry(name: str, at: str = NOON, op: dict[str, str] | None = None, **public: object) -> dict[str, object]:
    return {"type": name, "at": at, "public": public, "op": op}


def move(kind: str, amount: int, sender: str | None = None, receiver: str | None = None) -> dict[str, str]:
    parties = {"from": sender, "to": receiver}
    return {"kind": kind, "amount": str(amount)} | {name: one for name, one in parties.items() if one}


def test_operations_add_up_by_account_and_a_recovery_takes_all_there_is() -> None:
    ledger = Ledger()
    ledger.take(entry("credit.issued", op=move("issue", 900, receiver="a")))
    ledger.take(entry("gift.sent", op=move("transfer", 250, "a", "b")))
    ledger.take(entry("credit.burned", op=move("burn", 50, "b")))
    ledger.take(entry("credit.recovered", op=move("recover", 0, "a", "c")))
    assert +ledger.flows == Counter({"c": 650, "b": 200})
    assert (ledger.issued, ledger.burned) == (900, 50)


def test_entries_count_in_the_business_month() -> None:
    ledger = Ledger()
    ledger.take(entry("complaint.closed"))
    ledger.take(entry("complaint.closed", LATE))
    assert ledger.types == {
        "2027-03": Counter({"complaint.closed": 1}),
        "2027-04": Counter({"complaint.closed": 1}),
    }
    assert ledger.total("complaint.closed") == 2


def test_legs_that_do_not_sum_and_grants_off_their_price_are_seen() -> None:
    ledger = Ledger()
    legs = [{"role": "serving_shop", "amount": "70"}, {"role": "platform", "amount": "29"}]
    ledger.take(entry("sale.recorded", amount="99", legs=legs))
    assert ledger.uneven == 0
    ledger.take(entry("sale.recorded", amount="100", legs=legs))
    assert ledger.uneven == 1
    ledger.take(entry("grant.booked", amount="1000", coins="833", price="120", remainder=40))
    assert ledger.grants == 0
    ledger.take(entry("grant.booked", amount="1000", coins="834", price="120", remainder=40))
    assert ledger.grants == -120


def test_a_figure_that_does_not_hold_ends_the_run_and_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    require_balanced([Check("deposits", 5, 5)])
    assert capsys.readouterr().err == "1 of 1 conservation figures hold\n"
    with pytest.raises(SystemExit) as caught:
        require_balanced([Check("deposits", 5, 5), Check("vouchers", 3, 4), Check("coins", 1_000, 0)])
    text = "these figures do not hold:\nvouchers: 3 is not 4\ncoins: 1,000 is not 0"
    assert caught.value.code == text


def test_a_theme_with_one_type_missing_was_not_played() -> None:
    entries = {name: 1 for types in ENTRIES.values() for name in types}
    refused, figures = dict.fromkeys(REFUSALS.values(), 1), dict.fromkeys(FIGURES, 1)
    assert min(count_themes(entries, refused, figures).values()) == 1
    del entries["account.closed"]
    found = count_themes(entries, refused, figures)
    assert [theme for theme, number in found.items() if not number] == ["closings"]


def test_days_are_played_in_pairs_so_that_a_booking_is_served() -> None:
    assert plan_days(date(2027, 1, 30), 3, 1) == (date(2027, 1, 30), date(2027, 1, 31), date(2027, 2, 1))
    played = plan_days(date(2027, 1, 30), 8, 6)
    assert [day.isoformat() for day in played] == ["2027-01-30", "2027-01-31", "2027-02-05", "2027-02-06"]


def test_what_lies_before_a_month_is_right_on_any_day_of_it() -> None:
    assert (month_before(date(2027, 1, 31)), quarter_before(date(2027, 4, 30))) == ("2026-12", "2027-Q1")


def test_a_table_switches_on_its_day() -> None:
    tables = Tables(shipped=2, since="2027-04-08")
    assert [tables.version_on(day) for day in ("2027-04-07", "2027-04-08", "2027-12-31")] == [2, 1, 1]
    assert Tables(shipped=2).version_on("2027-12-31") == 2


def test_the_year_is_measured_against_real_payments() -> None:
    """One of four gifts repeats, one of five payments is before eight in Shanghai, a shop has most."""
    ledger = Ledger()
    early = "2027-03-30T23:30:00.000Z"
    gifts = [("a", "b", 50), ("a", "b", 50), ("a", "b", 51), ("b", "a", 50)]
    for sender, receiver, amount in gifts:
        ledger.take(entry("gift.sent", op=move("transfer", amount, sender, receiver)))
    ledger.take(entry("sale.paid", at=early, op=move("redeem", 799, "a", "shop")))
    ledger.take(entry("sale.rebated", op=move("transfer", 40, "pool", "a")))
    found = {fit.name: (fit.measured, fit.samples) for fit in measure_fit(ledger, ["shop"])}
    assert found == {
        "Gini of receipts": ((799 - 50) * 2 * 10_000 // (3 * 1_000), 3),
        "repeated payments": (2_500, 4),
        "on another date in UTC": (2_000, 5),
    }
    assert [fit.measured for fit in measure_fit(Ledger(), [])] == [0, 0, 0]


def test_a_year_unlike_real_payments_is_refused() -> None:
    near, far = Fit("near", 6_100, 6_000, 100, 9), Fit("far", 6_101, 6_000, 100, 9)
    require_likeness([near])
    with pytest.raises(SystemExit, match="far: 6101 is not within 100 of 6000") as refused:
        require_likeness([near, far])
    assert "near" not in str(refused.value)


def test_what_chance_allows_shrinks_with_the_number_of_payments() -> None:
    few, many = Ledger(), Ledger()
    for ledger, count in ((few, 100), (many, 70_000)):
        ledger.dated.update(same=count)
    limits = [measure_fit(ledger, [])[2] for ledger in (few, many)]
    assert [(fit.tolerance, fit.holds) for fit in limits] == [(790, True), (78, False)]


def shop(likeness: Likeness, hour: int, count: int) -> None:
    likeness.set_clock(datetime(2027, 3, 31, hour, 59, tzinfo=SHANGHAI))
    for _ in range(count):
        likeness.note({"type": "sale.recorded"})


def test_what_comes_early_makes_up_for_what_came_before() -> None:
    """Of 1,000 trades 65 are to be early: of the last hundred 15, 0 or 65 where 50, 70 and none were."""
    for early, share in ((50, 0.15), (70, 0.0), (0, 0.5)):
        likeness = Likeness()
        shop(likeness, 7, early)
        shop(likeness, 8, 900 - early)
        assert likeness.dated == Counter(other=early, same=900 - early)
        assert likeness.early_share(100) == pytest.approx(share)
    assert Likeness().early_share(0) == 0.065


def test_gifts_repeat_more_often_while_too_few_did() -> None:
    likeness = Likeness()
    for amount in range(80):
        likeness.note({**entry("gift.sent"), "op": move("transfer", amount, "a", "b")})
    assert likeness.repeat_share() == MOST
    for amount in range(20):
        likeness.note({**entry("gift.sent"), "op": move("transfer", amount, "a", "b")})
    assert (likeness.gifts.total(), len(likeness.gifts)) == (100, 80)
    assert likeness.repeat_share() == LEAST


def test_what_services_give_and_what_expires_is_counted_by_day() -> None:
    ledger = Ledger()
    legs = [
        {"role": "provider", "amount": "800", "account": "a"},
        {"role": "public_benefit", "amount": "200", "account": "pool"},
        {"role": "member", "amount": "50", "account": "b"},
    ]
    ledger.take(entry("service.confirmed", legs=legs))
    ledger.take(entry("service.part_done", LATE, legs=legs[:1]))
    ledger.take(entry("service.settled", legs=legs[1:2]))
    ledger.take(entry("credits.expired", LATE, amount="70"))
    assert ledger.earned == {("a", "2027-03-31"): 800, ("a", "2027-04-01"): 800}
    assert ledger.noted["2027-03"]["earnings donated"] == 200
    assert ledger.expired == {"2027-04-01": 70}


def test_what_breaks_a_limit_does_not_hold() -> None:
    """Earned within, on the last and after the days of the limit; burned while coins expire, and before."""
    with Client("http://127.0.0.1:1", "key") as client:
        stage = Stage(client, random.Random(1), date(2027, 3, 1))
        limits = Limits(limited=("2027-02-02", "2027-02-26"), expiring=("2027-03-02", "2027-05-02"))
        ledger = Ledger()
        closing = Closing(stage, Town("pool"), ledger, Tables(), limits, 0)
        ledger.earned.update({("a", "2027-02-02"): EARNED, ("a", "2027-02-26"): EARNED + 1})
        ledger.expired["2027-05-01"] = 70
        stage.count("coins expired", 70)
        assert [check.holds for check in check_limits(closing)] == [True] * 4
        ledger.earned["b", "2027-02-25"] = EARNED + 1
        ledger.expired["2027-03-01"] = 5
        stage.count("plain calls")
        found = [(check.left, check.right) for check in check_limits(closing)]
    assert found == [(1, 0), (5, 0), (75, 70), (1, 0)]


def test_the_year_turns_after_all_trade_of_its_last_day() -> None:
    """A year in which every day is played has one on which it turns; the clock never goes back."""
    assert plan_days(START, DAYS, 1)[-1] == START + YEAR - timedelta(1)
    assert (TURN_HOUR, 0) > max(HOURS)
