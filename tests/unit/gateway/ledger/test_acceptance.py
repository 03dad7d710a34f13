"""What is refused before anything is recorded, and what accepted operations leave to spend."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import coincurve
import pytest

from chain.evm.calldata import encode_authorization
from chain.hashing import keccak256
from chain.operation import OperationKind, account_id, chapter_code
from chain.typed_data import authorization_digest
from chain.types import Address
from gateway.db import Database, fetch_all
from gateway.errors import Refusal
from gateway.ledger.authorization import CURVE_ORDER
from gateway.ledger.drafts import (
    AccountKind,
    Authorization,
    Custody,
    Draft,
    Effect,
    RecoverAccount,
    SetCaps,
    SetQuota,
    SetRights,
)
from tests.unit.gateway.ledger.worlds import (
    CHAPTER,
    MONTH,
    NOON,
    OTHER_CHAPTER,
    PLACE,
    World,
    address,
    joined,
    opened,
    operated,
    running,
)

K = OperationKind
A, B, M, P = address("a"), address("b"), address("m"), address(f"pool-{CHAPTER}")
FOREIGN = address("foreign")
HOLDER = coincurve.PrivateKey(b"\x09" * 32)
SELF = Address(keccak256(HOLDER.public_key.format(compressed=False)[1:])[12:])


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    """Two chapters; a, b, m (merchant) and a self-custody account in one, `foreign` in the other; funded."""
    with running(database, tmp_path) as world:
        drafts = [
            opened(), opened(OTHER_CHAPTER), joined("a"), joined("b"), joined("m", kind=AccountKind.MERCHANT),
            joined("self", at=SELF, custody=Custody.SELF), joined("foreign", OTHER_CHAPTER),
            operated(K.ISSUE, receiver=A, amount=10_000), operated(K.ISSUE, receiver=SELF, amount=10_000),
            operated(K.ISSUE, receiver=P, amount=50_000),
            operated(K.ISSUE, receiver=FOREIGN, amount=10_000, chapter=OTHER_CHAPTER),
        ]  # fmt: skip
        for draft in drafts:
            world.accept(draft)
        yield world


def held(world: World, account: bytes) -> tuple[int, int]:
    """Return (available, locked) of an account."""
    with world.database.reader() as connection:
        rows = fetch_all(connection, "SELECT available, locked FROM balances WHERE account = ?", account)
    return rows[0] if rows else (0, 0)  # type: ignore[return-value]


def changed(*effects: Effect, subject: bytes | None = None) -> Draft:
    """Return an entry that only carries effects."""
    subjects = () if subject is None else (account_id(Address(subject)),)
    public = {"cap": "daily", "amount": "0"}
    return Draft("cap.set", chapter_code(CHAPTER), None, subjects, public=public, effects=effects)


def rights(account: Address, send: bool, receive: bool) -> Draft:
    """Return an entry that sets an account's rights."""
    return changed(SetRights(account, send, receive, b"\x03" * 32), subject=account)


def bad(field: str, reason: str) -> Refusal:
    """Return the refusal of one field."""
    return Refusal("entry.bad_field", field=field, reason=reason)


