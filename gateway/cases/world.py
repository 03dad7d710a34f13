"""What a rule sees while it judges one step: the cases, the accounts and the moment. And where it writes.

A rule reads cases, raises a Refusal or puts changed cases, and returns the completed draft. What it put is
dropped when the entry is refused later on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import TypeVar, cast

from sqlalchemy import Connection

from chain.operation import OperationKind, account_address, account_id, chapter_code, chapter_number
from chain.types import AccountId, Address
from gateway.cases.case import Case
from gateway.cases.layers import Choice, Kept, Key, Seen
from gateway.cases.receipts import Receipts, Taken
from gateway.db import fetch_all, fetch_in
from gateway.errors import Refusal
from gateway.ledger.drafts import AccountKind, Draft
from gateway.ledger.registers import Account, Registers
from gateway.ledger.steps import Step
from gateway.rules.calendar import business_date, business_day, parse_timestamp

SELECT_CASES = (
    "SELECT kind, key, chapter, state, holder, due_at, document, opened_index, changed_index FROM cases"
)
"""Columns in the order of `read_case`."""
DuePlace = tuple[int, str, str]
"""Where a case stands in the order of what is due: time in Unix milliseconds, kind and key."""
_DUE_PAGE = 500
_SELECT_DUE = (
    f"{SELECT_CASES} WHERE due_at <= ? AND (due_at, kind, key) > (?, ?, ?) ORDER BY due_at, kind, key LIMIT ?"
)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Standing:
    """What the ledger knows of an account; amounts are hundredths of a coin, all accepted operations done.

    ``recovered``: it was lost, and all it was part of goes on with the account that took its place.
    """

    account: AccountId
    chapter: int
    kind: int
    custody: int
    may_send: bool
    may_receive: bool
    available: int
    locked: int
    recovered: bool = False


@dataclass(frozen=True, slots=True)
class Movement:
    """``change`` hundredths of a coin came in, or left where negative, with an entry at ``at`` (ms)."""

    at: int
    type: str
    change: int


_SELECT_MOVEMENTS = """
SELECT e.at, e.type, o.kind, o.sender, o.receiver, o.moved FROM account_entries a
JOIN operations o ON o.log_index = a.log_index JOIN entries e ON e.log_index = a.log_index
WHERE a.account = ? AND o.outcome = 0 ORDER BY a.log_index"""
_OWN = frozenset({OperationKind.LOCK, OperationKind.RELEASE, OperationKind.CANCEL})
"""Operations whose receiver is the sender itself: nothing comes in."""
_UNMOVED = frozenset({OperationKind.LOCK, OperationKind.RELEASE})
"""Operations after which the sender still holds what it held, free or locked."""


def change_of(address: bytes, kind: int, sender: bytes, receiver: bytes, moved: int) -> int:
    """Return by how much an operation changed what an account holds, free or locked."""
    change = moved if bytes(receiver) == address and kind not in _OWN else 0
    return change - (moved if bytes(sender) == address and kind not in _UNMOVED else 0)


def load_movements(connection: Connection, account: str) -> tuple[Movement, ...]:
    """Return what accepted operations moved in or out of an account, in order; locks move nothing."""
    address = bytes(account_address(AccountId(account)))
    found: list[Movement] = []
    for at, name, kind, sender, receiver, moved in cast(
        "list[tuple[str, str, int, bytes, bytes, int]]", fetch_all(connection, _SELECT_MOVEMENTS, address)
    ):
        change = change_of(address, kind, sender, receiver, moved)
        if change:
            found.append(Movement(parse_timestamp(at), name, change))
    return tuple(found)


class World:
    """One step's view.

    ``kept`` are the cases changed by earlier steps of the transaction, ``seen`` what it has read: nobody else
    writes cases meanwhile.
    """

    needs_receipt = True
    """Whether a purchase is refused that carries no receipt."""

    def __init__(
        self,
        connection: Connection,
        registers: Registers,
        step: Step,
        kept: Kept,
        seen: Seen,
        total: Callable[[int, str, str], tuple[int, int]] = lambda chapter, name, part: (0, 0),
    ) -> None:
        self.draft: Draft = step.draft
        self.entry_id = step.entry_id
        self.now = step.at
        self.day = business_day(step.at // 1000)
        self.chapter = chapter_number(step.draft.chapter)
        self.changed: dict[Key, Case] = {}
        self._connection = connection
        self._registers = registers
        self._kept = kept
        self._seen = seen
        self._total = total
        self.receipts = Receipts(connection)
        # What `gateway.commerce.receipts` takes: it is recorded with the entry.
        self.taken: Taken | None = None

    # --- accounts ----------------------------------------------------------------------------------------

    def standing(self, account: str) -> Standing | None:
        """Return an account's standing, None where nobody has it."""
        found = self._account(bytes(account_address(AccountId(account))))
        if found is None:
            return None
        return Standing(
            AccountId(account), found.chapter, found.kind, found.custody,
            found.may_send, found.may_receive, found.available, found.locked,
            found.recovered_to is not None,
        )  # fmt: skip

    def own_merchant(self, account: str) -> bytes | None:
        """Return the address of an account that is a merchant of the step's chapter, else None."""
        address = bytes(account_address(AccountId(account)))
        return address if self._place_and_kind(address) == (self.chapter, AccountKind.MERCHANT) else None

    def _place_and_kind(self, address: bytes) -> tuple[int, int] | None:
        found = self._account(address)
        return None if found is None else (found.chapter, found.kind)

    def _account(self, address: bytes) -> Account | None:
        known = self._registers.accounts
        if address not in known:
            self._registers.load(self._connection, (address,))
        return known.get(address)

    def own(self, account: str, field: str) -> Standing:
        """Return the standing of an account of the step's chapter.

        Raises:
            Refusal: ``member.unknown``; ``chapter.wrong`` for one of another chapter; ``member.recovered``
                for one whose matters go on with another.
        """
        found = self.standing(account)
        if found is None:
            raise Refusal("member.unknown", field=field)
        if found.chapter != self.chapter:
            raise Refusal("chapter.wrong", field=field)
        if found.recovered:
            raise Refusal("member.recovered", field=field)
        return found

    def chapter_pool(self) -> AccountId:
        """Return the chapter's main pool account. Raises Refusal ``chapter.unknown``."""
        found = self._registers.chapter(self._connection, self.chapter)
        if found is None:
            raise Refusal("chapter.unknown", field="chapter")
        return account_id(Address(found.pool))

    # --- cases -------------------------------------------------------------------------------------------

    def find(self, kind: str, key: str) -> Case | None:
        """Return a case of any chapter, None where there is none."""
        found = self.changed.get((kind, key)) or self._kept.get((kind, key))
        if found is not None:
            return found
        if (kind, key) not in self._seen:
            rows = fetch_all(self._connection, f"{SELECT_CASES} WHERE kind = ? AND key = ?", kind, key)
            self._seen[kind, key] = read_case(rows[0]) if rows else None
        return self._seen[kind, key]

    def require(self, kind: str, key: str, field: str, *states: str) -> Case:
        """Return a case of the step's chapter, in one of ``states`` where some are given.

        Raises:
            Refusal: ``case.unknown``, also for a case of another chapter; ``case.wrong_state``.
        """
        found = self.find(kind, key)
        if found is None or found.chapter != self.chapter:
            raise Refusal("case.unknown", field=field, kind=kind)
        if states and found.state not in states:
            raise Refusal("case.wrong_state", field=field, state=found.state, wanted=" or ".join(states))
        return found

    def about(self, kind: str, *states: str) -> Case:
        """Return the case that the step's ``about`` names; see `require`."""
        key = self.draft.public.get("about")
        if not isinstance(key, str):
            raise Refusal("entry.bad_field", field="public.about", reason=f"{self.draft.type} needs it")
        return self.require(kind, key, "public.about", *states)

    def list(
        self, kind: str, *, state: str | None = None, holder: str | None = None, chapter: int | None = None
    ) -> list[Case]:
        """Return the chapter's cases of a kind (of ``chapter`` where given), ordered by key."""
        number = self.chapter if chapter is None else chapter
        found = {(kind, case.key): case for case in self._read_list((kind, number, state, holder))}
        for layer in (self._kept.of_kind(kind), self.changed):
            for place, case in layer.items():
                if case.kind != kind:
                    continue
                found.pop(place, None)
                fits = case.chapter == number and state in (None, case.state)
                if fits and holder in (None, case.holder):
                    found[place] = case
        return [found[place] for place in sorted(found)]

    def _read_list(self, choice: Choice) -> tuple[Case, ...]:
        """Return the cases that the transaction began with, read once."""
        if choice not in self._seen.lists:
            kind, number, *narrowed = choice
            sql = f"{SELECT_CASES} WHERE chapter = ? AND kind = ?"
            values: list[object] = [number, kind]
            for name, value in zip(("state", "holder"), narrowed, strict=True):
                if value is not None:
                    sql += f" AND {name} = ?"
                    values.append(value)
            rows = fetch_all(self._connection, sql, *values)
            self._seen.lists[choice] = tuple(map(read_case, rows))
        return self._seen.lists[choice]

    def naming(self, account: str) -> tuple[Case, ...]:
        """Return what an account is part of, by kind and key.

        The chapter's cases whose key, holder or document names it, and those of others that it holds.
        """
        sql = f"{SELECT_CASES} WHERE holder = ? OR chapter = ? AND (key LIKE ? OR document LIKE ?)"
        like = f"%{account}%"
        rows = fetch_all(self._connection, sql, account, self.chapter, like, like)
        found = {(case.kind, case.key): case for case in map(read_case, rows)}
        for layer in (self._kept, self.changed):
            for place, case in layer.items():
                found.pop(place, None)
                is_named = case.chapter == self.chapter and account in json.dumps([case.key, case.document])
                if is_named or case.holder == account:
                    found[place] = case
        return tuple(found[place] for place in sorted(found))

    def movements(self, account: str) -> tuple[Movement, ...]:
        """Return what accepted operations of earlier transactions moved in or out of an account, in order."""
        return load_movements(self._connection, account)

    def total(self, name: str, part: str) -> tuple[int, int]:
        """Return count and amount of a running sum of the step's chapter, of all entries before the step."""
        return self._total(self.chapter, name, part)

    def ask(self, read: Callable[[Connection], T]) -> T:
        """Return what a reader finds in the step's transaction: rows that no step of it changes."""
        return read(self._connection)

    def put(self, case: Case) -> None:
        """Keep a new or changed case, should the step become an entry."""
        self.changed[case.kind, case.key] = case

    def open(self, kind: str, key: str, case: Case) -> None:
        """Keep a new case. Raises Refusal ``case.exists`` where the key is taken."""
        if self.find(kind, key) is not None:
            raise Refusal("case.exists", kind=kind)
        self.put(replace(case, kind=kind, key=key))

    @property
    def today(self) -> date:
        """The step's business date."""
        return business_date(self.now // 1000)

    @property
    def chapter_text(self) -> str:
        """The step's chapter as NNNN-NNNN."""
        return chapter_code(self.chapter)


def read_ahead(connection: Connection, seen: Seen, places: Iterable[Key]) -> None:
    """Read many cases at once that steps will ask for; what was read before stays as it is."""
    wanted: dict[str, list[str]] = {}
    for kind, key in dict.fromkeys(places):
        if (kind, key) not in seen:
            wanted.setdefault(kind, []).append(key)
            seen[kind, key] = None
    for kind, keys in wanted.items():
        # A kind is a name of the source, never of a caller.
        sql = f"{SELECT_CASES} WHERE kind = '{kind}' AND key IN (@)"
        for case in map(read_case, fetch_in(connection, sql, keys)):
            seen[kind, case.key] = case


def read_case(row: tuple[object, ...]) -> Case:
    """Return the case of a row of ``cases``."""
    kind, key, chapter, state, holder, due_at, document, opened, changed = cast(
        "tuple[str, str, int, str, AccountId | None, int | None, str, int, int]", row
    )
    return Case(kind, key, chapter, state, holder, due_at, json.loads(document), opened, changed)


def write_case(case: Case) -> tuple[object, ...]:
    """Return the row of a case. Inverse: `read_case`."""
    document = json.dumps(dict(case.document), sort_keys=True, separators=(",", ":"))
    return (
        case.kind, case.key, case.chapter, case.state, case.holder, case.due_at,
        document, case.opened_index, case.changed_index,
    )  # fmt: skip


def iter_due(connection: Connection, now: int, after: DuePlace | None = None) -> Iterator[Case]:
    """Yield the cases whose time has come, earliest first, then by kind and key; only those after a place."""
    place = (-1, "", "") if after is None else after
    while True:
        rows = fetch_all(connection, _SELECT_DUE, now, *place, _DUE_PAGE)
        for case in map(read_case, rows):
            yield case
            place = case.due_at or 0, case.kind, case.key
        if len(rows) < _DUE_PAGE:
            return
