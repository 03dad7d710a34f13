"""The rules of all use cases, by entry type, as the sequencer asks for them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import cast

from sqlalchemy import Connection

from chain.errors import FormatError
from gateway.cases.case import Case
from gateway.cases.history import Past
from gateway.cases.layers import Kept, Key, Seen
from gateway.cases.receipts import Receipts, Taken, receipts_of
from gateway.cases.tallies import Moved, Party, Tallies, TallyRules
from gateway.cases.world import SELECT_CASES, DuePlace, World, iter_due, read_ahead, read_case, write_case
from gateway.db import execute_many, fetch_all
from gateway.errors import Refusal
from gateway.ledger.acceptance import Movement
from gateway.ledger.drafts import Draft
from gateway.ledger.registers import Account, Registers
from gateway.ledger.steps import NewEntry, Settled, Step
from gateway.rules.refusals import RuleRefusal

Rule = Callable[[World], Draft]
"""Judges ``world.draft`` and returns it completed. Raises Refusal."""

DueRule = Callable[[Case], Draft | None]
"""Returns the draft of the step that follows when a case's time has come, None where somebody is late."""

CaseNamer = Callable[[Draft], Key]
"""Returns kind and key of the case that a step will ask for, whether or not there is one."""

NOTHING_COUNTED = TallyRules({}, lambda moved: ())
"""Rules of a book that keeps no running sums."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """An entry as the log has it; ``draft`` is the completed one, with all subjects in order of accounts."""

    index: int
    id: str
    at: int
    draft: Draft


PastReader = Callable[[Connection, Recorded], object]
"""Reads for the moment of a recorded entry what a rule asked for when it was recorded."""

POOL = "pool"
"""Kind of the case that gives a pool its account, which is its holder."""

PARKED = "holding"
"""Name of the pool whose coins belong to those who booked, not to the chapter."""

CLOSING, CLOSED = "closing", "closed"
"""Kind and last state of the case, keyed by the account, by which an account is closed for ever."""

_UPSERT = (
    "INSERT INTO cases (kind, key, chapter, state, holder, due_at, document, opened_index, changed_index) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET state = excluded.state, "
    "holder = excluded.holder, due_at = excluded.due_at, document = excluded.document, "
    "changed_index = excluded.changed_index"
)
_STEP = "INSERT INTO case_entries (kind, key, log_index) VALUES (?, ?, ?)"


@dataclass(frozen=True, slots=True)
class DueStep:
    """A case whose time has come, and the draft of the step that follows."""

    case: Case
    draft: Draft

    @property
    def key(self) -> str:
        """The step's idempotency key: a case that is due twice has two of them."""
        return f"due:{self.case.kind}:{self.case.key}:{self.case.due_at}"

    @property
    def place(self) -> DuePlace:
        """The step's place in the order of what is due."""
        return self.case.due_at or 0, self.case.kind, self.case.key


class CaseBook:
    """Rules by entry type."""

    def __init__(
        self,
        rules: Mapping[str, Rule],
        *,
        decisions: Collection[str] = frozenset(),
        due: Mapping[str, DueRule] = MappingProxyType({}),
        caseless: Collection[str] = frozenset(),
        past: Mapping[object, PastReader] = MappingProxyType({}),
        tallies: TallyRules = NOTHING_COUNTED,
        ahead: Mapping[str, CaseNamer] = MappingProxyType({}),
    ) -> None:
        """``decisions`` are types that need the scope to decide, ``due`` what follows by kind of case.

        ``tallies`` say what is counted in running sums, ``ahead`` which case a step of a type will ask for:
        those of a batch are read together.

        For those who judge recorded entries again: ``caseless`` are types whose steps change no case,
        ``past`` says how to read what a rule asks for (`World.ask`) for the moment of a recorded entry.
        """
        self._rules = dict(rules)
        self.decisions = frozenset(decisions)
        self._due = dict(due)
        self.caseless = frozenset(caseless)
        self.past = dict(past)
        self.tallies = tallies
        self._ahead = dict(ahead)

    def rule(self, type_name: str) -> Rule:
        """Return the rule of a judged type. Raises KeyError for another one."""
        return self._rules[type_name]

    def find_due(
        self,
        connection: Connection,
        now: int,
        limit: int,
        after: DuePlace | None = None,
        on_fault: Callable[[Case, Exception], None] | None = None,
    ) -> list[DueStep]:
        """Return at most ``limit`` steps whose time has come by ``now`` (Unix milliseconds), earliest first.

        ``after`` is the place of the last step that was given before; None begins with the earliest.
        ``on_fault`` is told of a case whose rule fails, which is passed over; without it the error is raised.
        """
        found: list[DueStep] = []
        for case in iter_due(connection, now, after):
            rule = self._due.get(case.kind)
            try:
                draft = None if rule is None else rule(case)
            except Exception as error:
                if on_fault is None:
                    raise
                on_fault(case, error)
                continue
            if draft is not None:
                found.append(DueStep(case, draft))
                if len(found) == limit:
                    break
        return found

    def due_steps(self, connection: Connection, now: int, limit: int) -> list[tuple[str, Draft]]:
        """Return what `find_due` finds, each draft with its idempotency key."""
        return [(step.key, step.draft) for step in self.find_due(connection, now, limit)]

    @property
    def types(self) -> Collection[str]:
        """Entry types that are judged."""
        return self._rules.keys()

    def open(self, connection: Connection, registers: Registers) -> Session:
        """Begin in a transaction."""
        return Session(self._rules, connection, registers, self.tallies, self._ahead)


def placed(case: Case, before: Case | None, index: int) -> Case:
    """Return a case changed by the entry at ``index``; ``before`` is what the transaction has of it so far.

    A case keeps the index it was opened at, as its row does, also where a rule put it anew.
    """
    opened = case.opened_index or (index if before is None else before.opened_index)
    return replace(case, opened_index=opened, changed_index=index)


