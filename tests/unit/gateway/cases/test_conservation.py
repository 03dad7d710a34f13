"""Conservation over random sequences of operations and sales, against a model of a few lines.

Hypothesis plays thousands of short lives of a chapter on one real ledger. After each step what members hold
in SQL is what the model holds, and all of it together is what was issued less what was burned.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from chain.canonical import JsonValue
from chain.hashing import hash_leaf
from chain.operation import ZERO_ADDRESS, OperationKind, account_id
from chain.types import Address
from gateway.case_rules import CASE_BOOK
from gateway.db import Database, fetch_all, fetch_in, migrate, sqlite_url
from gateway.ledger.drafts import Accepted, AccountKind, Draft
from tests.unit.gateway.ledger.worlds import World, address, joined, opened, operated, recorded, running

K = OperationKind
WHO = ("a", "b", "c", "m")
AMOUNT = st.integers(1, 900)
PERSON = st.sampled_from(WHO)


class Life(RuleBasedStateMachine):
    """One chapter's short life; ``held`` and ``locked`` are the model."""

    world: ClassVar[World]
    numbers: ClassVar[Iterator[int]] = itertools.count(32_000_001)
    steps: ClassVar[int] = 0

    @initialize(funds=st.integers(0, 2_000))
    def begin(self, funds: int) -> None:
        self.chapter = next(Life.numbers)
        self.names = {name: f"{name}-{self.chapter}" for name in WHO}
        self.names["pool"] = f"pool-{self.chapter}"
        self.held = dict.fromkeys(self.names, 0)
        self.locked = dict.fromkeys(self.names, 0)
        self.issued = 0
        self.locks: list[tuple[bytes, str, int]] = []
        self.sales: list[dict[str, int | str | bool]] = []
        drafts = [opened(self.chapter)]
        for name in WHO:
            kind = AccountKind.MERCHANT if name == "m" else AccountKind.MEMBER
            drafts.append(joined(self.names[name], self.chapter, kind))
        group = [self.world.submission(draft) for draft in drafts]
        assert all(isinstance(answer, Accepted) for answer in self.world.ledger.submit_many(group))
        for name in ("pool", "a"):
            self._issue(name, funds + 1)

    def _at(self, name: str) -> Address:
        return address(self.names[name])

    def _issue(self, name: str, amount: int) -> None:
        self.world.accept(operated(K.ISSUE, receiver=self._at(name), amount=amount, chapter=self.chapter))
        self.held[name] += amount
        self.issued += amount

    def _try(self, draft: Draft, fits: bool) -> Accepted | None:
        """Submit; it must be accepted exactly when the model says so."""
        Life.steps += 1
        answer = self.world.answer(draft)
        assert isinstance(answer, Accepted) == fits, (draft, answer)
        return answer if isinstance(answer, Accepted) else None

    def _move(self, kind: OperationKind, sender: str, receiver: str | None, amount: int) -> Draft:
        to = ZERO_ADDRESS if receiver is None else self._at(receiver)
        return operated(kind, self._at(sender), Address(to), amount, chapter=self.chapter)

    @rule(sender=PERSON, receiver=PERSON, amount=AMOUNT)
    def transfer(self, sender: str, receiver: str, amount: int) -> None:
        fits = sender != receiver and self.held[sender] >= amount
        if self._try(self._move(K.TRANSFER, sender, receiver, amount), fits):
            self.held[sender] -= amount
            self.held[receiver] += amount

    @rule(sender=PERSON, receiver=PERSON, amount=AMOUNT)
    def redeem(self, sender: str, receiver: str, amount: int) -> None:
        fits = sender != receiver and receiver == "m" and self.held[sender] >= amount
        if self._try(self._move(K.REDEEM, sender, receiver, amount), fits):
            self.held[sender] -= amount
            self.held[receiver] += amount

    @rule(name=PERSON, amount=AMOUNT)
    def burn(self, name: str, amount: int) -> None:
        if self._try(self._move(K.BURN, name, None, amount), self.held[name] >= amount):
            self.held[name] -= amount
            self.issued -= amount

    @rule(name=PERSON, amount=AMOUNT)
    def lock(self, name: str, amount: int) -> None:
        accepted = self._try(self._move(K.LOCK, name, name, amount), self.held[name] >= amount)
        if accepted:
            self.held[name] -= amount
            self.locked[name] += amount
            self.locks.append((accepted.leaf_hash, name, amount))

    @rule(name=PERSON, amount=AMOUNT, number=st.integers(0, 3))
    def release(self, name: str, amount: int, number: int) -> None:
        if not self.locks:
            return
        at = number % len(self.locks)
        ref, owner, left = self.locks[at]
        draft = self._move(K.RELEASE, name, name, amount)
        assert draft.operation is not None
        draft = replace(draft, operation=replace(draft.operation, ref=ref))
        if self._try(draft, name == owner and left >= amount):
            self.held[name] += amount
            self.locked[name] -= amount
            self.locks[at] = (ref, owner, left - amount)

    def _step(self, name: str, about: str, **public: JsonValue) -> Draft:
        draft = recorded(chapter=self.chapter)
        return replace(draft, type=name, subjects=(), public={**public, "about": about})

    @rule(buyer=st.sampled_from(("a", "b", "c")), amount=st.integers(1, 3_000))
    def buy(self, buyer: str, amount: int) -> None:
        public: dict[str, JsonValue] = {"merchant": account_id(self._at("m")), "amount": str(amount)}
        draft = replace(
            recorded(chapter=self.chapter), type="sale.recorded", public=public,
            subjects=(account_id(self._at(buyer)),),
        )  # fmt: skip
        accepted = self._try(draft, True)
        assert accepted is not None
        self.sales.append(
            {"id": accepted.entry_id, "buyer": buyer, "amount": amount, "paid": 0, "rebated": False}
        )

    @rule(amount=AMOUNT, number=st.integers(0, 3))
    def pay(self, amount: int, number: int) -> None:
        if not self.sales:
            return
        sale = self.sales[number % len(self.sales)]
        buyer, paid = str(sale["buyer"]), int(sale["paid"])
        fits = not sale["rebated"] and amount <= int(sale["amount"]) - paid and amount <= self.held[buyer]
        if self._try(self._step("sale.paid", str(sale["id"]), amount=str(amount)), fits):
            sale["paid"] = paid + amount
            self.held[buyer] -= amount
            self.held["m"] += amount

    @rule(number=st.integers(0, 3))
    def rebate(self, number: int) -> None:
        if not self.sales:
            return
        sale = self.sales[number % len(self.sales)]
        due = (int(sale["amount"]) - int(sale["paid"])) * 5 // 100
        fits = not sale["rebated"] and self.held["pool"] >= due
        if self._try(self._step("sale.rebated", str(sale["id"])), fits):
            sale["rebated"] = True
            self.held["pool"] -= due
            self.held[str(sale["buyer"])] += due

    @invariant()
    def what_is_held_is_what_the_model_holds(self) -> None:
        if not hasattr(self, "held"):
            return
        rows = self._rows()
        assert rows == {name: (self.held[name], self.locked[name]) for name in self.names}
        assert sum(free + kept for free, kept in rows.values()) == self.issued
        assert min(free for free, _ in rows.values()) >= 0

    def _rows(self) -> dict[str, tuple[int, int]]:
        names = {bytes(address(shown)): name for name, shown in self.names.items()}
        sql = "SELECT account, available, locked FROM balances WHERE account IN (@)"
        with self.world.database.reader() as connection:
            found = fetch_in(connection, sql, sorted(names))
        held = dict.fromkeys(self.names, (0, 0))
        held.update({names[bytes(row[0])]: (int(str(row[1])), int(str(row[2]))) for row in found})  # type: ignore[arg-type]
        return held


