"""What a payment code and an offer come to where a chapter's rules of persons stand in the way."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.case_rules import CASE_BOOK
from gateway.db import Database
from gateway.rules.payment_codes import digest_token
from tests.unit.gateway.timebank.kit import CODE, Bank, account
from tests.unit.gateway.timebank.towns import ORDER, check_replay, town_of


@pytest.fixture
def town(database: Database, tmp_path: Path) -> Iterator[Bank]:
    with town_of(database, tmp_path) as bank:
        yield bank
        check_replay(bank, tmp_path)


def test_a_code_gives_no_coins_past_the_kin_rule(town: Bank) -> None:
    town.take("parameter.set", parameter="kin_transfer", codes=["parent", "child"])
    proof = hashlib.sha256(b"secret").digest()
    payment = {"payee": account("n"), "amount": "250", "purpose": "gift"}
    scan = {**payment, "proof": proof.hex(), "payer": account("m")}
    town.take("paycode.issued", **payment, code=digest_token(proof).hex())
    assert town.refused("paycode.used", **scan)[0] == "member.kin_not_allowed"
    assert town.balance("n") == 10_000
    town.take("kin.declared", ("m",), kin=account("n"), relation="child")
    town.take("kin.declared", ("n",), kin=account("m"), relation="parent")
    town.take("paycode.used", **scan)
    assert (town.balance("m"), town.balance("n")) == (9_750, 10_250)


def test_a_shop_is_paid_by_code_whatever_the_kin_rule_says(town: Bank) -> None:
    town.take("parameter.set", parameter="kin_transfer", codes=["parent"])
    proof = hashlib.sha256(b"secret").digest()
    payment = {"payee": account("shop"), "amount": "250", "purpose": "goods"}
    town.take("paycode.issued", **payment, code=digest_token(proof).hex())
    town.take("paycode.used", **payment, proof=proof.hex(), payer=account("m"))
    assert town.balance("shop") == 250


def test_the_offers_of_a_closed_account_promise_nothing(town: Bank) -> None:
    offer = town.offer("p", capacity=7)
    town.offer("n", capacity=2)
    town.take("account.closing", ("p",), destination="pool", order=ORDER)
    town.take("account.closed", ("p",))
    assert town.case("offer", offer)["state"] == "withdrawn"
    assert town.case("supply", f"{CODE}:appliance_cleaning")["document"] == {"capacity": 2}
    with town.world.database.reader() as connection:
        due = CASE_BOOK.due_steps(connection, town.world.clock.milliseconds, 100)
    assert "account.closed" not in [draft.type for _, draft in due]
