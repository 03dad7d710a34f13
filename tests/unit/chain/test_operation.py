"""Operations: operands, digest, names of accounts and chapters."""

from __future__ import annotations

from typing import Any

import eth_abi
import pytest
from eth_utils import keccak
from hypothesis import given
from hypothesis import strategies as st

from chain.entry import (
    MAX_AMOUNT,
    ZERO_ADDRESS,
    ZERO_REF,
    FieldError,
    Operation,
    OperationKind,
    account_address,
    account_id,
    chapter_code,
    chapter_number,
    check_operation,
    encode_operands,
    format_operation,
    operation_digest,
    operation_from_entry,
    parse_amount,
    parse_kind,
    parse_operation,
)
from chain.errors import FormatError

A, B = b"\xa1" * 20, b"\xb2" * 20
EARLIER = b"\xee" * 32
ABI = ["uint8", "address", "address", "uint128", "uint64", "bytes32", "bytes16"]


def operation(**changes: Any) -> Operation:
    operands = {"kind": OperationKind.TRANSFER, "sender": A, "receiver": B, "amount": 5, "valid_until": 0}
    return Operation(**{**operands, "ref": ZERO_REF, **changes})


@given(
    st.sampled_from(OperationKind),
    st.binary(min_size=20, max_size=20),
    st.binary(min_size=20, max_size=20),
    st.integers(0, 2**128 - 1),
    st.integers(0, 2**64 - 1),
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=16, max_size=16),
)
def test_operands_are_what_abi_encode_gives(
    kind: OperationKind, sender: bytes, receiver: bytes, amount: int, until: int, ref: bytes, salt: bytes
) -> None:
    one = operation(kind=kind, sender=sender, receiver=receiver, amount=amount, valid_until=until, ref=ref)
    want = eth_abi.encode(ABI, [int(kind), sender, receiver, amount, until, ref, salt])
    assert len(want) == 224
    assert encode_operands(one, salt) == want
    assert operation_digest(one, salt) == keccak(want)


@pytest.mark.parametrize(
    ("changes", "salt", "where", "reason"),
    [
        ({}, bytes(15), "op_salt", "not 16 bytes"),
        ({"sender": A[:-1]}, bytes(16), "op", "operand of wrong length"),
        ({"ref": bytes(31)}, bytes(16), "op", "operand of wrong length"),
        ({"amount": 2**128}, bytes(16), "op", "operand out of range"),
        ({"amount": -1}, bytes(16), "op", "operand out of range"),
        ({"valid_until": 2**64}, bytes(16), "op", "operand out of range"),
    ],
)
def test_operands_out_of_form(changes: dict[str, Any], salt: bytes, where: str, reason: str) -> None:
    with pytest.raises(FormatError) as caught:
        encode_operands(operation(**changes), salt)
    assert (caught.value.where, caught.value.reason) == (where, reason)


def test_kinds_have_the_contract_s_numbers() -> None:
    labels = ["issue", "transfer", "redeem", "burn", "lock", "release", "cancel", "reverse", "recover"]
    assert [(kind.label, int(kind)) for kind in OperationKind] == list(zip(labels, range(1, 10), strict=True))
    assert [parse_kind(label).label for label in labels] == labels
    with pytest.raises(FieldError) as caught:
        parse_kind("mint")
    assert (caught.value.code, caught.value.where) == ("entry.bad_field", "op.kind")


SOUND = {
    OperationKind.ISSUE: {"sender": ZERO_ADDRESS},
    OperationKind.TRANSFER: {"ref": EARLIER},
    OperationKind.REDEEM: {"amount": MAX_AMOUNT},
    OperationKind.BURN: {"receiver": ZERO_ADDRESS},
    OperationKind.LOCK: {"valid_until": 2**53 - 1},
    OperationKind.RELEASE: {"ref": EARLIER},
    OperationKind.CANCEL: {"ref": EARLIER, "receiver": ZERO_ADDRESS},
    OperationKind.REVERSE: {"ref": EARLIER},
    OperationKind.RECOVER: {"amount": 0},
}


@pytest.mark.parametrize("kind", OperationKind)
def test_each_kind_round_trips(kind: OperationKind) -> None:
    one = operation(kind=kind, **SOUND[kind])
    check_operation(one)
    assert parse_operation(format_operation(one)) == one
    assert operation_from_entry({"op": format_operation(one)}) == one


def test_the_reversal_of_an_issue_has_no_receiver() -> None:
    one = operation(kind=OperationKind.REVERSE, ref=EARLIER, receiver=ZERO_ADDRESS)
    check_operation(one)
    assert format_operation(one)["to"] is None
    assert operation_from_entry({"op": format_operation(one)}) == one


