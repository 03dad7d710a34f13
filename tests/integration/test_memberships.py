"""Memberships over HTTP: join, pay, refer, reward, core functions, parameters; closing down to the chain."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.serving import Serving

CHAPTER, OTHER = "3101-0301", "3101-0302"
RECEIPT = "a1" * 32


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    running = Serving(tmp_path_factory.mktemp("members") / "data").start()
    yield running
    running.stop_and_check()


def entry(serving: Serving, name: str, who: str | None = None, **public: object) -> dict[str, Any]:
    body = {"type": name, "chapter": CHAPTER, "subjects": [] if who is None else [who], "public": public}
    return serving.made("/v1/entries", body)


def said(serving: Serving, made: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = serving.client.get(f"/v1/entries/{made['id']}").json()["entry"]["public"]
    return found


def carry_out(serving: Serving) -> None:
    """Record what is due; the gateway's own loop may have been faster."""
    answer = serving.client.post("/v1/cases/due", json={}).json()
    assert answer["refused"] == [], answer


def refused(serving: Serving, path: str, body: dict[str, object], **options: Any) -> tuple[int, str]:
    response = serving.post(path, body, **options)
    return response.status_code, response.json()["code"]


def test_a_members_life_from_opening_to_closing(serving: Serving) -> None:
    pool = serving.open_chapter(CHAPTER)
    friend, member = serving.join(CHAPTER), serving.join(CHAPTER)
    merchant = serving.join(CHAPTER, "merchant")
    for account in (friend, member):
        entry(serving, "membership.opened", account, kind="ordinary", receipt=RECEIPT)
    entry(serving, "referral.declared", member, referrer=friend)
    carry_out(serving)
    membership = serving.client.get(f"/v1/cases/membership/{member}").json()
    assert (membership["state"], membership["document"]["fee"]) == ("active", 9_900)
    fee = serving.client.get(f"/v1/cases/fee/{membership['document']['fee_entry']}").json()
    assert (fee["state"], fee["entries"][-1]["type"]) == ("split", "membership.fee_split")

    # Core functions: pay with offset, reward, show.
    serving.made("/v1/credits/issue", {"chapter": CHAPTER, "to": member, "amount": "5000"})
    order = {
        "chapter": CHAPTER, "buyer": member, "merchant": merchant, "amount": "30000", "coins": "2000",
        "receipt": "5a" * 32,
    }  # fmt: skip
    key = serving.fresh_key()
    paid = serving.post("/v1/core/pay", order, key=key)
    assert paid.status_code == 201, paid.text
    bought = paid.json()
    assert (bought["money"], bought["rebate"]) == ("28000", "1400")
    again = serving.post("/v1/core/pay", order, key=key).json()
    assert [again[name] for name in ("id", "paid", "rebated")] == [
        bought[name] for name in ("id", "paid", "rebated")
    ]
    reward = {"chapter": CHAPTER, "sale": bought["id"], "margin": "20000"}
    rewarded = serving.made("/v1/core/referral", reward)
    assert rewarded["amount"] == "18000"
    assert refused(serving, "/v1/core/referral", reward) == (409, "referral.rewarded_already")
    shown = serving.client.get(f"/v1/core/credits/{member}").json()
    assert (shown["available"], shown["limit"], shown["expired"]) == ("4400", None, "0")
    meter = serving.client.get(f"/v1/referrals/meter?chapter={CHAPTER}").json()
    assert (meter["deepest"], meter["chains"], meter["share"]) == (1, [{"people": 2, "levels": 1}], 6_000)
    tree = serving.client.get(f"/v1/referrals/tree?chapter={CHAPTER}").json()["people"]
    assert len(tree) == 2 and "acct_" not in str(tree)

    # Closing: the balance goes to the pool, then the chain itself refuses the account.
    closing = entry(serving, "account.closing", member, destination="pool", order="0d" * 32)
    assert said(serving, closing)["amount"] == "4400"
    carry_out(serving)
    serving.wait_state(closing["id"], "final")
    assert serving.client.get(f"/v1/cases/closing/{member}").json()["state"] == "closed"
    give = {"chapter": CHAPTER, "to": member, "amount": "1"}
    assert refused(serving, "/v1/credits/issue", give) == (409, "member.closed")
    held = serving.client.get(f"/v1/accounts/{member}/balance").json()
    assert (held["balance"], held["available"]) == ("0", "0")
    pooled = serving.client.get(f"/v1/accounts/{pool}/balance").json()
    assert pooled["available"] == str(1_000_000 - 1_400 + 4_400)


