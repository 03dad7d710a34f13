"""Requirement C1: no path leads from money to a person's coins, but for the consumption rebate.

Every entry type that may order an operation says in ``MOVED`` how coins move by it, in the terms of
`gateway.rules.pools.MOVES`. The walk goes over these moves; the sweep posts every type that carries money to
a real ledger, aimed at persons.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chain.canonical import JsonValue
from chain.entry_types import ENTRY_TYPES, check_draft
from chain.operation import ZERO_ADDRESS, FieldError, Operation, OperationKind
from chain.types import Address
from gateway.db import Database
from gateway.ledger.drafts import Accepted, Answer, Draft
from gateway.rules.pools import (
    MOVES,
    PERSONS,
    POOLS,
    REBATE,
    Driver,
    Move,
    Place,
    check_moves,
    find_move,
    walk_paths,
)
from gateway.rules.refusals import RuleRefusal
from tests.unit.gateway.commerce.kit import BUYERS, MERCHANTS, POOL, balance, market, named, sale, step
from tests.unit.gateway.ledger.worlds import World, address

_P = Place
Way = tuple[Place, Place, str]

SERVICE: tuple[Way, ...] = (
    (_P.ISSUED, _P.MEMBER, "service"),
    (_P.MEMBER, _P.MEMBER, "service"),
    (_P.MERCHANT, _P.MEMBER, "service"),
    (_P.SUBSIDY, _P.MEMBER, "elder_service"),
    (_P.SUBSIDY, _P.MEMBER, "basic_service"),
    *((who, _P.PUBLIC_BENEFIT, "donated_hours") for who in (_P.ISSUED, _P.MEMBER, _P.SUBSIDY)),
)
"""Certified hours: what is held for a booking meanwhile is still its payer's."""
GIFT: Way = (_P.MEMBER, _P.MEMBER, "gift")
REDEMPTION: Way = (_P.MEMBER, _P.MERCHANT, "redemption")
RETURNED: Way = (_P.MERCHANT, _P.MEMBER, "coins_returned")
REBATED: Way = (REBATE.source, REBATE.target, REBATE.reason)
BURNED: tuple[Way, ...] = ((_P.MEMBER, _P.BURNED, "burn"), (_P.MERCHANT, _P.BURNED, "burn"))
BETWEEN_POOLS: tuple[Way, ...] = tuple((a, b, "pool_transfer") for a in POOLS for b in POOLS if a != b)

MOVED: dict[str, tuple[Way, ...]] = {
    "purchase.recorded": (REBATED,),
    "purchase.refunded": (RETURNED,),
    "rebate.granted": (REBATED,),
    "redemption.recorded": (REDEMPTION,),
    "gift.sent": (GIFT,),
    "credit.issued": ((_P.ISSUED, _P.MEMBER, "service"), (_P.ISSUED, _P.CHAPTER, "quota")),
    # The chapter's own decision, under a key that may record credits: see gateway.rules.pools.
    "credit.transferred": (GIFT, (_P.CHAPTER, _P.MEMBER, "award"), *BETWEEN_POOLS),
    "credit.redeemed": (REDEMPTION,),
    "credit.burned": (*BURNED, *((pool, _P.BURNED, "burn") for pool in POOLS)),
    "credit.locked": ((_P.MEMBER, _P.LOCKED, "pledge"),),
    "credit.released": ((_P.LOCKED, _P.MEMBER, "release"),),
    "credit.cancelled": ((_P.LOCKED, _P.BURNED, "cancellation"),),
    "credit.reversed": (RETURNED,),
    # The same person's coins under a new account.
    "credit.recovered": (),
    "service.recorded": SERVICE,
    "service.confirmed": SERVICE,
    "service.part_done": SERVICE,
    "service.decided": SERVICE,
    "service.settled": SERVICE,
    "service.cancelled": SERVICE,
    "service.no_show": SERVICE,
    "service.booked": (),
    "service.lapsed": (),
    "service.subsidised": ((_P.SUBSIDY, _P.MERCHANT, "capacity_subsidy"),),
    "paycode.used": (*SERVICE, GIFT, REDEMPTION),
    "membership.suspended": ((_P.MEMBER, _P.CHAPTER, "closing"),),
    "membership.restored": ((_P.CHAPTER, _P.MEMBER, "reopening"),),
    "account.closing": ((_P.MEMBER, _P.CHAPTER, "closing"), GIFT, *BURNED),
    "steward.rewarded": ((_P.CHAPTER, _P.MEMBER, "award"),),
    "credits.expired": ((_P.MEMBER, _P.BURNED, "expiry"),),
    "credits.surplus_burned": ((_P.MERCHANT, _P.BURNED, "expiry"),),
    "penalty.executed": ((_P.MERCHANT, _P.BURNED, "penalty"),),
    "sale.paid": (REDEMPTION,),
    "sale.rebated": (REBATED,),
    "sale.coins_returned": (RETURNED,),
    "sale.rebate_returned": ((_P.MEMBER, _P.CHAPTER, "rebate_returned"),),
    "grant.booked": tuple((_P.CASH, _P.SUBSIDY, kind) for kind in ("sponsorship", "grant", "donation")),
    "pool.moved": BETWEEN_POOLS,
    "merchant.surplus_burned": ((_P.MERCHANT, _P.BURNED, "burn"),),
    "merchant.fee_paid": ((_P.MERCHANT, _P.PLATFORM, "fee"),),
    "advert.bought": ((_P.MERCHANT, _P.PLATFORM, "advert"),),
    "award.granted": ((_P.CHAPTER, _P.MEMBER, "award"),),
}
"""How coins move by each type that may order an operation."""

