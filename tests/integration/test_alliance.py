"""A merchant's way through the alliance over HTTP: seat on chain, penalty burned, exit, the next holder."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from eth_abi import encode as abi_encode

from chain.hashing import keccak256
from chain.operation import account_id, chapter_number
from chain.rule_kinds import encode_code
from chain.types import Address, ChapterCode
from tests.integration.serving import Serving

CHAPTER = "3101-0007"
EVIDENCE = "e1" * 32
RECEIPT = "ec" * 32
REVIEWS = (("credentials", "secretary"), ("reputation", "chair"), ("referral_ability", "committee"))


@pytest.fixture
def serving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serving]:
    """A rehearsal that begins on 2027-01-01."""
    monkeypatch.setenv("TONGYI_SIMULATION_SEED", "alliance")
    running = Serving(tmp_path / "alliance").start()
    try:
        yield running
    finally:
        running.stop_and_check()


class Alliance:
    """A chapter with officers and two merchants, by account."""

    def __init__(self, serving: Serving) -> None:
        self.serving = serving
        pool = str(serving.made("/v1/chapters", {"code": CHAPTER})["pool"])
        serving.made(f"/v1/chapters/{CHAPTER}/quotas", {"period": 202701, "amount": "1000000"})
        serving.made("/v1/credits/issue", {"chapter": CHAPTER, "to": pool, "amount": "100000"})
        officers = ("secretary", "chair", "committee", "president")
        self.of = {name: serving.join(CHAPTER) for name in officers}
        self.of |= {name: serving.join(CHAPTER, "merchant") for name in ("m", "n")}
        body = {"chapter": CHAPTER, "from": pool, "to": self.of["m"], "amount": "30000"}
        serving.made("/v1/credits/transfer", body)

    def take(self, name: str, *, by: str | None = None, **public: object) -> str:
        """Take a step and return its entry's id."""
        body: dict[str, object] = {"type": name, "chapter": CHAPTER, "public": public}
        if by is not None:
            body["actor"] = self.of[by]
        return str(self.serving.made("/v1/entries", body)["id"])

    def seat(self, merchant: str) -> None:
        """Bring a merchant to the bakery's seat."""
        account = self.of[merchant]
        self.take("deposit.lodged", merchant=account, amount="500000", receipt=RECEIPT)
        key = self.take("seat.applied", merchant=account, industry="bakery")
        for stage, by in REVIEWS:
            public = {"about": key, "stage": stage, "result": "passed", "evidence": EVIDENCE}
            self.take("seat.reviewed", by=by, **public)
        self.take("seat.granted", by="president", about=key, certificate="ce" * 32)

    def on_chain(self) -> dict[str, Any]:
        """Wait until the chain has the one seat of the ledger and return it."""
        deadline = time.monotonic() + 30
        while True:
            (seat,) = self.get("/v1/seats")["seats"]
            if seat["on_chain"] is not None and seat["on_chain"]["agrees"]:
                found: dict[str, Any] = seat
                return found
            assert time.monotonic() < deadline, seat
            time.sleep(0.1)

    def holder(self) -> str:
        """Ask the contract itself who holds the bakery's seat."""
        contract = self.serving.client.get("/v1/status").json()["contracts"]["SeatRegistry"]
        data = keccak256(b"holderOf(uint32,bytes32)")[:4] + abi_encode(
            ["uint32", "bytes32"], [chapter_number(ChapterCode(CHAPTER)), encode_code("bakery")]
        )
        call = {"to": contract, "data": "0x" + data.hex()}
        request = {"jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": [call, "latest"]}
        answer = httpx2.post(self.serving.ready["rpc"], json=request, trust_env=False).json()
        return account_id(Address(bytes.fromhex(answer["result"][-40:])))

    def get(self, path: str) -> dict[str, Any]:
        """Read one list of the chapter."""
        response = self.serving.client.get(path, params={"chapter": CHAPTER})
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found

    def move_to(self, day: str, kind: str, key: str) -> tuple[str, str]:
        """Move the clock to noon UTC of a day and record what is due; return a case's last entry and type."""
        moved = self.serving.client.post("/v1/simulation/clock", json={"to": f"{day}T12:00:00.000Z"})
        assert moved.status_code == 200, moved.text
        answer = self.serving.client.post("/v1/cases/due", json={}).json()
        assert answer["refused"] == []
        last = self.serving.client.get(f"/v1/cases/{kind}/{key}").json()["entries"][-1]
        return str(last["id"]), str(last["type"])


