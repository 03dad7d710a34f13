"""Monthly awards: the rule itself computes who won and how much it was, from the month's entries.

Prizes are records that the bank pays; coins, where a version of the terms sets some, come from the chapter's
pool. All places of one award are computed of the same ``size`` first entries of the log, those there were
when its first place was granted: a refund between two places leaves nobody out, and anybody recomputes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from sqlalchemy import Connection

from chain.canonical import JsonValue
from chain.operation import OperationKind, chapter_code
from chain.types import AccountId
from gateway.cases.book import Rule
from gateway.cases.case import Case
from gateway.cases.filling import concern, fill, order, read_text
from gateway.cases.history import find_index, log_size, read_history
from gateway.cases.world import SELECT_CASES, World, read_case
from gateway.commerce.facts import FACT_TYPES, Month, facts_of, void_of
from gateway.commerce.months import last_day, month_span
from gateway.commerce.successors import first_accounts, last_of, load_recoveries
from gateway.db import Database, fetch_all
from gateway.errors import Refusal
from gateway.ledger.drafts import Draft
from gateway.rules.awards import AWARD_TERMS, Award, AwardKind, AwardTerms, compute_awards
from gateway.rules.calendar import format_month, parse_month
from gateway.rules.parameters import Parameter
from gateway.rules.pools import Place, find_move
from gateway.rules.versions import pick_table

AWARD = "award"
GRANTED = "granted"
REFERRAL = "referral"
_REFERRALS = "SELECT key, document FROM cases WHERE kind = ? AND chapter = ?"


def grant_award(world: World) -> Draft:
    """Record one place of one award of a past month: winner, tally and prize are the rule's.

    Raises:
        Refusal: ``award.month_open``; ``award.not_in_order`` before the first place; ``award.no_winner``;
            ``case.exists`` for a place that was granted.
    """
    kind, period = _award(world), parse_month(read_text(world.draft, "month"))
    month = format_month(period)
    if world.now < month_span(period)[1]:
        raise Refusal("award.month_open", month=month)
    rank = world.draft.public.get("rank")
    if not isinstance(rank, int) or rank < 1:
        raise Refusal("entry.bad_field", field="public.rank", reason="not a place from 1 on")
    first = world.find(AWARD, award_key(world.chapter, period, kind, 1))
    if first is None and rank > 1:
        raise Refusal("award.not_in_order")
    size = world.ask(log_size) if first is None else first.number("size")
    terms = terms_of(period)
    found = world.ask(lambda connection: compute_month(connection, world.chapter, period, size, terms.value))
    award = next((one for one in found if (one.kind, one.rank) == (kind, rank)), None)
    if award is None:
        raise Refusal("award.no_winner", month=month)
    document: dict[str, JsonValue] = {
        "size": size,
        "month": month,
        "tally": award.tally,
        "prize": award.prize_fen,
        "coins": award.coins,
        "entry": world.entry_id,
    }
    winner = AccountId(last_of(award.account, world.ask(load_recoveries)))
    standing = world.standing(winner)
    if standing is not None and standing.recovered:
        # In this very transaction: the next one knows who took its place.
        raise Refusal("member.recovered", field="public.winner")
    case = Case(AWARD, "", world.chapter, GRANTED, winner, None, document)
    world.open(AWARD, award_key(world.chapter, period, kind, rank), case)
    draft = fill(
        world.draft,
        winner=winner,
        tally=award.tally,
        prize=str(award.prize_fen),
        coins=str(award.coins),
        version=terms.version,
        size=size,
    )
    draft = replace(draft, rule=f"{terms.id}:{terms.version}")
    if award.coins:
        find_move(Place.CHAPTER, Place.MEMBER, "award")
        draft = order(draft, OperationKind.TRANSFER, world.chapter_pool(), winner, award.coins)
    return concern(draft, [winner])


def _award(world: World) -> AwardKind:
    name = read_text(world.draft, "award")
    if name not in list(AwardKind):
        known = ", ".join(kind.value for kind in AwardKind)
        raise Refusal("entry.bad_field", field="public.award", reason=f"not one of {known}")
    return AwardKind(name)


def award_key(chapter: int, period: int, kind: AwardKind, rank: int) -> str:
    """Return the key of one place's case."""
    return f"{chapter_code(chapter)}:{format_month(period)}:{kind.value}:{rank}"


