"""Cases built once more from the entries: equal after any walk, and a row that was touched is named."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from gateway.case_rules import CASE_BOOK
from gateway.cases import replay
from gateway.cases.compare import compare_cases
from gateway.cases.replay import NotEmpty, Rebuilt, Stuck, rebuild_cases
from gateway.db import Database, execute, fetch_all, migrate, sqlite_url
from gateway.ledger.drafts import Accepted, Draft
from gateway.row_compare import Comparison
from tests.databases import fresh_postgres
from tests.unit.gateway.ledger.worlds import World, joined
from tests.unit.gateway.members.chapter import (
    ORDER,
    about,
    acct,
    chapter,
    gift,
    issued,
    opening,
    recovery,
    referred,
    rights,
    run_due,
    sale,
    step,
)

DAY = 86_400_000


REBUILT = ("cases", "case_entries", "purchase_receipts")


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    with chapter(database, tmp_path) as world:
        yield world


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty migrated database of each kind, beside the one that is checked."""
    if request.param == "sqlite":
        opened = Database(sqlite_url(tmp_path / "place.sqlite3"))
        migrate(opened)
        yield opened
        opened.close()
        return
    with fresh_postgres(request.getfixturevalue("postgres_url")) as url:
        opened = Database(url)
        migrate(opened)
        yield opened
        opened.close()


