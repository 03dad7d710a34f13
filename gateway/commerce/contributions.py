"""Equity contributions and a chapter's gates: figures of a statement, computed from entries and memberships.

Requirement T2: a contribution is a number in a document. There is nothing here that could be transferred.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from sqlalchemy import Connection

from chain.canonical import JsonValue
from chain.operation import account_id, chapter_code
from chain.types import Address
from gateway.cases.history import find_index, log_size
from gateway.cases.tallies import read_until
from gateway.cases.world import SELECT_CASES, read_case
from gateway.commerce.awards import read_referrers
from gateway.commerce.months import last_day, month_span
from gateway.commerce.successors import last_of, load_recoveries
from gateway.commerce.tallied import CAPITAL, COMMITTEE, CROSS_SHARE, ORDERS
from gateway.db import Database, fetch_all
from gateway.errors import Refusal
from gateway.ledger.drafts import AccountKind
from gateway.members.parameters import PARAMETER, parameter_key, pick_version
from gateway.members.register import ACTIVE, MEMBERSHIP, text_or_none
from gateway.rules.calendar import business_date, format_month
from gateway.rules.equity import EQUITY_TERMS, Contribution, EquityPool, compute_equity
from gateway.rules.fees import pick_fee
from gateway.rules.penetration import GATE_TERMS, ChapterCounts, judge_gates
from gateway.rules.refusals import RuleRefusal
from gateway.rules.versions import pick_table

HOUSEHOLDS = "households"


@dataclass(frozen=True, slots=True)
class Brought:
    """What a chapter's accounts brought, fen: capital and share by account.

    ``buyers`` have an order of which nothing was refunded, ``referrers`` map member to referrer,
    ``committee`` are the members in office.
    """

    capital: Mapping[str, int]
    share: Mapping[str, int]
    buyers: frozenset[str]
    referrers: Mapping[str, str]
    committee: frozenset[str]


def read_equity(database: Database, chapter: int, period: int) -> dict[str, JsonValue]:
    """Return who contributed which part of a chapter until the end of a month (yyyymm).

    The core pool is the merchants' and that of the committee at that moment; a member who serves stays in the
    members' pool, too, since the paper takes him out of neither. The parts of all rows sum to the whole.

    Raises:
        Refusal: ``equity.nothing`` where nobody has contributed.
    """
    with database.reader() as connection:
        size = min(find_index(connection, month_span(period)[1]), log_size(connection))
        brought = _brought(connection, chapter, period)
        kinds = _kinds(connection, chapter)
    contributions = contributions_of(brought)
    terms = pick_table(EQUITY_TERMS, "equity_terms", last_day(period))
    accounts = [row.account for row in contributions]
    pools = {
        EquityPool.CORE: [
            one for one in accounts if kinds.get(one) == AccountKind.MERCHANT or one in brought.committee
        ],
        EquityPool.MEMBERS: [one for one in accounts if kinds.get(one) == AccountKind.MEMBER],
    }
    try:
        figures = compute_equity(contributions, pools, terms.value)
    except RuleRefusal as refusal:
        raise Refusal(refusal.code, **refusal.fields) from None
    return {
        "chapter": chapter_code(chapter),
        "month": format_month(period),
        "size": size,
        "version": terms.version,
        "committee": cast("JsonValue", sorted(brought.committee)),
        "whole": figures.whole,
        "rows": [
            {"pool": row.pool.value, "account": row.account, "parts": row.parts} for row in figures.rows
        ],
        "contributions": [
            {
                "account": row.account,
                "capital": str(row.capital_fen),
                "referred": row.referred,
                "split": str(row.split_fen),
            }
            for row in contributions
        ],
    }


def contributions_of(brought: Brought) -> list[Contribution]:
    """Return what each account brought: capital, referred members who have bought, its part of cross sales.

    A member whose every order was refunded has not been brought; a refund takes its part of the share back.
    """
    referred = Counter(brought.referrers[buyer] for buyer in brought.buyers if buyer in brought.referrers)
    return [
        Contribution(one, brought.capital.get(one, 0), referred[one], brought.share.get(one, 0))
        for one in sorted(brought.capital.keys() | referred.keys() | brought.share.keys())
    ]


def _brought(connection: Connection, chapter: int, period: int) -> Brought:
    """Read what was brought until the end of a month; lost accounts under those that followed them."""
    sums = read_until(connection, chapter, period, (CAPITAL, ORDERS, CROSS_SHARE, COMMITTEE))
    recoveries = load_recoveries(connection)

    def gather(name: str, place: int) -> dict[str, int]:
        found: dict[str, int] = {}
        for account, pair in sums[name].items():
            now = last_of(account, recoveries)
            found[now] = found.get(now, 0) + pair[place]
        return found

    orders, committee = gather(ORDERS, 0), gather(COMMITTEE, 0)
    referrers = read_referrers(connection, chapter)
    return Brought(
        gather(CAPITAL, 1),
        gather(CROSS_SHARE, 1),
        frozenset(buyer for buyer, count in orders.items() if count > 0),
        # Of a referral that went on under another key the old one stays, with the name it had then.
        {member: last_of(referrer, recoveries) for member, referrer in referrers.items() if referrer},
        frozenset(account for account, count in committee.items() if count > 0),
    )


def read_gates(database: Database, chapter: int, now: int) -> dict[str, JsonValue]:
    """Return the gates a chapter passes before it grows or raises money, by its memberships in force.

    How many households there are is the chapter's parameter; not set, nothing is passed by them.
    Raises Refusal ``gates.households`` where more of them have members than there are.
    """
    day = business_date(now // 1000)
    with database.reader() as connection:
        sql = f"{SELECT_CASES} WHERE chapter = ? AND kind = ? AND state = ?"
        members = [read_case(row) for row in fetch_all(connection, sql, chapter, MEMBERSHIP, ACTIVE)]
        sql = f"{SELECT_CASES} WHERE kind = ? AND key = ?"
        rows = fetch_all(connection, sql, PARAMETER, parameter_key(chapter, HOUSEHOLDS))
    parameter = pick_version(read_case(rows[0]) if rows else None, HOUSEHOLDS, day)
    known = {text_or_none(case, "household") for case in members} - {None}
    households = cast("int | None", parameter.value)
    if households is not None and len(known) > households:
        raise Refusal("gates.households", have=len(known), households=households)
    paying = [case for case in members if case.number("fee") > 0]
    merchants = sum(1 for case in paying if pick_fee(case.text("kind"), day).merchant)
    counts = ChapterCounts(
        households=households or 0,
        member_households=0 if households is None else len(known),
        paying_members=len(paying) - merchants,
        paying_merchants=merchants,
    )
    terms = pick_table(GATE_TERMS, "gate_terms", day)
    report = judge_gates(counts, terms.value)
    return {
        "chapter": chapter_code(chapter),
        "day": day.isoformat(),
        "version": terms.version,
        "households": households,
        "member_households": len(known),
        "gates": [
            {"name": gate.name, "have": gate.have, "need": gate.need, "passed": gate.passed}
            for gate in report.gates
        ],
        "may_grow": report.may_grow,
        "may_raise": report.may_raise,
    }


def _kinds(connection: Connection, chapter: int) -> dict[str, int]:
    rows = fetch_all(connection, "SELECT account, kind FROM accounts WHERE chapter = ?", chapter)
    return {account_id(Address(bytes(cast("bytes", raw)))): cast("int", kind) for raw, kind in rows}