def store_cases(connection: Connection, kept: Collection[Case], steps: Sequence[tuple[object, ...]]) -> None:
    """Write changed cases, and rows of (kind, key, index) that say which entry changed which."""
    execute_many(connection, _UPSERT, [write_case(case) for case in kept])
    execute_many(connection, _STEP, steps)


class Session:
    """The cases inside one write transaction."""

    def __init__(
        self,
        rules: Mapping[str, Rule],
        connection: Connection,
        registers: Registers,
        tallies: TallyRules = NOTHING_COUNTED,
        ahead: Mapping[str, CaseNamer] = MappingProxyType({}),
    ) -> None:
        self._rules = rules
        self._ahead = ahead
        self._tallies = Tallies(tallies, connection)
        self._receipts = Receipts(connection)
        self._parties: dict[bytes, Party] = {}
        self._connection = connection
        self._registers = registers
        self._kept = Kept()
        self._steps: list[tuple[object, ...]] = []
        self._waiting: dict[Key, Case] = {}
        self._taken: Taken | None = None
        self._seen = Seen()
        self._pools: dict[str, tuple[str, ...]] = {}

    def foresee(self, drafts: Sequence[Draft]) -> None:
        """Look up at once what steps will be judged by."""
        self._receipts.load(receipts_of(drafts))
        places = (self._ahead[draft.type](draft) for draft in drafts if draft.type in self._ahead)
        read_ahead(self._connection, self._seen, places)

    def explain_frozen(self, account: str, field: str) -> None:
        """Say of an account without the right to an operation that it is closed, where it is.

        Raises:
            Refusal: ``member.closed``.
        """
        place = (CLOSING, account)
        case = self._kept.get(place)
        if case is None:
            rows = fetch_all(self._connection, f"{SELECT_CASES} WHERE kind = ? AND key = ?", *place)
            case = read_case(rows[0]) if rows else None
        if case is not None and case.state == CLOSED:
            raise Refusal("member.closed", field=field)

    def check_pool(self, account: str, field: str) -> None:
        """Refuse what no rule of cases orders from a named pool: its coins are for its purpose alone.

        Raises:
            Refusal: ``pool.reserved``.
        """
        if self._pool_names(account):
            raise Refusal("pool.reserved", field=field)

    def check_parked(self, account: str, field: str) -> None:
        """Refuse to take back what is parked for others, whoever approves of it (rule 26).

        Raises:
            Refusal: ``pool.reserved``.
        """
        if PARKED in self._pool_names(account):
            raise Refusal("pool.reserved", field=field)

    def _pool_names(self, account: str) -> set[str]:
        """Return the name of the pool that has the account, nothing where none has."""
        if account not in self._pools:
            sql = "SELECT key FROM cases WHERE holder = ? AND kind = ?"
            rows = fetch_all(self._connection, sql, account, POOL)
            self._pools[account] = tuple(cast("str", row[0]) for row in rows)
        opened = [case.key for case in self._kept.of_kind(POOL).values() if case.holder == account]
        return {key.rpartition(":")[2] for key in (*opened, *self._pools[account])}

    def complete(self, step: Step) -> Draft:
        """Judge a step and return its completed draft; what it changes waits for `keep`. Raises Refusal."""
        self._waiting, self._taken = {}, None
        world = World(self._connection, self._registers, step, self._kept, self._seen, self._tallies.total)
        world.receipts = self._receipts
        try:
            draft = self._rules[step.draft.type](world)
        except RuleRefusal as refusal:
            raise Refusal(refusal.code, **refusal.fields) from None
        except FormatError as error:
            raise Refusal("entry.bad_field", field=error.where, reason=error.reason) from None
        self._waiting, self._taken = world.changed, world.taken
        return draft

    def keep(self, index: int) -> None:
        """The step completed last is the entry at ``index``: its changes hold for the steps after it."""
        for key, case in self._waiting.items():
            self._kept[key] = placed(case, self._kept.get(key), index)
            self._steps.append((*key, index))
        if self._taken is not None:
            self._receipts.keep(self._taken, index)
        self._waiting, self._taken = {}, None

    def count(self, entry: NewEntry) -> None:
        """Add an entry that is being recorded to the running sums."""
        draft = entry.draft
        if self._tallies.counts(draft.type):
            past = Past(
                entry.index, entry.entry_id, draft.type, entry.at, draft.public, tuple(draft.subjects), None
            )
            self._tallies.add_entry(past, entry.chapter)
        if entry.movement is not None:
            self._tallies.add_coins(self._moved(draft.type, entry.chapter, entry.movement), entry.at)

    def correct(self, settled: Settled) -> None:
        """Take back of the running sums what the chain did not move."""
        foreseen = self._moved(settled.type, settled.chapter, settled.foreseen)
        self._tallies.add_coins(foreseen, settled.at, -1)
        if settled.moved:
            self._tallies.add_coins(replace(foreseen, amount=settled.moved), settled.at)

    def _moved(self, type_name: str, chapter: int, movement: Movement) -> Moved:
        parties = (self._party(movement.sender), self._party(movement.receiver))
        return Moved(type_name, chapter, movement.kind, *parties, movement.moved)

    def _party(self, account: Account | None) -> Party | None:
        if account is None:
            return None
        found = self._parties.get(account.address)
        if found is None:
            found = Party(account.id, account.chapter, account.kind)
            self._parties[account.address] = found
        return found

    def store(self) -> None:
        """Write what the kept steps changed, the running sums and the receipts."""
        store_cases(self._connection, self._kept.values(), self._steps)
        self._tallies.store()
        self._receipts.store()
