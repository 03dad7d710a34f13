"""One-time payment codes (rule 19): bound, short-lived, and paying once, whoever scans them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, cast

import pytest

from gateway.db import fetch_all
from gateway.errors import Refusal
from gateway.ledger.drafts import Accepted
from gateway.rules.calendar import format_timestamp
from gateway.rules.parameters import ship
from gateway.rules.payment_codes import CodeTerms, digest_token
from gateway.timebank import paycodes
from tests.unit.gateway.timebank.kit import MORNING, Bank, account, step

SECRET = b"\x5a" * 32
PROOF = hashlib.sha256(SECRET).digest()
CODE = digest_token(PROOF).hex()
PAYMENT: dict[str, Any] = {"payee": account("p"), "amount": "250", "purpose": "gift"}
SCAN: dict[str, Any] = {**PAYMENT, "proof": PROOF.hex(), "payer": account("m")}


def test_the_code_is_the_one_the_formats_name() -> None:
    assert CODE == "5e522e2c6a212faee3ee9a7533a6049292c9243caa7a704a22f0cadb02b8d70d"
    assert CODE in (Path(__file__).parents[4] / "chain" / "FORMATS.md").read_text()


def issue(bank: Bank, **change: Any) -> Accepted:
    return bank.take("paycode.issued", **{**PAYMENT, "code": CODE, **change})


def test_rule_19_a_code_pays_its_payee_once(bank: Bank) -> None:
    issued = issue(bank)
    told = bank.public(issued)
    assert told["expires_at"] == format_timestamp((MORNING + 120) * 1000)
    used = bank.take("paycode.used", **SCAN, actor="m")
    assert bank.moved(used) == ("transfer", "m", "p", 250)
    assert bank.public(used)["code"] == CODE
    assert SECRET.hex() not in repr(bank.public(used)) + repr(told) + repr(bank.case("paycode", CODE))
    assert bank.refused("paycode.used", **SCAN) == ("payment_code.used", {})
    assert bank.refused("paycode.used", **{**SCAN, "payer": account("n")}) == ("payment_code.used", {})
    assert (bank.balance("p"), bank.balance("m")) == (250, 9_750)
    assert bank.refused("paycode.issued", **PAYMENT, code=CODE) == ("case.exists", {"kind": "paycode"})


def test_rule_20_a_copy_of_the_tables_pays_nobody(bank: Bank) -> None:
    """Of an open code the ledger keeps a digest: what a scan must show is in no row of it."""
    issue(bank)
    with bank.world.database.reader() as connection:
        bodies = fetch_all(connection, "SELECT body FROM entries ORDER BY log_index")
        kept = repr(fetch_all(connection, "SELECT * FROM cases"))
    entries = b"".join(bytes(cast("bytes", body)) for (body,) in bodies).decode()
    assert CODE in kept and CODE in entries
    for secret in (PROOF, SECRET):
        assert secret.hex() not in kept + entries
    # The digest itself is no proof.
    stolen = {**SCAN, "proof": CODE}
    assert bank.refused("paycode.used", **stolen)[0] == "payment_code.unknown"


def test_rule_20_a_cap_holds_for_every_code_of_its_day(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    capped = ship("code_terms", CodeTerms(max_amount=250), "test")
    monkeypatch.setattr(paycodes, "CODE_TERMS", capped)
    over = {**PAYMENT, "code": CODE, "amount": "251"}
    assert bank.refused("paycode.issued", **over) == ("payment_code.too_large", {"limit": 250})
    assert bank.cases("paycode") == []
    issue(bank)
    # What was issued within the cap is what a scan pays, not more.
    assert bank.refused("paycode.used", **{**SCAN, "amount": "251"}) == ("payment_code.other_amount", {})
    assert bank.moved(bank.take("paycode.used", **SCAN)) == ("transfer", "m", "p", 250)


def test_rule_19_two_phones_scan_at_once_and_one_pays(bank: Bank) -> None:
    issue(bank)
    drafts = [step("paycode.used", **{**SCAN, "payer": account(name)}) for name in ("m", "n")]
    first, second = bank.world.ledger.submit_many([bank.world.submission(draft) for draft in drafts])
    assert isinstance(first, Accepted)
    assert isinstance(second, Refusal)
    assert second.code == "payment_code.used"
    assert (bank.balance("p"), bank.balance("m"), bank.balance("n")) == (250, 9_750, 10_000)


def test_rule_19_a_screenshot_is_worthless_after_its_time(bank: Bank) -> None:
    issue(bank)
    bank.at(MORNING + 119)
    early = bank.refused("paycode.expired", code=CODE)
    assert early == ("payment_code.still_open", {})
    bank.at(MORNING + 120)
    assert bank.refused("paycode.used", **SCAN) == ("payment_code.expired", {})
    assert bank.due() == ["paycode.expired"]
    assert bank.refused("paycode.used", **SCAN) == ("payment_code.expired", {})
    assert bank.case("paycode", CODE)["state"] == "expired"
    assert bank.refused("paycode.expired", code=CODE)[0] == "case.wrong_state"
    assert bank.balance("p") == 0


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"proof": "00" * 32}, "payment_code.unknown"),
        ({"proof": CODE}, "payment_code.unknown"),
        ({"payee": account("q")}, "payment_code.other_payee"),
        ({"amount": "251"}, "payment_code.other_amount"),
        ({"purpose": "lunch"}, "payment_code.other_purpose"),
        ({"payer": account("p")}, "payment_code.self_payment"),
        ({"actor": "n"}, "payment_code.other_payer"),
        ({"payer": account("q")}, "balance.insufficient"),
    ],
)
def test_rule_19_a_code_is_bound_and_a_refused_scan_leaves_it_open(
    bank: Bank, change: dict[str, Any], code: str
) -> None:
    issue(bank)
    assert bank.refused("paycode.used", **{**SCAN, **change})[0] == code
    assert bank.case("paycode", CODE)["state"] == "open"
    bank.take("paycode.used", **SCAN)


def test_a_shop_is_paid_by_redemption(bank: Bank) -> None:
    issue(bank, payee=account("shop"))
    used = bank.take("paycode.used", **{**SCAN, "payee": account("shop")})
    assert bank.moved(used) == ("redeem", "m", "shop", 250)


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        (
            {"payee": account("holding")},
            ("entry.bad_field", {"field": "public.payee", "reason": "is neither member nor merchant"}),
        ),
        ({"payee": account("nobody")}, ("member.unknown", {"field": "public.payee"})),
        ({"actor": "m"}, ("payment_code.other_payee", {})),
        ({"expires_at": format_timestamp(0)}, ("entry.not_as_computed", {"field": "public.expires_at"})),
    ],
)
def test_what_cannot_be_issued(bank: Bank, change: dict[str, Any], refused: tuple[str, Any]) -> None:
    assert bank.refused("paycode.issued", **{**PAYMENT, "code": CODE, **change}) == refused
    assert bank.cases("paycode") == []
