"""Money given to a chapter fills its subsidy pool alone; funds, capital and pools are recorded to the fen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.canonical import JsonValue
from chain.operation import ZERO_ADDRESS, Operation, OperationKind
from gateway.case_rules import CASE_BOOK
from gateway.cases.reading import CaseReader
from gateway.db import Database
from gateway.errors import Refusal
from gateway.ledger.drafts import Accepted, Draft
from gateway.rules.pools import GRANT_TERMS, grant_coins
from tests.unit.gateway.commerce.kit import (
    POOL,
    balance,
    go_to,
    market,
    named,
    operation,
    public,
    sale,
    state,
    step,
)
from tests.unit.gateway.ledger.worlds import World, address, opened, running

RECEIPT = "ab" * 32


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    """A market."""
    with market(database, tmp_path) as world:
        yield world


def grant(amount: int = 100_001, receipt: str = RECEIPT, **more: JsonValue) -> Draft:
    given: dict[str, JsonValue] = {"kind": "sponsorship", "amount": str(amount), "receipt": receipt}
    return step("grant.booked", None, **{**given, **more})


def test_a_sponsors_money_gives_the_subsidy_pool_its_coins(world: World) -> None:
    accepted = world.accept(grant(donor=named("m")))
    # 1000.01 yuan at 1.20 yuan a coin: 833.34 coins and 20 hundredths of a fen that give no coin.
    assert public(world, accepted) == {
        "kind": "sponsorship",
        "amount": "100001",
        "currency": "CNY",
        "receipt": RECEIPT,
        "donor": named("m"),
        "to": named("subsidy"),
        "pool": "subsidy",
        "coins": "83334",
        "remainder": 20,
        "price": "120",
    }
    assert operation(world, accepted) == (
        int(OperationKind.ISSUE), ZERO_ADDRESS, address("subsidy"), 83_334,
    )  # fmt: skip
    assert (balance(world, "subsidy"), balance(world, "m")) == (83_334, 0)
    assert state(world, "grant", RECEIPT) == "booked"


@given(st.integers(1, 10**12))
def test_a_grant_is_exactly_five_sixths_rounded_down(fen: int) -> None:
    found = grant_coins(fen, GRANT_TERMS[0])
    assert (found.coins, found.pool) == (fen * 5 // 6, "subsidy")
    assert found.coins * 120 + found.remainder == fen * 100


def test_one_receipt_gives_coins_once(world: World) -> None:
    world.accept(grant())
    refusal = world.refuse(grant(kind="donation"))
    assert (refusal.code, refusal.fields) == ("case.exists", {"kind": "grant"})
    assert balance(world, "subsidy") == 83_334


@pytest.mark.parametrize("person", ["a", "m"])
def test_money_never_gives_a_person_coins(world: World, person: str) -> None:
    aimed = Operation(OperationKind.ISSUE, ZERO_ADDRESS, address(person), 83_334, 0, bytes(32))
    for draft, code in (
        (grant(to=named(person)), "grant.never_to_a_person"),
        (replace(grant(), subjects=(named(person),)), "grant.never_to_a_person"),  # type: ignore[arg-type]
        (replace(grant(), operation=aimed), "entry.not_as_computed"),
    ):
        assert world.refuse(draft).code == code
    assert world.refuse(grant(to=named("reserve"))).fields == {"field": "public.to"}
    assert (balance(world, person), CaseReader(world.database).list("grant", None)) == (
        10_000 if person == "a" else 0,
        [],
    )


@pytest.mark.parametrize(
    ("draft", "code", "field"),
    [
        (grant(0), "entry.bad_field", "public.amount"),
        (grant(1), "entry.bad_field", "public.amount"),
        (grant(kind="purchase"), "entry.bad_field", "public.kind"),
        (grant(coins="83335"), "entry.not_as_computed", "public.coins"),
        (grant(donor=named("nobody")), "member.unknown", "public.donor"),
    ],
)
def test_a_grant_that_is_refused(world: World, draft: Draft, code: str, field: str) -> None:
    refusal = world.refuse(draft)
    assert (refusal.code, refusal.fields.get("field")) == (code, field)


def test_a_grant_stays_within_the_issuers_quota(database: Database, tmp_path: Path) -> None:
    with market(database, tmp_path) as world:
        # The market's quota is 10^12 hundredths, of which 1,010,000 are issued.
        refusal = world.refuse(grant(12 * 10**11))
        assert refusal.code == "quota.exceeded"
        assert CaseReader(world.database).list("grant", None) == []


def test_without_its_pool_a_chapter_takes_no_grant(database: Database, tmp_path: Path) -> None:
    with running(database, tmp_path, rules=CASE_BOOK) as world:
        world.accept(opened())
        refusal = world.refuse(grant())
        assert (refusal.code, refusal.fields) == ("pool.unknown", {"name": "subsidy"})


def fund(amount: int = 900, fund: str = "chapter_fund", **more: JsonValue) -> Draft:
    legs: JsonValue = [
        {"role": "venue", "amount": "600"},
        {"role": "printing", "amount": "300", "account": named("m")},
    ]
    given: dict[str, JsonValue] = {"fund": fund, "amount": str(amount), "evidence": "cd" * 32, "legs": legs}
    return step("fund.used", None, **{**given, **more})


def accrue(world: World, tenths: int) -> str:
    """Let the chapter fund accrue: a tenth of a cross-store sale. Return the sale."""
    if not CaseReader(world.database).find("referral", named("a"), None):
        world.accept(step("referral.declared", None, "a", referrer=named("n")))
    return world.accept(sale(10 * tenths)).entry_id


def use(amount: int) -> Draft:
    return fund(amount, legs=[{"role": "venue", "amount": str(amount)}])


def test_a_fund_is_used_up_to_what_it_has_and_no_further(world: World) -> None:
    refusal = world.refuse(use(1))
    assert (refusal.code, refusal.fields) == (
        "fund.short", {"fund": "chapter_fund", "amount": 1, "balance": 0},
    )  # fmt: skip
    accrue(world, 500)
    refusal = world.refuse(use(501))
    assert refusal.fields == {"fund": "chapter_fund", "amount": 501, "balance": 500}
    assert public(world, world.accept(use(500)))["left"] == "0"
    # The other fund's legs are its own, and another month's legs count as well.
    go_to(world, date(2026, 12, 1))
    refusal = world.refuse(use(1))
    assert refusal.fields == {"fund": "chapter_fund", "amount": 1, "balance": 0}
    bought = accrue(world, 300)
    assert public(world, world.accept(use(100)))["left"] == "200"
    # A refund takes out again what was used already: the fund owes, and nothing can be used.
    world.accept(step("sale.refunded", bought, amount="3000"))
    refusal = world.refuse(use(1))
    assert refusal.fields == {"fund": "chapter_fund", "amount": 1, "balance": -100}


def test_of_two_uses_at_once_a_fund_pays_what_it_has(world: World) -> None:
    """Both are judged in one transaction, in which the first is not stored yet."""
    accrue(world, 500)
    drafts = [use(300), use(300)]
    first, second = world.ledger.submit_many(
        [world.submission(draft, f"at-once-{n}") for n, draft in enumerate(drafts)]
    )
    assert isinstance(first, Accepted)
    assert isinstance(second, Refusal)
    assert (second.code, second.fields["balance"]) == ("fund.short", 200)


def test_a_funds_use_is_recorded_with_its_evidence(world: World) -> None:
    accrue(world, 900)
    accepted = world.accept(fund())
    assert (operation(world, accepted), state(world, "fund_use", accepted.entry_id)) == (None, "booked")
    refusal = world.refuse(fund(901))
    assert (refusal.code, refusal.fields) == ("fund.legs_differ", {"amount": 901})
    refusal = world.refuse(fund(fund="platform"))
    assert (refusal.code, refusal.fields["field"]) == ("entry.bad_field", "public.fund")
    accrue(world, 900)
    stranger: JsonValue = [{"role": "venue", "amount": "900", "account": named("nobody")}]
    refusal = world.refuse(fund(legs=stranger))
    assert (refusal.code, refusal.fields) == ("member.unknown", {"field": "public.legs"})


def test_capital_is_a_record_and_never_coins(world: World) -> None:
    accepted = world.accept(step("capital.recorded", None, "b", amount="500000", receipt=RECEIPT))
    assert (operation(world, accepted), balance(world, "b")) == (None, 0)
    refusal = world.refuse(step("capital.recorded", None, "a", amount="1", receipt=RECEIPT))
    assert (refusal.code, refusal.fields) == ("case.exists", {"kind": "capital"})


def moved(source: str, target: str, amount: int = 250) -> Draft:
    return step("pool.moved", None, **{"from": source}, to=target, amount=str(amount), order="ef" * 32)


def test_coins_move_between_pools_by_decision(world: World) -> None:
    accepted = world.accept(moved("chapter", "subsidy"))
    assert operation(world, accepted) == (
        int(OperationKind.TRANSFER), address(POOL), address("subsidy"), 250,
    )  # fmt: skip
    for source, target, code, field in (
        ("chapter", "chapter", "entry.bad_field", "public.to"),
        ("chapter", "holding", "entry.bad_field", "public.to"),
        ("holding", "subsidy", "entry.bad_field", "public.from"),
        ("chapter", "merchant_subsidy", "pool.unknown", None),
    ):
        refusal = world.refuse(moved(source, target))
        assert (refusal.code, refusal.fields.get("field")) == (code, field)
    assert world.refuse(moved("subsidy", "reserve", 251)).code == "balance.insufficient"
