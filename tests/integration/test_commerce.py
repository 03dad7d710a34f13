"""Commerce over HTTP and on chain: a sale with its voucher, a grant the contract has issued, a month's
figures and awards, on a rehearsal's clock.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from chain.rule_kinds import encode_code
from gateway.db import Database, sqlite_url
from gateway.mirror.rule_tables import mirror_rule_tables
from gateway.rules.calendar import day_start
from gateway.rules.split_tables import pick_split
from gateway.rules.versions import table_digest
from tests.integration.serving import Serving

CHAPTER, ELSEWHERE = "3101-0007", "3101-0008"
POOLS = ("subsidy", "platform")
SLIPS = (f"{number:064x}" for number in itertools.count(1))
"""Receipts of purchases, each for one."""


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A rehearsal that begins on 2027-01-01."""
    folder: Path = tmp_path_factory.mktemp("commerce")
    running = Serving(folder / "data", environment={"TONGYI_SIMULATION_SEED": "commerce"}).start()
    try:
        yield running
    finally:
        running.stop_and_check()


class Market:
    """A chapter with its pools, a member with 50.00 coins and two shops, by account."""

    def __init__(self, serving: Serving) -> None:
        self.serving = serving
        pool = str(serving.made("/v1/chapters", {"code": CHAPTER})["pool"])
        serving.made("/v1/chapters", {"code": ELSEWHERE})
        serving.made(f"/v1/chapters/{CHAPTER}/quotas", {"period": 202701, "amount": "1000000"})
        self.of = {name: serving.join(CHAPTER, "pool") for name in POOLS}
        for name in POOLS:
            self.take("pool.opened", name=name, account=self.of[name])
        self.of |= {"buyer": serving.join(CHAPTER), "pool": pool}
        self.of |= {name: serving.join(CHAPTER, "merchant") for name in ("m", "n")}
        for name in ("pool", "buyer"):
            serving.made("/v1/credits/issue", {"chapter": CHAPTER, "to": self.of[name], "amount": "5000"})

    def take(self, type_name: str, /, *subjects: str, **public: Any) -> str:
        """Take a step and return its entry's id; each purchase has a receipt of its own."""
        if type_name == "sale.recorded":
            public["receipt"] = next(SLIPS)
        named = [self.of[name] for name in subjects]
        body = {"type": type_name, "chapter": CHAPTER, "public": public, "subjects": named}
        return str(self.serving.made("/v1/entries", body)["id"])

    def refused(self, type_name: str, /, **public: Any) -> dict[str, Any]:
        """Take a step that must be refused; return the problem."""
        body = {"type": type_name, "chapter": CHAPTER, "public": public}
        answer: dict[str, Any] = self.serving.post("/v1/entries", body).json()
        return answer

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """Read figures of the chapter."""
        response = self.serving.client.get(path, params={"chapter": CHAPTER, **query})
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found

    def move_to(self, moment: str) -> list[str]:
        """Move the clock and record what is due; return the entries."""
        assert self.serving.client.post("/v1/simulation/clock", json={"to": moment}).status_code == 200
        answer = self.serving.client.post("/v1/cases/due", json={}).json()
        assert answer["refused"] == []
        return [str(entry) for entry in answer["recorded"]]


@pytest.fixture(scope="module")
def market(serving: Serving) -> Market:
    """The one market of this module, in which nothing has happened yet."""
    return Market(serving)


