"""What goes through the intake comes out the same, and nothing personal stands in a row."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from chain.entry import Operation
from chain.errors import FormatError
from chain.operation import ZERO_REF, OperationKind, account_id, chapter_code
from chain.types import EntryId, LeafHash, LeafIndex
from gateway.errors import Refusal
from gateway.ledger.drafts import (
    Accepted,
    AccountKind,
    Answer,
    Authorization,
    Custody,
    Draft,
    OpenChapter,
    RecoverAccount,
    RegisterAccount,
    SetCaps,
    SetQuota,
    SetRights,
    Submission,
)
from gateway.ledger.intake_wire import (
    decode_answers,
    decode_submissions,
    encode_answers,
    encode_submissions,
)
from gateway.ledger.vault import Vault
from gateway.outbox.calls import ChainCall
from tests.unit.gateway.ledger.worlds import address

TICKET = bytes(range(16))
ALICE, BOB = address("alice"), address("bob")
FULL = Draft(
    "gift.sent",
    chapter_code(31_010_007),
    account_id(ALICE),
    (account_id(ALICE), account_id(BOB)),
    Operation(OperationKind.TRANSFER, ALICE, BOB, 2**63 - 1, 0, ZERO_REF),
    {"amount": "40000", "count": 3, "flag": True, "none": None},
    {"why": "生日", "list": [1, {"deep": "x"}]},
    (EntryId("01M814BVE77RK8V0D2M1QCSRZS"),),
    "rule-1",
    "countersigned",
    Authorization(b"\x01" * 32, b"\x02" * 65),
    (
        RegisterAccount(BOB, 31_010_007, AccountKind.MERCHANT, Custody.SELF, b"\x03" * 32),
        OpenChapter(31_010_008, ALICE),
        SetRights(BOB, False, True, b"\x04" * 32),
        RecoverAccount(ALICE, BOB, b"\x05" * 32),
        SetQuota(31_010_007, 202_611, 5),
        SetCaps(31_010_007, None, 0),
    ),
    (ChainCall("register", "Membership", b"\x06\x07", 21_000, "operator"),),
    ("president",),
    "01M814BVE77RK8V0D2M1QCSRZT",
)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path / "vault.sqlite3", os.urandom)


def submission(draft: Draft, key: str = "k") -> Submission:
    return Submission("key_1", key, b"\x08" * 32, draft)


def test_everything_a_draft_can_hold_comes_out_the_same(vault: Vault) -> None:
    given = [submission(FULL, "a"), submission(replace(FULL, private={}, effects=(), operation=None), "b")]
    payload = encode_submissions(given, TICKET, vault, os.urandom)
    assert decode_submissions(payload, TICKET, vault) == given
    found = decode_submissions(payload, TICKET, vault)[0]
    assert isinstance(found, Submission) and found.draft.operation is not None
    assert type(found.draft.operation.kind) is OperationKind


def test_private_values_are_sealed_with_their_subjects_key(vault: Vault) -> None:
    payload = encode_submissions([submission(FULL)], TICKET, vault, os.urandom)
    assert b"why" not in payload and json.dumps("生日").encode() not in payload
    assert "生日".encode() not in payload
    vault.destroy(ALICE)
    assert decode_submissions(payload, TICKET, vault) == [Refusal("ledger.busy")]


def test_private_values_without_a_subject_do_not_leave(vault: Vault) -> None:
    draft = replace(FULL, subjects=())
    payload = encode_submissions([submission(draft)], TICKET, vault, os.urandom)
    assert json.dumps("生日").encode() not in payload
    found = decode_submissions(payload, TICKET, vault)[0]
    assert isinstance(found, Submission) and found.draft.private == {"why": None, "list": None}


@pytest.mark.parametrize(
    "payload",
    [
        b"{",
        b'{"a":1}',
        b'[{"c":"Path","f":{}}]',
        b'[{"c":"Submission","f":{"principal":"p"}}]',
        b'[{"e":"OperationKind","v":99}]',
        b'[{"x":"zz"}]',
        b"[1]",
    ],
)
def test_what_is_no_submission_is_refused(vault: Vault, payload: bytes) -> None:
    with pytest.raises(FormatError) as caught:
        decode_submissions(payload, TICKET, vault)
    assert caught.value.where == "intake"


def test_answers_come_out_the_same() -> None:
    entry = EntryId("01M814BVE77RK8V0D2M1QCSRZS")
    at = "2026-11-22T08:01:07.015Z"
    given: list[Answer] = [
        Accepted(entry, LeafIndex(7), LeafHash(b"\x09" * 32), at, b'{"v":1}', False),
        Refusal("member.unknown", field="op.to"),
        Accepted(entry, LeafIndex(7), LeafHash(b"\x09" * 32), at, b'{"v":1}', True),
    ]
    assert decode_answers(encode_answers(given)) == given
