"""The closed registry of entry types: which public fields and operations each may carry. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from chain.case_types import CASE_TYPES
from chain.entry_fields import (
    ACCOUNT,
    BASIS_POINTS,
    BOOL,
    CODE,
    CODE_PATTERN,
    CODES,
    COUNT,
    CURRENCY,
    ENTRY_ID,
    HEX20,
    HEX32,
    ITEMS,
    ORIGIN,
    SUM,
    TIMESTAMP,
    VKEY,
    EntryType,
    entry_row,
)
from chain.operation import BAD_FIELD, UNKNOWN_FIELD, UNKNOWN_TYPE, FieldError, Operation, OperationKind

_PURCHASE = {
    "amount": SUM,
    "currency": CURRENCY,
    "merchant": ACCOUNT,
    "store": CODE,
    "order_id": CODE,
    "basket": CODE,
    "channel": CODE,
    "receipt": HEX32,
    "items": ITEMS,
    "item_count": COUNT,
    "discount": SUM,
    "coupon": SUM,
    "rebate": SUM,
    "rebate_basis_points": BASIS_POINTS,
    "rounding": CODE,
    "rounded_from": CODE,
    "remainder": COUNT,
    "purchase": ENTRY_ID,
}
_CREDIT = {"case": HEX32, "period": CODE, "service": CODE, "campaign": CODE, "batch": CODE}
_RIGHTS = {"account": ACCOUNT, "may_send": BOOL, "may_receive": BOOL}


_K = OperationKind
ENTRY_TYPES: Mapping[str, EntryType] = MappingProxyType(
    dict(
        (
            entry_row(
                "log.genesis",
                {"origin": ORIGIN, "vkey": VKEY, "chain_id": COUNT, "predecessor": HEX32},
                needs=("origin", "vkey"),
            ),
            entry_row("chapter.opened", {"pool": ACCOUNT, "city": CODE, "kind": CODE}),
            entry_row(
                "member.joined",
                {
                    "account": ACCOUNT,
                    "kind": CODE,
                    "custody": CODE,
                    "commitment": HEX32,
                    "industry": CODE,
                    "tier": CODE,
                },
                needs=("account",),
            ),
            entry_row("member.frozen", _RIGHTS, needs=("account",)),
            entry_row("member.unfrozen", _RIGHTS, needs=("account",)),
            entry_row(
                "account.recovered",
                {"from": ACCOUNT, "to": ACCOUNT, "commitment": HEX32},
                needs=("from", "to"),
            ),
            entry_row("purchase.recorded", _PURCHASE, may=(_K.TRANSFER,)),
            entry_row("purchase.refunded", _PURCHASE, may=(_K.REVERSE,)),
            entry_row("rebate.granted", {**_PURCHASE, **_CREDIT}, does=_K.TRANSFER),
            entry_row("redemption.recorded", {**_PURCHASE, **_CREDIT}, does=_K.REDEEM),
            entry_row("gift.sent", _CREDIT, does=_K.TRANSFER),
            entry_row(
                "service.recorded",
                {
                    **_CREDIT,
                    "provider": ACCOUNT,
                    "recipient": ACCOUNT,
                    "minutes": COUNT,
                    "coins": SUM,
                    "certificate": HEX32,
                },
                may=(_K.TRANSFER, _K.ISSUE),
            ),
            entry_row("credit.issued", _CREDIT, does=_K.ISSUE),
            entry_row("credit.transferred", _CREDIT, does=_K.TRANSFER),
            entry_row("credit.redeemed", _CREDIT, does=_K.REDEEM),
            entry_row("credit.burned", _CREDIT, does=_K.BURN),
            entry_row("credit.locked", _CREDIT, does=_K.LOCK),
            entry_row("credit.released", _CREDIT, does=_K.RELEASE),
            entry_row("credit.cancelled", _CREDIT, does=_K.CANCEL),
            entry_row("credit.reversed", _CREDIT, does=_K.REVERSE),
            entry_row("credit.recovered", _CREDIT, does=_K.RECOVER),
            entry_row("quota.set", {"period": CODE, "amount": SUM}, needs=("period", "amount")),
            entry_row("cap.set", {"cap": CODE, "amount": SUM}, needs=("cap", "amount")),
            entry_row("key.issued", {"role": CODE, "key": CODE, "scopes": CODES}, needs=("role", "key")),
            entry_row(
                "key.rotated",
                {
                    **{"role": CODE, "from_size": COUNT, "old_vkey": VKEY, "new_vkey": VKEY},
                    **{"old_key": CODE, "new_key": CODE, "scopes": CODES, "ends_at": TIMESTAMP},
                    **{"signer": CODE, "old_address": HEX20, "new_address": HEX20},
                },
                needs=("role",),
            ),
            entry_row("key.revoked", {"role": CODE, "key": CODE}, needs=("role", "key")),
            entry_row(
                "period.close",
                {"period": CODE, "start": COUNT, "end": COUNT, "statement": HEX32},
                needs=("period", "end"),
            ),
            *CASE_TYPES,
        )
    )
)
"""Every type an entry may have. Adding one is a change of format: FORMATS.md, version and vectors follow."""


def check_draft(
    type_name: str,
    public: Mapping[str, object],
    operation: Operation | None,
    *,
    is_complete: bool = True,
) -> EntryType:
    """Check a draft's type, public fields and kind of operation against the registry; return the type.

    Checks in this order: type known, fields known and well formed, essential fields there, operation
    allowed or required. Does not check the operands themselves (``check_operation``). ``is_complete`` False:
    a rule completes the draft afterwards, so the operation may be missing still.

    Raises FieldError with code ``entry.unknown_type``, ``entry.unknown_field``, ``entry.bad_field`` or
    ``amount.*``; ``where`` is the field.
    """
    entry_type = ENTRY_TYPES.get(type_name) if isinstance(type_name, str) else None
    if entry_type is None:
        raise FieldError(UNKNOWN_TYPE, "type", "not a registered entry type")
    rules = entry_type.public
    for name, value in public.items():
        rule = rules.get(name)
        if rule is None:
            # The name is repeated only where it cannot itself be somebody's words.
            where = f"public.{name}" if isinstance(name, str) and CODE_PATTERN.match(name) else "public"
            raise FieldError(UNKNOWN_FIELD, where, f"not a public field of {type_name}")
        rule.check(value, f"public.{name}")
    for name in entry_type.essential:
        if name not in public:
            raise FieldError(BAD_FIELD, f"public.{name}", f"{type_name} needs it")
    if operation is None:
        if entry_type.acts and is_complete:
            raise FieldError(BAD_FIELD, "op", f"{type_name} orders an operation")
    elif operation.kind not in entry_type.operations:
        raise FieldError(BAD_FIELD, "op.kind", f"{type_name} does not order {operation.kind.label}")
    return entry_type
