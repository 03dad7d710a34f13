"""Offering, asking and being sent take a membership in force, unless the chapter says otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gateway.case_rules import CASE_BOOK
from gateway.db import Database
from gateway.ledger.drafts import AccountKind
from gateway.rules.calendar import day_start_seconds, format_timestamp
from gateway.timebank.matches import list_matches
from tests.unit.gateway.ledger.worlds import CHAPTER, ManualClock, joined, opened, running
from tests.unit.gateway.timebank.kit import ALWAYS, HOUR, MORNING, START, Bank, account, step

RECEIPT, EVIDENCE = "a1" * 32, "e7" * 32
SKILL = {"skill": "companionship", "compound": "c1", "availability": ALWAYS, "capacity": 10}
NEXT_YEAR = day_start_seconds(date(2027, 11, 19)) + 9 * HOUR


@pytest.fixture
def town(database: Database, tmp_path: Path) -> Iterator[Bank]:
    """A chapter under all rules: m, p and the shop are members, e is one and an elder, n is none."""
    with running(database, tmp_path, ManualClock(MORNING * 1000), rules=CASE_BOOK) as world:
        world.accept(opened())
        for name in ("holding", "subsidy"):
            world.accept(joined(name, kind=AccountKind.POOL))
            world.accept(step("pool.opened", name=name, account=account(name)))
        for name in ("m", "p", "e", "n"):
            world.accept(joined(name))
        world.accept(joined("shop", kind=AccountKind.MERCHANT))
        bank = Bank(world)
        for name in ("m", "p"):
            bank.take("membership.opened", (name,), kind="ordinary", receipt=RECEIPT)
        bank.take("membership.opened", ("e",), kind="trial", receipt=RECEIPT, elder=True, evidence=EVIDENCE)
        yield bank


def wish(service: str = "companionship", start: int = START) -> dict[str, Any]:
    at = format_timestamp(start * 1000)
    minutes = 120 if service == "appliance_cleaning" else 60
    return {"service": service, "compound": "c1", "minutes": minutes, "starts_at": at}


def needed(act: str, field: str = "subjects") -> tuple[str, dict[str, str]]:
    return "service.membership_required", {"field": field, "act": act}


def matched(bank: Bank) -> list[object]:
    return [row["offer"] for row in list_matches(bank.world.database, CHAPTER, bank.world.clock.milliseconds)]


def test_who_is_no_member_neither_offers_nor_asks(town: Bank) -> None:
    assert town.refused("service.offered", ("n",), **SKILL) == needed("offer")
    assert town.refused("service.requested", ("n",), **wish()) == needed("request")
    cleaning = {**SKILL, "skill": "appliance_cleaning"}
    assert town.refused("service.offered", ("shop",), **cleaning) == needed("offer")
    town.take("membership.opened", ("shop",), kind="merchant", receipt=RECEIPT)
    town.take("service.offered", ("shop",), **cleaning)
    town.take("membership.opened", ("n",), kind="ordinary", receipt=RECEIPT)
    town.take("service.offered", ("n",), **SKILL)
    town.take("service.requested", ("n",), **wish())


def test_whose_year_is_over_is_sent_nowhere_and_matched_with_nothing(town: Bank) -> None:
    offer = town.take("service.offered", ("p",), **SKILL).entry_id
    town.at(NEXT_YEAR - 86_400)
    town.take("membership.renewed", ("m",), receipt=RECEIPT)
    town.at(NEXT_YEAR)
    booking = town.take("service.requested", ("m",), **wish(start=NEXT_YEAR + HOUR)).entry_id
    assert matched(town) == [offer]
    town.take("membership.lapsed", ("p",))
    assert matched(town) == [None]
    refused = town.refused("service.dispatched", about=booking, offer=offer)
    assert refused == needed("dispatch", "public.offer")
    town.take("membership.renewed", ("p",), receipt=RECEIPT)
    town.take("service.dispatched", about=booking, offer=offer)


def test_an_elder_asks_for_basic_services_when_the_year_is_over_too(town: Bank) -> None:
    town.at(NEXT_YEAR)
    town.take("membership.lapsed", ("e",))
    said = town.public(town.take("service.requested", ("e",), **wish(start=NEXT_YEAR + HOUR)))
    assert (said["kind"], said["funding"]) == ("elder", "pool")
    town.take("service.requested", ("e",), **wish("elder_care", NEXT_YEAR + HOUR))
    cleaning = wish("appliance_cleaning", NEXT_YEAR + HOUR)
    assert town.refused("service.requested", ("e",), **cleaning) == needed("request")


def test_a_suspended_elder_asks_for_nothing(town: Bank) -> None:
    town.take("membership.suspended", ("e",), order="0d" * 32, reason="conduct")
    assert town.refused("service.requested", ("e",), **wish()) == needed("request")


def test_a_chapter_says_what_takes_a_membership(town: Bank) -> None:
    town.take("parameter.set", parameter="members_only", codes=["offer"])
    town.take("service.requested", ("n",), **wish())
    assert town.refused("service.offered", ("n",), **SKILL) == needed("offer")
    later = {"parameter": "members_only", "effective_from": "2026-11-20"}
    town.take("parameter.set", **later)
    assert town.refused("service.offered", ("n",), **SKILL) == needed("offer")
    town.at(START - HOUR)
    offer = town.take("service.offered", ("n",), **SKILL).entry_id
    booking = town.take("service.requested", ("m",), **wish(start=START + HOUR)).entry_id
    assert offer in matched(town)
    town.take("service.dispatched", about=booking, offer=offer)
    wrong = town.refused(
        "parameter.set", parameter="members_only", codes=["pay"], effective_from="2026-12-01"
    )
    assert wrong == ("entry.bad_field", {"field": "codes", "reason": "not offer, request or dispatch"})