MONEY_FIELDS = {"receipt", "currency", "custody"}
ACTING = sorted(name for name, row in ENTRY_TYPES.items() if row.operations)
PAID_FOR = sorted(name for name, row in ENTRY_TYPES.items() if MONEY_FIELDS & set(row.public))
"""Types that carry money: the receipt of a payment, or its currency."""


def moves_of(name: str) -> tuple[Move, ...]:
    return tuple(find_move(*way) for way in MOVED[name])


@pytest.mark.parametrize("name", ACTING)
def test_every_type_that_moves_coins_says_how(name: str) -> None:
    assert name in MOVED, f"say in MOVED how coins move by {name}, as gateway.rules.pools.MOVES calls it"
    moves_of(name)


def test_the_walk_from_money_reaches_no_person_but_by_the_rebate() -> None:
    used = {move for name in ACTING for move in moves_of(name)}
    check_moves(used)
    paths = [path for path in walk_paths(used, Place.CASH) if path[-1].target in PERSONS]
    assert paths, "sponsored coins reach those who work"
    for path in paths:
        # Whatever money brings about ends in a pool; from there it takes work, a holder or a rule.
        assert path[0].target in POOLS
        assert all(move.driver is not Driver.MONEY for move in path[1:] if not move.exception)
    by_money = {move for move in used if move.driver is Driver.MONEY and move.target in PERSONS}
    assert by_money == {REBATE}
    assert all(move.target is not Place.CASH for move in used)


def test_a_type_that_carries_money_moves_coins_into_pools_or_is_the_rebate() -> None:
    found = {name: set(moves_of(name)) for name in PAID_FOR if ENTRY_TYPES[name].operations}
    assert found["grant.booked"] and {move.target for move in found["grant.booked"]} == {Place.SUBSIDY}
    for name, moves in found.items():
        from_holder = {move for move in moves if move.source in PERSONS}
        assert moves - from_holder <= {REBATE} or name == "grant.booked", name
    issuing = {name for name in PAID_FOR if OperationKind.ISSUE in ENTRY_TYPES[name].operations}
    assert issuing == {"grant.booked"}


def test_a_new_way_from_money_would_be_found() -> None:
    """The walk can fail: a grant to a member is refused as a machine."""
    with pytest.raises(RuleRefusal) as caught:
        check_moves({*MOVES, Move(Place.CASH, Place.MEMBER, "grant", Driver.MONEY)})
    assert caught.value == RuleRefusal("pool.money_path", target="member", reason="grant")


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    """A market whose pools hold coins and whose fund holds money."""
    with market(database, tmp_path) as world:
        world.accept(step("referral.declared", None, "b", referrer=named("n")))
        world.accept(sale(100_000, "b"))
        given = step("grant.booked", None, kind="grant", amount="120000", receipt="11" * 32)
        world.accept(given)
        yield world


VALUES: dict[str, JsonValue] = {
    "account": named("m"),
    "amount": "5000",
    "basis_points": 500,
    "bool": True,
    "codes": [],
    "count": 1,
    "currency": "CNY",
    "date": "2026-11-18",
    "items": [],
    "legs": [{"role": "platform", "amount": "5000", "account": named("a")}],
    "month": "2026-11",
    "sum": "5000",
    "timestamp": "2026-11-18T04:00:00.000Z",
}
CODES: dict[str, str] = {"kind": "donation", "fund": "chapter_fund"}


def hostile(name: str, operation: Operation | None, number: int, subject: str) -> Draft:
    """Return a draft of the type with all it needs, a fresh receipt, and an operation aimed at a person."""
    row = ENTRY_TYPES[name]
    public: dict[str, JsonValue] = {}
    for field in {*row.essential, *((MONEY_FIELDS | {"amount", "minutes"}) & set(row.public))} - {"about"}:
        form = row.public[field].name
        fallback: JsonValue = CODES.get(field, "ordinary") if form == "code" else f"{number:064x}"
        public[field] = VALUES.get(form, fallback)
    return replace(step(name, None, subject, **public), operation=operation)


def answer_of(world: World, draft: Draft) -> Answer | FieldError:
    """Return what comes of a draft, by the way of every instruction: its form first, then the rules."""
    try:
        check_draft(draft.type, draft.public, draft.operation, is_complete=False)
    except FieldError as error:
        return error
    return world.answer(draft)


def test_no_entry_that_carries_money_gives_a_person_coins(world: World) -> None:
    persons = {name: balance(world, name) for name in (*BUYERS, *MERCHANTS)}
    sources: list[tuple[OperationKind, Address]] = [
        (OperationKind.ISSUE, Address(ZERO_ADDRESS)),
        (OperationKind.TRANSFER, address(POOL)),
        (OperationKind.TRANSFER, address("subsidy")),
    ]
    number, accepted = 0, set[str]()
    for name in PAID_FOR:
        for subject in ("a", "m"):
            for kind, sender in sources:
                number += 1
                aimed = Operation(kind, sender, address(subject), 5_000, 0, bytes(32))
                assert not isinstance(answer_of(world, hostile(name, aimed, number, subject)), Accepted), name
            number += 1
            answer = answer_of(world, hostile(name, None, number, subject))
            accepted |= {name} if isinstance(answer, Accepted) else set()
    # Without the operation some of them are good, so it is the operation that was refused.
    assert {"sale.recorded", "capital.recorded", "fund.used", "purchase.recorded"} <= accepted
    assert {name: balance(world, name) for name in persons} == persons
