"""Operations: the part of an entry that the token contract executes. FORMATS.md sections 1 to 3. Pure.

An operation's digest is fixed by its seven operands alone, so that Python and Solidity cannot differ about
what a leaf means. Must not decide whether an operation may happen: only its form is judged here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from chain.canonical import MAX_SAFE_INTEGER, JsonValue
from chain.errors import FormatError
from chain.hashing import keccak256
from chain.types import AccountId, Address, ChapterCode, Digest

ZERO_ADDRESS = Address(bytes(20))
"""Stands for "nobody": the sender of an issue, the receiver of a burn, cancel or reversed issue."""

ZERO_REF = bytes(32)
"""An operation's ``ref`` when it acts on nothing earlier."""

MAX_AMOUNT = 2**63 - 1
"""Largest amount, in hundredths of a coin."""

OP_SALT_SIZE = 16

ACCOUNT_PATTERN = re.compile(r"acct_[0-9a-f]{40}\Z")
CHAPTER_PATTERN = re.compile(r"[0-9]{4}-[0-9]{4}\Z")
HEX32_PATTERN = re.compile(r"[0-9a-f]{64}\Z")
AMOUNT_PATTERN = re.compile(r"[1-9][0-9]{0,18}\Z")
_NEGATIVE_PATTERN = re.compile(r"-0*+[1-9][0-9]*+\Z")

AMOUNT_MALFORMED = "amount.malformed"
AMOUNT_NEGATIVE = "amount.negative"
AMOUNT_TOO_LARGE = "amount.too_large"
BAD_FIELD = "entry.bad_field"
UNKNOWN_FIELD = "entry.unknown_field"
UNKNOWN_TYPE = "entry.unknown_type"

_OPERANDS = ("kind", "from", "to", "amount", "valid_until", "ref")
_ACCOUNT_PAD = bytes(12)
_SALT_PAD = bytes(16)


class FieldError(FormatError):
    """A member of an entry or draft is wrong; ``code`` is one of the six constants above."""

    def __init__(self, code: str, where: str, reason: str) -> None:
        super().__init__(where, reason)
        self.code = code


class OperationKind(IntEnum):
    """What an operation does. The numbers are those of the contract."""

    ISSUE = 1
    TRANSFER = 2
    REDEEM = 3
    BURN = 4
    LOCK = 5
    RELEASE = 6
    CANCEL = 7
    REVERSE = 8
    RECOVER = 9

    @property
    def label(self) -> str:
        """The kind as entries write it. Inverse of :func:`parse_kind`."""
        return _LABELS[self]


_LABELS = {kind: kind.name.lower() for kind in OperationKind}
_KINDS = {label: kind for kind, label in _LABELS.items()}

_NO_SENDER = frozenset({OperationKind.ISSUE})
_NO_RECEIVER = frozenset({OperationKind.BURN, OperationKind.CANCEL})
_MAY_LACK_RECEIVER = frozenset({OperationKind.REVERSE})
"""What an issue gave goes back to nobody: it is burned. Whether the original was one, the chain judges."""
_ACTS_ON_EARLIER = frozenset({OperationKind.RELEASE, OperationKind.CANCEL, OperationKind.REVERSE})
_NEVER_REFERS = frozenset({OperationKind.ISSUE, OperationKind.RECOVER})


@dataclass(frozen=True, slots=True)
class Operation:
    """The operands of one operation, salt apart.

    ``sender`` and ``receiver`` are ``ZERO_ADDRESS`` where the entry has null; ``amount`` is in hundredths of
    a coin (0 = everything, only for recover); ``valid_until`` is Unix seconds, 0 = no limit; ``ref`` has 32
    bytes.
    """

    kind: OperationKind
    sender: Address
    receiver: Address
    amount: int
    valid_until: int
    ref: bytes


def parse_kind(label: str) -> OperationKind:
    """Return the kind written as ``label``. Inverse of ``OperationKind.label``. Raises FieldError."""
    kind = _KINDS.get(label)
    if kind is None:
        raise FieldError(BAD_FIELD, "op.kind", "not an operation kind")
    return kind


def account_id(address: Address) -> AccountId:
    """Return the account of a 20-byte address. Inverse of :func:`account_address`."""
    if len(address) != 20:
        raise FormatError("account", "address is not 20 bytes")
    return AccountId("acct_" + address.hex())


