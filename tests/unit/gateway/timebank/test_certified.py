"""Hours recorded without a booking obey what a booking's provider obeys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.db import Database
from gateway.ledger.drafts import Draft
from tests.unit.gateway.ledger.worlds import joined, opened
from tests.unit.gateway.timebank.kit import HOUR, START, Bank, account, step
from tests.unit.gateway.timebank.towns import ORDER, check_replay, hours, town_of


@pytest.fixture
def town(database: Database, tmp_path: Path) -> Iterator[Bank]:
    with town_of(database, tmp_path) as bank:
        yield bank


def refused(bank: Bank, draft: Draft) -> tuple[str, Any]:
    refusal = bank.world.refuse(draft)
    return refusal.code, refusal.fields


def limit(bank: Bank, amount: str) -> None:
    bank.take("parameter.set", parameter="earned_daily_cap", amount=amount)


@pytest.mark.parametrize("payer", [None, "n"])
def test_only_members_in_force_are_paid_for_hours(town: Bank, payer: str | None) -> None:
    needed = ("service.membership_required", {"field": "op.to", "act": "dispatch"})
    assert refused(town, hours(60, 1_000, "x", payer)) == needed
    assert town.balance("x") == 0
    town.world.accept(hours(60, 1_000, "p", payer))
    assert town.balance("p") == 1_000
    town.take("parameter.set", parameter="members_only", codes=["offer"])
    town.world.accept(hours(60, 1_000, "x", payer))
    assert town.balance("x") == 1_000


def test_a_suspended_member_is_paid_for_no_hours(town: Bank) -> None:
    town.take("parameter.set", parameter="members_only", codes=["offer"])
    town.take("membership.suspended", ("p",), order=ORDER, reason="conduct")
    assert refused(town, hours(60, 1_000)) == ("service.provider_suspended", {})
    town.take("membership.restored", ("p",), order=ORDER)
    town.world.accept(hours(60, 1_000))
    assert town.balance("p") == 1_000


def test_rule_04_recorded_hours_and_bookings_share_the_day_s_limit(town: Bank) -> None:
    limit(town, "3000")
    offer = town.offer("p")
    town.at(START - HOUR)
    booking = town.request("m", start=START + HOUR)
    town.take("service.dispatched", about=booking, offer=offer)
    over = ("cap.daily", {"limit": 3_000, "day": "2026-11-20", "room": 1_000})
    assert refused(town, hours(61, 1_016)) == over
    town.world.accept(hours(36, 600))
    assert refused(town, hours(60, 1_000))[1]["room"] == 400
    other = town.request("m", start=START + 6 * HOUR)
    assert town.refused("service.dispatched", about=other, offer=offer)[1]["room"] == 400
    town.take("service.declined", about=booking, side="provider")
    town.take("service.dispatched", about=other, offer=offer)
    town.world.accept(hours(24, 400))
    assert refused(town, hours(1, 16))[1]["room"] == 0
    town.take("service.declined", about=other, side="provider")
    assert refused(town, hours(121, 2_016))[1]["room"] == 2_000
    assert town.balance("p") == 1_000


def test_rule_06_the_day_of_recorded_hours_is_shanghai_s(town: Bank) -> None:
    limit(town, "1000")
    midnight = START - 9 * HOUR
    town.at(midnight - 1)
    town.world.accept(hours(60, 1_000))
    assert refused(town, hours(1, 16))[1]["day"] == "2026-11-19"
    town.at(midnight)
    town.world.accept(hours(60, 1_000))
    assert town.balance("p") == 2_000


def test_a_second_s_hours_stand_in_no_service_s_way(town: Bank) -> None:
    offer = town.offer("p")
    town.at(START - 1)
    booking = town.request("m", start=START)
    town.world.accept(hours(60, 1_000))
    town.take("service.dispatched", about=booking, offer=offer)


def test_hours_over_a_limit_are_donated_when_nothing_more_has_room(town: Bank, tmp_path: Path) -> None:
    donated = hours(30, 500, "public_benefit", provider=account("p"))
    wrong = ("entry.bad_field", {"field": "op.to", "reason": "is not the member who served"})
    assert refused(town, donated) == wrong
    town.take("pool.opened", name="public_benefit", account=account("public_benefit"))
    limit(town, "1000")
    town.world.accept(hours(60, 1_000))
    assert refused(town, donated) == wrong
    town.take("parameter.set", parameter="donate_excess", number=1)
    assert refused(town, hours(30, 500))[0] == "cap.daily"
    assert refused(town, hours(30, 500, "public_benefit")) == wrong
    said = town.public(town.world.accept(donated))
    assert (said["provider"], said["coins"]) == (account("p"), "500")
    town.at(START)
    assert refused(town, donated) == wrong
    town.world.accept(hours(59, 983))
    assert refused(town, donated) == wrong
    town.world.accept(hours(1, 16))
    town.world.accept(donated)
    assert [town.balance(name) for name in ("p", "public_benefit")] == [1_999, 1_000]
    check_replay(town, tmp_path)


def test_who_may_hold_no_more_has_his_hours_donated(town: Bank) -> None:
    town.take("pool.opened", name="public_benefit", account=account("public_benefit"))
    town.take("parameter.set", parameter="donate_excess", number=1)
    town.take("parameter.set", parameter="holding_cap", amount="11000")
    town.take("parameter.in_force", parameter="holding_cap")
    donated = hours(60, 1_000, "public_benefit", provider=account("m"))
    assert refused(town, donated)[0] == "entry.bad_field"
    assert refused(town, hours(61, 1_016, "m"))[0] == "cap.exceeded"
    town.world.accept(hours(60, 1_000, "m"))
    town.world.accept(donated)
    assert [town.balance(name) for name in ("m", "public_benefit")] == [11_000, 1_000]


def test_nobody_records_hours_of_strangers_shops_or_himself(town: Bank) -> None:
    far = 31_010_008
    town.world.accept(opened(far))
    town.world.accept(joined("far", chapter=far))
    assert refused(town, hours(60, 1_000, "far", "n")) == ("chapter.wrong", {"field": "op.to"})
    wrong = ("entry.bad_field", {"field": "op.to", "reason": "is not the member who served"})
    assert refused(town, hours(60, 1_000, "shop", "n")) == wrong
    assert refused(town, hours(60, 1_000, recipient=account("p"))) == ("booking.self_service", {})
    town.world.accept(hours(60, 1_000, recipient=account("m")))


def test_hours_that_nobody_is_paid_for_are_a_member_s_and_in_range(town: Bank) -> None:
    """They count for the star of mutual help all the same."""
    said = {"provider": account("p"), "minutes": 1_441}
    assert refused(town, step("service.recorded", **said)) == (
        "entry.bad_field", {"field": "public.minutes", "reason": "not 1 to 1440"},
    )  # fmt: skip
    shop = step("service.recorded", provider=account("shop"), minutes=60)
    assert refused(town, shop)[1]["field"] == "public.provider"
    town.take("service.recorded", provider=account("p"), minutes=1_440)
