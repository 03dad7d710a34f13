"""Payment codes: bound, expiring, used once; two phones, a late scan and a replayed screenshot."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import FormatError
from gateway.rules.payment_codes import (
    CODE_TERMS,
    CodeState,
    CodeTerms,
    Scan,
    digest_token,
    expire_code,
    open_digest,
    use_code,
)
from gateway.rules.refusals import RuleRefusal

TOKEN = bytes(range(32))
NOW = 1_800_000_000
CODE = open_digest(digest_token(TOKEN), "shop", 1_250, "order-7", NOW, CodeTerms())
SCAN = Scan(TOKEN, "payer", "shop", 1_250, "order-7", NOW + 5)


def refuse(scan: Scan, code: object = CODE) -> str:
    with pytest.raises(RuleRefusal) as caught:
        use_code(code, scan)  # type: ignore[arg-type]
    assert caught.value.fields == {}
    return caught.value.code


def test_rule_20_a_code_keeps_a_digest_only() -> None:
    assert CODE.digest == digest_token(TOKEN)
    assert len(CODE.digest) == 32
    assert TOKEN.hex() not in repr(CODE) and repr(TOKEN) not in repr(CODE)
    assert (CODE.state, CODE.expires_at) == (CodeState.OPEN, NOW + 120)
    # SHA-256 of the domain and the token, computed with coreutils.
    assert CODE.digest.hex() == "1cbf6c2235c1eff84f8201ba5f7f637131b6cd798bf75cf02f4bf4b97a7f13cb"


def test_rule_19_two_phones_scan_at_once_and_one_wins() -> None:
    store = {CODE.digest: CODE}
    first, second = SCAN, replace(SCAN, payer="other payer")
    seen_by_both = store[CODE.digest]
    used = use_code(seen_by_both, first)
    assert use_code(seen_by_both, second).payer == "other payer"
    # The store's compare-and-set lets one of them in; the other then starts from what is stored.
    store[CODE.digest] = used
    assert refuse(second, store[CODE.digest]) == "payment_code.used"
    assert (used.state, used.payer, used.ended_at) == (CodeState.USED, "payer", NOW + 5)


@pytest.mark.parametrize("at", [NOW + 120, NOW + 121, NOW - 1])
def test_rule_19_scan_outside_the_lifetime(at: int) -> None:
    assert refuse(replace(SCAN, at=at)) == "payment_code.expired"


def test_rule_19_last_second_counts() -> None:
    assert use_code(CODE, replace(SCAN, at=NOW + 119)).state is CodeState.USED


def test_rule_19_replay_of_a_screenshot() -> None:
    used = use_code(CODE, SCAN)
    assert refuse(SCAN, used) == "payment_code.used"
    assert refuse(replace(SCAN, at=NOW + 999), used) == "payment_code.used"
    assert refuse(SCAN, expire_code(CODE, NOW + 120)) == "payment_code.expired"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"payee": "other shop"}, "payment_code.other_payee"),
        ({"amount": 1_251}, "payment_code.other_amount"),
        ({"purpose": "order-8"}, "payment_code.other_purpose"),
        ({"payer": "shop"}, "payment_code.self_payment"),
        ({"token": bytes(32)}, "payment_code.unknown"),
    ],
)
def test_rule_19_a_code_is_bound(change: dict[str, object], code: str) -> None:
    assert refuse(replace(SCAN, **change)) == code


def test_expiry() -> None:
    with pytest.raises(RuleRefusal) as early:
        expire_code(CODE, NOW + 119)
    assert early.value.code == "payment_code.still_open"
    expired = expire_code(CODE, NOW + 500)
    assert (expired.state, expired.ended_at) == (CodeState.EXPIRED, NOW + 120)
    assert expire_code(expired, NOW + 501) == expired
    with pytest.raises(RuleRefusal) as used:
        expire_code(use_code(CODE, SCAN), NOW + 500)
    assert used.value.code == "payment_code.used"


def test_rule_20_a_code_is_capped_where_the_chapter_caps_it() -> None:
    with pytest.raises(RuleRefusal) as caught:
        open_digest(digest_token(TOKEN), "shop", 5_001, "x", NOW, CodeTerms(max_amount=5_000))
    assert (caught.value.code, caught.value.fields) == ("payment_code.too_large", {"limit": 5_000})
    assert (
        open_digest(digest_token(TOKEN), "shop", 5_000, "x", NOW, CodeTerms(60, 5_000)).expires_at == NOW + 60
    )
    assert CODE_TERMS[-1].value.max_amount is None


@pytest.mark.parametrize(
    ("token", "payee", "amount", "purpose", "where"),
    [
        (bytes(15), "shop", 1, "x", "token"),
        (TOKEN, "", 1, "x", "payment_code"),
        (TOKEN, "shop", 0, "x", "payment_code"),
        (TOKEN, "shop", 1, "", "payment_code"),
        (TOKEN, "shop", -1, "x", "amount"),
    ],
)
def test_a_code_is_for_something(token: bytes, payee: str, amount: int, purpose: str, where: str) -> None:
    with pytest.raises(FormatError) as caught:
        open_digest(digest_token(token), payee, amount, purpose, NOW, CodeTerms())
    assert caught.value.where == where


@pytest.mark.parametrize("bad", [0, 3_601])
def test_lifetimes_are_short(bad: int) -> None:
    with pytest.raises(FormatError) as caught:
        CodeTerms(lifetime_s=bad)
    assert caught.value.where == "lifetime_s"


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(-10, 200), st.booleans()), max_size=12))
def test_random_walks_use_a_code_at_most_once(steps: list[tuple[str, int, bool]]) -> None:
    code, uses = CODE, 0
    for payer, after, expire in steps:
        before = code
        try:
            code = (
                expire_code(before, NOW + after)
                if expire
                else use_code(before, replace(SCAN, payer=payer, at=NOW + after))
            )
        except RuleRefusal:
            assert code == before
            continue
        uses += before.state is CodeState.OPEN and code.state is CodeState.USED
        assert before.state is CodeState.OPEN or code == before
        assert (code.payee, code.amount, code.purpose, code.digest) == ("shop", 1_250, "order-7", CODE.digest)
    assert uses == (code.state is CodeState.USED)