@lru_cache(maxsize=65_536)
def account_address(account: AccountId) -> Address:
    """Return the address of an account. Inverse of :func:`account_id`. Raises FormatError."""
    if not isinstance(account, str) or not ACCOUNT_PATTERN.match(account):
        raise FormatError("account", "not acct_ and 40 lower-case hex digits")
    return Address(bytes.fromhex(account[5:]))


@lru_cache(maxsize=4_096)
def chapter_number(code: ChapterCode) -> int:
    """Return the on-chain ``uint32`` of a chapter, 0 for the whole network.

    Inverse of :func:`chapter_code`. Raises FormatError.
    """
    if not isinstance(code, str) or not CHAPTER_PATTERN.match(code):
        raise FormatError("chapter", "not NNNN-NNNN")
    return int(code[:4]) * 10_000 + int(code[5:])


def chapter_code(number: int) -> ChapterCode:
    """Return the code of an on-chain chapter number.

    Inverse of :func:`chapter_number`. Raises FormatError.
    """
    if not 0 <= number <= 99_999_999:
        raise FormatError("chapter", "not a number of at most eight digits")
    return ChapterCode(f"{number // 10_000:04d}-{number % 10_000:04d}")


def parse_amount(value: object, where: str, *, zero_allowed: bool = False) -> int:
    """Return an amount written as a decimal string, 1 to 2^63 - 1 (or 0 where allowed).

    Raises FieldError with ``amount.negative`` (a whole number below 0, as a string or not),
    ``amount.too_large`` or ``amount.malformed`` (any other: not a string, fraction, leading zero, zero).
    """
    if isinstance(value, str):
        if AMOUNT_PATTERN.match(value):
            amount = int(value)
            if amount <= MAX_AMOUNT:
                return amount
            raise FieldError(AMOUNT_TOO_LARGE, where, "amount above 2^63 - 1")
        if value == "0" and zero_allowed:
            return 0
        if len(value) > 19 and value.isascii() and value.isdigit() and value[0] != "0":
            raise FieldError(AMOUNT_TOO_LARGE, where, "amount above 2^63 - 1")
        negative = _NEGATIVE_PATTERN.match(value) is not None
    else:
        negative = isinstance(value, int) and value < 0
    if negative:
        raise FieldError(AMOUNT_NEGATIVE, where, "amount below 0")
    raise FieldError(AMOUNT_MALFORMED, where, "amount is not a decimal string of a positive integer")


def check_operation(operation: Operation) -> None:
    """Check that the operands fit their kind (FORMATS.md section 2). Raises FieldError naming the operand.

    Does not check parties, balances or authority: those end as outcomes on chain, never as errors.
    """
    kind = operation.kind
    if (operation.sender == ZERO_ADDRESS) != (kind in _NO_SENDER):
        raise FieldError(BAD_FIELD, "op.from", f"{kind.label} {_presence(kind in _NO_SENDER)} from")
    if kind not in _MAY_LACK_RECEIVER and (operation.receiver == ZERO_ADDRESS) != (kind in _NO_RECEIVER):
        raise FieldError(BAD_FIELD, "op.to", f"{kind.label} {_presence(kind in _NO_RECEIVER)} to")
    if operation.amount < 0:
        raise FieldError(AMOUNT_NEGATIVE, "op.amount", "amount below 0")
    if operation.amount > MAX_AMOUNT:
        raise FieldError(AMOUNT_TOO_LARGE, "op.amount", "amount above 2^63 - 1")
    if (operation.amount == 0) != (kind is OperationKind.RECOVER):
        raise FieldError(AMOUNT_MALFORMED, "op.amount", "amount is 0 exactly for recover")
    if not 0 <= operation.valid_until <= MAX_SAFE_INTEGER:
        raise FieldError(BAD_FIELD, "op.valid_until", "not Unix seconds below 2^53")
    if kind in _ACTS_ON_EARLIER and operation.ref == ZERO_REF:
        raise FieldError(BAD_FIELD, "op.ref", f"{kind.label} names no earlier operation")
    if kind in _NEVER_REFERS and operation.ref != ZERO_REF:
        raise FieldError(BAD_FIELD, "op.ref", f"{kind.label} takes no ref")


