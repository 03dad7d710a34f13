"""A proposal becomes one entry, once, with the salt that officers approved, when enough of them have."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chain.evm.roles import REVERSE_POLICY
from chain.operation import operation_digest
from gateway.db import Database, fetch_all, migrate
from gateway.errors import Refusal, problem_document
from gateway.ledger.drafts import Accepted
from gateway.ledger.intake_clerk import IntakeClerk
from gateway.ledger.intake_desk import IntakeDesk
from gateway.ledger.proposals import read_proposal
from gateway.ledger.receipt_store import complete_receipts
from tests.databases import fresh_postgres
from tests.unit.gateway.ledger.proposal_town import DAY, HEAD, PRESIDENT, SECRETARY, K, Town, towns
from tests.unit.gateway.ledger.test_intake import looping
from tests.unit.gateway.ledger.test_sequencer import failing_writer
from tests.unit.gateway.ledger.worlds import (
    IDENTITY,
    OTHER_CHAPTER,
    address,
    opened,
    operated,
    running,
)


@pytest.fixture
def town(database: Database, tmp_path: Path) -> Iterator[Town]:
    with towns(database, tmp_path) as town:
        yield town


def test_an_approved_proposal_becomes_the_entry_with_its_salt(town: Town) -> None:
    proposal_id = town.approved()
    draft = town.cancel(proposal=proposal_id)
    accepted = town.world.accept(draft)
    with town.world.database.reader() as connection:
        proposal = read_proposal(connection, proposal_id)
        ((leaf_data, op_salt),) = fetch_all(
            connection,
            "SELECT e.leaf_data, o.op_salt FROM entries e JOIN operations o ON o.log_index = e.log_index"
            " WHERE e.log_index = ?",
            accepted.index,
        )
    assert proposal is not None and draft.operation is not None
    assert proposal.entry_id == accepted.entry_id
    assert proposal.operation == draft.operation
    assert op_salt == proposal.op_salt
    assert isinstance(leaf_data, bytes) and leaf_data[-32:] == proposal.digest
    assert proposal.digest == operation_digest(draft.operation, proposal.op_salt)


@pytest.mark.parametrize(
    ("seen", "got"),
    [
        ([], 0),
        ([(PRESIDENT, {})], 1),
        ([(PRESIDENT, {}), (SECRETARY, {"block": HEAD - 1})], 1),
        ([(PRESIDENT, {}), (PRESIDENT, {})], 1),
        ([(PRESIDENT, {}), (SECRETARY, {"chapter": OTHER_CHAPTER})], 1),
        ([(PRESIDENT, {"policy": REVERSE_POLICY}), (SECRETARY, {"policy": REVERSE_POLICY})], 0),
    ],
    ids=["nobody", "one", "second not final", "one kind twice", "another chapter", "another policy"],
)
def test_without_enough_approvals_nothing_is_recorded(
    town: Town, seen: list[tuple[int, dict[str, int]]], got: int
) -> None:
    proposal_id = town.propose()
    for kind, where in seen:
        town.approve(proposal_id, kind, **where)  # type: ignore[arg-type]
    before = town.entries()
    refusal = town.world.refuse(town.cancel(proposal=proposal_id), key="k")
    assert refusal == Refusal("proposal.not_approved", got=got, want=2)
    document = problem_document(refusal, instance="/", trace_id="ab")
    assert document["detail"] == f"{got} of 2 officers' approvals of this proposal are final on chain."
    assert document["detail_zh"] == f"该提案需要 2 名负责人在链上批准，目前已最终确认 {got} 名。"
    assert (document["status"], document["retryable"]) == (409, True)
    assert (town.entries(), town.used_by(proposal_id)) == (before, None)
    # The same request goes through once they have.
    town.approve(proposal_id, PRESIDENT)
    town.approve(proposal_id, SECRETARY)
    assert not town.world.accept(town.cancel(proposal=proposal_id), key="k").replayed


def test_a_proposal_is_used_once_and_a_repeat_gets_the_first_answer(town: Town) -> None:
    proposal_id = town.approved()
    draft = town.cancel(proposal=proposal_id)
    first = town.world.accept(draft, key="k1")
    before = town.entries()
    assert town.world.accept(draft, key="k1") == replace(first, replayed=True)
    assert town.world.refuse(draft, key="k2") == Refusal("proposal.used")
    town.world.clock.milliseconds += 8 * DAY
    assert town.world.accept(draft, key="k1") == replace(first, replayed=True)
    assert town.world.refuse(draft, key="k2") == Refusal("proposal.used")
    assert (town.entries(), town.used_by(proposal_id)) == (before, first.entry_id)


def test_two_in_one_group_do_not_use_it_both(town: Town) -> None:
    proposal_id = town.approved()
    draft = town.cancel(proposal=proposal_id)
    group = [town.world.submission(draft, "k1"), town.world.submission(draft, "k2")]
    first, second = town.world.ledger.submit_many(group)
    assert isinstance(first, Accepted)
    assert second == Refusal("proposal.used")
    assert town.used_by(proposal_id) == first.entry_id


def test_a_refused_entry_leaves_its_proposal_open(town: Town) -> None:
    proposal_id = town.approved(town.cancel(500))
    town.world.accept(
        operated(K.RELEASE, address("a"), address("a"), 200, ref=town.lock.leaf_hash)
    )  # fmt: skip
    refusal = town.world.refuse(town.cancel(500, proposal=proposal_id))
    assert refusal == Refusal("operation.unknown_ref", field="op.ref")
    assert town.used_by(proposal_id) is None


def test_expired_unknown_and_foreign_proposals(town: Town) -> None:
    proposal_id = town.approved()
    draft = town.cancel(proposal=proposal_id)
    before = town.entries()
    unknown = replace(draft, proposal="01ARZ3NDEKTSV4RRFFQ69G5FAV")
    assert town.world.refuse(unknown) == Refusal("proposal.unknown")
    foreign = replace(draft, chapter=opened(OTHER_CHAPTER).chapter)
    assert town.world.refuse(foreign) == Refusal("chapter.wrong", field="op.from")
    assert town.world.refuse(replace(foreign, operation=None)) == Refusal("proposal.unknown")
    town.world.clock.milliseconds += 7 * DAY - 1
    assert town.proposals.find(proposal_id, None).state == "open"
    town.world.clock.milliseconds += 1
    assert town.proposals.find(proposal_id, None).state == "expired"
    assert town.world.refuse(draft) == Refusal("proposal.expired")
    assert (town.entries(), town.used_by(proposal_id)) == (before, None)


def test_an_approval_covers_its_own_operation_alone(town: Town) -> None:
    proposal_id = town.approved()
    other = Refusal("entry.bad_field", field="proposal", reason="is of another operation")
    assert town.world.refuse(town.cancel(101, proposal=proposal_id)) == other
    assert town.world.refuse(town.cancel(operation=None, proposal=proposal_id)) == other
    assert town.used_by(proposal_id) is None


@pytest.mark.parametrize("committed", [False, True])
def test_entry_and_use_commit_together(town: Town, monkeypatch: pytest.MonkeyPatch, committed: bool) -> None:
    proposal_id = town.approved()
    draft = town.cancel(proposal=proposal_id)
    before = town.entries()
    with failing_writer(town.world, monkeypatch, committed=committed, times=1):
        accepted = town.world.accept(draft, key="once")
    assert (town.entries(), town.used_by(proposal_id)) == (before + 1, accepted.entry_id)


def test_a_failed_commit_leaves_the_proposal_open(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    proposal_id = town.approved()
    draft = town.cancel(proposal=proposal_id)
    before = town.entries()
    with failing_writer(town.world, monkeypatch, committed=False, times=1_000):
        assert town.world.refuse(draft, key="k") == Refusal("ledger.busy")
    assert (town.entries(), town.used_by(proposal_id)) == (before, None)
    accepted = town.world.accept(draft, key="k")
    assert (town.entries(), town.used_by(proposal_id)) == (before + 1, accepted.entry_id)


def test_a_ledger_that_sees_no_chain_uses_none(database: Database, tmp_path: Path) -> None:
    with towns(database, tmp_path) as town:
        proposal_id = town.approved()
        draft = town.cancel(proposal=proposal_id)
    with running(database, tmp_path) as world:
        assert world.refuse(draft) == Refusal("chain.unavailable")


def test_proposals_go_through_the_intake(postgres_url: str, tmp_path: Path) -> None:
    with fresh_postgres(postgres_url) as url:
        database = Database(url)
        migrate(database)
        with towns(database, tmp_path) as town:
            complete_receipts(database, IDENTITY)
            desk = IntakeDesk(database, town.world.vault, os.urandom, queue_limit=100)
            clerk = IntakeClerk(database, town.world.vault, town.world.ledger)
            waiting, approved = town.propose(), town.approved()
            given = town.world.submission(town.cancel(proposal=approved))
            with looping(desk.run_writer, desk.run_reader, clerk.run_reader, clerk.run_answerer):
                refused = desk.submit(town.world.submission(town.cancel(proposal=waiting))).result(20)
                accepted = desk.submit(given).result(20)
                again = desk.submit(given).result(20)
                used = desk.submit(town.world.submission(town.cancel(proposal=approved))).result(20)
            assert refused == Refusal("proposal.not_approved", got=0, want=2)
            assert isinstance(accepted, Accepted) and again == replace(accepted, replayed=True)
            assert used == Refusal("proposal.used")
            assert (town.used_by(waiting), town.used_by(approved)) == (None, accepted.entry_id)
        database.close()
