"""The registry: closed, and free of places for free text."""

from __future__ import annotations

from typing import Any

import pytest

from chain.case_types import CASE_TYPES
from chain.entry import ENTRY_TYPES, ZERO_ADDRESS, ZERO_REF, FieldError, Operation, OperationKind, check_draft
from chain.entry_fields import is_timestamp

ORDERS = {
    "purchase.recorded": {"transfer"},
    "purchase.refunded": {"reverse"},
    "rebate.granted": {"transfer"},
    "redemption.recorded": {"redeem"},
    "gift.sent": {"transfer"},
    "service.recorded": {"issue", "transfer"},
    "credit.issued": {"issue"},
    "credit.transferred": {"transfer"},
    "credit.redeemed": {"redeem"},
    "credit.burned": {"burn"},
    "credit.locked": {"lock"},
    "credit.released": {"release"},
    "credit.cancelled": {"cancel"},
    "credit.reversed": {"reverse"},
    "credit.recovered": {"recover"},
}
RECORDS = (
    *(
        "log.genesis",
        "chapter.opened",
        "member.joined",
        "member.frozen",
        "member.unfrozen",
        "account.recovered",
    ),
    *("quota.set", "cap.set", "key.issued", "key.rotated", "key.revoked", "period.close"),
)
FREE_TEXT = ("two words", "李雷", "line\nbreak", "<b>", "a@b.example", "", "x" * 2000)


def order(kind: OperationKind) -> Operation:
    return Operation(kind, ZERO_ADDRESS, ZERO_ADDRESS, 1, 0, ZERO_REF)


def test_registry_is_exactly_this() -> None:
    """All types but those of cases, whose rooms have tests of their own."""
    rows = {name: row for name, row in ENTRY_TYPES.items() if name not in dict(CASE_TYPES)}
    assert set(rows) == ORDERS.keys() | set(RECORDS)
    orders = {name: {kind.label for kind in row.operations} for name, row in rows.items()}
    assert {name: kinds for name, kinds in orders.items() if kinds} == ORDERS
    optional = {"purchase.recorded", "purchase.refunded", "service.recorded"}
    assert {name for name, row in rows.items() if row.acts} == ORDERS.keys() - optional
    assert len(ENTRY_TYPES) == len(rows) + len(CASE_TYPES)
    with pytest.raises(TypeError):
        ENTRY_TYPES["x"] = ENTRY_TYPES["gift.sent"]  # type: ignore[index]


@pytest.mark.parametrize("name", sorted(ENTRY_TYPES))
def test_no_field_of_any_type_takes_free_text(name: str) -> None:
    for field, rule in ENTRY_TYPES[name].public.items():
        for text in FREE_TEXT:
            with pytest.raises(FieldError) as caught:
                rule.check(text, field)
            assert caught.value.where == field


@pytest.mark.parametrize("name", sorted(ENTRY_TYPES))
def test_operations_that_a_type_does_not_order(name: str) -> None:
    row = ENTRY_TYPES[name]
    essential = {field: SAMPLES[row.public[field].name] for field in row.essential}
    for kind in OperationKind:
        if kind in row.operations:
            assert check_draft(name, essential, order(kind)) is row
        else:
            with pytest.raises(FieldError) as caught:
                check_draft(name, essential, order(kind))
            assert (caught.value.code, caught.value.where) == ("entry.bad_field", "op.kind")
    if row.acts:
        with pytest.raises(FieldError) as caught:
            check_draft(name, essential, None)
        assert (caught.value.code, caught.value.where) == ("entry.bad_field", "op")
    else:
        assert check_draft(name, essential, None) is row


SAMPLES: dict[str, Any] = {
    "account": "acct_" + "a1" * 20,
    "code": "2026-11",
    "sum": "0",
    "count": 7,
    "origin": "log.example/3101",
    "vkey": "log.example/3101+00c0ffee+" + "A" * 44,
    "amount": "1",
    "basis_points": 5_000,
    "bool": True,
    "codes": ["a1"],
    "date": "2026-11-22",
    "entry_id": "01KB" + "0" * 22,
    "hex32": "b2" * 32,
    "legs": [],
    "month": "2026-11",
    "timestamp": "2026-11-22T05:58:57.123Z",
}


@pytest.mark.parametrize("name", sorted(ENTRY_TYPES))
def test_essential_fields(name: str) -> None:
    row = ENTRY_TYPES[name]
    essential = {field: SAMPLES[row.public[field].name] for field in row.essential}
    kind = min(row.operations) if row.acts else None
    for field in row.essential:
        rest = {other: value for other, value in essential.items() if other != field}
        with pytest.raises(FieldError) as caught:
            check_draft(name, rest, None if kind is None else order(kind))
        assert (caught.value.code, caught.value.where) == ("entry.bad_field", f"public.{field}")


@pytest.mark.parametrize(
    ("type_name", "public", "code", "where"),
    [
        ("nothing", {}, "entry.unknown_type", "type"),
        (None, {}, "entry.unknown_type", "type"),
        ([], {}, "entry.unknown_type", "type"),
        ("chapter.opened", {"name": "x"}, "entry.unknown_field", "public.name"),
        ("chapter.opened", {"of whom": "x"}, "entry.unknown_field", "public"),
        ("purchase.recorded", {"amount": 5}, "amount.malformed", "public.amount"),
        ("purchase.recorded", {"amount": "-5"}, "amount.negative", "public.amount"),
        ("purchase.recorded", {"amount": "9" * 30}, "amount.too_large", "public.amount"),
        ("purchase.recorded", {"items": [{}, {"amount": 1.5}]}, "amount.malformed", "public.items[1].amount"),
        ("purchase.recorded", {"items": [{"name": "x"}]}, "entry.unknown_field", "public.items[0]"),
        ("purchase.recorded", {"items": "x"}, "entry.bad_field", "public.items"),
        ("purchase.recorded", {"item_count": True}, "entry.bad_field", "public.item_count"),
    ],
)
def test_errors_name_code_and_field(type_name: Any, public: dict[str, Any], code: str, where: str) -> None:
    with pytest.raises(FieldError) as caught:
        check_draft(type_name, public, None)
    assert (caught.value.code, caught.value.where) == (code, where)


@pytest.mark.parametrize(
    "text", ["2024-02-29T23:59:59.999Z", "0001-01-01T00:00:00.000Z", "2000-02-29T00:00:00.000Z"]
)
def test_times_that_exist(text: str) -> None:
    assert is_timestamp(text)


@pytest.mark.parametrize(
    "text", ["2100-02-29T00:00:00.000Z", "2026-00-01T00:00:00.000Z", "2026-01-00T00:00:00.000Z", 5]
)
def test_times_that_do_not(text: object) -> None:
    assert not is_timestamp(text)
