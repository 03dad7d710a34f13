"""The time bank over HTTP and on chain: from an offer to coins that the contract has moved, on a rehearsal's
clock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.rules.payment_codes import digest_token
from tests.integration.serving import Serving

CHAPTER, ELSEWHERE = "3101-0007", "3101-0008"
STARTS = "2027-01-04T02:00:00.000Z"
"""Monday 2027-01-04, 10:00 in Shanghai."""


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A rehearsal that begins on 2027-01-01."""
    folder: Path = tmp_path_factory.mktemp("timebank")
    running = Serving(folder / "data", environment={"TONGYI_SIMULATION_SEED": "timebank"}).start()
    try:
        yield running
    finally:
        running.stop_and_check()


class Town:
    """A chapter with its pools, a member with 50.00 coins, a provider and a shop, by account."""

    def __init__(self, serving: Serving) -> None:
        self.serving = serving
        pool = str(serving.made("/v1/chapters", {"code": CHAPTER})["pool"])
        serving.made(f"/v1/chapters/{CHAPTER}/quotas", {"period": 202701, "amount": "1000000"})
        self.of = {name: serving.join(CHAPTER, "pool") for name in ("holding", "subsidy")}
        self.of |= {name: serving.join(CHAPTER) for name in ("member", "provider")}
        self.of["shop"] = serving.join(CHAPTER, "merchant")
        for name in ("member", "provider"):
            self.take("membership.opened", name, kind="refundable", receipt="a1" * 32)
        for name in ("holding", "subsidy"):
            self.take("pool.opened", name=name, account=self.of[name])
        for account in (pool, self.of["member"]):
            issue = {"chapter": CHAPTER, "to": account, "amount": "5000"}
            issued = str(serving.made("/v1/credits/issue", issue)["id"])
        # Balances are told as the mirror has them: whoever looks first finds what was issued.
        serving.wait_state(issued, "final")

    def take(self, type_name: str, /, *subjects: str, **public: Any) -> str:
        """Take a step and return its entry's id."""
        body = {"type": type_name, "chapter": CHAPTER, "public": public}
        named = [self.of[name] for name in subjects]
        return str(self.serving.made("/v1/entries", {**body, "subjects": named})["id"])

    def refused(self, type_name: str, /, **public: Any) -> tuple[int, str]:
        """Take a step that must be refused; return status and code."""
        body = {"type": type_name, "chapter": CHAPTER, "public": public}
        answer = self.serving.post("/v1/entries", body)
        return answer.status_code, answer.json()["code"]

    def balances(self, *names: str) -> list[int]:
        """Return what accounts hold on chain."""
        found = [self.serving.client.get(f"/v1/accounts/{self.of[name]}/balance").json() for name in names]
        return [int(row["balance"]) for row in found]

    def move_clock(self, to: str) -> None:
        answer = self.serving.client.post("/v1/simulation/clock", json={"to": to})
        assert answer.status_code == 200, answer.text


@pytest.fixture(scope="module")
def town(serving: Serving) -> Town:
    return Town(serving)


