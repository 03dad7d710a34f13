"""All cases once more, from the recorded entries alone, into an empty place.

The rules judge each entry again as it was recorded, completed. What they can no longer see is what was so at
that moment only, and the completed entry says what came of it:

1. Balances: an account had what the entry's operation took from it; where the rules do not give the entry so,
   what had moved before it, with and without what the chain refused since. Rights: those the step needed
   were there.
2. Subjects: a caller names one account or none, the rules add the others; so each of them is tried.
3. Private fields: no rule lets a case depend on one (birth months confirm what is public).
4. Gates of the chain and the log's size: read for the moment of the entry, see ``CaseBook.past``.

A step counts only where the rules give exactly the recorded entry: public fields, subjects, operation, rule.
So a row that nobody recorded, or that was changed since, does not come out again. What is not checked here:
whether an account had the coins, which is between registers, contract and mirror.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeVar, cast

from sqlalchemy import Connection

from chain.canonical import JsonValue
from chain.errors import FormatError, NotaryError
from chain.operation import ZERO_REF, account_address, account_id, chapter_number, operation_from_entry
from chain.types import AccountId, Address, ChapterCode, EntryId
from gateway.cases.book import CaseBook, Recorded, placed, store_cases
from gateway.cases.history import Past
from gateway.cases.layers import Kept, Seen
from gateway.cases.receipts import Receipts
from gateway.cases.tallies import Tallies
from gateway.cases.world import Movement, Standing, World, change_of, load_movements
from gateway.db import Database, fetch_all
from gateway.errors import Refusal
from gateway.ledger.drafts import Authorization, Draft
from gateway.ledger.registers import Registers
from gateway.ledger.steps import Step
from gateway.rules.calendar import parse_timestamp
from gateway.rules.refusals import RuleRefusal

PAGE = 500
"""Entries of one transaction."""
_SELECT_HELD = """
SELECT o.kind, o.sender, o.receiver, o.moved, o.outcome FROM account_entries a
JOIN operations o ON o.log_index = a.log_index WHERE a.account = ? AND a.log_index < ?"""


class Balances(Enum):
    """Which coins an account is taken to have had."""

    TAKEN = "what the entry's operation took from it"
    MOVED = "all that moved before the entry"
    FORESEEN = "all that was accepted before the entry, what the chain refused since included"


TRIES = (
    (Balances.TAKEN, 0), (Balances.MOVED, 0), (Balances.FORESEEN, 0), (Balances.TAKEN, 60_000),
)  # fmt: skip
"""Balances, and the milliseconds by which the gateway's mirror of the chain may have been behind."""
T = TypeVar("T")

_SELECT_ENTRIES = (
    "SELECT log_index, entry_id, type, at, body FROM entries WHERE log_index > ? ORDER BY log_index LIMIT ?"
)
_SELECT_ACCOUNT = "SELECT chapter, kind, custody FROM accounts WHERE account = ? AND log_index < ?"
_SIGNED = Authorization(b"", b"")
"""Stands for a holder's signature, which was checked when the entry was recorded."""


class NotEmpty(NotaryError):
    """There are cases in the place already; they are never deleted to build them again."""


@dataclass(frozen=True, slots=True)
class Stuck:
    """The entry that cannot be judged again.

    ``code`` is that of a refusal, or ``differs`` from what the rules give, ``erased``, ``unreadable``.
    """

    index: int
    type: str
    code: str


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What `rebuild_cases` did: entries read, steps among them, and where it ended, None at the log's end."""

    entries: int
    steps: int
    stuck: Stuck | None


