"""What members and regulators read beyond single cases: parameters, the referral meter and tree, credits.

Figures are computed from the cases as they stand; nothing here is kept.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import asdict
from datetime import date
from typing import cast

from sqlalchemy import Connection

from chain.canonical import JsonValue
from chain.operation import account_address
from chain.types import AccountId
from gateway.cases.case import Case
from gateway.cases.world import SELECT_CASES, load_movements, read_case
from gateway.db import Database, fetch_all
from gateway.ledger.drafts import AccountKind
from gateway.members.expiring import sum_expired
from gateway.members.free_services import read_years
from gateway.members.parameters import (
    PARAMETER,
    PARAMETERS,
    InForce,
    Value,
    expiry_of,
    parameter_key,
    pick_version,
    versions_of,
)
from gateway.members.referrals import PAID, REFERRAL, SALE
from gateway.members.register import ACTIVE, MEMBERSHIP, MOVED, text_or_none
from gateway.members.rewards import REWARD
from gateway.members.surplus import HOLDING as MERCHANT_HOLDING
from gateway.members.switches import load_switches
from gateway.rules.caps import view_holding
from gateway.rules.free_services import find_year
from gateway.rules.referral_meter import build_chains, read_meter
from gateway.rules.referral_tables import METER_LIMITS
from gateway.rules.versions import pick_table

Document = dict[str, JsonValue]
_PSEUDONYM = 16
"""Characters of a pseudonym."""
_TURNOVER = {
    "sqlite": "SELECT sum(json_extract(document, '$.amount')) FROM cases WHERE chapter = ? AND kind = ?",
    "postgresql": (
        "SELECT sum(CAST(CAST(document AS json) ->> 'amount' AS bigint)) FROM cases "
        "WHERE chapter = ? AND kind = ?"
    ),
}


def list_parameters(database: Database, chapter: int, day: date) -> list[Document]:
    """Return every parameter of a chapter with its value on a business date and all its versions."""
    with database.reader() as connection:
        return [
            _parameter(_find(connection, PARAMETER, parameter_key(chapter, name)), name, day)
            for name in PARAMETERS
        ]


def _parameter(case: Case | None, name: str, day: date) -> Document:
    rule = PARAMETERS[name]
    shipped = InForce(1, "1970-01-01", rule.shipped, rule.source)
    now = pick_version(case, name, day)
    rows = [shipped, *([] if case is None else versions_of(case))]
    return {
        "name": name,
        "form": rule.form,
        "set": now.value is not None,
        "value": _shown(now.value),
        "version": now.version,
        "versions": [
            {
                "version": row.version, "effective_from": row.effective_from, "value": _shown(row.value),
                "source": row.source,
            }
            for row in rows
        ],
    }  # fmt: skip


def _shown(value: Value) -> JsonValue:
    """Amounts as texts of digits, like everywhere; codes as a list."""
    return list(value) if isinstance(value, tuple) else None if value is None else str(value)


def read_referral_meter(database: Database, chapter: int, day: date) -> Document:
    """Return how deep and wide rewards have gone, their part of what was sold, and the distances left."""
    limits = pick_table(METER_LIMITS, "referral_meter", day)
    with database.reader() as connection:
        gates = load_switches(connection)
        links = {
            case.key: case.text("referrer")
            for case in _list(connection, REFERRAL, chapter)
            if case.state == PAID
        }
        rewards = _list(connection, REWARD, chapter)
        (turnover,) = fetch_all(connection, _TURNOVER[connection.dialect.name], chapter, SALE)
    paid = sum(cast("int", row["amount"]) for case in rewards for row in _rows(case))
    returned = sum(case.number("returned") for case in rewards)
    income = int(cast("int", turnover[0] or 0))
    chains = build_chains(links)
    meter = asdict(read_meter(chains, paid, income, limits, gates))
    figures = sorted(chains.figures.values(), key=lambda one: (-one.people, -one.levels))
    return {
        **meter,
        "rewards": str(paid),
        "returned": str(returned),
        "income": str(income),
        "chains": [{"people": one.people, "levels": one.levels} for one in figures],
        "limits": {
            "stop_levels": limits.stop_levels, "stop_people": limits.stop_people,
            "line_levels": limits.line_levels, "line_people": limits.line_people,
        },
        "switches": cast("JsonValue", asdict(gates)),
    }  # fmt: skip


def export_tree(database: Database, chapter: int, salt: bytes) -> list[Document]:
    """Return everybody who referred or was referred, by pseudonyms that hold for this export alone.

    The order is that of the pseudonyms, so that it says nothing either.
    """
    with database.reader() as connection:
        relations = [case for case in _list(connection, REFERRAL, chapter) if case.state != MOVED]
        rewards = _list(connection, REWARD, chapter)
    got: dict[str, int] = {}
    for case in rewards:
        for row in _rows(case):
            receiver = str(row["receiver"])
            got[receiver] = got.get(receiver, 0) + cast("int", row["amount"])
    parents = {case.key: case for case in relations}
    people = parents.keys() | {case.text("referrer") for case in relations}
    found = [_node(account, parents.get(account), got.get(account, 0), salt) for account in people]
    return sorted(found, key=lambda node: str(node["person"]))


def _node(account: str, relation: Case | None, rewards: int, salt: bytes) -> Document:
    above = None if relation is None else relation.text("referrer")
    day = None if relation is None else text_or_none(relation, "day")
    return {
        "person": pseudonym(account, salt),
        "referrer": None if above is None else pseudonym(above, salt),
        "paid": relation is not None and relation.state == PAID,
        "since": None if day is None else day[:7],
        "rewards": str(rewards),
    }


def pseudonym(account: str, salt: bytes) -> str:
    """Return an account's name in one export."""
    return hmac.new(salt, account.encode(), hashlib.sha256).hexdigest()[:_PSEUDONYM]


