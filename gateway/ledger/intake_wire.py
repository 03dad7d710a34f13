"""What processes that serve HTTP and the sequencer's hand each other: submissions and answers, as JSON.

A value says what it is (bytes, tuple, one of a closed list of classes), so nothing outside that list can be
made by reading a row. Private fields never stand here in plain: they are sealed with their subject's key
under the row's ticket, so that destroying the key ends this copy, too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from enum import IntEnum
from typing import cast, get_args

from chain.canonical import JsonValue
from chain.errors import FormatError
from chain.operation import Operation, OperationKind, account_address
from chain.types import EntryId, LeafHash, LeafIndex
from gateway.errors import Refusal
from gateway.ledger.drafts import (
    Accepted,
    AccountKind,
    Answer,
    Authorization,
    Custody,
    Draft,
    Effect,
    Submission,
)
from gateway.ledger.vault import NONCE_SIZE, Entropy, Vault
from gateway.outbox.calls import ChainCall, Window

_CLASSES: dict[str, Callable[..., object]] = {
    cls.__name__: cls
    for cls in (Submission, Draft, Operation, Authorization, ChainCall, Window, *get_args(Effect))
}
_ENUMS: dict[str, type[IntEnum]] = {cls.__name__: cls for cls in (OperationKind, AccountKind, Custody)}
_SEALED = "sealed"


def encode_submissions(
    submissions: Sequence[Submission], ticket: bytes, vault: Vault, entropy: Entropy
) -> bytes:
    """Return the payload of one intake row. Inverse: `decode_submissions` with the same ticket and vault."""
    packed = [
        _pack(replace(one, draft=_seal(one.draft, f"{ticket.hex()}-{place}", vault, entropy)))
        for place, one in enumerate(submissions)
    ]
    return json.dumps(packed, separators=(",", ":")).encode()


def decode_submissions(payload: bytes, ticket: bytes, vault: Vault) -> list[Submission | Refusal]:
    """Return the submissions of a row, in order; one whose subject's key was destroyed is refused as busy.

    Raises FormatError when the payload is not one that `encode_submissions` makes.
    """
    try:
        found = [cast("Submission", _unpack(item)) for item in json.loads(payload)]
        return [_open(one, f"{ticket.hex()}-{place}", vault) for place, one in enumerate(found)]
    except (ValueError, TypeError, KeyError, AttributeError, IndexError):
        raise FormatError("intake", "is not a list of submissions") from None


def _seal(draft: Draft, name: str, vault: Vault, entropy: Entropy) -> Draft:
    if not draft.private:
        return draft
    if not draft.subjects:
        # It will be refused for that; the names are enough to say so.
        return replace(draft, private=dict.fromkeys(draft.private))
    subject = bytes(account_address(draft.subjects[0]))
    # If we crash here, a key exists that no entry uses: harmless.
    vault.ensure_keys([subject])
    plain = json.dumps(dict(draft.private)).encode()
    return replace(draft, private={_SEALED: vault.seal(subject, name, plain, entropy(NONCE_SIZE)).hex()})


def _open(submission: Submission, name: str, vault: Vault) -> Submission | Refusal:
    draft = submission.draft
    if not draft.private or not draft.subjects:
        return submission
    sealed = bytes.fromhex(str(draft.private[_SEALED]))
    plain = vault.open(bytes(account_address(draft.subjects[0])), name, sealed)
    if plain is None:
        return Refusal("ledger.busy")
    private: dict[str, JsonValue] = json.loads(plain)
    return replace(submission, draft=replace(draft, private=private))


def _pack(value: object) -> JsonValue:
    """Return a value as JSON: what JSON cannot say of itself is an object with one telling member."""
    if isinstance(value, IntEnum):
        return {"e": type(value).__name__, "v": int(value)}
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, bytes):
        return {"x": value.hex()}
    if isinstance(value, tuple):
        return {"t": [_pack(item) for item in value]}
    if isinstance(value, Mapping):
        return {"j": dict(value)}
    if is_dataclass(value) and type(value).__name__ in _CLASSES:
        return {
            "c": type(value).__name__,
            "f": {field.name: _pack(getattr(value, field.name)) for field in fields(value)},
        }
    raise TypeError(f"{type(value).__name__} is not handed between processes")


def _unpack(value: JsonValue) -> object:
    if not isinstance(value, dict):
        return value
    match value:
        case {"x": str(text)}:
            return bytes.fromhex(text)
        case {"t": list(items)}:
            return tuple(_unpack(item) for item in items)
        case {"j": dict(document)}:
            return document
        case {"e": str(name), "v": int(number)}:
            return _ENUMS[name](number)
        case {"c": str(name), "f": dict(members)}:
            return _CLASSES[name](**{key: _unpack(item) for key, item in members.items()})
    raise FormatError("intake", "holds a value of no known kind")


def encode_answers(answers: Sequence[Answer]) -> bytes:
    """Return the answer of one intake row. Inverse: `decode_answers`."""
    return json.dumps([_answer_document(answer) for answer in answers], separators=(",", ":")).encode()


def _answer_document(answer: Answer) -> dict[str, object]:
    if isinstance(answer, Refusal):
        return {"code": answer.code, "fields": answer.fields}
    return {
        "id": answer.entry_id,
        "index": answer.index,
        "leaf_hash": answer.leaf_hash.hex(),
        "at": answer.at,
        "receipt": answer.receipt.decode("ascii"),
        "replayed": answer.replayed,
    }


def decode_answers(answer: bytes) -> list[Answer]:
    """Return the answers of a row, in the order of its submissions."""
    return [_read_answer(item) for item in json.loads(answer)]


def _read_answer(item: dict[str, object]) -> Answer:
    if "code" in item:
        return Refusal(str(item["code"]), **cast("dict[str, str | int]", item["fields"]))
    return Accepted(
        EntryId(str(item["id"])),
        LeafIndex(cast("int", item["index"])),
        LeafHash(bytes.fromhex(str(item["leaf_hash"]))),
        str(item["at"]),
        str(item["receipt"]).encode("ascii"),
        item["replayed"] is True,
    )
