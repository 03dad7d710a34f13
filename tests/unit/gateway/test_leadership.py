"""One leader a role; a former one cannot write, whatever it still holds open."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest
from sqlalchemy.exc import DBAPIError

from gateway.db import Database, execute, fetch_all, migrate
from gateway.leadership import Candidate, Fenced, Report, Role, Term, read_reports
from tests.databases import fresh_postgres


@dataclass
class Process:
    """A candidate with its own thread of standing for election, as a process would have it."""

    database: Database
    role: Role = Role.MIRROR
    stop: threading.Event = field(default_factory=threading.Event)
    stack: ExitStack = field(default_factory=ExitStack)
    terms: list[Term] = field(default_factory=list)

    def stand(self) -> Process:
        self.candidate = Candidate(self.database, self.role)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        return self

    def _run(self) -> None:
        term = self.candidate.elected(self.stop, self.stack)
        if term is not None:
            self.terms.append(term)

    def wait(self, seconds: float) -> bool:
        """Whether it leads within that time."""
        self.thread.join(seconds)
        return bool(self.terms)

    def end(self) -> None:
        self.stop.set()
        self.thread.join(10)
        self.stack.close()
        self.candidate.close()


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Database]:
    with fresh_postgres(postgres_url) as url:
        database = Database(url)
        migrate(database)
        yield database
        database.close()


@pytest.fixture
def stand(postgres: Database) -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def make(role: Role = Role.MIRROR) -> Process:
        started.append(Process(postgres, role).stand())
        return started[-1]

    yield make
    for process in reversed(started):
        process.end()


def cut_off(postgres: Database, role: Role = Role.MIRROR) -> None:
    """End the session that holds the role's lock, as the server does with one that says nothing."""
    with postgres.writer() as connection:
        ended = fetch_all(
            connection,
            "SELECT pg_terminate_backend(l.pid) FROM pg_locks l WHERE locktype = 'advisory' AND objid = ?",
            role.number,
        )
    assert ended == [(True,)]


def write(database: Database, role: str) -> None:
    with database.writer() as connection:
        execute(connection, "INSERT INTO role_epochs (role, epoch) VALUES (?, 1)", role)


def roles_stored(database: Database) -> set[str]:
    with database.reader() as connection:
        return {str(row[0]) for row in fetch_all(connection, "SELECT role FROM role_epochs")}


def test_the_second_waits_until_the_first_ends(stand: Callable[..., Process]) -> None:
    first = stand()
    assert first.wait(10) and first.terms[0].epoch == 1
    second = stand()
    assert not second.wait(1.5)
    other = stand(Role.ANCHOR)
    assert other.wait(10) and other.terms[0].epoch == 1
    first.end()
    assert first.terms[0].lost.is_set()
    assert second.wait(10) and second.terms[0].epoch == 2


def test_a_former_leader_is_refused_when_it_writes(postgres: Database, stand: Callable[..., Process]) -> None:
    first = stand()
    assert first.wait(10)
    write(first.terms[0].database, "written by the leader")
    second = stand()
    cut_off(postgres)
    assert second.wait(10)
    with pytest.raises(Fenced) as caught:
        write(first.terms[0].database, "written too late")
    assert (caught.value.role, caught.value.got, caught.value.want) == ("mirror", 2, 1)
    assert first.terms[0].lost.is_set()
    with pytest.raises(Fenced):
        first.terms[0].report(Report(fault="too late"))
    write(second.terms[0].database, "written by the next")
    assert roles_stored(postgres) == {"mirror", "written by the leader", "written by the next"}


def test_a_transaction_left_open_ends_with_the_term(
    postgres: Database, stand: Callable[..., Process]
) -> None:
    first = stand()
    assert first.wait(10)
    second = stand()
    with pytest.raises(DBAPIError), first.terms[0].database.writer() as connection:
        execute(connection, "INSERT INTO role_epochs (role, epoch) VALUES ('half done', 1)")
        cut_off(postgres)
        assert second.wait(10) and second.terms[0].epoch == 2
        execute(connection, "INSERT INTO role_epochs (role, epoch) VALUES ('other half', 1)")
    assert roles_stored(postgres) == {"mirror"}


def test_a_leader_that_was_cut_off_learns_it(postgres: Database, stand: Callable[..., Process]) -> None:
    first = stand()
    assert first.wait(10) and not first.terms[0].lost.is_set()
    cut_off(postgres)
    assert first.terms[0].lost.wait(10)


def test_the_server_ends_a_leader_that_says_nothing(
    postgres: Database, stand: Callable[..., Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    # As long as the process is stopped it does not ping.
    monkeypatch.setattr("gateway.leadership.LEASE_SECONDS", 1)
    monkeypatch.setattr("gateway.leadership.PING_SECONDS", 30.0)
    first = stand()
    assert first.wait(10)
    monkeypatch.setattr("gateway.leadership.PING_SECONDS", 0.2)
    second = stand()
    assert second.wait(10) and second.terms[0].epoch == 2
    assert not first.terms[0].lost.is_set()
    with pytest.raises(Fenced):
        write(first.terms[0].database, "written too late")


def test_reports_are_read_with_their_age(postgres: Database, stand: Callable[..., Process]) -> None:
    first = stand()
    assert first.wait(10)
    for report in (Report(), Report("settler", 3, 17, 2.5, 4, 2)):
        first.terms[0].report(report)
    with postgres.reader() as connection:
        found = read_reports(connection)
    assert set(found) == {"mirror"} and found["mirror"][0] == Report("settler", 3, 17, 2.5, 4, 2)
    assert 0 <= found["mirror"][1] < 5
