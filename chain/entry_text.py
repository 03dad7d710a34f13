"""Entries written in one go: the canonical bytes of FORMATS.md section 2 without a value in between. Pure.

A ledger writes thousands of entries a second, and a dict that is sorted and encoded takes three times as
long. Must not check anything: what comes in has been checked, and is free of what JSON escapes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from chain.canonical import JsonValue, encode_plain
from chain.entry import ENTRY_VERSION, MAX_ENTRY_SIZE
from chain.errors import FormatError
from chain.operation import ZERO_ADDRESS, Operation
from chain.types import AccountId, ChapterCode, EntryId


def write_entry(
    *,
    entry_id: EntryId,
    type_name: str,
    chapter: ChapterCode,
    at: str,
    actor: AccountId | None,
    authority: str,
    subjects: Mapping[AccountId, tuple[int, bytes]],
    operation: Operation | None,
    public: Mapping[str, JsonValue],
    refs: Sequence[EntryId] = (),
    rule: str | None = None,
    sd: Iterable[str] = (),
) -> bytes:
    """Return what ``encode_entry(build_entry(...))`` returns for the same arguments.

    Members stand in canonical order. Requires checked arguments. Raises FormatError above
    ``MAX_ENTRY_SIZE``.
    """
    links = [
        f'"{account}":{{"prev":"{previous.hex()}","seq":{sequence}}}'
        for account, (sequence, previous) in sorted(subjects.items())
    ]
    data = (
        f'{{"_sd":{_list(sorted(sd))},"_sd_alg":"sha-256","actor":{_quoted(actor)},"at":"{at}",'
        f'"authority":"{authority}","chapter":"{chapter}","id":"{entry_id}",'
        f'"op":{"null" if operation is None else _operation(operation)},'
        f'"public":{encode_plain(public).decode("ascii")},"refs":{_list(refs)},"rule":{_quoted(rule)},'
        f'"subjects":{{{",".join(links)}}},"type":"{type_name}","v":{ENTRY_VERSION}}}'
    ).encode("ascii")
    if len(data) > MAX_ENTRY_SIZE:
        raise FormatError("entry", f"longer than {MAX_ENTRY_SIZE} bytes")
    return data


def _operation(operation: Operation) -> str:
    return (
        f'{{"amount":"{operation.amount}","from":{_party(operation.sender)},'
        f'"kind":"{operation.kind.label}","ref":"{operation.ref.hex()}","to":{_party(operation.receiver)},'
        f'"valid_until":{operation.valid_until}}}'
    )


def _party(address: bytes) -> str:
    return "null" if address == ZERO_ADDRESS else f'"acct_{address.hex()}"'


def _quoted(text: str | None) -> str:
    return "null" if text is None else f'"{text}"'


def _list(texts: Sequence[str]) -> str:
    return '["' + '","'.join(texts) + '"]' if texts else "[]"