def test_a_service_from_offer_to_settled_coins(serving: Serving, town: Town) -> None:
    town.take("service.listed", service="lamp_repair", kind="value_added", minutes=60, price="1250")
    hours = {"availability": ["mon.08:00-12:00"], "capacity": 3}
    offer = town.take("service.offered", "provider", skill="lamp_repair", compound="c1", **hours)
    wish = {"service": "lamp_repair", "compound": "c1", "minutes": 60, "starts_at": STARTS}
    booking = town.take("service.requested", "member", **wish)
    found = serving.client.get("/v1/services/matches", params={"chapter": CHAPTER}).json()["matches"]
    assert found == [{"request": booking, **wish, "offer": offer, "provider": town.of["provider"]}]
    town.take("service.dispatched", about=booking, offer=offer)
    town.take("service.accepted", about=booking, side="provider")
    booked = town.take("service.booked", about=booking, side="member")
    serving.wait_state(booked, "final")
    assert town.balances("member", "holding", "provider") == [3_750, 1_250, 0]
    town.move_clock(STARTS)
    for side in ("member", "provider"):
        town.take("service.checked_in", about=booking, side=side)
    town.move_clock("2027-01-04T03:00:00.000Z")
    for side in ("member", "provider"):
        town.take("service.checked_out", about=booking, side=side)
    part = town.take("service.part_done", about=booking, side="provider", minutes=7)
    town.move_clock("2027-01-04T03:00:00.001Z")
    done = serving.client.post("/v1/cases/due", json={}).json()
    assert (len(done["recorded"]), done["refused"], done["more"]) == (1, [], False)
    for entry in (part, done["recorded"][0]):
        serving.wait_state(entry, "final")
    assert town.balances("member", "holding", "provider") == [4_855, 0, 145]
    case = serving.client.get(f"/v1/cases/booking/{booking}").json()
    assert case["state"] == "partly_completed"
    assert [step["type"] for step in case["entries"]] == [
        "service.requested", "service.dispatched", "service.accepted", "service.booked", "service.checked_in",
        "service.checked_in", "service.checked_out", "service.checked_out", "service.part_done",
        "service.settled",
    ]  # fmt: skip


def test_rule_19_a_payment_code_is_redeemed_once(serving: Serving, town: Town) -> None:
    before = town.balances("member")[0]
    proof = hashlib.sha256(b"drawn by the shop's device").digest()
    bound = {"payee": town.of["shop"], "amount": "300", "purpose": "lunch"}
    town.take("paycode.issued", **bound, code=digest_token(proof).hex())
    scan = {**bound, "proof": proof.hex(), "payer": town.of["member"]}
    used = town.take("paycode.used", **scan)
    assert town.refused("paycode.used", **scan) == (409, "payment_code.used")
    serving.wait_state(used, "final")
    assert town.balances("member", "shop") == [before - 300, 300]


def test_matches_are_for_the_keys_of_their_chapter(serving: Serving, town: Town) -> None:
    wish = {"service": "companionship", "compound": "c9", "minutes": 60}
    booking = town.take("service.requested", "member", **wish, starts_at="2027-01-25T02:00:00.000Z")
    for chapter, seen in ((CHAPTER, [booking]), (ELSEWHERE, [])):
        key = serving.made("/v1/keys", {"name": "k", "scopes": ["entries:read"], "chapter": chapter})[
            "secret"
        ]
        with serving.new_client(key) as client:
            asked = client.get("/v1/services/matches", params={"chapter": CHAPTER, "compound": "c9"}).json()
            assert [row["request"] for row in asked["matches"]] == seen
            own = client.get("/v1/services/matches", params={"compound": "c9"}).json()["matches"]
            assert [row["request"] for row in own] == seen
    for query in ({}, {"chapter": "x"}, {"chapter": CHAPTER, "compound": "two words"}):
        answer = serving.client.get("/v1/services/matches", params=query)
        assert (answer.status_code, answer.json()["code"]) == (400, "query.invalid")
    with serving.new_client(None) as nobody:
        assert nobody.get("/v1/services/matches").json()["code"] == "auth.missing"


def test_decisions_need_their_scope(serving: Serving, town: Town) -> None:
    key = serving.made("/v1/keys", {"name": "c", "scopes": ["entries:write"], "chapter": CHAPTER})["secret"]
    with serving.new_client(key) as client:
        for name, public in (
            ("service.listed", {"service": "x", "kind": "basic", "minutes": 60}),
            ("service.decided", {"about": "0" * 26, "minutes": 0}),
            ("pool.opened", {"name": "reserve", "account": town.of["holding"]}),
        ):
            body = {"type": name, "chapter": CHAPTER, "public": public}
            refused = serving.post("/v1/entries", body, client=client)
            assert (refused.status_code, refused.json()["code"]) == (403, "auth.scope"), name