def test_a_month_of_a_market(serving: Serving, market: Market) -> None:
    bought = market.take("sale.recorded", "buyer", merchant=market.of["m"], amount="6000")
    voucher = market.take("voucher.granted", about=bought, merchant=market.of["n"])
    second = market.take("sale.recorded", "buyer", merchant=market.of["n"], amount="2000")
    market.take("voucher.used", about=voucher, sale=second)
    paid = market.take("sale.paid", about=second, amount="1500")
    granted = market.take("grant.booked", kind="sponsorship", amount="100001", receipt="ab" * 32)
    person = market.refused(
        "grant.booked", kind="sponsorship", amount="100", receipt="ac" * 32, to=market.of["buyer"]
    )
    assert (person["status"], person["code"]) == (409, "grant.never_to_a_person")
    assert person["detail_zh"].startswith("赠予分会的资金只能注入补贴池")
    burned = market.take("merchant.surplus_burned", merchant=market.of["n"], amount="500")

    for entry, kind, amount in (
        (paid, "redeem", "1500"),
        (granted, "issue", "83334"),
        (burned, "burn", "500"),
    ):
        settled = serving.wait_state(entry, "final")
        assert settled["outcome"]["status"] == "done"
        assert (settled["entry"]["op"]["kind"], settled["entry"]["op"]["amount"]) == (kind, amount)
    for name, balance in (("buyer", "3500"), ("n", "1000"), ("subsidy", "83334")):
        held = serving.client.get(f"/v1/accounts/{market.of[name]}/balance").json()
        assert held["balance"] == balance, name

    # The whole refund makes the voucher due, open again until its last day, and the coins n has not burned.
    market.take("sale.refunded", about=second, amount="2000")
    due = market.move_to("2027-01-02T00:00:00.000Z")
    entries = [serving.client.get(f"/v1/entries/{entry}").json()["entry"] for entry in due]
    assert sorted(entry["type"] for entry in entries) == ["sale.coins_returned", "voucher.returned"]
    back = next(entry["public"] for entry in entries if entry["type"] == "sale.coins_returned")
    assert (back["amount"], back["receivable"]) == ("1000", "500")
    assert serving.client.get(f"/v1/cases/voucher/{voucher}").json()["state"] == "open"

    figures = market.get("/v1/figures", month="2027-01")
    assert figures["sales"] == {"count": 2, "amount": "8000"}
    refunds = {"count": 1, "amount": "2000", "coins": "1500", "rebate": "0", "coins_owed": "500"}
    assert figures["refunds"] == refunds
    assert figures["grants"] == {"count": 1, "amount": "100001", "coins": "83334"}
    vouchers = figures["vouchers"]
    assert (vouchers["granted"], vouchers["used"], vouchers["returned"], vouchers["discount"]) == (
        1,
        1,
        1,
        "500",
    )
    assert all(row["net"] == "0" for row in vouchers["cost"])
    assert figures["coins"] == {
        "issued": "93334",
        "burned": "500",
        "elsewhere": "0",
        "members": "4500",
        "merchants": "0",
        "pools": "88334",
        "system": "0",
    }

    early = market.refused("award.granted", award="savings_master", month="2027-01", rank=1)
    assert (early["status"], early["code"]) == (409, "award.month_open")
    market.take("sale.paid", about=bought_again(market), amount="700")
    market.move_to("2027-02-01T00:00:00.000Z")
    award = market.take("award.granted", award="savings_master", month="2027-01", rank=1)
    (row,) = (one for one in market.get("/v1/awards", month="2027-01")["awards"] if one["entry"] == award)
    # 15.00 of the 22.00 coins are to come back with the refund.
    assert (row["winner"], row["tally"], row["agrees"]) == (market.of["buyer"], 700, True)


def bought_again(market: Market) -> str:
    return market.take("sale.recorded", "buyer", merchant=market.of["m"], amount="1000")


def test_a_published_table_stands_on_chain(serving: Serving, market: Market) -> None:
    """The version a chapter uses is in RuleBook with the digest of its text, before it takes effect."""
    table = pick_split("renewal_fee", date(2027, 6, 1))
    market.take("rule.published", table=table.id, version=table.version, since="2027-12-01")
    database = Database(sqlite_url(serving.data / "gateway.sqlite3"))
    query = select(mirror_rule_tables).where(mirror_rule_tables.c.table_id == encode_code(table.id))
    deadline = time.monotonic() + 30
    try:
        while True:
            with database.reader() as connection:
                rows = connection.execute(query).all()
            if rows or time.monotonic() > deadline:
                break
            time.sleep(0.2)
    finally:
        database.close()
    (row,) = rows
    assert (row.chapter, row.version, row.kind) == (31_010_007, 1, 1)
    assert row.table_hash == table_digest(table)
    assert row.effective_from == day_start(date(2027, 12, 1)) // 1000


def test_gates_and_contributions(market: Market) -> None:
    market.take("capital.recorded", "buyer", amount="100000", receipt="01" * 32)
    equity = market.get("/v1/equity", month="2027-02")
    assert [(row["pool"], row["account"], row["parts"]) for row in equity["rows"]] == [
        ("committee_and_core_merchants", None, 2_500),
        ("members", market.of["buyer"], 6_000),
        ("platform_and_development", None, 1_500),
    ]
    market.take("parameter.set", parameter="households", number=1000)
    gates = market.get("/v1/gates")
    assert (gates["households"], gates["may_grow"], gates["may_raise"]) == (1000, False, False)


READS = ("figures?month=2027-01", "awards?month=2027-01", "equity?month=2027-01", "gates?")


@pytest.mark.parametrize("path", READS)
def test_another_chapter_reads_like_none(serving: Serving, market: Market, path: str) -> None:
    key = {"name": "other", "scopes": ["entries:read"], "chapter": ELSEWHERE}
    with serving.new_client(serving.post("/v1/keys", key).json()["secret"]) as other:
        foreign = other.get(f"/v1/{path}&chapter={CHAPTER}")
        absent = other.get(f"/v1/{path}&chapter=3101-9999")
        own = other.get(f"/v1/{path}")
    assert (foreign.status_code, foreign.json()["code"]) == (404, "not_found")
    assert {**foreign.json(), "trace_id": ""} == {**absent.json(), "trace_id": ""}
    assert own.status_code == (409 if path.startswith("equity") else 200), own.text
    assert market.of["buyer"] not in own.text


@pytest.mark.parametrize(
    ("query", "field"),
    [("month=2027-1&chapter=3101-0007", "month"), ("month=2027-13", "month"), ("month=2027-01", "chapter")],
)
def test_what_must_be_asked_for(serving: Serving, market: Market, query: str, field: str) -> None:
    for path in ("figures", "awards", "equity"):
        answer = serving.client.get(f"/v1/{path}?{query}")
        assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (
            400,
            "query.invalid",
            field,
        )
