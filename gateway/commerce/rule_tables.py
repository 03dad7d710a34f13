"""Which version of a split table a chapter uses, from a day on: said in the log and on chain by its digest.

The tables themselves ship with the product or are published as text; `RuleBook` holds their lines and the
digest of the canonical text, so that nobody can show another table for the same name afterwards.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import cast

from chain.canonical import JsonValue
from chain.rule_kinds import LineKind, TableKind
from gateway.cases.book import Rule
from gateway.cases.case import Case
from gateway.cases.filling import fill, read_text
from gateway.cases.world import World
from gateway.errors import Refusal
from gateway.ledger.drafts import Draft, PublishTable
from gateway.rules.calendar import day_start
from gateway.rules.split_tables import PURCHASE_TABLES, SPLIT_TABLES, check_purchase_table, pick_split
from gateway.rules.splits import SplitTable
from gateway.rules.versions import table_digest

RULE_TABLE = "rule_table"
LONGEST_AHEAD = timedelta(days=1_000)


def publish_table(world: World) -> Draft:
    """Use a version of a table from a later day on, in this chapter.

    Raises:
        Refusal: ``rule.unknown_table``; ``rule.not_ahead`` for a day that is not after today and after the
            version before, or too far ahead; ``split.no_public_benefit``.
    """
    draft = world.draft
    name = read_text(draft, "table")
    version = cast("int", draft.public["version"])
    table = table_version(name, version)
    if name in PURCHASE_TABLES:
        check_purchase_table(table)
    today = world.today
    since = date.fromisoformat(read_text(draft, "since"))
    before = world.find(RULE_TABLE, table_key(world.chapter_text, name))
    earliest = max(today, date.fromisoformat(before.text("since")) if before is not None else today)
    if not earliest < since <= today + LONGEST_AHEAD:
        raise Refusal("rule.not_ahead", day=earliest.isoformat())
    versions = dict(cast("dict[str, int]", before.document["versions"])) if before is not None else {}
    document: dict[str, JsonValue] = {
        "since": since.isoformat(),
        "versions": cast("JsonValue", {**versions, since.isoformat(): version}),
    }
    key = table_key(world.chapter_text, name)
    case = before or Case(RULE_TABLE, key, world.chapter, "published")
    world.put(replace(case, document=document))
    digest = table_digest(table)
    effect = PublishTable(
        world.chapter,
        name,
        int(_kind(name)),
        day_start(since) // 1000,
        tuple((line.role, int(LineKind.BASIS_POINTS), line.basis_points) for line in table.lines)
        + tuple((line.role, int(LineKind.FIXED_AMOUNT), line.amount) for line in table.fixed),
        table.residual,
        bytes(digest),
    )
    completed = fill(draft, digest=digest.hex())
    return replace(completed, effects=(*completed.effects, effect), rule=f"{name}:{version}")


def table_key(chapter: str, table: str) -> str:
    """Return the key of a chapter's table."""
    return f"{chapter}:{table}"


def table_in_force(world: World, name: str, day: date | None = None) -> SplitTable:
    """Return the version the chapter published for a business date (today), else the one that ships for it.

    Raises RuleRefusal ``rule.not_in_force``.
    """
    at = day or world.today
    case = world.find(RULE_TABLE, table_key(world.chapter_text, name))
    if case is not None:
        versions = cast("dict[str, int]", case.document["versions"])
        begun = [since for since in versions if date.fromisoformat(since) <= at]
        if begun:
            return table_version(name, versions[max(begun)])
    return pick_split(name, at)


def table_version(name: str, version: int) -> SplitTable:
    """Return the version that an entry names, in force or not any more.

    Raises Refusal ``rule.unknown_table``.
    """
    found = next((one for one in SPLIT_TABLES if (one.id, one.version) == (name, version)), None)
    if found is None:
        raise Refusal("rule.unknown_table", table=name)
    return found


def _kind(name: str) -> TableKind:
    if name in PURCHASE_TABLES:
        return TableKind.PURCHASE
    return TableKind.FEE if name.endswith(("_fee", "_fee_fixed")) else TableKind.REFERRAL


TABLE_RULES: dict[str, Rule] = {"rule.published": publish_table}
TABLE_DECISIONS = frozenset(TABLE_RULES)