class PastWorld(World):
    """The view of a step that was recorded: cases of the rebuilt place, all else as the entry says."""

    # Entries from before receipts were asked for stay as they are.
    needs_receipt = False

    def __init__(
        self,
        place: Connection,
        stored: Connection,
        entry: Recorded,
        book: CaseBook,
        kept: Kept,
        seen: Seen,
        balances: Balances,
        lag: int,
        total: Callable[[int, str, str], tuple[int, int]],
    ) -> None:
        super().__init__(place, Registers(), Step(entry.id, entry.at, entry.draft), kept, seen, total)
        self._stored = stored
        self._entry = entry
        self._balances = balances
        self._told = replace(entry, at=entry.at - lag)
        self._past = book.past

    def standing(self, account: str) -> Standing | None:
        """Return an account registered before the entry, with what the entry's operation took from it."""
        address = bytes(account_address(AccountId(account)))
        rows = fetch_all(self._stored, _SELECT_ACCOUNT, address, self._entry.index)
        if not rows:
            return None
        chapter, kind, custody = cast("tuple[int, int, int]", tuple(rows[0]))
        operation = self._entry.draft.operation
        if self._balances is Balances.TAKEN:
            held = operation.amount if operation is not None and operation.sender == address else 0
        else:
            held = self._held(address)
        return Standing(AccountId(account), chapter, kind, custody, True, True, held, 0)

    def _place_and_kind(self, address: bytes) -> tuple[int, int] | None:
        rows = fetch_all(self._stored, _SELECT_ACCOUNT, address, self._entry.index)
        return cast("tuple[int, int]", tuple(rows[0][:2])) if rows else None

    def _held(self, address: bytes) -> int:
        rows = fetch_all(self._stored, _SELECT_HELD, address, self._entry.index)
        foreseen = self._balances is Balances.FORESEEN
        return sum(
            change_of(address, kind, sender, receiver, moved)
            for kind, sender, receiver, moved, outcome in cast(
                "list[tuple[int, bytes, bytes, int, int]]", rows
            )
            if foreseen or not outcome
        )

    def chapter_pool(self) -> AccountId:
        """Return the pool of an open chapter, which never changes."""
        rows = fetch_all(self._stored, "SELECT pool FROM chapters WHERE chapter = ?", self.chapter)
        if not rows:
            raise Refusal("chapter.unknown", field="chapter")
        return account_id(Address(bytes(cast("bytes", rows[0][0]))))

    def movements(self, account: str) -> tuple[Movement, ...]:
        """Return what moved by now; only steps that change no case ask (see ``CaseBook.caseless``)."""
        return load_movements(self._stored, account)

    def ask(self, read: Callable[[Connection], T]) -> T:
        """Return what a reader finds, for the moment of the entry where it knows how."""
        past = self._past.get(read)
        return read(self._stored) if past is None else cast("T", past(self._stored, self._told))


def rebuild_cases(
    stored: Database, place: Database, book: CaseBook, on_entry: Callable[[int], None] | None = None
) -> Rebuilt:
    """Build all cases from the entries of ``stored`` into ``place``, migrated but empty.

    ``on_entry`` is told the last index after each page. Ends at the first entry that cannot be judged again.

    Raises:
        NotEmpty: there are cases in ``place``.
    """
    with place.reader() as connection:
        if fetch_all(connection, "SELECT 1 FROM cases UNION ALL SELECT 1 FROM case_entries LIMIT 1"):
            raise NotEmpty("there are cases in the database already")
    last, steps, count = -1, 0, 0
    while True:
        # A page of each side: the place is written while the stored side is only read.
        with stored.reader() as past:
            rows = fetch_all(past, _SELECT_ENTRIES, last, PAGE)
            with place.writer() as connection:
                page = _Page(book, connection, past)
                stuck = next(filter(None, map(page.take, rows)), None)
                page.store()
        steps += page.judged
        if stuck is not None or not rows:
            return Rebuilt(count if stuck is None else stuck.index, steps, stuck)
        count += len(rows)
        last = cast("int", rows[-1][0])
        if on_entry is not None:
            on_entry(last)


