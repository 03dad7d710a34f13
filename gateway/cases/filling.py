"""How rules complete a draft: fill in what follows, and hold a caller to it who filled it in himself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from chain.canonical import JsonValue
from chain.operation import ZERO_ADDRESS, ZERO_REF, Operation, OperationKind, account_address, parse_amount
from chain.types import AccountId, Address, EntryId
from gateway.errors import Refusal
from gateway.ledger.drafts import Draft
from gateway.rules.splits import Leg


def fill(draft: Draft, **computed: JsonValue) -> Draft:
    """Return the draft with computed public fields; None leaves one out.

    Raises:
        Refusal: ``entry.not_as_computed``, where the caller gave another value.
    """
    public = dict(draft.public)
    for name, value in computed.items():
        given = public.get(name)
        if given is not None and given != value:
            raise Refusal("entry.not_as_computed", field=f"public.{name}")
        if value is not None:
            public[name] = value
    return replace(draft, public=public)


def order(draft: Draft, kind: OperationKind, sender: str | None, receiver: str | None, amount: int) -> Draft:
    """Return the draft with the operation that follows from it, none for an amount of 0.

    Raises:
        Refusal: ``entry.not_as_computed``, where the caller ordered another one.
    """
    operation = None
    if amount:
        operation = Operation(kind, _address(sender), _address(receiver), amount, 0, ZERO_REF)
    if operation is not None and draft.operation is not None and draft.authorization is not None:
        # What a holder has signed says itself until when it holds.
        given = draft.operation
        operation = replace(operation, valid_until=given.valid_until, ref=given.ref)
    if draft.operation is not None and draft.operation != operation:
        raise Refusal("entry.not_as_computed", field="op")
    return replace(draft, operation=operation)


def _address(account: str | None) -> Address:
    return Address(ZERO_ADDRESS) if account is None else account_address(AccountId(account))


def concern(draft: Draft, accounts: Iterable[str], refs: Sequence[str] = ()) -> Draft:
    """Return the draft about these accounts too, pointing at these entries too."""
    subjects = dict.fromkeys([*draft.subjects, *map(AccountId, accounts)])
    pointed = dict.fromkeys([*draft.refs, *map(EntryId, refs)])
    return replace(draft, subjects=tuple(subjects), refs=tuple(pointed))


def read_sum(draft: Draft, name: str, *, least: int = 0) -> int:
    """Return a sum of the draft's public fields. Raises Refusal ``entry.bad_field``."""
    value = draft.public.get(name)
    if value is None:
        raise Refusal("entry.bad_field", field=f"public.{name}", reason=f"{draft.type} needs it")
    amount = parse_amount(value, f"public.{name}", zero_allowed=True)
    if amount < least:
        raise Refusal("entry.bad_field", field=f"public.{name}", reason=f"less than {least}")
    return amount


def read_text(draft: Draft, name: str) -> str:
    """Return a text of the draft's public fields. Raises Refusal ``entry.bad_field``."""
    value = draft.public.get(name)
    if not isinstance(value, str):
        raise Refusal("entry.bad_field", field=f"public.{name}", reason=f"{draft.type} needs it")
    return value


def only_subject(draft: Draft) -> AccountId:
    """Return the one account the draft is about. Raises Refusal ``entry.bad_field``."""
    if len(draft.subjects) != 1:
        raise Refusal("entry.bad_field", field="subjects", reason="not exactly one account")
    return draft.subjects[0]


def show_legs(legs: Iterable[Leg], accounts: Mapping[str, str]) -> JsonValue:
    """Return legs as an entry says them, with the account of each role that has one."""
    return [
        {"role": role, "amount": str(amount), **({"account": accounts[role]} if role in accounts else {})}
        for role, amount in legs
    ]