REFUSED: list[tuple[str, Draft, Refusal]] = [
    ("too little", operated(K.TRANSFER, A, B, 10_001), Refusal("balance.insufficient", field="op.from")),
    ("to oneself", operated(K.TRANSFER, A, A, 1), bad("op.to", "is the sender itself")),
    ("unknown sender", operated(K.TRANSFER, address("x"), B, 1), Refusal("member.unknown", field="op.from")),
    ("unknown receiver", operated(K.TRANSFER, A, address("x"), 1), Refusal("member.unknown", field="op.to")),
    ("sender of another chapter", operated(K.TRANSFER, FOREIGN, A, 1),
     Refusal("chapter.wrong", field="op.from")),
    ("issue into another chapter", operated(K.ISSUE, receiver=FOREIGN, amount=1),
     Refusal("chapter.wrong", field="op.to")),
    ("issue to a merchant", operated(K.ISSUE, receiver=M, amount=1),
     bad("op.to", "credits are issued to members and pools only")),
    ("issue above quota", operated(K.ISSUE, receiver=A, amount=10**12), Refusal("quota.exceeded")),
    ("redeem at a member", operated(K.REDEEM, A, B, 1), bad("op.to", "is not a merchant")),
    ("burn too much", operated(K.BURN, A, amount=10_001), Refusal("balance.insufficient", field="op.from")),
    ("lock too much", operated(K.LOCK, A, A, 10_001), Refusal("balance.insufficient", field="op.from")),
    ("lock for another", operated(K.LOCK, A, B, 1), bad("op.to", "is not the sender itself")),
    ("release nothing", operated(K.RELEASE, A, A, 1, ref=b"\x01" * 32),
     Refusal("operation.unknown_ref", field="op.ref")),
    ("cancel nothing", operated(K.CANCEL, A, amount=1, ref=b"\x01" * 32),
     Refusal("operation.unknown_ref", field="op.ref")),
    ("reverse nothing", operated(K.REVERSE, B, A, 1, ref=b"\x01" * 32),
     Refusal("operation.unknown_ref", field="op.ref")),
    ("recover unordered", operated(K.RECOVER, A, B), bad("op.to", "does not follow the sender's account")),
    ("expired", operated(K.TRANSFER, A, B, 1, valid_until=NOON // 1000), bad("op.valid_until", "has passed")),
    ("ref on a gift", operated(K.TRANSFER, A, B, 1, ref=b"\x01" * 32),
     bad("op.ref", "transfer takes no ref here")),
    ("unsigned self-custody", operated(K.TRANSFER, SELF, B, 1),
     Refusal("signature.missing", field="authorization")),
    ("signed custodial", operated(K.TRANSFER, A, B, 1, authorization=Authorization(b"\1" * 32, b"\1" * 65)),
     bad("authorization", "the account is not in self-custody")),
]  # fmt: skip


def test_every_refusal_has_its_code_and_changes_nothing(world: World) -> None:
    before = {account: held(world, account) for account in (A, B, M, P, SELF, FOREIGN)}
    for name, draft, refusal in REFUSED:
        assert (name, world.answer(draft)) == (name, refusal)
    assert {account: held(world, account) for account in before} == before
    with world.database.reader() as connection:
        assert fetch_all(connection, "SELECT count(*) FROM entries") == [(12,)]


def test_payments_move_what_is_left_to_spend(world: World) -> None:
    world.accept(operated(K.TRANSFER, A, B, 3_000))
    world.accept(operated(K.TRANSFER, A, FOREIGN, 500))
    world.accept(operated(K.REDEEM, B, M, 1_000))
    world.accept(operated(K.BURN, M, amount=400))
    assert [held(world, x)[0] for x in (A, B, M, FOREIGN)] == [6_500, 2_000, 600, 10_500]


def test_frozen_members_neither_send_nor_receive(world: World) -> None:
    world.accept(rights(A, False, True))
    assert world.refuse(operated(K.TRANSFER, A, B, 1)) == Refusal("member.frozen", field="op.from")
    assert world.refuse(operated(K.LOCK, A, A, 1)) == Refusal("member.frozen", field="op.from")
    world.accept(operated(K.ISSUE, receiver=A, amount=1))
    world.accept(operated(K.BURN, A, amount=1))
    world.accept(rights(A, True, False))
    world.accept(operated(K.TRANSFER, A, B, 1))
    assert world.refuse(operated(K.ISSUE, receiver=A, amount=1)) == Refusal("member.frozen", field="op.to")
    world.accept(rights(A, True, True))
    world.accept(operated(K.ISSUE, receiver=A, amount=1))


def test_quota_is_per_month_of_china_standard_time(world: World) -> None:
    world.accept(changed(SetQuota(CHAPTER, MONTH, 70_100)))
    world.accept(operated(K.ISSUE, receiver=A, amount=100))
    assert world.refuse(operated(K.ISSUE, receiver=A, amount=1)) == Refusal("quota.exceeded")
    # 2026-11-30 16:00 UTC is the first second of December in China.
    world.clock.milliseconds = 1_796_054_400_000
    world.accept(changed(SetQuota(CHAPTER, 202_612, 5)))
    world.accept(operated(K.ISSUE, receiver=A, amount=5))
    with world.database.reader() as connection:
        rows = fetch_all(connection, "SELECT period, used FROM quotas WHERE chapter = ? ORDER BY 1", CHAPTER)
    assert rows == [(202_611, 70_100), (202_612, 5)]


def test_daily_cap_holds_for_custodial_members_alone_and_ends_at_midnight(world: World) -> None:
    world.accept(changed(SetCaps(CHAPTER, 1_000, None)))
    world.accept(operated(K.TRANSFER, A, B, 900))
    assert world.refuse(operated(K.TRANSFER, A, B, 101)) == Refusal(
        "cap.exceeded", field="op.from", cap="daily"
    )
    world.accept(operated(K.TRANSFER, A, B, 100))
    world.accept(operated(K.TRANSFER, P, B, 5_000))
    world.clock.milliseconds += 24 * 3_600_000
    world.accept(operated(K.TRANSFER, A, B, 1_000))
    world.accept(changed(SetCaps(CHAPTER, 0, None)))
    world.accept(operated(K.TRANSFER, A, B, 2_000))


def test_holding_cap_counts_what_is_locked(world: World) -> None:
    world.accept(operated(K.LOCK, A, A, 4_000))
    world.accept(changed(SetCaps(CHAPTER, None, 10_050)))
    world.accept(operated(K.TRANSFER, P, A, 50))
    refusal = world.refuse(operated(K.TRANSFER, P, A, 1))
    assert refusal == Refusal("cap.exceeded", field="op.to", cap="holding")
    world.accept(operated(K.TRANSFER, A, P, 1_000))
    world.accept(operated(K.TRANSFER, SELF, P, 1, authorization=signed(K.TRANSFER, P, 1)))


def test_locks_are_released_and_cancelled_in_parts(world: World) -> None:
    lock = world.accept(operated(K.LOCK, A, A, 1_000)).leaf_hash
    assert held(world, A) == (9_000, 1_000)
    world.accept(operated(K.RELEASE, A, A, 300, ref=lock))
    assert held(world, A) == (9_300, 700)
    world.accept(operated(K.CANCEL, A, amount=500, ref=lock))
    assert held(world, A) == (9_300, 200)
    for draft in (operated(K.RELEASE, A, A, 201, ref=lock), operated(K.RELEASE, B, B, 1, ref=lock)):
        assert world.refuse(draft) == Refusal("operation.unknown_ref", field="op.ref")
    both = [world.submission(operated(K.RELEASE, A, A, 150, ref=lock)) for _ in range(2)]
    first, second = world.ledger.submit_many(both)
    assert not isinstance(first, Refusal)
    assert second == Refusal("operation.unknown_ref", field="op.ref")
    assert held(world, A) == (9_450, 50)


def test_reversals_take_back_at_most_what_is_there(world: World) -> None:
    gift = world.accept(operated(K.TRANSFER, A, B, 1_000)).leaf_hash
    assert world.refuse(operated(K.REVERSE, B, P, 1, ref=gift)) == bad(
        "op.ref", "its parties are not these two, swapped"
    )
    assert world.refuse(operated(K.REVERSE, B, A, 1_001, ref=gift)) == bad(
        "op.amount", "more than is left of the original"
    )
    world.accept(operated(K.TRANSFER, B, P, 700))
    both = [world.submission(operated(K.REVERSE, B, A, 600, ref=gift)) for _ in range(2)]
    first, second = world.ledger.submit_many(both)
    assert not isinstance(first, Refusal)
    assert second == bad("op.amount", "more than is left of the original")
    assert (held(world, A)[0], held(world, B)[0]) == (9_300, 0)
    world.accept(operated(K.REVERSE, B, A, 400, ref=gift))
    assert (held(world, A)[0], held(world, B)[0]) == (9_300, 0)


def test_recovery_moves_credits_locks_and_rights(world: World) -> None:
    lock = world.accept(operated(K.LOCK, A, A, 1_000)).leaf_hash
    new = address("a2")
    effect = RecoverAccount(A, new, b"\x04" * 32)
    subjects = (account_id(A), account_id(new))
    world.accept(replace(changed(effect), subjects=subjects))
    assert world.refuse(operated(K.TRANSFER, A, B, 1)) == Refusal("member.frozen", field="op.from")
    world.accept(operated(K.RECOVER, A, new))
    assert (held(world, A), held(world, new)) == ((0, 0), (9_000, 1_000))
    world.accept(operated(K.RELEASE, new, new, 1_000, ref=lock))
    world.accept(operated(K.TRANSFER, new, B, 10_000))
    again = replace(changed(RecoverAccount(A, address("a3"), b"\x04" * 32)), subjects=())
    assert world.refuse(again) == bad("account", "was replaced by another account")


def signed(
    kind: OperationKind, receiver: Address, amount: int, *, nonce: bytes = b"\x0a" * 32, until: int = 0,
    key: coincurve.PrivateKey = HOLDER, high: bool = False,
) -> Authorization:  # fmt: skip
    """Return the self-custody holder's authorization."""
    digest = authorization_digest(
        PLACE, kind=kind, sender=SELF, receiver=receiver, amount=amount,
        nonce=nonce, valid_before=until,
    )  # fmt: skip
    raw = key.sign_recoverable(digest, hasher=None)
    if high:
        s = CURVE_ORDER - int.from_bytes(raw[32:64], "big")
        raw = raw[:32] + s.to_bytes(32, "big") + bytes((raw[64] ^ 1,))
    return Authorization(nonce, raw[:64] + bytes((raw[64] + 27,)))


def test_self_custody_operation_carries_its_authorization(world: World) -> None:
    authorization = signed(K.TRANSFER, B, 100, until=NOON // 1000 + 60)
    accepted = world.accept(
        operated(K.TRANSFER, SELF, B, 100, valid_until=NOON // 1000 + 60, authorization=authorization)
    )
    world.publish()
    leaf = world.ledger.view.leaves(accepted.index, accepted.index + 1)[0]
    digest = authorization_digest(
        PLACE, kind=2, sender=SELF, receiver=B, amount=100,
        nonce=authorization.nonce, valid_before=NOON // 1000 + 60,
    )  # fmt: skip
    assert leaf.ref == digest
    assert leaf.evidence == encode_authorization(authorization.nonce, authorization.signature)


def test_authorizations_are_held_to_the_letter(world: World) -> None:
    good = signed(K.TRANSFER, B, 100)
    cases = [
        ("signature.high_s", signed(K.TRANSFER, B, 100, high=True)),
        ("signature.wrong_signer", signed(K.TRANSFER, B, 101)),
        ("signature.wrong_signer", signed(K.TRANSFER, B, 100, key=coincurve.PrivateKey(b"\x08" * 32))),
        ("signature.wrong_signer", replace(good, nonce=b"\x0b" * 32)),
        ("signature.malformed", replace(good, signature=good.signature[:64] + b"\x00")),
        ("signature.malformed", replace(good, signature=good.signature + b"\x00")),
        ("signature.malformed", replace(good, signature=bytes(64) + b"\x1b")),
        ("signature.malformed", replace(good, signature=b"\xff" * 64 + b"\x1b")),
    ]
    for code, authorization in cases:
        draft = operated(K.TRANSFER, SELF, B, 100, authorization=authorization)
        assert world.refuse(draft).code == code
    expired = operated(K.TRANSFER, SELF, B, 100, valid_until=1, authorization=good)
    assert world.refuse(expired) == Refusal("signature.expired")
    other_ref = operated(K.TRANSFER, SELF, B, 100, ref=b"\x01" * 32, authorization=good)
    assert world.refuse(other_ref) == bad("op.ref", "is not the authorization's digest")
    assert held(world, SELF) == (10_000, 0)


def test_rule_21_authorization_is_used_once(world: World) -> None:
    draft = operated(K.TRANSFER, SELF, B, 100, authorization=signed(K.TRANSFER, B, 100))
    first, second = world.ledger.submit_many([world.submission(draft), world.submission(draft)])
    assert not isinstance(first, Refusal)
    assert second == Refusal("signature.replayed")
    assert world.refuse(draft) == Refusal("signature.replayed")
    # A nonce is spent for its signer whatever it had authorised.
    other = operated(K.TRANSFER, SELF, B, 7, authorization=signed(K.TRANSFER, B, 7))
    assert world.refuse(other) == Refusal("signature.replayed")
    world.accept(operated(K.TRANSFER, SELF, B, 7, authorization=signed(K.TRANSFER, B, 7, nonce=b"\x0c" * 32)))
