"""One chapter's short life for Hypothesis: operations, sales and bookings, against a model of a few lines."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, cast

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from chain.canonical import JsonValue
from chain.operation import ZERO_ADDRESS, OperationKind, account_id
from chain.types import Address
from gateway.db import fetch_in
from gateway.ledger.drafts import Accepted, AccountKind, Draft, RecoverAccount
from gateway.rules.calendar import format_timestamp
from tests.unit.gateway.ledger.worlds import (
    NOON,
    World,
    address,
    fresh_receipt,
    joined,
    opened,
    operated,
    recorded,
)

K = OperationKind
WHO = ("a", "b", "c", "m")
AMOUNT = st.integers(1, 900)
BOOL = st.booleans()
PERSON = st.sampled_from(WHO)
OWNER = st.sampled_from((None, None, None, "a", "m"))
"""Who asks to have a lock released: mostly whose it is."""
SKILL, PRICE = "appliance_cleaning", 2_000
"""A service the member pays for, and what two hours of it cost."""
ALWAYS: list[JsonValue] = ["daily.08:00-20:00"]
DAY = 86_400_000
TEN = NOON // DAY * DAY + 2 * 3_600_000
"""Ten o'clock in Shanghai on the day of these lives."""


@dataclass(frozen=True, slots=True)
class Move:
    """An operation that may be reversed: who gave (nobody: it was issued), who has it, what is left of it."""

    leaf_hash: bytes
    sender: str | None
    receiver: str
    left: int


@dataclass(slots=True)
class Sale:
    """A sale as the model knows it."""

    entry: str
    buyer: str
    amount: int
    paid: int = 0
    is_rebated: bool = False
    rebated: int = 0
    refunded: int = 0
    coins_due: int = 0
    rebate_due: int = 0


def referring(draft: Draft, ref: bytes) -> Draft:
    """Return an operation's draft with the earlier operation it acts on."""
    assert draft.operation is not None
    return replace(draft, operation=replace(draft.operation, ref=ref))


