"""A chapter with merchants for tests of the alliance, and short ways to take steps and look at cases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from chain.canonical import JsonValue
from chain.operation import OperationKind, account_id, chapter_code
from chain.types import AccountId
from gateway.case_rules import CASE_BOOK
from gateway.cases.reading import CaseReader
from gateway.db import Database, fetch_all
from gateway.ledger.drafts import Accepted, AccountKind, Draft, Submission
from gateway.rules.calendar import business_date, format_timestamp
from tests.unit.gateway.ledger.worlds import (
    CHAPTER,
    NOON,
    OTHER_CHAPTER,
    ManualClock,
    World,
    address,
    joined,
    opened,
    operated,
    running,
)

DAY = 86_400_000
EVIDENCE = "e1" * 32
RECEIPT = "ec" * 32
MERCHANTS = ("m", "n", "o")
OFFICERS = ("secretary", "chair", "committee", "president", "treasurer")


@contextmanager
def alliance(database: Database, folder: Path) -> Iterator[World]:
    """Two chapters; in the first the members a, b and the merchants m, n, o with 300.00 coins each."""
    with running(database, folder, ManualClock(), rules=CASE_BOOK) as world:
        world.accept(opened())
        world.accept(opened(OTHER_CHAPTER))
        world.accept(operated(OperationKind.ISSUE, receiver=address(f"pool-{CHAPTER}"), amount=1_000_000))
        for name in ("a", "b", *OFFICERS):
            world.accept(joined(name))
        for name in MERCHANTS:
            world.accept(joined(name, kind=AccountKind.MERCHANT))
            pool = address(f"pool-{CHAPTER}")
            world.accept(operated(OperationKind.TRANSFER, pool, address(name), 30_000))
        world.accept(joined("elsewhere", OTHER_CHAPTER, AccountKind.MERCHANT))
        yield world


def account(name: str) -> str:
    """Return the account of a named party."""
    return account_id(address(name))


def step(name: str, *, by: str | None = None, chapter: int = CHAPTER, **public: JsonValue) -> Draft:
    """Return a draft with public fields only, done ``by`` somebody; accounts are given by name."""
    for field in ("merchant", "complainant", "resident", "owner"):
        if isinstance(public.get(field), str):
            public[field] = account(str(public[field]))
    actor = None if by is None else AccountId(account(by))
    return Draft(name, chapter_code(chapter), actor, (), public=public)


def entry(world: World, accepted: Accepted) -> dict[str, JsonValue]:
    """Return the entry as recorded."""
    with world.database.reader() as connection:
        ((body,),) = fetch_all(connection, "SELECT body FROM entries WHERE log_index = ?", accepted.index)
    document: dict[str, JsonValue] = json.loads(bytes(body))  # type: ignore[arg-type]
    return document


def taken(world: World, draft: Draft) -> dict[str, JsonValue]:
    """Take a step that must be accepted; return its public fields with the entry's id as ``id``."""
    accepted = world.accept(draft)
    public = entry(world, accepted)["public"]
    assert isinstance(public, dict)
    return {**public, "id": accepted.entry_id}


def refused(world: World, draft: Draft) -> tuple[str, dict[str, str | int]]:
    """Take a step that must be refused; return code and fields."""
    refusal = world.refuse(draft)
    return refusal.code, refusal.fields


def case(world: World, kind: str, key: JsonValue) -> dict[str, JsonValue]:
    """Return a case as its readers see it."""
    found = CaseReader(world.database).find(kind, str(key), None)
    assert found is not None, (kind, key)
    return found


def document(world: World, kind: str, key: JsonValue) -> dict[str, JsonValue]:
    """Return the document of a case."""
    found = case(world, kind, key)["document"]
    assert isinstance(found, dict)
    return found


def wait(world: World, days: int) -> list[str]:
    """Let days pass and record what is due; return the types recorded, in order."""
    world.clock.milliseconds += days * DAY
    return carry_out(world)


def carry_out(world: World) -> list[str]:
    """Record what is due now, until nothing is; return the types recorded, in order."""
    types: list[str] = []
    for _ in range(5):  # what is recorded may itself be due at once
        with world.database.reader() as connection:
            steps = CASE_BOOK.due_steps(connection, world.clock(), 1_000)
        done = [
            draft.type
            for key, draft in steps
            if isinstance(world.ledger.submit(Submission("clock", key, b"", draft)).result(30), Accepted)
        ]
        types += done
        if not done:
            break
    return types


def balance(world: World, name: str) -> int:
    """Return what an account has to spend, hundredths of a coin."""
    with world.database.reader() as connection:
        rows = fetch_all(connection, "SELECT available FROM balances WHERE account = ?", address(name))
    return int(str(rows[0][0])) if rows else 0


def stamp(days: int) -> str:
    """Return the moment some days after the start of the test's clock, as entries say it."""
    return format_timestamp(NOON + days * DAY)


def date_in(days: int) -> str:
    """Return the business date some days after the start of the test's clock, as entries say it."""
    return (business_date(NOON // 1000) + timedelta(days)).isoformat()


def lodged(merchant: str, amount: int = 500_000, **more: JsonValue) -> Draft:
    """Return the step that lodges a deposit, in fen."""
    return step("deposit.lodged", merchant=merchant, amount=str(amount), receipt=RECEIPT, **more)


def member(name: str) -> Draft:
    """Return the step that opens a resident's membership."""
    return replace(
        step("membership.opened", kind="ordinary", receipt=RECEIPT), subjects=(AccountId(account(name)),)
    )


def reviewed(about: JsonValue, stage: str, by: str, result: str = "passed", **more: JsonValue) -> Draft:
    """Return one review of an application."""
    public = {"about": about, "stage": stage, "result": result, "evidence": EVIDENCE, **more}
    return step("seat.reviewed", by=by, **public)


REVIEWERS = (("credentials", "secretary"), ("reputation", "chair"), ("referral_ability", "committee"))


def granted(about: JsonValue, by: str = "president") -> Draft:
    """Return the grant of an application."""
    return step("seat.granted", by=by, about=about, certificate="ce" * 32)


def pass_reviews(world: World, merchant: str, industry: str) -> JsonValue:
    """Apply and pass the three reviews; return the application's id."""
    key = taken(world, step("seat.applied", merchant=merchant, industry=industry))["id"]
    for stage, by in REVIEWERS:
        taken(world, reviewed(key, stage, by))
    return key


def hold_seat(world: World, merchant: str, industry: str) -> str:
    """Bring a merchant to its seat, deposit lodged; return the seat's key."""
    taken(world, lodged(merchant))
    taken(world, granted(pass_reviews(world, merchant, industry)))
    return f"{chapter_code(CHAPTER)}:{industry}"
