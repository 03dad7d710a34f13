"""Bodies of POST /v1/entries: what form is taken, and what each fault is called."""

from __future__ import annotations

from typing import Any

import pytest

from chain.operation import OperationKind
from gateway.api.instruction import choose_key, fingerprint, parse_key_header, read_draft
from gateway.errors import Refusal

ALICE = "acct_" + "a1" * 20
POOL = "acct_" + "b2" * 20


def body(**changes: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "type": "purchase.recorded",
        "chapter": "3101-0007",
        "actor": ALICE,
        "subjects": [ALICE],
        "op": {"kind": "transfer", "from": POOL, "to": ALICE, "amount": "2000"},
        "public": {"amount": "40000", "currency": "CNY"},
        "private": {"note": "你好"},
        "refs": [],
    }
    return {**plain, **changes}


def op(**changes: Any) -> dict[str, Any]:
    return {"op": {"kind": "transfer", "from": POOL, "to": ALICE, "amount": "2000", **changes}}


def refused(value: Any) -> tuple[str, dict[str, str | int]]:
    with pytest.raises(Refusal) as caught:
        read_draft(value)
    return caught.value.code, caught.value.fields


def test_a_good_body_becomes_a_draft_with_the_parties_as_subjects() -> None:
    draft = read_draft(body())
    assert draft.subjects == (ALICE, POOL)
    assert draft.operation is not None
    assert (draft.operation.kind, draft.operation.amount) == (OperationKind.TRANSFER, 2000)
    assert draft.private == {"note": "你好"}
    assert draft.authorization is None


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"type": "nothing.known"}, "entry.unknown_type", None),
        ({"type": 7}, "entry.unknown_type", None),
        ({"type": "member.joined"}, "entry.bad_field", "type"),
        ({"extra": 1}, "entry.unknown_field", "extra"),
        ({"some words of a person": 1}, "entry.unknown_field", "body"),
        ({"public": {"amount": "1", "name": "x"}}, "entry.unknown_field", "public.name"),
        ({"public": {"amount": "1", "currency": "XTS"}}, "unit.unknown", "public.currency"),
        ({"public": {"amount": "1", "currency": "元"}}, "unit.unknown", "public.currency"),
        (op(unit="coin"), "unit.unknown", "op.unit"),
        (op(amount=20.5), "amount.malformed", "op.amount"),
        (op(amount=2000), "amount.malformed", "op.amount"),
        (op(amount="-5"), "amount.negative", "op.amount"),
        (op(amount=-5), "amount.negative", "op.amount"),
        (op(amount=-5.0), "amount.malformed", "op.amount"),
        (op(amount="20.00"), "amount.malformed", "op.amount"),
        (op(amount="007"), "amount.malformed", "op.amount"),
        (op(amount="0"), "amount.malformed", "op.amount"),
        (op(amount="１２"), "amount.malformed", "op.amount"),
        (op(amount=str(2**63)), "amount.too_large", "op.amount"),
        (op(amount="9" * 500), "amount.too_large", "op.amount"),
        (op(kind="mint"), "entry.bad_field", "op.kind"),
        (op(kind="issue"), "entry.bad_field", "op.from"),
        (op(to="acct_" + "0" * 40), "entry.bad_field", "op.to"),
        ({"chapter": "3101"}, "entry.bad_field", "chapter"),
        ({"actor": "me"}, "entry.bad_field", "actor"),
        ({"subjects": ALICE}, "entry.bad_field", "subjects"),
        ({"subjects": [ALICE, ALICE]}, "entry.bad_field", "subjects"),
        ({"refs": ["x"]}, "entry.bad_field", "refs"),
        ({"private": {"Name": 1}}, "entry.bad_field", "private"),
        ({"rule": "free words"}, "entry.bad_field", "rule"),
        ({"authorization": {"nonce": "0" * 64}}, "entry.bad_field", "authorization"),
        ({"authorization": {"nonce": "0" * 64, "signature": "00"}}, "signature.malformed", None),
    ],
)
def test_each_fault_has_its_code_and_names_the_member(
    changes: dict[str, Any], code: str, field: str | None
) -> None:
    got, fields = refused(body(**changes))
    assert got == code
    assert fields.get("field") == field


def test_a_body_that_is_no_object_is_refused() -> None:
    assert refused([])[0] == "entry.bad_field"


@pytest.mark.parametrize(
    ("header", "want"), [('"abc"', "abc"), (' "a\\"b\\\\c" ', 'a"b\\c'), ('"%s"' % ("x" * 255), "x" * 255)]
)
def test_a_quoted_key_is_read(header: str, want: str) -> None:
    assert parse_key_header(header) == want


@pytest.mark.parametrize(
    "header", ["abc", '""', '"a', 'a"', '"a"b"', '"é"', '"\\a"', '"%s"' % ("x" * 256), '"a";p=1']
)
def test_any_other_key_is_malformed(header: str) -> None:
    with pytest.raises(Refusal) as caught:
        parse_key_header(header)
    assert caught.value.code == "idempotency.malformed"


def test_the_key_may_stand_in_header_or_body_but_not_differ() -> None:
    assert choose_key('"k"', {}) == "k"
    assert choose_key(None, {"idempotencyKey": "k"}) == "k"
    assert choose_key('"k"', {"idempotencyKey": "k"}) == "k"
    with pytest.raises(Refusal) as differ:
        choose_key('"k"', {"idempotencyKey": "other"})
    assert differ.value.code == "idempotency.malformed"
    with pytest.raises(Refusal) as missing:
        choose_key(None, {})
    assert missing.value.code == "idempotency.missing"


def test_the_fingerprint_follows_meaning_not_spelling_nor_key() -> None:
    one = fingerprint("/v1/entries", {"a": 1, "b": [2], "idempotency_key": "x"})
    assert one == fingerprint("/v1/entries", {"b": [2], "a": 1, "idempotencyKey": "y"})
    assert one != fingerprint("/v1/entries", {"a": 1, "b": [3]})
    assert one != fingerprint("/v1/members", {"a": 1, "b": [2]})


def test_an_operation_that_a_rule_adds_may_be_missing_and_any_other_may_not() -> None:
    step = {"type": "service.subsidised", "chapter": "3101-0001", "public": {"about": "01J" + "0" * 23}}
    assert read_draft(step).operation is None
    with pytest.raises(Refusal) as caught:
        read_draft({"type": "gift.sent", "chapter": "3101-0001", "public": {}})
    assert (caught.value.code, caught.value.fields["field"]) == ("entry.bad_field", "op")