def show_credits(database: Database, account: str, chapter: int, day: date) -> Document:
    """Return limit, room, excess, expired coins and free services, all accepted operations done.

    ``expired`` is None where movements are being recorded at this moment, ``free_services`` where the
    membership counts none.
    """
    with database.reader() as connection:
        sql = "SELECT available, locked FROM balances WHERE account = ?"
        rows = fetch_all(connection, sql, bytes(account_address(AccountId(account))))
        available, locked = cast("tuple[int, int]", rows[0]) if rows else (0, 0)
        name = _limit_name(connection, account)
        limit = pick_version(_find(connection, PARAMETER, parameter_key(chapter, name)), name, day)
        expiry = _find(connection, PARAMETER, parameter_key(chapter, "expiry"))
        expired: int | None = 0
        if expiry is not None:
            moved = load_movements(connection, account)
            expired = sum_expired(moved, available + locked, day, lambda past: expiry_of(expiry, past)[1])
        membership = _find(connection, MEMBERSHIP, account)
    view = view_holding(available + locked, cast("int | None", limit.value))
    return {
        "available": str(available),
        "locked": str(locked),
        "limit": _shown(view.limit),
        "room": _shown(view.room),
        "over": str(view.over),
        "expired": _shown(expired),
        "free_services": _free_services(membership, day),
    }


def _limit_name(connection: Connection, account: str) -> str:
    """Return the parameter that limits what an account may hold."""
    sql = "SELECT kind FROM accounts WHERE account = ?"
    rows = fetch_all(connection, sql, bytes(account_address(AccountId(account))))
    return MERCHANT_HOLDING if rows and rows[0][0] == AccountKind.MERCHANT else "holding_cap"


def _free_services(membership: Case | None, day: date) -> JsonValue:
    """Return how many free services the membership year of a business date includes, took and has left."""
    if membership is None or membership.state != ACTIVE:
        return None
    year = find_year(read_years(membership.document), day)
    if year is None:
        return None
    until = year.until.isoformat()
    return {"included": year.included, "used": year.used, "left": year.left, "until": until}


def _find(connection: Connection, kind: str, key: str) -> Case | None:
    rows = fetch_all(connection, f"{SELECT_CASES} WHERE kind = ? AND key = ?", kind, key)
    return read_case(rows[0]) if rows else None


def _list(connection: Connection, kind: str, chapter: int) -> list[Case]:
    sql = f"{SELECT_CASES} WHERE chapter = ? AND kind = ? ORDER BY key"
    return [read_case(row) for row in fetch_all(connection, sql, chapter, kind)]


def _rows(case: Case) -> list[Document]:
    return cast("list[Document]", case.document["rewards"])
