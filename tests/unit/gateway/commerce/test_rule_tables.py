"""Versions of split tables that a chapter publishes: ahead of time, by digest, in the log and as a call."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chain.canonical import JsonValue
from chain.evm.rule_calls import encode_publish_table
from chain.rule_kinds import RuleLine, encode_code, sorted_lines
from gateway.cases.reading import CaseReader
from gateway.commerce import rule_tables
from gateway.db import Database
from gateway.ledger.drafts import PublishTable
from gateway.members.chain_calls import RegisterPlanner
from gateway.rules.split_tables import SPLIT_TABLES
from gateway.rules.versions import table_digest
from tests.unit.gateway.commerce.kit import market, public, sale, step
from tests.unit.gateway.ledger.worlds import CHAPTER, World


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    """The market of the kit, on 2026-11-18."""
    with market(database, tmp_path) as world:
        yield world


OWN = next(table for table in SPLIT_TABLES if table.id == "own_store_purchase")
DAY = 86_400_000


def published(since: str, **more: JsonValue):  # type: ignore[no-untyped-def]
    fields: dict[str, JsonValue] = {"table": OWN.id, "version": OWN.version, "since": since, **more}
    return step("rule.published", None, **fields)


def test_a_table_is_published_by_its_digest(world: World) -> None:
    entry = world.accept(published("2026-11-20"))
    assert public(world, entry)["digest"] == table_digest(OWN).hex()
    case = CaseReader(world.database).find("rule_table", "3101-0007:own_store_purchase", None)
    assert case is not None
    assert case["document"] == {"since": "2026-11-20", "versions": {"2026-11-20": 1}}
    refusal = world.refuse(published("2026-11-20", digest="00" * 32))
    assert (refusal.code, refusal.fields) == ("rule.not_ahead", {"day": "2026-11-20"})
    refusal = world.refuse(published("2026-11-21", digest="00" * 32))
    assert (refusal.code, refusal.fields) == ("entry.not_as_computed", {"field": "public.digest"})


@pytest.mark.parametrize(
    ("since", "more", "code", "fields"),
    [
        ("2026-11-18", {}, "rule.not_ahead", {"day": "2026-11-18"}),
        ("2036-11-18", {}, "rule.not_ahead", {"day": "2026-11-18"}),
        ("2026-11-20", {"version": 99}, "rule.unknown_table", {"table": "own_store_purchase"}),
        ("2026-11-20", {"table": "nothing"}, "rule.unknown_table", {"table": "nothing"}),
    ],
)
def test_what_is_not_published(
    world: World, since: str, more: dict[str, JsonValue], code: str, fields: dict[str, str]
) -> None:
    refusal = world.refuse(published(since, **more))
    assert (refusal.code, refusal.fields) == (code, fields)


def test_a_sale_uses_the_version_in_force_that_day(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from gateway.rules.split_tables import commission_table

    second = commission_table(300, 2, OWN.effective_from.replace(year=2030))
    monkeypatch.setattr(rule_tables, "SPLIT_TABLES", (*SPLIT_TABLES, second))
    world.accept(published("2026-11-20", version=2))
    before = public(world, world.accept(sale(10_000)))
    world.clock.milliseconds += 2 * DAY
    after = public(world, world.accept(sale(10_000)))
    assert (before["version"], after["version"]) == (1, 2)
    assert before["legs"][0] == {"role": "platform", "amount": "200"}  # type: ignore[index]
    assert after["legs"][0] == {"role": "platform", "amount": "300"}  # type: ignore[index]


def test_the_chain_is_told_lines_residual_and_digest() -> None:
    lines = tuple((line.role, 1, line.basis_points) for line in OWN.lines)
    effect = PublishTable(CHAPTER, OWN.id, 2, 1_800_000_000, lines, OWN.residual, bytes(table_digest(OWN)))
    ((entry, call),) = RegisterPlanner(1, bytes(32)).plan([("entry", effect)])
    wanted = sorted_lines(tuple(RuleLine(encode_code(role), kind, value) for role, kind, value in lines))
    assert (entry, call.kind, call.target, call.signer) == ("entry", "publish", "RuleBook", "hq")
    assert call.calldata == encode_publish_table(
        encode_code(OWN.id), CHAPTER, 2, 1_800_000_000, wanted, encode_code(OWN.residual), table_digest(OWN)
    )
