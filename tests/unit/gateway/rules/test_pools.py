"""Pools: no path from money to a person's coins but the one by name, grants and rebates to the hundredth."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.pools import (
    GRANT_TERMS,
    MOVES,
    PERSONS,
    POOLS,
    REBATE,
    Driver,
    Grant,
    Move,
    Place,
    check_moves,
    find_move,
    grant_coins,
    walk_paths,
)
from gateway.rules.refusals import RuleRefusal

COINS = [place for place in Place if place is not Place.CASH]


def test_no_path_leads_from_money_to_a_persons_coins() -> None:
    reached = set()
    for path in walk_paths(MOVES, Place.CASH):
        entered = next((at for at, move in enumerate(path) if move.target in PERSONS), None)
        if entered is None:
            continue
        reached.add(path[entered].target)
        # Money ends in a pool; what leaves the pool to a person is not brought about by money.
        assert path[0].target in POOLS
        assert path[entered].source in POOLS
        assert path[entered].driver is not Driver.MONEY or path[entered] is REBATE
    assert reached == {Place.MEMBER, Place.MERCHANT}


def test_the_rebate_is_the_only_exception() -> None:
    assert [move for move in MOVES if move.exception] == [REBATE]
    by_money = {move.target for move in MOVES if move.driver is Driver.MONEY and not move.exception}
    assert by_money == {Place.SUBSIDY}
    assert find_move(REBATE.target, REBATE.source, REBATE.undone_by).driver is Driver.RULE


@pytest.mark.parametrize("start", COINS)
def test_no_path_leads_from_coins_to_money(start: Place) -> None:
    if start in (Place.MEMBER, Place.MERCHANT, Place.LOCKED, Place.BURNED):
        moves = MOVES
    else:
        # Pools reach each other in many orders that do not matter here.
        moves = tuple(move for move in MOVES if move.reason != "pool_transfer")
    assert all(move.target is not Place.CASH for path in walk_paths(moves, start) for move in path)


def test_burned_coins_are_gone_and_locked_ones_never_change_owner() -> None:
    assert list(walk_paths(MOVES, Place.BURNED)) == []
    assert {move.target for move in MOVES if move.source is Place.LOCKED} == {Place.MEMBER, Place.BURNED}


def test_the_shipped_moves_pass() -> None:
    check_moves(MOVES)
    assert len({(move.source, move.target, move.reason) for move in MOVES}) == len(MOVES)


@pytest.mark.parametrize(
    ("move", "refusal"),
    [
        (
            Move(Place.CASH, Place.MEMBER, "purchase", Driver.MONEY),
            RuleRefusal("pool.money_path", target="member", reason="purchase"),
        ),
        (
            Move(Place.CASH, Place.MERCHANT, "grant", Driver.RULE),
            RuleRefusal("pool.money_path", target="merchant", reason="grant"),
        ),
        (
            Move(Place.SUBSIDY, Place.MEMBER, "sponsor_gift", Driver.MONEY),
            RuleRefusal("pool.money_path", target="member", reason="sponsor_gift"),
        ),
        (
            Move(Place.ISSUED, Place.LOCKED, "sale", Driver.MONEY),
            RuleRefusal("pool.money_path", target="locked", reason="sale"),
        ),
        (
            Move(Place.MERCHANT, Place.CASH, "cash_out", Driver.HOLDER),
            RuleRefusal("pool.cash_out", source="merchant", reason="cash_out"),
        ),
        (
            Move(Place.CHAPTER, Place.MERCHANT, "bonus", Driver.MONEY, exception=True, undone_by="x"),
            RuleRefusal("pool.exception", reason="bonus"),
        ),
    ],
)
def test_a_move_that_would_open_a_path_is_found(move: Move, refusal: RuleRefusal) -> None:
    with pytest.raises(RuleRefusal) as caught:
        check_moves((*MOVES, move))
    assert caught.value == refusal


def test_rule_10_the_exception_must_have_its_way_back() -> None:
    without = tuple(move for move in MOVES if move.reason != "rebate_returned")
    with pytest.raises(RuleRefusal) as caught:
        check_moves(without)
    assert caught.value == RuleRefusal("pool.exception", reason="rebate")


@given(st.sampled_from(list(Place)), st.sampled_from(list(Place)), st.sampled_from([m.reason for m in MOVES]))
def test_only_listed_moves_happen(source: Place, target: Place, reason: str) -> None:
    listed = [m for m in MOVES if (m.source, m.target, m.reason) == (source, target, reason)]
    if listed:
        assert find_move(source, target, reason) is listed[0]
        return
    with pytest.raises(RuleRefusal) as caught:
        find_move(source, target, reason)
    assert caught.value == RuleRefusal(
        "pool.forbidden_move", source=source.value, target=target.value, reason=reason
    )


@pytest.mark.parametrize(
    ("fen", "grant"),
    [
        (120, Grant(100, 0, "subsidy")),
        (1, Grant(0, 100, "subsidy")),
        (6, Grant(5, 0, "subsidy")),
        (1_000_000, Grant(833_333, 40, "subsidy")),
    ],
)
def test_a_coin_is_sponsored_for_one_yuan_twenty(fen: int, grant: Grant) -> None:
    assert grant_coins(fen, GRANT_TERMS[0]) == grant
    assert grant.coins * 120 + grant.remainder == fen * 100
