"""Which version of a split table a chapter uses, from a day on: said in the log and on chain by its digest.

A table ships with the product, or the entry that publishes it says its lines, within the papers' limits.
`RuleBook` holds the lines and the digest of the canonical text, so that nobody can show another table for the
same name afterwards; the text of a chapter's own version follows from its entry alone.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from functools import lru_cache
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
from gateway.rules.own_tables import FIRST_OWN_VERSION, check_own_table
from gateway.rules.split_tables import PURCHASE_TABLES, SPLIT_TABLES, check_purchase_table, pick_split
from gateway.rules.splits import FixedLine, Share, SplitTable, parse_table
from gateway.rules.versions import table_bytes, table_digest

RULE_TABLE = "rule_table"
OWN_FIELDS = ("shares", "fixed", "residual")
OWN_SOURCE = "chapter"
"""What a chapter's own version names as its paper."""
LONGEST_AHEAD = timedelta(days=1_000)


def publish_table(world: World) -> Draft:
    """Use a version of a table from a later day on, in this chapter: a shipped one or one of its own lines.

    Raises:
        Refusal: ``rule.unknown_table``; ``rule.not_ahead`` for a day that is not after today and after the
            version before, or too far ahead; ``rule.version_taken``; see `check_own_table`.
    """
    draft = world.draft
    name = read_text(draft, "table")
    version = cast("int", draft.public["version"])
    since = date.fromisoformat(read_text(draft, "since"))
    is_own = any(field in draft.public for field in OWN_FIELDS)
    table = _own_table(world, name, version, since) if is_own else table_version(world, name, version)
    if name in PURCHASE_TABLES:
        check_purchase_table(table)
    today = world.today
    before = world.find(RULE_TABLE, table_key(world.chapter_text, name))
    earliest = max(today, date.fromisoformat(before.text("since")) if before is not None else today)
    if not earliest < since <= today + LONGEST_AHEAD:
        raise Refusal("rule.not_ahead", day=earliest.isoformat())
    versions = dict(cast("dict[str, int]", before.document["versions"])) if before is not None else {}
    document: dict[str, JsonValue] = {
        "since": since.isoformat(),
        "versions": cast("JsonValue", {**versions, since.isoformat(): version}),
    }
    own = _own_texts(before)
    if is_own:
        own[str(version)] = table_bytes(table).decode()
    if own:
        document["own"] = cast("JsonValue", own)
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


def _own_table(world: World, name: str, version: int, since: date) -> SplitTable:
    """Return the table that the entry spells out. Raises Refusal, RuleRefusal, FormatError."""
    public = world.draft.public
    shipped = next((table for table in SPLIT_TABLES if table.id == name), None)
    if shipped is None:
        raise Refusal("rule.unknown_table", table=name)
    known = _own_texts(world.find(RULE_TABLE, table_key(world.chapter_text, name)))
    least = max(FIRST_OWN_VERSION, *(int(number) + 1 for number in known), 0)
    if version < least:
        raise Refusal("rule.version_taken", table=name, least=least)
    shares = cast("list[dict[str, JsonValue]]", public.get("shares", []))
    fixed = cast("list[dict[str, str]]", public.get("fixed", []))
    table = SplitTable(
        id=name,
        version=version,
        effective_from=since,
        lines=tuple(Share(str(line["role"]), cast("int", line["basis_points"])) for line in shares),
        fixed=tuple(FixedLine(line["role"], int(line["amount"])) for line in fixed),
        residual=read_text(world.draft, "residual"),
        source=OWN_SOURCE,
    )
    check_own_table(table, shipped)
    return table


def _own_texts(case: Case | None) -> dict[str, str]:
    """Return the canonical texts of a chapter's own versions by number, in a dictionary of its own."""
    return {} if case is None else dict(cast("dict[str, str]", case.document.get("own", {})))


@lru_cache(maxsize=256)
def _read_text(text: str) -> SplitTable:
    return parse_table(text.encode())


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
            return table_version(world, name, versions[max(begun)])
    return pick_split(name, at)


def table_version(world: World, name: str, version: int) -> SplitTable:
    """Return the version that an entry of the step's chapter names, in force or not any more.

    Raises Refusal ``rule.unknown_table``.
    """
    if version >= FIRST_OWN_VERSION:
        text = _own_texts(world.find(RULE_TABLE, table_key(world.chapter_text, name))).get(str(version))
        found = None if text is None else _read_text(text)
    else:
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