def test_a_seat_is_granted_penalised_left_and_granted_anew(serving: Serving) -> None:
    alliance = Alliance(serving)
    alliance.seat("m")
    seat = alliance.on_chain()
    assert (seat["merchant"], seat["state"], seat["until"]) == (alliance.of["m"], "held", "2028-01-01")
    assert seat["on_chain"]["merchant"] == alliance.of["m"]

    ordered = {"reason": "complaint_verified", "measure": "burn", "evidence": EVIDENCE}
    penalty = alliance.take("penalty.ordered", by="committee", merchant=alliance.of["m"], **ordered)
    (notice,) = alliance.get("/v1/notices")["notices"]
    assert (notice["entry"], notice["coins"], notice["state"]) == (penalty, "10000", "published")
    executed, name = alliance.move_to("2027-01-20", "penalty", penalty)
    assert name == "penalty.executed"
    entry = serving.wait_state(executed, "final")
    assert (entry["entry"]["op"]["kind"], entry["entry"]["op"]["amount"]) == ("burn", "10000")
    assert entry["outcome"]["status"] == "done"
    held = serving.client.get(f"/v1/accounts/{alliance.of['m']}/balance").json()
    assert held["balance"] == "20000"

    filed = {"merchant": alliance.of["m"], "complainant": alliance.of["chair"], "amount": "100"}
    complaint = alliance.take("complaint.filed", reason="spoiled", **filed)
    alliance.take("exit.noticed", industry="bakery")
    assert alliance.move_to("2027-04-21", "seat", f"{CHAPTER}:bakery")[1] == "exit.completed"
    (late,) = alliance.get("/v1/complaints/overdue")["overdue"]
    assert (late["key"], late["owner"]) == (complaint, "chapter")
    assert alliance.get("/v1/seats") == {"seats": []}

    alliance.seat("n")
    seat = alliance.on_chain()
    assert (seat["merchant"], seat["until"]) == (alliance.of["n"], "2028-04-20")


def test_rule_27_a_recovered_merchant_holds_its_seat_on_chain(serving: Serving) -> None:
    """The recovery is asked for right behind the grant, which the chain must hear of first."""
    alliance = Alliance(serving)
    alliance.seat("m")
    lost = alliance.of["m"]
    recovered = serving.post(f"/v1/members/{lost}/recovery", {"order": "cd" * 32})
    assert recovered.status_code == 201, recovered.text
    alliance.of["m"] = new = str(recovered.json()["account"])
    seat = alliance.on_chain()
    assert (seat["merchant"], seat["on_chain"]["merchant"]) == (new, new)
    assert alliance.holder() == new
    alliance.take("seat.renewed", by="president", industry="bakery", certificate="cf" * 32)
    assert alliance.on_chain()["certificate"] == "cf" * 32
    assert alliance.holder() == new
    alliance.take("exit.noticed", industry="bakery")
    assert alliance.move_to("2027-04-02", "seat", f"{CHAPTER}:bakery")[1] == "exit.completed"
    alliance.seat("n")
    alliance.on_chain()
    assert alliance.holder() == alliance.of["n"]


def test_reads_of_another_chapter_are_empty_and_need_a_chapter(serving: Serving) -> None:
    alliance = Alliance(serving)
    alliance.seat("m")
    key = {"name": "other", "scopes": ["entries:read"], "chapter": "3101-0008"}
    serving.made("/v1/chapters", {"code": "3101-0008"})
    other = serving.new_client(serving.post("/v1/keys", key).json()["secret"])
    with other:
        for path, name in (("seats", "seats"), ("notices", "notices"), ("complaints/overdue", "overdue")):
            found = other.get(f"/v1/{path}", params={"chapter": CHAPTER})
            assert (found.status_code, found.json()[name]) == (200, [])
            refused = serving.client.get(f"/v1/{path}")
            assert (refused.status_code, refused.json()["code"]) == (400, "query.invalid")
            assert refused.json()["field"] == "chapter"
