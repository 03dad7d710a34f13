"""Effects of entries as contract calls: batches of registrations, order, roles, one commit."""

from __future__ import annotations

from pathlib import Path

from chain.evm.calldata import (
    Registration,
    encode_approve,
    encode_recover,
    encode_register,
    encode_set_daily_cap,
    encode_set_holding_cap,
    encode_set_quota,
    encode_set_rights,
)
from chain.hashing import keccak256
from chain.operation import OperationKind
from chain.types import Address
from gateway.db import Database, fetch_all
from gateway.ledger.drafts import (
    AccountKind,
    ApproveOperation,
    Custody,
    Effect,
    OpenChapter,
    RecoverAccount,
    RegisterAccount,
    SetCaps,
    SetQuota,
    SetRights,
)
from gateway.members.chain_calls import ACCOUNT_GAS, BASE_GAS, RegisterPlanner
from gateway.outbox.calls import MAX_CALLDATA
from tests.unit.gateway.ledger.worlds import CHAPTER, IDENTITY, MONTH, joined, opened, running

LOG = b"\x07" * 32
PLANNER = RegisterPlanner(31_337, LOG)


def account(number: int) -> Address:
    """Return a numbered address."""
    return Address(number.to_bytes(20, "big"))


def registered(number: int) -> RegisterAccount:
    """Return the registration of a numbered member."""
    return RegisterAccount(account(number), CHAPTER, AccountKind.MEMBER, Custody.SELF, bytes([number]) * 32)


def test_registrations_travel_together() -> None:
    calls = PLANNER.plan([(f"E{n}", registered(n)) for n in range(1, 121)])
    assert [reference for reference, _ in calls] == ["E1", "E51", "E101"]
    first = calls[0][1]
    assert (first.kind, first.target, first.signer) == ("register", "Membership", "operator")
    assert first.gas == BASE_GAS + 50 * ACCOUNT_GAS
    assert first.calldata == encode_register(
        [Registration(account(n), CHAPTER, 1, 2, LOG, bytes([n]) * 32) for n in range(1, 51)]
    )
    assert max(len(call.calldata) for _, call in calls) < MAX_CALLDATA


def test_officers_approve_an_operation_by_their_own_keys() -> None:
    approval = ApproveOperation(OperationKind.REVERSE, CHAPTER, b"\x08" * 32, ("president", "secretary"))
    calls = PLANNER.plan([("E1", approval)])
    data = encode_approve(keccak256(b"reverse"), CHAPTER, b"\x08" * 32)
    assert [(reference, call.kind, call.target, call.signer) for reference, call in calls] == [
        ("E1", "approve", "CoSignature", "president"),
        ("E1", "approve", "CoSignature", "secretary"),
    ]
    assert {call.calldata for _, call in calls} == {data}


def test_each_effect_goes_out_by_the_key_of_its_role() -> None:
    order = b"\x04" * 32
    effects: list[tuple[str, Effect]] = [
        ("E1", OpenChapter(CHAPTER, account(1))),
        ("E1", registered(1)),
        ("E2", SetQuota(CHAPTER, MONTH, 500)),
        ("E3", SetRights(account(1), False, True, order)),
        ("E4", RecoverAccount(account(1), account(2), order)),
        ("E5", SetCaps(CHAPTER, 7, None)),
        ("E6", SetCaps(CHAPTER, None, 0)),
        ("E7", registered(3)),
    ]
    got = [(ref, call.kind, call.target, call.signer, call.calldata) for ref, call in PLANNER.plan(effects)]
    register = [
        encode_register([Registration(account(n), CHAPTER, 1, 2, LOG, bytes([n]) * 32)]) for n in (1, 3)
    ]
    assert got == [
        ("E2", "setQuota", "TimeCredit", "issuer", encode_set_quota(CHAPTER, MONTH, 500)),
        ("E1", "register", "Membership", "operator", register[0]),
        ("E3", "setRights", "Membership", "freezer", encode_set_rights(account(1), False, True, order)),
        ("E4", "recover", "Membership", "recoverer", encode_recover(account(1), account(2), order)),
        ("E5", "setDailyCap", "TimeCredit", "hq", encode_set_daily_cap(CHAPTER, 7)),
        ("E6", "setHoldingCap", "TimeCredit", "hq", encode_set_holding_cap(CHAPTER, 0)),
        ("E7", "register", "Membership", "operator", register[1]),
    ]


def test_calls_are_queued_in_the_transaction_of_their_entries(database: Database, tmp_path: Path) -> None:
    planner = RegisterPlanner(31_337, bytes(IDENTITY.log_id))
    with running(database, tmp_path, planner=planner) as world:
        chapter = world.accept(opened())
        members = [world.submission(joined(name)) for name in ("a", "a", "b")]
        world.ledger.submit_many(members)
    sql = "SELECT kind, reference, state, chain_id FROM chain_transactions ORDER BY id"
    with database.reader() as connection:
        rows = fetch_all(connection, sql)
    assert [row[0] for row in rows] == ["setQuota", "register", "register"]
    assert {row[1] for row in rows[:2]} == {chapter.entry_id}
    assert {(row[2], row[3]) for row in rows} == {("queued", 31_337)}
