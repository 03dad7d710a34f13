"""A chapter's own versions of split tables: lines in the entry, within limits, and refunds by each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from chain.canonical import JsonValue
from chain.operation import chapter_code
from chain.rule_kinds import LineKind
from gateway.case_rules import CASE_BOOK
from gateway.cases.reading import CaseReader
from gateway.db import Database
from gateway.ledger.drafts import AccountKind, Draft, PublishTable
from gateway.ledger.registers import Registers
from gateway.ledger.steps import Step
from gateway.rules.split_tables import pick_split
from gateway.rules.splits import FixedLine, Share, SplitTable, parse_table
from gateway.rules.versions import table_digest
from tests.unit.gateway.alliance import kit as alliance_kit
from tests.unit.gateway.commerce.kit import go_to, market, public, sale, step
from tests.unit.gateway.ledger.worlds import OTHER_CHAPTER, World, joined, opened

BEFORE, SWITCH = date(2026, 11, 19), date(2026, 11, 20)
OWN = "own_store_purchase"
LINES = {"platform": 100, "public_benefit": 50, "reserve": 150, "serving_shop": 9_700}


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    """The market of the kit, on 2026-11-18."""
    with market(database, tmp_path) as world:
        yield world


def own(
    lines: dict[str, int] | None = None, table: str = OWN, version: int = 1_000, **more: JsonValue
) -> Draft:
    """Return the publication of a table whose residual is its last line."""
    shares: list[JsonValue] = [
        {"role": role, "basis_points": points} for role, points in (lines or LINES).items()
    ]
    fields: dict[str, JsonValue] = {
        "table": table, "version": version, "since": SWITCH.isoformat(), "shares": shares,
        "residual": list(lines or LINES)[-1], **more,
    }  # fmt: skip
    return step("rule.published", None, **fields)


def sums(entry: dict[str, JsonValue]) -> dict[str, int]:
    legs = entry["legs"]
    assert isinstance(legs, list)
    return {str(leg["role"]): int(str(leg["amount"])) for leg in legs if isinstance(leg, dict)}


def test_a_chapter_s_own_commission_needs_no_code(world: World) -> None:
    said = public(world, world.accept(own()))
    table = SplitTable(
        OWN, 1_000, SWITCH, tuple(Share(*line) for line in LINES.items()), (), "serving_shop", "chapter"
    )
    assert said["digest"] == table_digest(table).hex()
    found = CaseReader(world.database).find("rule_table", f"3101-0007:{OWN}", None)
    assert found is not None and isinstance(found["document"], dict)
    texts = found["document"]["own"]
    assert isinstance(texts, dict) and parse_table(str(texts["1000"]).encode()) == table
    go_to(world, BEFORE)
    old = world.accept(sale(10_001))
    go_to(world, SWITCH)
    new = world.accept(sale(10_001))
    assert sums(public(world, old)) == {"platform": 200, "public_benefit": 50, "serving_shop": 9_751}
    wanted = {"platform": 100, "public_benefit": 50, "reserve": 150, "serving_shop": 9_701}
    assert (public(world, new)["version"], sums(public(world, new))) == (1_000, wanted)
    # A third version is in force when both are refunded: each goes by its own.
    later = {"platform": 300, "public_benefit": 50, "serving_shop": 9_650}
    world.accept(own(later, version=1_001, since="2026-11-21"))
    go_to(world, date(2026, 11, 21))
    for sold, version, legs in ((old, 1, sums(public(world, old))), (new, 1_000, wanted)):
        back = public(world, world.accept(step("sale.refunded", sold.entry_id, amount="10001")))
        assert (back["version"], sums(back)) == (version, legs)
    assert sums(public(world, world.accept(sale(10_000)))) == later
    # Back to the one that ships, and the versions before are still known.
    shipped = {"table": OWN, "version": 1, "since": "2026-11-22"}
    world.accept(step("rule.published", None, **shipped))  # type: ignore[arg-type]
    again = {"table": OWN, "version": 1_000, "since": "2026-11-23"}
    world.accept(step("rule.published", None, **again))  # type: ignore[arg-type]
    go_to(world, date(2026, 11, 23))
    assert sums(public(world, world.accept(sale(10_001)))) == wanted


def test_an_own_version_is_its_chapter_s_alone(world: World) -> None:
    world.accept(own())
    world.accept(opened(OTHER_CHAPTER))
    world.accept(joined("y", OTHER_CHAPTER, AccountKind.MERCHANT))
    foreign = {"table": OWN, "version": 1_000, "since": "2026-11-21"}
    draft = step("rule.published", None, **foreign)  # type: ignore[arg-type]
    refusal = world.refuse(_elsewhere(draft))
    assert (refusal.code, refusal.fields) == ("rule.unknown_table", {"table": OWN})


def _elsewhere(draft: Draft) -> Draft:
    return replace(draft, chapter=chapter_code(OTHER_CHAPTER))


def test_a_chapter_s_own_cap_of_a_referral(world: World) -> None:
    fixed: list[JsonValue] = [{"role": "referrer", "amount": "2500"}]
    world.accept(own({"margin_owner": 10_000}, "referral_reward", fixed=fixed))
    world.accept(step("referral.declared", None, "a", referrer=alliance_kit.account("c")))
    go_to(world, SWITCH)
    bought = world.accept(sale(100_000)).entry_id
    paid = public(world, world.accept(step("referral.rewarded", bought, margin="90000")))
    assert (paid["version"], sums(paid)["referrer"]) == (1_000, 2_500)
    assert pick_split("referral_reward", SWITCH).fixed == (FixedLine("referrer", 18_000),)


CROSS = {"serving_shop": 8_000, "referring_shop": 200, "public_benefit": 50, "chapter_fund": 1_750}


@pytest.mark.parametrize(
    ("draft", "code", "fields"),
    [
        (own({**LINES, "platform": 99, "serving_shop": 9_701}), "split.commission_range",
         {"least": 100, "most": 300}),
        (own({**LINES, "platform": 301, "serving_shop": 9_499}), "split.commission_range",
         {"least": 100, "most": 300}),
        (own({"public_benefit": 50, "serving_shop": 9_950}), "split.commission_range",
         {"least": 100, "most": 300}),
        (own({**LINES, "public_benefit": 49, "serving_shop": 9_701}), "split.no_public_benefit",
         {"table": OWN, "least": 50}),
        (own({**LINES, "serving_shop": 9_699}), "split.wrong_sum",
         {"table": OWN, "got": 9_999, "want": 10_000}),
        (own({**LINES, "president": 50, "serving_shop": 9_650}), "split.other_roles", {"table": OWN}),
        (own({"platform": 300, "public_benefit": 9_700}), "split.other_roles", {"table": OWN}),
        (own(residual="nobody"), "split.no_residual", {"table": OWN}),
        (own(fixed=[{"role": "reserve", "amount": "1"}], lines={
            "platform": 100, "public_benefit": 50, "serving_shop": 9_850}),
         "split.other_roles", {"table": OWN}),
        (own({**CROSS, "referring_shop": 501, "chapter_fund": 1_449}, "cross_store_purchase"),
         "split.over_limit", {"table": "cross_store_purchase", "role": "referring_shop", "most": 500}),
        (own({"margin_owner": 10_000}, "referral_reward", fixed=[{"role": "referrer", "amount": "18001"}]),
         "split.over_limit", {"table": "referral_reward", "role": "referrer", "most": 18_000}),
        (own({"margin_owner": 10_000}, "referral_reward"), "split.other_roles", {"table": "referral_reward"}),
        (own({"referring_shop": 4_001, "platform": 5_999}, "first_year_fee"),
         "split.over_limit", {"table": "first_year_fee", "role": "referring_shop", "most": 4_000}),
        (own(table="nothing"), "rule.unknown_table", {"table": "nothing"}),
        (own(version=999), "rule.version_taken", {"table": OWN, "least": 1_000}),
        (own(since="2026-11-18"), "rule.not_ahead", {"day": "2026-11-18"}),
        (own(digest="00" * 32), "entry.not_as_computed", {"field": "public.digest"}),
    ],
)  # fmt: skip
def test_what_a_chapter_may_not_write(
    world: World, draft: Draft, code: str, fields: dict[str, JsonValue]
) -> None:
    refusal = world.refuse(draft)
    assert (refusal.code, refusal.fields) == (code, fields)
    assert CaseReader(world.database).list("rule_table", None) == []


def test_a_version_s_lines_are_never_written_again(world: World) -> None:
    world.accept(own())
    refusal = world.refuse(own(since="2026-11-25"))
    assert (refusal.code, refusal.fields) == ("rule.version_taken", {"table": OWN, "least": 1_001})


def test_the_chain_is_told_the_lines(world: World) -> None:
    draft = own()
    with world.database.reader() as connection:
        judged = CASE_BOOK.open(connection, Registers()).complete(Step("E", world.clock(), draft))
    (effect,) = judged.effects
    assert isinstance(effect, PublishTable)
    assert set(effect.lines) == {(role, int(LineKind.BASIS_POINTS), points) for role, points in LINES.items()}
    assert (effect.residual, effect.digest.hex()) == ("serving_shop", judged.public["digest"])


def test_a_waterfall_takes_of_the_reserve_what_sales_gave_it(database: Database, tmp_path: Path) -> None:
    """200.00 CNY of a sale's legs: 150.00 for the first complaint, the rest for the second."""
    with alliance_kit.alliance(database, tmp_path) as world:
        world.accept(own({**LINES, "reserve": 200, "serving_shop": 9_650}))
        go_to(world, SWITCH)
        world.accept(sale(1_000_000, "b", "n"))
        keys = []
        for amount, reserve, platform in ((15_000, 15_000, 0), (8_000, 5_000, 3_000)):
            paid = _compensate(world, amount)
            keys.append(paid["about"])
            assert sums(paid) == {"reserve": reserve, **({"platform": platform} if platform else {})}
        assert paid["reserve"] == "5000"
        # The first is overturned: what the reserve had paid comes back to it, and pays again.
        alliance_kit.taken(
            world, alliance_kit.step("complaint.appealed", by="o", about=keys[0], reason="mistaken")
        )
        decision = alliance_kit.step(
            "complaint.decided", by="president", about=keys[0], result="upheld",
            evidence=alliance_kit.EVIDENCE,
        )  # fmt: skip
        assert alliance_kit.taken(world, decision)["owed_back"] == "15000"
        brought = alliance_kit.step(
            "deposit.restored", by="treasurer", about=keys[0], receipt=alliance_kit.RECEIPT
        )
        assert sums(alliance_kit.taken(world, brought)) == {"reserve": 15_000}
        assert sums(_compensate(world, 16_000)) == {"reserve": 15_000, "platform": 1_000}


def _compensate(world: World, amount: int) -> dict[str, JsonValue]:
    """Have a complaint against a merchant without a deposit paid."""
    kit = alliance_kit
    filed = kit.step(
        "complaint.filed", merchant="o", complainant="a", amount=str(amount), reason="spoiled"
    )  # fmt: skip
    key = kit.taken(world, filed)["id"]
    kit.taken(world, kit.step("complaint.assigned", by="chair", about=key, owner="committee"))
    right = {"about": key, "amount": str(amount), "evidence": kit.EVIDENCE}
    kit.taken(world, kit.step("complaint.verified", by="committee", **right))
    paid = kit.step("deposit.compensated", by="treasurer", about=key, receipt=kit.RECEIPT)
    return kit.taken(world, paid)
