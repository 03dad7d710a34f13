"""Named pools of a chapter, and every way a coin may move: no path turns money into a person's coins. Pure.

RULES (requirement C1). Money given to a chapter fills pools, never an account of a person. Out of a pool
coins go to persons for certified work, by a published rule, or as the ONE named exception, the consumption
rebate: paid on a completed order, taken back on its refund. Nothing leads back to money. ``MOVES`` is the
whole machine; :func:`check_moves` judges any such machine.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from gateway.rules.refusals import RuleRefusal, check_amount


class Place(StrEnum):
    """Where value can be. The five pools have an account each; ``cash`` is a record of the bank's money."""

    CASH = "cash"
    ISSUED = "issued"
    CHAPTER = "chapter"
    SUBSIDY = "subsidy"
    PUBLIC_BENEFIT = "public_benefit"
    RESERVE = "reserve"
    PLATFORM = "platform"
    MEMBER = "member"
    MERCHANT = "merchant"
    LOCKED = "locked"
    BURNED = "burned"


POOLS = (Place.CHAPTER, Place.SUBSIDY, Place.PUBLIC_BENEFIT, Place.RESERVE, Place.PLATFORM)
"""The named pools every chapter has."""

PERSONS = frozenset({Place.MEMBER, Place.MERCHANT, Place.LOCKED})
"""Coins somebody owns; locked ones are still the member's."""


class Driver(StrEnum):
    """What brings a move about."""

    MONEY = "money"
    WORK = "work"
    HOLDER = "holder"
    RULE = "rule"


@dataclass(frozen=True, slots=True)
class Move:
    """One allowed way: from where to where, why (a code), and what brings it about.

    ``exception``: brought about by money and reaching a person all the same, by name; ``undone_by`` is the
    reason of the move that takes it back.
    """

    source: Place
    target: Place
    reason: str
    driver: Driver
    exception: bool = False
    undone_by: str = ""


_P, _D = Place, Driver

REBATE = Move(_P.CHAPTER, _P.MEMBER, "rebate", _D.MONEY, exception=True, undone_by="rebate_returned")
"""The one exception: the consumption rebate [C], from the chapter's pool, on a completed order."""

MOVES: tuple[Move, ...] = (
    # Money fills pools.
    Move(_P.CASH, _P.SUBSIDY, "sponsorship", _D.MONEY),
    Move(_P.CASH, _P.SUBSIDY, "grant", _D.MONEY),
    Move(_P.CASH, _P.SUBSIDY, "donation", _D.MONEY),
    # Coins come in: for hours, and to the chapter's pool under the issuer's quota.
    Move(_P.ISSUED, _P.MEMBER, "service", _D.WORK),
    Move(_P.ISSUED, _P.CHAPTER, "quota", _D.RULE),
    # What a provider works beyond the limits of a day or of what he may hold.
    *(Move(who, _P.PUBLIC_BENEFIT, "donated_hours", _D.WORK) for who in (_P.ISSUED, _P.MEMBER, _P.SUBSIDY)),
    # Between pools, by the chapter's published decision.
    *(Move(a, b, "pool_transfer", _D.RULE) for a in POOLS for b in POOLS if a != b),
    # Out of pools.
    Move(_P.SUBSIDY, _P.MEMBER, "elder_service", _D.WORK),
    Move(_P.SUBSIDY, _P.MEMBER, "basic_service", _D.WORK),
    Move(_P.CHAPTER, _P.MEMBER, "service", _D.WORK),
    Move(_P.CHAPTER, _P.MEMBER, "award", _D.RULE),
    Move(_P.SUBSIDY, _P.MERCHANT, "capacity_subsidy", _D.RULE),
    Move(_P.PUBLIC_BENEFIT, _P.MEMBER, "aid", _D.RULE),
    Move(_P.RESERVE, _P.MEMBER, "compensation", _D.RULE),
    REBATE,
    Move(_P.MEMBER, _P.CHAPTER, "rebate_returned", _D.RULE),
    # Among persons.
    Move(_P.MEMBER, _P.MEMBER, "service", _D.WORK),
    Move(_P.MEMBER, _P.MEMBER, "gift", _D.HOLDER),
    Move(_P.MEMBER, _P.MERCHANT, "redemption", _D.HOLDER),
    Move(_P.MERCHANT, _P.MEMBER, "coins_returned", _D.RULE),
    Move(_P.MERCHANT, _P.MEMBER, "service", _D.WORK),
    # A merchant's way out: fees, adverts, donations, burning.
    Move(_P.MERCHANT, _P.PLATFORM, "fee", _D.HOLDER),
    Move(_P.MERCHANT, _P.PLATFORM, "advert", _D.HOLDER),
    *(Move(who, _P.SUBSIDY, "donation", _D.HOLDER) for who in (_P.MEMBER, _P.MERCHANT)),
    *(Move(who, _P.BURNED, "burn", _D.HOLDER) for who in (_P.MEMBER, _P.MERCHANT)),
    *(
        Move(who, _P.BURNED, reason, _D.RULE)
        for who in (_P.MEMBER, _P.MERCHANT)
        for reason in ("penalty", "expiry")
    ),
    *(Move(pool, _P.BURNED, "burn", _D.RULE) for pool in POOLS),
    Move(_P.MEMBER, _P.CHAPTER, "closing", _D.RULE),
    Move(_P.CHAPTER, _P.MEMBER, "reopening", _D.RULE),
    # Pledges [A]: locked, released or cancelled, never to a lender.
    Move(_P.MEMBER, _P.LOCKED, "pledge", _D.HOLDER),
    Move(_P.LOCKED, _P.MEMBER, "release", _D.RULE),
    Move(_P.LOCKED, _P.BURNED, "cancellation", _D.RULE),
)
"""Every move there is. What is not here may not happen."""