def test_a_payment_goes_on_where_the_first_request_ended(serving: Serving) -> None:
    buyer, merchant = serving.join(CHAPTER), serving.join(CHAPTER, "merchant")
    order = {"chapter": CHAPTER, "buyer": buyer, "merchant": merchant, "amount": "1000", "coins": "500"}
    order["receipt"] = "5b" * 32
    key = serving.fresh_key()
    assert refused(serving, "/v1/core/pay", order, key=key) == (409, "balance.insufficient")
    sales = serving.client.get(f"/v1/cases?kind=sale&holder={buyer}").json()["cases"]
    assert [(case["document"]["paid"], case["document"]["rebated"]) for case in sales] == [(0, 0)]
    serving.made("/v1/credits/issue", {"chapter": CHAPTER, "to": buyer, "amount": "500"})
    done = serving.post("/v1/core/pay", order, key=key).json()
    assert (done["id"], done["money"], done["rebate"]) == (sales[0]["key"], "500", "25")
    assert len(serving.client.get(f"/v1/cases?kind=sale&holder={buyer}").json()["cases"]) == 1
    wrong = {**order, "coins": "1001"}
    assert refused(serving, "/v1/core/pay", wrong) == (409, "sale.paid_up")
    # Under another key it is another request, for a purchase that is recorded already.
    assert refused(serving, "/v1/core/pay", order) == (409, "receipt.recorded_already")
    bare = {name: value for name, value in order.items() if name != "receipt"}
    assert refused(serving, "/v1/core/pay", bare)[0] == 422


def test_parameters_take_effect_on_chain_and_only_by_decision(serving: Serving) -> None:
    serving.open_chapter(OTHER)
    body = {
        "type": "parameter.set",
        "chapter": OTHER,
        "subjects": [],
        "public": {"parameter": "holding_cap", "amount": "700"},
    }
    scopes = {"name": "clerk", "scopes": ["entries:write", "entries:read"], "chapter": OTHER}
    secret = serving.post("/v1/keys", scopes).json()["secret"]
    clerk = serving.new_client(secret)
    try:
        assert refused(serving, "/v1/entries", body, client=clerk) == (403, "auth.scope")
        serving.made("/v1/entries", body)
        carry_out(serving)
        found = clerk.get("/v1/parameters").json()
        assert found["day"] == (datetime.now(UTC) + timedelta(hours=8)).date().isoformat()
        cap = next(row for row in found["parameters"] if row["name"] == "holding_cap")
        assert (cap["set"], cap["value"], cap["version"]) == (True, "700", 2)
        assert serving.client.get(f"/v1/chapters/{OTHER}").json()["holding_cap"] == "700"
        # Another chapter's parameters, meter and tree read like nothing.
        assert clerk.get(f"/v1/parameters?chapter={CHAPTER}").json()["parameters"] == []
        assert clerk.get(f"/v1/referrals/meter?chapter={CHAPTER}").json()["code"] == "not_found"
        assert clerk.get("/v1/referrals/tree").json()["code"] == "auth.scope"
        assert clerk.get("/v1/parameters?chapter=no").json()["code"] == "query.invalid"
    finally:
        clerk.close()
    member = serving.join(OTHER)
    give = {"chapter": OTHER, "to": member, "amount": "701"}
    assert refused(serving, "/v1/credits/issue", give) == (409, "cap.exceeded")
