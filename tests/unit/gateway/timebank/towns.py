"""A chapter under all rules, with pools and memberships as its members have them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from chain.canonical import JsonValue
from chain.operation import ZERO_ADDRESS, ZERO_REF, Operation, OperationKind
from chain.types import Address
from gateway.case_rules import CASE_BOOK
from gateway.cases.compare import compare_cases
from gateway.cases.replay import rebuild_cases
from gateway.db import Database, migrate, sqlite_url
from gateway.ledger.drafts import AccountKind, Draft, SetRights
from tests.unit.gateway.ledger.worlds import ManualClock, address, joined, opened, operated, running
from tests.unit.gateway.timebank.kit import MORNING, Bank, account, step

POOLS = ("holding", "subsidy", "public_benefit")
RECEIPT, ORDER = "a1" * 32, "0d" * 32


@contextmanager
def town_of(database: Database, folder: Path) -> Iterator[Bank]:
    """Open a chapter: m, n and p are members whose basic services are not counted, shop is a merchant.

    x has no membership; m, n and subsidy have 100.00 coins each; public_benefit is a pool account only.
    """
    with running(database, folder, ManualClock(MORNING * 1000), rules=CASE_BOOK) as world:
        world.accept(opened())
        for name in POOLS:
            world.accept(joined(name, kind=AccountKind.POOL))
        for name in POOLS[:2]:
            world.accept(step("pool.opened", name=name, account=account(name)))
        world.accept(joined("shop", kind=AccountKind.MERCHANT))
        for name in ("m", "n", "p", "x"):
            world.accept(joined(name))
        for name in ("m", "n", "p"):
            world.accept(step("membership.opened", (name,), kind="refundable", receipt=RECEIPT))
        world.accept(step("membership.opened", ("shop",), kind="merchant", receipt=RECEIPT))
        for name in ("m", "n", "subsidy"):
            world.accept(operated(OperationKind.ISSUE, receiver=address(name), amount=10_000))
        yield Bank(world)


def hours(minutes: int, coins: int, to: str = "p", payer: str | None = None, **public: JsonValue) -> Draft:
    """Return the draft that records hours without a booking, and orders their coins."""
    sender = Address(ZERO_ADDRESS) if payer is None else address(payer)
    kind = OperationKind.ISSUE if payer is None else OperationKind.TRANSFER
    draft = step("service.recorded", minutes=minutes, **cast("dict[str, Any]", public))
    return replace(draft, operation=Operation(kind, sender, address(to), coins, 0, ZERO_REF))


def rights(name: str, may_send: bool, may_receive: bool) -> Draft:
    """Return the draft of a freeze, or of its end where both are given."""
    public: dict[str, Any] = {
        "account": account(name), "may_send": may_send, "may_receive": may_receive, "order": ORDER
    }  # fmt: skip
    effect = SetRights(address(name), may_send, may_receive, bytes.fromhex(ORDER))
    type_name = "member.unfrozen" if may_send and may_receive else "member.frozen"
    return replace(step(type_name, **public), effects=(effect,))


def check_replay(bank: Bank, folder: Path) -> None:
    """Assert that the entries alone give all cases again."""
    fresh = Database(sqlite_url(folder / "again.sqlite3"))
    migrate(fresh)
    try:
        assert rebuild_cases(bank.world.database, fresh, CASE_BOOK).stuck is None
        assert compare_cases(bank.world.database, fresh).difference is None
    finally:
        fresh.close()