def parse_operation(value: object, *, defaults: bool = False) -> Operation:
    """Return the operation of an entry's ``op`` object. Inverse of :func:`format_operation`.

    With ``defaults`` (an API draft) ``from`` and ``to`` may be absent for null, ``amount`` for ``"0"``,
    ``valid_until`` for 0 and ``ref`` for zeros; without, all six members are required.

    Raises FieldError naming the member.
    """
    if not isinstance(value, dict):
        raise FieldError(BAD_FIELD, "op", "not an object")
    for name in value:
        if name not in _OPERANDS:
            raise FieldError(UNKNOWN_FIELD, "op", "member that operations do not have")
    if not defaults and len(value) != len(_OPERANDS):
        raise FieldError(BAD_FIELD, "op", "not exactly kind, from, to, amount, valid_until, ref")
    label = value.get("kind")
    kind = parse_kind(label) if isinstance(label, str) else None
    if kind is None:
        raise FieldError(BAD_FIELD, "op.kind", "not an operation kind")
    valid_until = value.get("valid_until", 0)
    if type(valid_until) is not int:
        raise FieldError(BAD_FIELD, "op.valid_until", "not an integer")
    ref = value.get("ref", ZERO_REF.hex())
    if not isinstance(ref, str) or not HEX32_PATTERN.match(ref):
        raise FieldError(BAD_FIELD, "op.ref", "not 64 lower-case hex digits")
    operation = Operation(
        kind=kind,
        sender=_party(value.get("from"), "op.from"),
        receiver=_party(value.get("to"), "op.to"),
        amount=parse_amount(
            value.get("amount", "0"), "op.amount", zero_allowed=kind is OperationKind.RECOVER
        ),
        valid_until=valid_until,
        ref=bytes.fromhex(ref),
    )
    check_operation(operation)
    return operation


def format_operation(operation: Operation) -> dict[str, JsonValue]:
    """Return the entry's ``op`` object. Inverse of :func:`parse_operation`."""
    return {
        "kind": _LABELS[operation.kind],
        "from": None if operation.sender == ZERO_ADDRESS else "acct_" + operation.sender.hex(),
        "to": None if operation.receiver == ZERO_ADDRESS else "acct_" + operation.receiver.hex(),
        "amount": str(operation.amount),
        "valid_until": operation.valid_until,
        "ref": operation.ref.hex(),
    }


def operation_from_entry(entry: Mapping[str, object]) -> Operation | None:
    """Return the operation that an entry orders, or None. What C4 compares with a leaf's operands.

    Raises FieldError when ``op`` is not in the one accepted form.
    """
    if "op" not in entry:
        raise FieldError(BAD_FIELD, "op", "missing")
    value = entry["op"]
    return None if value is None else parse_operation(value)


def encode_operands(operation: Operation, op_salt: bytes) -> bytes:
    """Return ``abi.encode(kind, from, to, amount, validUntil, ref, opSalt)``: 7 words, 224 bytes.

    Requires a 16-byte salt and operands in range; raises FormatError otherwise.
    """
    if len(op_salt) != OP_SALT_SIZE:
        raise FormatError("op_salt", "not 16 bytes")
    if len(operation.sender) != 20 or len(operation.receiver) != 20 or len(operation.ref) != 32:
        raise FormatError("op", "operand of wrong length")
    if not (0 <= operation.amount < 2**128 and 0 <= operation.valid_until < 2**64):
        raise FormatError("op", "operand out of range")
    return b"".join(
        (
            operation.kind.to_bytes(32, "big"),
            _ACCOUNT_PAD,
            operation.sender,
            _ACCOUNT_PAD,
            operation.receiver,
            operation.amount.to_bytes(32, "big"),
            operation.valid_until.to_bytes(32, "big"),
            operation.ref,
            op_salt,
            _SALT_PAD,
        )
    )


def operation_digest(operation: Operation, op_salt: bytes) -> Digest:
    """Return keccak-256 of :func:`encode_operands` (FORMATS.md section 3)."""
    return keccak256(encode_operands(operation, op_salt))


def _party(value: object, where: str) -> Address:
    if value is None:
        return ZERO_ADDRESS
    if isinstance(value, str) and ACCOUNT_PATTERN.match(value):
        address = Address(bytes.fromhex(value[5:]))
        # The zero address has one spelling, null, or two different entries would have one digest.
        if address != ZERO_ADDRESS:
            return address
    raise FieldError(BAD_FIELD, where, "not an account")


def _presence(absent: bool) -> str:
    return "has no" if absent else "needs a"