@pytest.mark.parametrize(
    ("kind", "changes", "where"),
    [
        (OperationKind.REVERSE, {"sender": ZERO_ADDRESS}, "op.from"),
        (OperationKind.LOCK, {"receiver": ZERO_ADDRESS}, "op.to"),
        (OperationKind.RECOVER, {"receiver": ZERO_ADDRESS}, "op.to"),
        (OperationKind.ISSUE, {"sender": A}, "op.from"),
        (OperationKind.TRANSFER, {"sender": ZERO_ADDRESS}, "op.from"),
        (OperationKind.TRANSFER, {"receiver": ZERO_ADDRESS}, "op.to"),
        (OperationKind.BURN, {"receiver": B}, "op.to"),
        (OperationKind.CANCEL, {"receiver": B}, "op.to"),
        (OperationKind.TRANSFER, {"amount": 0}, "op.amount"),
        (OperationKind.RECOVER, {"amount": 1}, "op.amount"),
        (OperationKind.TRANSFER, {"amount": MAX_AMOUNT + 1}, "op.amount"),
        (OperationKind.TRANSFER, {"amount": -1}, "op.amount"),
        (OperationKind.TRANSFER, {"valid_until": 2**53}, "op.valid_until"),
        (OperationKind.RELEASE, {"ref": ZERO_REF}, "op.ref"),
        (OperationKind.CANCEL, {"ref": ZERO_REF}, "op.ref"),
        (OperationKind.REVERSE, {"ref": ZERO_REF}, "op.ref"),
        (OperationKind.ISSUE, {"ref": EARLIER}, "op.ref"),
        (OperationKind.RECOVER, {"ref": EARLIER}, "op.ref"),
    ],
)
def test_operands_must_fit_their_kind(kind: OperationKind, changes: dict[str, Any], where: str) -> None:
    with pytest.raises(FieldError) as caught:
        check_operation(operation(kind=kind, **{**SOUND[kind], **changes}))
    assert caught.value.where == where


def test_drafts_may_leave_out_what_is_nothing() -> None:
    draft = {"kind": "transfer", "from": account_id(A), "to": account_id(B), "amount": "5"}
    assert parse_operation(draft, defaults=True) == operation()
    with pytest.raises(FieldError) as caught:
        parse_operation(draft)
    assert (caught.value.code, caught.value.where) == ("entry.bad_field", "op")
    with pytest.raises(FieldError) as caught:
        parse_operation({**draft, "memo": "x"}, defaults=True)
    assert (caught.value.code, caught.value.where) == ("entry.unknown_field", "op")
    recover = {"kind": "recover", "from": account_id(A), "to": account_id(B)}
    assert parse_operation(recover, defaults=True).amount == 0


@pytest.mark.parametrize(("kind", "name"), [("issue", "from"), ("burn", "to")])
def test_nobody_is_spelt_null_only(kind: str, name: str) -> None:
    parties = {"from": account_id(A), "to": account_id(B), name: None}
    draft = {"kind": kind, "amount": "5", **parties}
    assert parse_operation(draft, defaults=True).kind.label == kind
    with pytest.raises(FieldError) as caught:
        parse_operation({**draft, name: "acct_" + "0" * 40}, defaults=True)
    assert (caught.value.where, caught.value.reason) == (f"op.{name}", "not an account")


def test_no_operation_is_null_not_missing() -> None:
    assert operation_from_entry({"op": None}) is None
    with pytest.raises(FieldError) as caught:
        operation_from_entry({})
    assert (caught.value.where, caught.value.reason) == ("op", "missing")


@pytest.mark.parametrize("text", ["1", "9223372036854775807", "10"])
def test_amounts(text: str) -> None:
    assert parse_amount(text, "x") == int(text)


@pytest.mark.parametrize(
    "value",
    [
        0,
        5,
        5.0,
        None,
        True,
        "",
        "0",
        "00",
        "01",
        "-0",
        "--1",
        "-1.5",
        -1.5,
        "-１",
        "-1\n",
        "+1",
        "1.0",
        "1e2",
        " 1",
        "1\n",
        "１",
    ],
)
def test_malformed_amounts(value: object) -> None:
    with pytest.raises(FieldError) as caught:
        parse_amount(value, "x")
    assert (caught.value.code, caught.value.where) == ("amount.malformed", "x")


@pytest.mark.parametrize("value", ["-1", "-007", "-9223372036854775809", "-" + "9" * 5_000, -1, -(2**70)])
def test_negative_amounts(value: object) -> None:
    with pytest.raises(FieldError) as caught:
        parse_amount(value, "x")
    assert (caught.value.code, caught.value.where) == ("amount.negative", "x")


@pytest.mark.parametrize("text", ["9223372036854775808", "9999999999999999999", "1" + "0" * 5_000])
def test_too_large_amounts(text: str) -> None:
    with pytest.raises(FieldError) as caught:
        parse_amount(text, "x")
    assert (caught.value.code, caught.value.where) == ("amount.too_large", "x")


def test_zero_only_where_allowed() -> None:
    assert parse_amount("0", "x", zero_allowed=True) == 0
    with pytest.raises(FieldError):
        parse_amount("00", "x", zero_allowed=True)


@given(st.binary(min_size=20, max_size=20))
def test_accounts_are_addresses(address: bytes) -> None:
    assert account_address(account_id(address)) == address  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["", "acct_", "acct_" + "A1" * 20, "acct_" + "a1" * 21, "0x" + "a1" * 20, None]
)
def test_malformed_accounts(text: Any) -> None:
    with pytest.raises(FormatError) as caught:
        account_address(text)
    assert caught.value.where == "account"


@pytest.mark.parametrize(
    ("code", "number"), [("3101-0007", 31010007), ("0000-0000", 0), ("9999-9999", 99999999)]
)
def test_chapters(code: Any, number: int) -> None:
    assert (chapter_number(code), chapter_code(number)) == (number, code)


@pytest.mark.parametrize("number", [-1, 100_000_000])
def test_chapter_numbers_out_of_range(number: int) -> None:
    with pytest.raises(FormatError) as caught:
        chapter_code(number)
    assert caught.value.where == "chapter"


@pytest.mark.parametrize("code", ["", "31010007", "3101-007", "3101-00070", "３101-0007", None, 31010007])
def test_malformed_chapters(code: Any) -> None:
    with pytest.raises(FormatError) as caught:
        chapter_number(code)
    assert (caught.value.where, caught.value.reason) == ("chapter", "not NNNN-NNNN")
