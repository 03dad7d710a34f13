"""A ledger of dictionaries for random walks: the real rules, one step after the other, without a database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from chain.entry_types import check_draft
from chain.errors import FormatError
from chain.operation import ZERO_ADDRESS, Operation, OperationKind, account_id
from chain.types import AccountId
from gateway.cases.case import Case
from gateway.cases.layers import Key
from gateway.cases.world import Standing, World
from gateway.errors import Refusal
from gateway.ledger.drafts import AccountKind, Draft
from gateway.rules.refusals import RuleRefusal
from tests.unit.gateway.ledger.worlds import CHAPTER
from tests.unit.gateway.timebank.kit import BOOK, NAMES, POOLS, account, step


class PaperWorld(World):
    """What one step sees of a `PaperLedger`."""

    def __init__(self, ledger: PaperLedger, draft: Draft, entry_id: str) -> None:
        self.ledger = ledger
        self.draft, self.entry_id, self.now, self.chapter = draft, entry_id, ledger.now, CHAPTER
        self.changed: dict[Key, Case] = {}

    def standing(self, account: str) -> Standing | None:
        kind = self.ledger.kinds.get(AccountId(account))
        if kind is None:
            return None
        return Standing(
            AccountId(account), CHAPTER, kind, 1, True, True, self.ledger.balances[AccountId(account)], 0
        )

    def chapter_pool(self) -> AccountId:
        return account("main")

    def find(self, kind: str, key: str) -> Case | None:
        return self.changed.get((kind, key)) or self.ledger.cases.get((kind, key))

    def list(
        self, kind: str, *, state: str | None = None, holder: str | None = None, chapter: int | None = None
    ) -> list[Case]:
        found = {**self.ledger.cases, **self.changed}
        fits = [case for case in found.values() if case.kind == kind]
        fits = [case for case in fits if state in (None, case.state) and holder in (None, case.holder)]
        return sorted(fits, key=lambda case: case.key)


class PaperLedger:
    """Balances in hundredths, cases, and every operation with the case its entry was about."""

    def __init__(self, now: int, rules: dict[str, Callable[[World], Draft]]) -> None:
        self.now = now
        self.rules = rules
        self.cases: dict[Key, Case] = {}
        self.kinds: dict[AccountId, int] = {account("main"): AccountKind.POOL}
        self.kinds.update({account(name): AccountKind.POOL for name in POOLS})
        for name in NAMES:
            self.kinds[account(name)] = AccountKind.MERCHANT if name == "shop" else AccountKind.MEMBER
        self.balances = dict.fromkeys(self.kinds, 0)
        self.supply = 0
        self.moved: list[tuple[str, str, Operation]] = []
        self.count = 0

    def take(self, draft: Draft) -> str | None:
        """Take a step; return its entry's id, or None where it is refused and nothing has changed."""
        self.count += 1
        entry_id = f"01KB{self.count:022d}"
        world = PaperWorld(self, draft, entry_id)
        try:
            done = self.rules[draft.type](world)
            check_draft(done.type, done.public, done.operation)
        except (Refusal, RuleRefusal, FormatError):
            return None
        if done.operation is not None and not self._move(done):
            return None
        self.cases.update(world.changed)
        return entry_id

    def give(self, name: str, amount: int) -> None:
        """Issue coins outside of any booking."""
        self.balances[account(name)] += amount
        self.supply += amount

    def due(self) -> int:
        """Carry out what is due; return how much of it was accepted."""
        waiting = [
            case for case in self.cases.values() if case.due_at is not None and case.due_at <= self.now
        ]
        waiting.sort(key=lambda case: (case.due_at, case.kind, case.key))
        return sum(self.take(BOOK._due[case.kind](case)) is not None for case in waiting)

    def _move(self, draft: Draft) -> bool:
        operation = draft.operation
        assert operation is not None and operation.amount > 0
        if operation.kind is OperationKind.ISSUE:
            self.supply += operation.amount
        else:
            sender = account_id(operation.sender)
            if self.balances[sender] < operation.amount or operation.sender == operation.receiver:
                return False
            self.balances[sender] -= operation.amount
        assert operation.receiver != ZERO_ADDRESS
        self.balances[account_id(operation.receiver)] += operation.amount
        self.moved.append((draft.type, str(draft.public.get("about")), operation))
        return True


def paper_bank(now: int) -> PaperLedger:
    """Return a ledger with the pools open, an elder, and 100.00 coins with m, n, e and the subsidy pools."""
    ledger = PaperLedger(now, BOOK._rules)
    for name in POOLS:
        assert ledger.take(step("pool.opened", name=name, account=account(name)))
    for name in ("m", "n", "e", "subsidy", "merchant_subsidy"):
        ledger.give(name, 10_000)
    assert ledger.take(replace(step("service.recorded", NAMES), public={}))
    return ledger
