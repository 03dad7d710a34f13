"""Well-formed bodies for every entry type: what gets past the form, so that the answer is about who asks."""

from __future__ import annotations

from collections.abc import Mapping

from chain.canonical import JsonValue
from chain.entry_types import ENTRY_TYPES
from chain.operation import OperationKind
from gateway.api.entry_writes import ORDINARY
from gateway.api.instruction import CASE_TYPE_NAMES, RESERVED_TYPES

K = OperationKind

VALUES: Mapping[str, JsonValue] = {
    "amount": "5000",
    "basis_points": 500,
    "bool": True,
    "chapter": "3101-0001",
    "code": "ordinary",
    "codes": [],
    "count": 1,
    "currency": "CNY",
    "date": "2026-11-18",
    "hex20": "11" * 20,
    "hex32": "22" * 32,
    "items": [],
    "month": "2026-11",
    "origin": "log.example/other",
    "sum": "5000",
    "timestamp": "2026-11-18T04:00:00.000Z",
    "vkey": "log.example/other+00000000+" + "A" * 43 + "=",
}
"""A good value of each kind of public field that names nothing of the ledger."""

POSTABLE = sorted(set(ENTRY_TYPES) - RESERVED_TYPES)
"""Types that a caller may post at all."""


def entry_body(name: str, chapter: str, account: str, entry: str, other: str) -> dict[str, JsonValue]:
    """Return a body of the type with all it needs, about ``account`` and ``entry`` wherever it names such.

    ``other`` is the receiver of its operation, where it must order one.
    """
    row = ENTRY_TYPES[name]
    named: Mapping[str, JsonValue] = {
        **VALUES,
        "account": account,
        "entry_id": entry,
        "legs": [{"role": "platform", "amount": "5000", "account": account}],
    }
    public = {field: named[row.public[field].name] for field in (*row.essential, "about")}
    body: dict[str, JsonValue] = {"type": name, "chapter": chapter, "subjects": [account], "public": public}
    if row.acts and name not in CASE_TYPE_NAMES:
        kind = min(row.operations, key=lambda kind: (kind not in ORDINARY, kind))
        body["op"] = operation_body(kind, account, other)
    return body


def operation_body(kind: OperationKind, sender: str, receiver: str) -> dict[str, JsonValue]:
    """Return a well-formed operation of a kind between two accounts, as far as it names them."""
    body: dict[str, JsonValue] = {"kind": kind.label, "from": sender, "to": receiver, "amount": "5000"}
    if kind is K.ISSUE:
        body["from"] = None
    if kind in (K.BURN, K.CANCEL):
        body["to"] = None
    if kind is K.RECOVER:
        body["amount"] = "0"
    if kind in (K.RELEASE, K.CANCEL, K.REVERSE):
        body["ref"] = "33" * 32
    return body