class Walk:
    """Steps drawn at random, many of them refused, recorded in groups of random size."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.random = random.Random(seed)
        self.fresh = 0
        self.names = list("abcde")

    def sale(self) -> str:
        with self.world.database.reader() as connection:
            rows = fetch_all(connection, "SELECT key FROM cases WHERE kind = 'sale' ORDER BY opened_index")
        return str(self.random.choice(rows)[0]) if rows else "01J00000000000000000000000"

    def draft(self) -> Draft:
        draw = self.random
        one, other = draw.sample(self.names, 2)
        amount = draw.randint(1, 900)
        about_sale = self.sale()
        made = [
            opening(one, draw.choice(("ordinary", "gold"))),
            referred(one, other),
            sale(one, draw.randint(100, 100_000), draw.choice("mn")),
            about("sale.paid", about_sale, amount=str(amount)),
            about("sale.rebated", about_sale),
            about("sale.refunded", about_sale, amount=str(amount)),
            about("sale.rebate_returned", about_sale),
            about("referral.rewarded", about_sale, margin=str(amount * 20)),
            gift(one, other, amount),
            issued(one, amount),
            rights(one, draw.random() < 0.5, True),
            step("membership.suspended", one, order=ORDER, reason="inquiry"),
            step("membership.restored", one, order=ORDER),
        ]
        if draw.random() < 0.08:
            self.fresh += 1
            made = [
                recovery(one, f"fresh-{self.fresh}"),
                step("account.closing", one, destination=draw.choice(("pool", "burn")), order=ORDER),
            ]
        return draw.choice(made)

    def follow(self, recovered: Draft) -> None:
        """A lost account takes no more steps: the one in its place does."""
        old, new = recovered.subjects
        known = {acct(name): name for name in (*self.names, *(f"fresh-{n + 1}" for n in range(self.fresh)))}
        self.names[self.names.index(known[old])] = known[new]

    def run(self, groups: int) -> None:
        for _ in range(groups):
            drafts = [self.draft() for _ in range(self.random.randint(1, 8))]
            answers = self.world.ledger.submit_many([self.world.submission(draft) for draft in drafts])
            for draft, answer in zip(drafts, answers, strict=True):
                if draft.type == "account.recovered" and isinstance(answer, Accepted):
                    self.follow(draft)
            self.world.clock.milliseconds += self.random.choice((0, 1, 60_000, DAY))
            if self.random.random() < 0.3:
                run_due(self.world)


def count(world: World, sql: str) -> int:
    with world.database.reader() as connection:
        return int(str(fetch_all(connection, sql)[0][0]))


@pytest.mark.parametrize("seed", [1, 2])
def test_a_random_walk_comes_out_again(
    world: World, place: Database, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "PAGE", 37)
    Walk(world, seed).run(60)
    told: list[int] = []
    built = rebuild_cases(world.database, place, CASE_BOOK, told.append)
    entries = count(world, "SELECT count(*) FROM entries")
    assert built == Rebuilt(entries, built.steps, None)
    assert told[-1] == entries - 1 and len(told) == -(-entries // 37)
    rows = [count(world, f"SELECT count(*) FROM {name}") for name in REBUILT]
    assert rows[0] > 20 and rows[1] >= rows[0] and built.steps > 40
    assert compare_cases(world.database, place) == Comparison(dict(zip(REBUILT, rows, strict=True)), None)
    with pytest.raises(NotEmpty):
        rebuild_cases(world.database, place, CASE_BOOK)


def change(world: World, sql: str, *values: object) -> None:
    with world.database.writer() as connection:
        assert execute(connection, sql, *values) == 1


def rebuilt(world: World, tmp_path: Path) -> tuple[Stuck | None, tuple[object, ...] | None]:
    fresh = Database(sqlite_url(tmp_path / "again.sqlite3"))
    try:
        migrate(fresh)
        stuck = rebuild_cases(world.database, fresh, CASE_BOOK).stuck
        found = None if stuck is not None else compare_cases(world.database, fresh).difference
        return stuck, None if found is None else (found.table.name, *found.key[:2], found.how)
    finally:
        fresh.close()


@pytest.mark.parametrize(
    ("sql", "table", "what"),
    [
        ("UPDATE cases SET state = 'lapsed' WHERE kind = ? AND key = ?", "cases", "state"),
        ("UPDATE cases SET due_at = due_at + 1 WHERE kind = ? AND key = ?", "cases", "due_at"),
        (
            "UPDATE cases SET document = replace(document, '9900', '9901'), holder = NULL"
            " WHERE kind = ? AND key = ?", "cases", "holder, document",
        ),
        ("DELETE FROM cases WHERE kind = ? AND key = ?", "cases", "missing"),
        ("DELETE FROM case_entries WHERE kind = ? AND key = ?", "case_entries", "missing"),
        (
            "INSERT INTO case_entries (kind, key, log_index) SELECT kind, key, 1 FROM cases"
            " WHERE kind = ? AND key = ?", "case_entries", "extra",
        ),
    ],
)  # fmt: skip
def test_a_touched_row_is_named(world: World, tmp_path: Path, sql: str, table: str, what: str) -> None:
    for name in "ab":
        world.accept(opening(name))
    change(world, sql, "membership", acct("b"))
    assert rebuilt(world, tmp_path) == (None, (table, "membership", acct("b"), what))


def test_a_row_of_nobody_is_named(world: World, tmp_path: Path) -> None:
    change(
        world,
        "INSERT INTO cases (kind, key, chapter, state, document, opened_index, changed_index)"
        " VALUES ('deposit', 'x', 31010007, 'lodged', '{}', 3, 3)",
    )
    assert rebuilt(world, tmp_path) == (None, ("cases", "deposit", "x", "extra"))


def body_of(world: World, index: int) -> bytes:
    with world.database.reader() as connection:
        rows = fetch_all(connection, "SELECT body FROM entries WHERE log_index = ?", index)
    return bytes(cast("bytes", rows[0][0]))


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b'"fee":"9900"', b'"fee":"9901"', "entry.not_as_computed"),
        (b'"rule":', b'"rule" :1,"rule":', None),
        (acct("a").encode(), acct("m").encode(), "membership.wrong_account"),
        (b'"public"', b'"publik"', "unreadable"),
        (b"{", b"[", "unreadable"),
    ],
)
def test_an_entry_that_the_rules_do_not_give_is_named(
    world: World, tmp_path: Path, old: bytes, new: bytes, code: str | None
) -> None:
    index = world.accept(opening("a")).index
    body = body_of(world, index)
    assert old in body
    change(world, "UPDATE entries SET body = ? WHERE log_index = ?", body.replace(old, new, 1), index)
    stuck = None if code is None else Stuck(index, "membership.opened", code)
    assert rebuilt(world, tmp_path) == (stuck, None)


def test_an_erased_step_ends_it(world: World, tmp_path: Path) -> None:
    world.accept(joined("z"))
    index = world.accept(opening("a")).index
    world.accept(opening("b"))
    change(world, "UPDATE entries SET body = NULL, salt = NULL WHERE log_index = ?", index)
    assert rebuilt(world, tmp_path) == (Stuck(index, "membership.opened", "erased"), None)