def test_rule_01_coins_are_conserved_over_every_sequence(tmp_path: Path) -> None:
    """Rule 1: supply is the sum of all balances after every step; rule 3: limits hold in the same step."""
    with ExitStack() as stack:
        database = Database(sqlite_url(tmp_path / "life.sqlite3"))
        stack.callback(database.close)
        migrate(database)
        Life.world = stack.enter_context(running(database, tmp_path, rules=CASE_BOOK))
        Life.steps = 0
        lives = settings(
            max_examples=2_000, stateful_step_count=8, deadline=None, suppress_health_check=list(HealthCheck)
        )
        run_state_machine_as_test(Life, settings=lives)
        # A machine that never gets to do anything would prove nothing.
        assert Life.steps > 5_000
        check_leaves(database)


def check_leaves(database: Database) -> None:
    """Every operation's row belongs to the entry at its index: the same leaf, the same operands."""
    sql = (
        "SELECT o.leaf_hash, e.leaf_data, e.body, o.amount FROM operations o "
        "JOIN entries e ON e.log_index = o.log_index ORDER BY o.log_index DESC LIMIT 500"
    )
    with database.reader() as connection:
        rows = fetch_all(connection, sql)
    assert rows
    for leaf_hash, leaf_data, body, amount in rows:
        assert hash_leaf(bytes(leaf_data)) == bytes(leaf_hash)  # type: ignore[arg-type]
        assert json.loads(bytes(body))["op"]["amount"] == str(amount)  # type: ignore[arg-type]