def terms_of(period: int) -> Parameter[AwardTerms]:
    """Return the terms in force on a month's last day. Raises RuleRefusal."""
    return pick_table(AWARD_TERMS, "award_terms", last_day(period))


def compute_month(
    connection: Connection, chapter: int, period: int, size: int, terms: AwardTerms
) -> Sequence[Award]:
    """Return the awards of a month by its entries and all refunds since, of the log's first ``size``.

    Whoever lost his account is one person, named by the first one he had.
    """
    first, end = (find_index(connection, at) for at in month_span(period))
    entries = read_history(connection, chapter, FACT_TYPES, first, min(end, size))
    refunds = read_history(connection, chapter, {"sale.refunded"}, first, size)
    first_account = first_accounts(load_recoveries(connection))
    referrers = read_referrers(connection, chapter)
    facts = facts_of(Month(entries, refunds, referrers, first_account))
    return compute_awards(facts, period, terms, void_of(refunds))


def read_referrers(connection: Connection, chapter: int) -> dict[str, str]:
    """Return who referred whom in a chapter (member -> referrer); fixed since each member's first order."""
    rows = fetch_all(connection, _REFERRALS, REFERRAL, chapter)
    return {cast("str", key): json.loads(cast("str", text)).get("referrer", "") for key, text in rows}


def read_awards(database: Database, chapter: int, period: int, now: int) -> dict[str, JsonValue]:
    """Return a month's awards, computed anew, each with the entry that granted it and whether both agree.

    What is granted is computed of the entries there were then, all else of all there are.
    """
    terms = terms_of(period)
    rows: list[JsonValue] = []
    with database.reader() as connection:
        recoveries = load_recoveries(connection)
        for kind in AwardKind:
            granted = _granted(connection, chapter, period, kind)
            size = granted[1].number("size") if granted else log_size(connection)
            found = compute_month(connection, chapter, period, size, terms.value)
            rows += [
                _show(
                    replace(award, account=last_of(award.account, recoveries)), granted.get(award.rank), size
                )
                for award in found
                if award.kind is kind
            ]
    return {
        "chapter": chapter_code(chapter),
        "month": format_month(period),
        "over": now >= month_span(period)[1],
        "version": terms.version,
        "awards": rows,
    }


def _granted(connection: Connection, chapter: int, period: int, kind: AwardKind) -> dict[int, Case]:
    """Return the places granted so far, by rank."""
    stem = award_key(chapter, period, kind, 1)[:-1]
    sql = f"{SELECT_CASES} WHERE kind = ? AND key > ? AND key < ? ORDER BY key"
    # The sign after the colon of the rank ends the range.
    cases = map(read_case, fetch_all(connection, sql, AWARD, stem, f"{stem[:-1]};"))
    return {int(case.key.rpartition(":")[2]): case for case in cases}


def _show(award: Award, granted: Case | None, size: int) -> JsonValue:
    agrees = None
    if granted is not None:
        said = (granted.holder, granted.number("tally"), granted.number("prize"), granted.number("coins"))
        agrees = said == (award.account, award.tally, award.prize_fen, award.coins)
    return {
        "award": award.kind.value,
        "rank": award.rank,
        "winner": award.account,
        "tally": award.tally,
        "prize": str(award.prize_fen),
        "coins": str(award.coins),
        "size": size,
        "entry": None if granted is None else granted.text("entry"),
        "agrees": agrees,
    }


AWARD_RULES: dict[str, Rule] = {"award.granted": grant_award}
AWARD_DECISIONS = frozenset(AWARD_RULES)