class Life(RuleBasedStateMachine):
    """One chapter's short life; ``held`` and ``locked`` are the model."""

    world: ClassVar[World]
    numbers: ClassVar[Iterator[int]] = itertools.count(32_000_001)
    steps: ClassVar[int] = 0
    done: ClassVar[Counter[str]] = Counter()

    @initialize(funds=st.integers(0, 4_000))
    def begin(self, funds: int) -> None:
        self.chapter = next(Life.numbers)
        self.names = {name: f"{name}-{self.chapter}" for name in WHO}
        self.names["pool"] = f"pool-{self.chapter}"
        self.held = dict.fromkeys(self.names, 0)
        self.locked = dict.fromkeys(self.names, 0)
        self.issued = self.renewed = self.days = 0
        self.locks: list[tuple[bytes, str, int]] = []
        self.moves: list[Move] = []
        self.bookings: list[tuple[str, str]] = []
        self.sales: list[Sale] = []
        self.lost: list[Address] = []
        drafts = [opened(self.chapter)]
        for name in WHO:
            kind = AccountKind.MERCHANT if name == "m" else AccountKind.MEMBER
            drafts.append(joined(self.names[name], self.chapter, kind))
        group = [self.world.submission(draft) for draft in drafts]
        assert all(isinstance(answer, Accepted) for answer in self.world.ledger.submit_many(group))
        self.members: set[str] = set()
        self.offers: dict[str, str] = {}
        for name in ("pool", "a"):
            self._issue(name, funds + 1)

    def _at(self, name: str) -> Address:
        return address(self.names[name])

    def _issue(self, name: str, amount: int) -> None:
        draft = operated(K.ISSUE, receiver=self._at(name), amount=amount, chapter=self.chapter)
        accepted = self._try(draft, name != "m")
        if accepted:
            self.held[name] += amount
            self.issued += amount
            self.moves.append(Move(accepted.leaf_hash, None, name, amount))

    def _try(self, draft: Draft, fits: bool) -> Accepted | None:
        """Submit; it must be accepted exactly when the model says so."""
        Life.steps += 1
        answer = self.world.answer(draft)
        assert isinstance(answer, Accepted) == fits, (draft, answer)
        if not isinstance(answer, Accepted):
            return None
        Life.done[draft.type] += 1
        return answer

    def _move(self, kind: OperationKind, sender: str, receiver: str | None, amount: int) -> Draft:
        to = ZERO_ADDRESS if receiver is None else self._at(receiver)
        return operated(kind, self._at(sender), Address(to), amount, chapter=self.chapter)

    def _pay(self, kind: OperationKind, sender: str, receiver: str, amount: int, fits: bool) -> None:
        fits = fits and sender != receiver and self.held[sender] >= amount
        accepted = self._try(self._move(kind, sender, receiver, amount), fits)
        if accepted:
            self.held[sender] -= amount
            self.held[receiver] += amount
            self.moves.append(Move(accepted.leaf_hash, sender, receiver, amount))

    @rule(sender=PERSON, receiver=PERSON, amount=AMOUNT)
    def transfer(self, sender: str, receiver: str, amount: int) -> None:
        self._pay(K.TRANSFER, sender, receiver, amount, fits=True)

    @rule(sender=PERSON, receiver=PERSON, amount=AMOUNT)
    def redeem(self, sender: str, receiver: str, amount: int) -> None:
        self._pay(K.REDEEM, sender, receiver, amount, fits=receiver == "m")

    @rule(name=st.sampled_from((*WHO, "pool")), amount=AMOUNT)
    def issue(self, name: str, amount: int) -> None:
        self._issue(name, amount)

    @precondition(lambda self: self.moves)
    @rule(number=st.integers(0, 5), amount=AMOUNT)
    def reverse(self, number: int, amount: int) -> None:
        """What is asked back counts against the original; what its receiver no longer has does not come."""
        at = number % len(self.moves)
        move = self.moves[at]
        draft = self._move(K.REVERSE, move.receiver, move.sender, amount)
        if self._try(referring(draft, move.leaf_hash), amount <= move.left):
            self.moves[at] = replace(move, left=move.left - amount)
            moved = min(amount, self.held[move.receiver])
            self.held[move.receiver] -= moved
            if move.sender is None:
                self.issued -= moved
            else:
                self.held[move.sender] += moved

    @rule(name=st.sampled_from(("a", "b", "c")))
    def recover(self, name: str) -> None:
        """Everything of a lost account, its locks too, goes on under a new one; nothing is left behind."""
        old = self._at(name)
        self.renewed += 1
        self.names[name] = f"{name}-{self.chapter}-{self.renewed}"
        new = self._at(name)
        public: dict[str, JsonValue] = {"from": account_id(old), "to": account_id(new)}
        draft = replace(
            recorded(chapter=self.chapter), type="account.recovered", public=public,
            subjects=(account_id(old), account_id(new)), effects=(RecoverAccount(old, new, bytes(32)),),
        )  # fmt: skip
        self._try(draft, True)
        self._try(operated(K.RECOVER, old, new, chapter=self.chapter), True)
        self.lost.append(old)

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

    @precondition(lambda self: self.locks)
    @rule(number=st.integers(0, 3), amount=AMOUNT, name=OWNER)
    def release(self, number: int, amount: int, name: str | None) -> None:
        at = number % len(self.locks)
        ref, owner, left = self.locks[at]
        name = name or owner
        draft = referring(self._move(K.RELEASE, name, name, amount), ref)
        if self._try(draft, name == owner and left >= amount):
            self.held[name] += amount
            self.locked[name] -= amount
            self.locks[at] = (ref, owner, left - amount)

    @precondition(lambda self: self.locks)
    @rule(number=st.integers(0, 3), amount=AMOUNT, name=OWNER)
    def cancel(self, number: int, amount: int, name: str | None) -> None:
        at = number % len(self.locks)
        ref, owner, left = self.locks[at]
        name = name or owner
        draft = referring(self._move(K.CANCEL, name, None, amount), ref)
        if self._try(draft, name == owner and left >= amount):
            self.issued -= amount
            self.locked[name] -= amount
            self.locks[at] = (ref, owner, left - amount)

    def _step(self, name: str, about: str, **public: JsonValue) -> Draft:
        draft = recorded(chapter=self.chapter)
        return replace(draft, type=name, subjects=(), public={**public, "about": about})

    @rule(
        buyer=st.sampled_from(("a", "b", "c")),
        amount=st.integers(1, 3_000),
        offset=st.integers(0, 900),
        then=BOOL,
    )
    def buy(self, buyer: str, amount: int, offset: int, then: bool) -> None:
        public: dict[str, JsonValue] = {
            "merchant": account_id(self._at("m")), "amount": str(amount), "receipt": fresh_receipt()
        }  # fmt: skip
        draft = replace(
            recorded(chapter=self.chapter), type="sale.recorded", public=public,
            subjects=(account_id(self._at(buyer)),),
        )  # fmt: skip
        accepted = self._try(draft, True)
        assert accepted is not None
        self.sales.append(Sale(accepted.entry_id, buyer, amount))
        if min(offset, amount, self.held[buyer]):
            self._offset(self.sales[-1], min(offset, amount, self.held[buyer]))
        if then:
            self._rebate(self.sales[-1])

    def _sale(self, number: int) -> Sale:
        """Return one of the sales, the latest for 0."""
        return self.sales[-1 - number % len(self.sales)]

    @precondition(lambda self: self.sales)
    @rule(amount=AMOUNT, number=st.integers(0, 3))
    def pay(self, amount: int, number: int) -> None:
        self._offset(self._sale(number), amount)

    def _offset(self, sale: Sale, amount: int) -> None:
        fits = not (sale.is_rebated or sale.refunded) and amount <= sale.amount - sale.paid
        fits = fits and amount <= self.held[sale.buyer]
        accepted = self._try(self._step("sale.paid", sale.entry, amount=str(amount)), fits)
        if accepted:
            sale.paid += amount
            self.held[sale.buyer] -= amount
            self.held["m"] += amount
            self.moves.append(Move(accepted.leaf_hash, sale.buyer, "m", amount))

    @precondition(lambda self: self.sales)
    @rule(number=st.integers(0, 2))
    def rebate(self, number: int) -> None:
        self._rebate(self._sale(number))

    def _rebate(self, sale: Sale) -> None:
        due = (sale.amount - sale.paid) * 5 // 100
        fits = not (sale.is_rebated or sale.refunded) and self.held["pool"] >= due
        if self._try(self._step("sale.rebated", sale.entry), fits):
            sale.is_rebated, sale.rebated = True, due
            self.held["pool"] -= due
            self.held[sale.buyer] += due

    @precondition(lambda self: self.sales)
    @rule(amount=st.integers(1, 3_000), number=st.integers(0, 3), is_rest=BOOL, then=BOOL)
    def refund(self, amount: int, number: int, is_rest: bool, then: bool) -> None:
        """Coins and rebate come back in the part that was refunded, to the last hundredth with the rest."""
        sale = self._sale(number)
        amount = sale.amount - sale.refunded if is_rest and sale.refunded < sale.amount else amount
        fits = amount <= sale.amount - sale.refunded
        if self._try(self._step("sale.refunded", sale.entry, amount=str(amount)), fits):
            before, after = sale.refunded, sale.refunded + amount
            sale.coins_due += sale.paid * after // sale.amount - sale.paid * before // sale.amount
            sale.rebate_due += sale.rebated * after // sale.amount - sale.rebated * before // sale.amount
            sale.refunded = after
        if then and sale.refunded:
            self._return_coins(sale)
            self._return_rebate(sale)

    @precondition(lambda self: any(sale.refunded for sale in self.sales))
    @rule(number=st.integers(0, 2))
    def return_coins(self, number: int) -> None:
        self._return_coins(self._sale(number))

    def _return_coins(self, sale: Sale) -> None:
        if sale.coins_due and not self.held["m"]:
            # As with a rebate: the clock alone says whether nothing may be recorded as given back.
            return
        moved = min(sale.coins_due, self.held["m"])
        if self._try(self._step("sale.coins_returned", sale.entry), moved > 0):
            sale.coins_due -= moved
            self.held["m"] -= moved
            self.held[sale.buyer] += moved

    @precondition(lambda self: any(sale.refunded for sale in self.sales))
    @rule(number=st.integers(0, 2))
    def return_rebate(self, number: int) -> None:
        self._return_rebate(self._sale(number))

    def _return_rebate(self, sale: Sale) -> None:
        if sale.rebate_due and not self.held[sale.buyer]:
            # Whether nothing may be recorded as taken depends on the clock, which stands still here.
            return
        moved = min(sale.rebate_due, self.held[sale.buyer])
        if self._try(self._step("sale.rebate_returned", sale.entry), moved > 0):
            sale.rebate_due -= moved
            self.held[sale.buyer] -= moved
            self.held["pool"] += moved

    @rule(member=st.sampled_from(("a", "b", "c")), provider=st.sampled_from(("a", "b", "c")))
    def book(self, member: str, provider: str) -> None:
        """What a booking costs waits in the holding pool: the member has it no more, the provider not yet."""
        if member == provider:
            return
        if self.held[member] < PRICE:
            self._issue(member, PRICE)
        if "holding" not in self.names:
            self._open_holding()
        for name in {member, provider} - self.members:
            self._take("membership.opened", name, kind="ordinary", receipt=f"{self.chapter:064x}")
            self.members.add(name)
        if provider not in self.offers:
            self.offers[provider] = self._take(
                "service.offered", provider, skill=SKILL, compound="c1", capacity=20, availability=ALWAYS
            )
        self.days += 1
        at = format_timestamp(TEN + self.days * DAY)
        booking = self._take("service.requested", member, service=SKILL, compound="c1", minutes=120,
                             starts_at=at)  # fmt: skip
        self._try(self._step("service.dispatched", booking, offer=self.offers[provider]), True)
        self._try(self._step("service.accepted", booking, side="provider"), True)
        self._try(self._step("service.booked", booking, side="member"), True)
        self.held[member] -= PRICE
        self.held["holding"] += PRICE
        self.bookings.append((booking, member))

    @precondition(lambda self: self.bookings)
    @rule(number=st.integers(0, 1))
    def call_off(self, number: int) -> None:
        """The provider does not come after all: the member has everything back."""
        booking, member = self.bookings.pop(number % len(self.bookings))
        self._try(self._step("service.cancelled", booking, side="provider"), True)
        self.held["holding"] -= PRICE
        self.held[member] += PRICE

    def _take(self, name: str, subject: str, **public: JsonValue) -> str:
        draft = replace(recorded(chapter=self.chapter), type=name, public=public)
        accepted = self._try(replace(draft, subjects=(account_id(self._at(subject)),)), True)
        assert accepted is not None
        return accepted.entry_id

    def _open_holding(self) -> None:
        self.names["holding"] = f"holding-{self.chapter}"
        self.held["holding"] = self.locked["holding"] = 0
        self._try(joined(self.names["holding"], self.chapter, AccountKind.POOL), True)
        named: dict[str, JsonValue] = {"name": "holding", "account": account_id(self._at("holding"))}
        self._try(replace(recorded(chapter=self.chapter), type="pool.opened", public=named), True)

    @invariant()
    def what_is_held_is_what_the_model_holds(self) -> None:
        if not hasattr(self, "held"):
            return
        rows = self._rows()
        assert rows == {name: (self.held[name], self.locked[name]) for name in self.names}
        assert sum(free + kept for free, kept in rows.values()) == self.issued
        assert min(free for free, _ in rows.values()) >= 0

    def _rows(self) -> dict[str, tuple[int, int]]:
        """What each account has; a lost one must have nothing, or it shows under its address."""
        names = {bytes(address(shown)): name for name, shown in self.names.items()}
        names.update({bytes(old): old.hex() for old in self.lost})
        sql = "SELECT account, available, locked FROM balances WHERE account IN (@)"
        with self.world.database.reader() as connection:
            found = fetch_in(connection, sql, sorted(names))
        held = dict.fromkeys(self.names, (0, 0))
        for account, free, kept in found:
            name = names[cast("bytes", account)]
            if name in held or free or kept:
                held[name] = int(str(free)), int(str(kept))
        return held
