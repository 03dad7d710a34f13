"""A small ledger for tests: a log, a vault, chapters with members, and short ways to submit."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chain.canonical import JsonValue
from chain.operation import ZERO_ADDRESS, ZERO_REF, Operation, OperationKind, account_id, chapter_code
from chain.typed_data import Place
from chain.types import Address, Digest
from gateway.db import Database
from gateway.errors import Refusal
from gateway.ledger.drafts import (
    Accepted,
    AccountKind,
    Answer,
    Authorization,
    Custody,
    Draft,
    Effect,
    OpenChapter,
    RegisterAccount,
    SetQuota,
    Submission,
)
from gateway.ledger.genesis import open_log
from gateway.ledger.identity import LogIdentity
from gateway.ledger.service import Ledger
from gateway.ledger.vault import Vault

NOON = 1_795_000_000_000
"""Start of a test's clock, Unix milliseconds (2026-11-18)."""

CHAPTER = 31_010_007
OTHER_CHAPTER = 31_010_008
MONTH = 202_611
PLACE = Place(31_337, Digest(b"\x66" * 32), Address(b"\x77" * 20))
IDENTITY = LogIdentity("log.example/test", Ed25519PrivateKey.from_private_bytes(b"\x05" * 32))


class ManualClock:
    """A clock that moves when told."""

    def __init__(self, milliseconds: int = NOON) -> None:
        self.milliseconds = milliseconds

    def __call__(self) -> int:
        return self.milliseconds


_SLIPS = itertools.count(1)


def fresh_receipt() -> str:
    """Return the hash of a receipt that no purchase was recorded with yet."""
    return hashlib.sha256(f"slip {next(_SLIPS)}".encode()).hexdigest()


def address(name: str) -> Address:
    """Return the address of a named test account."""
    return Address(hashlib.sha256(name.encode()).digest()[:20])


@dataclass
class World:
    """A running ledger and its parts."""

    database: Database
    folder: Path
    clock: ManualClock
    vault: Vault
    ledger: Ledger
    counter: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def submission(self, draft: Draft, key: str | None = None, principal: str = "platform") -> Submission:
        """Return the draft under a key of its own; the fingerprint covers the draft."""
        text = key or f"key-{next(self.counter)}-{os.urandom(4).hex()}"
        return Submission(principal, text, hashlib.sha256(repr(draft).encode()).digest(), draft)

    def answer(self, draft: Draft, key: str | None = None) -> Answer:
        """Submit and return the answer."""
        return self.ledger.submit(self.submission(draft, key)).result(30)

    def accept(self, draft: Draft, key: str | None = None) -> Accepted:
        """Submit a draft that must be accepted."""
        answer = self.answer(draft, key)
        assert isinstance(answer, Accepted), answer
        return answer

    def refuse(self, draft: Draft, key: str | None = None) -> Refusal:
        """Submit a draft that must be refused."""
        answer = self.answer(draft, key)
        assert isinstance(answer, Refusal), answer
        return answer

    def publish(self) -> int:
        """Wait until all committed entries are in a checkpoint; return its size."""
        with self.database.reader() as connection:
            end = connection.exec_driver_sql("SELECT count(*) FROM entries").scalar()
        assert self.ledger.view.wait_newer(int(end or 0) - 1, 30)
        return self.ledger.published_size()


@contextmanager
def running(
    database: Database, folder: Path, clock: ManualClock | None = None, **options: object
) -> Iterator[World]:
    """Run a ledger on ``database`` and ``folder``, created when new; stopped on exit."""
    clock = clock or ManualClock()
    folder.mkdir(exist_ok=True)
    open_log(database, IDENTITY, clock=clock, entropy=os.urandom)
    vault = Vault(folder / "vault.sqlite3", os.urandom)
    ledger = Ledger(
        database, IDENTITY, vault, folder / "log", clock=clock, interval=0.01, place=PLACE, **options  # type: ignore[arg-type]
    )  # fmt: skip
    ledger.start()
    try:
        yield World(database, folder, clock, vault, ledger)
    finally:
        ledger.stop()
        vault.close()


def opened(chapter: int = CHAPTER, quota: int = 10**12) -> Draft:
    """Return the draft that opens a chapter with its pool ``pool-<number>`` and a quota."""
    pool = address(f"pool-{chapter}")
    effects: tuple[Effect, ...] = (
        RegisterAccount(pool, chapter, AccountKind.POOL, Custody.OPERATOR, b"\x01" * 32),
        OpenChapter(chapter, pool),
        SetQuota(chapter, MONTH, quota),
    )
    public: dict[str, JsonValue] = {"pool": account_id(pool)}
    return Draft(
        "chapter.opened", chapter_code(chapter), None, (account_id(pool),), public=public, effects=effects
    )


def joined(
    name: str,
    chapter: int = CHAPTER,
    kind: AccountKind = AccountKind.MEMBER,
    custody: Custody = Custody.OPERATOR,
    private: Mapping[str, JsonValue] | None = None,
    at: Address | None = None,
) -> Draft:
    """Return the draft that registers the named account (or the address ``at``)."""
    account = at or address(name)
    effects = (RegisterAccount(account, chapter, kind, custody, b"\x02" * 32),)
    return Draft(
        "member.joined", chapter_code(chapter), None, (account_id(account),),
        public={"account": account_id(account)}, private=private or {}, effects=effects,
    )  # fmt: skip


def operated(
    kind: OperationKind,
    sender: Address = ZERO_ADDRESS,
    receiver: Address = ZERO_ADDRESS,
    amount: int = 0,
    *,
    chapter: int = CHAPTER,
    ref: bytes = ZERO_REF,
    valid_until: int = 0,
    authorization: Authorization | None = None,
) -> Draft:
    """Return the draft of a ``credit.*`` entry with this operation."""
    suffix = {
        "issue": "issued", "transfer": "transferred", "redeem": "redeemed", "burn": "burned",
        "lock": "locked", "release": "released", "cancel": "cancelled", "reverse": "reversed",
        "recover": "recovered",
    }[kind.label]  # fmt: skip
    return Draft(
        f"credit.{suffix}", chapter_code(chapter), None, (),
        operation=Operation(kind, sender, receiver, amount, valid_until, ref), authorization=authorization,
    )  # fmt: skip


def recorded(*names: str, chapter: int = CHAPTER, private: Mapping[str, JsonValue] | None = None) -> Draft:
    """Return the draft of a purchase that concerns the named accounts and moves nothing."""
    subjects = tuple(account_id(address(name)) for name in names)
    return Draft(
        "purchase.recorded", chapter_code(chapter), None, subjects,
        public={"amount": "1250", "currency": "CNY"}, private=private or {},
    )  # fmt: skip