class _Page:
    """The cases of one transaction: what its entries changed, and what was read of others."""

    def __init__(self, book: CaseBook, place: Connection, stored: Connection) -> None:
        self._book = book
        self._place = place
        self._stored = stored
        self._kept = Kept()
        self._seen = Seen()
        # A step may be judged by what the entries before it add up to; so these are added up again.
        self._sums = Tallies(book.tallies, place)
        self._receipts = Receipts(place)
        self.steps: list[tuple[object, ...]] = []
        self.judged = 0

    def take(self, row: tuple[object, ...]) -> Stuck | None:
        """Judge one entry again and keep what it changed; say where it cannot be judged."""
        index, entry_id, name, at, body = cast("tuple[int, str, str, str, bytes | None]", tuple(row))
        if name not in self._book.types or name in self._book.caseless:
            return None
        if body is None:
            return Stuck(index, name, "erased")
        try:
            entry = read_recorded(index, entry_id, at, body)
            found = self._judge(entry)
        except (ValueError, KeyError, TypeError, AttributeError, FormatError):
            # Neither an entry that was recorded, nor cases that its rules could have met.
            return Stuck(index, name, "unreadable")
        if isinstance(found, str):
            return Stuck(index, name, found)
        self.judged += 1
        draft = entry.draft
        past = Past(index, entry_id, name, entry.at, draft.public, tuple(draft.subjects), None)
        self._sums.add_entry(past, chapter_number(draft.chapter))
        for key, case in found.changed.items():
            self._kept[key] = placed(case, self._kept.get(key), index)
            self.steps.append((*key, index))
        if found.taken is not None:
            self._receipts.keep(found.taken, index)
        return None

    def _judge(self, entry: Recorded) -> PastWorld | str:
        """Return what a step changed, or why the rules do not give it: a code, or ``differs``."""
        codes: list[str] = []
        for balances, lag in TRIES:
            for draft in _asked(entry.draft):
                asked = replace(entry, draft=draft)
                world = PastWorld(
                    self._place,
                    self._stored,
                    asked,
                    self._book,
                    self._kept,
                    self._seen,
                    balances,
                    lag,
                    self._sums.total,
                )
                world.receipts = self._receipts
                try:
                    if _same(self._book.rule(draft.type)(world), entry.draft):
                        return world
                    codes.append("differs")
                except (Refusal, RuleRefusal) as refusal:
                    codes.append(refusal.code)
                except FormatError:
                    codes.append("entry.bad_field")
        # What a caller's own choice of subjects is refused with says least.
        return next((code for code in codes if code != "entry.bad_field"), codes[0])

    def store(self) -> None:
        """Write what the page changed."""
        store_cases(self._place, self._kept.values(), self.steps)
        self._sums.store()
        self._receipts.store()


def read_recorded(index: int, entry_id: str, at: str, body: bytes) -> Recorded:
    """Return an entry of the log from its canonical JSON."""
    document = json.loads(body)
    operation = operation_from_entry(document)
    signed = operation is not None and (operation.ref != ZERO_REF or operation.valid_until)
    draft = Draft(
        document["type"],
        ChapterCode(document["chapter"]),
        document["actor"],
        tuple(AccountId(account) for account in document["subjects"]),
        operation=operation,
        public=document["public"],
        refs=tuple(EntryId(ref) for ref in document["refs"]),
        rule=document["rule"],
        authority=document["authority"],
        authorization=_SIGNED if signed else None,
    )
    return Recorded(index, entry_id, parse_timestamp(at), draft)


def _asked(draft: Draft) -> Iterator[Draft]:
    """Yield what may have been asked for: about nobody, about one of the subjects, about all of them."""
    yield replace(draft, subjects=())
    for account in draft.subjects:
        yield replace(draft, subjects=(account,))
    if len(draft.subjects) > 1:
        yield draft


def _same(completed: Draft, recorded: Draft) -> bool:
    """Say whether a completed draft is what the entry says; both have the same actor, time and chapter."""
    operation = completed.operation
    parties = set[str](completed.subjects)
    if operation is not None:
        zero = bytes(20)
        parties |= {account_id(one) for one in (operation.sender, operation.receiver) if one != zero}
    return (
        parties == set(recorded.subjects)
        and operation == recorded.operation
        and completed.rule == recorded.rule
        and set(completed.refs) == set(recorded.refs)
        and _plain(completed.public) == _plain(recorded.public)
    )


def _plain(public: object) -> JsonValue:
    return cast("JsonValue", json.loads(json.dumps(public)))