_INDEX = {(move.source, move.target, move.reason): move for move in MOVES}


@dataclass(frozen=True, slots=True)
class GrantTerms:
    """One version of sponsorship: fen for one coin (1.20 CNY [C]), into which pool."""

    id: str
    version: int
    effective_from: date
    price: int
    pool: str
    source: str


@dataclass(frozen=True, slots=True)
class RebateTerms:
    """One version of the exception: basis points of what was paid in money, from which pool."""

    id: str
    version: int
    effective_from: date
    basis_points: int
    pool: str
    source: str


GRANT_TERMS = (GrantTerms("sponsorship", 1, date(2025, 1, 1), 120, Place.SUBSIDY, "C"),)
REBATE_TERMS = (RebateTerms("consumption_rebate", 1, date(2025, 1, 1), 500, Place.CHAPTER, "C"),)


@dataclass(frozen=True, slots=True)
class Grant:
    """Coins a sum gives a pool, in hundredths; ``coins * price + remainder == fen * 100`` exactly."""

    coins: int
    remainder: int
    pool: str


def find_move(source: Place, target: Place, reason: str) -> Move:
    """Return the allowed move. Raises RuleRefusal ``pool.forbidden_move``."""
    move = _INDEX.get((source, target, reason))
    if move is None:
        raise RuleRefusal("pool.forbidden_move", source=source.value, target=target.value, reason=reason)
    return move


def grant_coins(fen: int, terms: GrantTerms) -> Grant:
    """Return the coins a sponsor's or donor's sum gives the terms' pool, rounded down. Raises FormatError."""
    check_amount(fen, "fen", least=1)
    coins, remainder = divmod(fen * 100, terms.price)
    return Grant(coins, remainder, terms.pool)


def walk_paths(moves: Collection[Move], start: Place) -> Iterator[tuple[Move, ...]]:
    """Return every path along the moves from ``start`` that visits no place twice."""
    by_source: dict[Place, list[Move]] = {}
    for move in moves:
        by_source.setdefault(move.source, []).append(move)

    def walk(path: tuple[Move, ...], seen: frozenset[Place], at: Place) -> Iterator[tuple[Move, ...]]:
        for move in by_source.get(at, ()):
            if move.target not in seen:
                longer = (*path, move)
                yield longer
                yield from walk(longer, seen | {move.target}, move.target)

    return walk((), frozenset({start}), start)


def check_moves(moves: Collection[Move]) -> None:
    """Prove C1 on a machine of moves.

    1. Nothing leads to money: ``pool.cash_out``.
    2. No move that money brings about reaches a person, wherever it starts, except the one exception:
       ``pool.money_path``. So each path from money to a person holds a move by work, holder or rule.
    3. Money itself moves into pools only: ``pool.money_path``.
    4. An exception is the rebate as named here and has a move that takes it back: ``pool.exception``.

    Raises RuleRefusal.
    """
    for move in moves:
        if move.target is Place.CASH:
            raise RuleRefusal("pool.cash_out", source=move.source.value, reason=move.reason)
        if move.exception and move != REBATE:
            raise RuleRefusal("pool.exception", reason=move.reason)
        by_money = move.driver is Driver.MONEY and not move.exception
        if (by_money and move.target in PERSONS) or (move.source is Place.CASH and move.target not in POOLS):
            raise RuleRefusal("pool.money_path", target=move.target.value, reason=move.reason)
        if move.exception:
            back = [m for m in moves if m.reason == move.undone_by]
            if (move.target, move.source) not in {(m.source, m.target) for m in back}:
                raise RuleRefusal("pool.exception", reason=move.reason)


# No other machine is ever in use: the proof runs where the table is read.
check_moves(MOVES)
