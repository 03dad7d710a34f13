"""Proposals are judged as their entry would be, made once a key, and shown to their own chapter alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chain.operation import account_id, chapter_code
from chain.types import EntryId
from gateway.db import Database, fetch_all
from gateway.errors import Refusal
from tests.unit.gateway.ledger.proposal_town import HEAD, PRESIDENT, SECRETARY, K, Town, towns
from tests.unit.gateway.ledger.worlds import (
    OTHER_CHAPTER,
    address,
    opened,
    operated,
)


@pytest.fixture
def town(database: Database, tmp_path: Path) -> Iterator[Town]:
    with towns(database, tmp_path) as town:
        yield town


def rows(town: Town) -> list[tuple[object, ...]]:
    with town.world.database.reader() as connection:
        return fetch_all(connection, "SELECT id, instruction, sealed FROM credit_proposals")


def test_a_repeat_gives_the_first_answer_and_another_body_is_refused(town: Town) -> None:
    submission = town.world.submission(town.cancel(), "k")
    instruction = {"from": account_id(address("a"))}
    first, replayed = town.proposals.propose(submission, instruction)
    assert not replayed
    town.approve(first.proposal.id, PRESIDENT)
    # What would be refused by now is answered as it was.
    town.world.accept(operated(K.RELEASE, address("a"), address("a"), 600, ref=town.lock.leaf_hash))
    assert town.proposals.propose(submission, instruction) == (first, True)
    assert (first.state, first.approvals, first.is_approved) == ("open", (), False)
    with pytest.raises(Refusal) as caught:
        town.proposals.propose(replace(submission, fingerprint=b"\x00" * 32), instruction)
    assert caught.value == Refusal("idempotency.key_reused")
    assert len(rows(town)) == 1


def test_what_the_entry_would_be_refused_with_the_proposal_is_refused_with(town: Town) -> None:
    draft = town.cancel()
    unknown_ref = operated(K.CANCEL, address("a"), amount=1, ref=b"\x01" * 32)
    gift = town.world.accept(operated(K.TRANSFER, address("a"), address("b"), 50))
    too_much = operated(K.REVERSE, address("b"), address("a"), 51, ref=gift.leaf_hash)
    before = town.entries()
    for given, refusal in (
        (unknown_ref, Refusal("operation.unknown_ref", field="op.ref")),
        (replace(draft, chapter=opened(OTHER_CHAPTER).chapter), Refusal("chapter.wrong", field="op.from")),
        (replace(draft, chapter=chapter_code(31_019_999)), Refusal("chapter.unknown", field="chapter")),
        (replace(draft, refs=(EntryId("01ARZ3NDEKTSV4RRFFQ69G5FAV"),)), Refusal("refs.unknown")),
        (replace(draft, actor=account_id(address("x"))), Refusal("member.unknown", field="actor")),
        (too_much, Refusal("entry.bad_field", field="op.amount", reason="more than is left of the original")),
    ):
        with pytest.raises(Refusal) as caught:
            town.propose(given)
        assert caught.value == refusal
    assert (rows(town), town.entries()) == ([], before)


def test_a_proposal_does_not_outlive_its_operation(town: Town) -> None:
    operation = town.cancel().operation
    assert operation is not None
    until = town.world.clock.milliseconds // 1000 + 60
    proposal_id = town.propose(town.cancel(operation=replace(operation, valid_until=until)))
    assert town.proposals.find(proposal_id, None).proposal.expires_at == "2026-11-18T11:07:40.000Z"
    assert town.proposals.find(town.propose(), None).proposal.expires_at == "2026-11-25T11:06:40.000Z"


def test_private_fields_are_sealed_until_the_entry_is_made(town: Town) -> None:
    proposal_id = town.propose(town.cancel(private={"why": "secret-4711"}))
    ((_, instruction, sealed),) = rows(town)
    assert "secret-4711" not in str(instruction)
    assert isinstance(sealed, bytes) and b"secret-4711" not in sealed
    assert town.proposals.instruction(proposal_id, "3101-0007")[1]["private"] == {"why": "secret-4711"}
    town.world.vault.destroy(address("a"))
    with pytest.raises(Refusal) as caught:
        town.proposals.instruction(proposal_id, "3101-0007")
    assert caught.value == Refusal("entry.bad_field", field="private", reason="can no longer be read")


def test_another_chapters_proposal_reads_like_none(town: Town) -> None:
    proposal_id = town.propose()
    assert town.proposals.find(proposal_id, "3101-0007").proposal.id == proposal_id
    for wanted, chapter in ((proposal_id, "3101-0008"), ("01ARZ3NDEKTSV4RRFFQ69G5FAV", None), ("x", None)):
        with pytest.raises(Refusal) as caught:
            town.proposals.find(wanted, chapter)
        assert caught.value == Refusal("proposal.unknown")
    with pytest.raises(Refusal) as caught:
        town.proposals.instruction(proposal_id, "3101-0008")
    assert caught.value == Refusal("proposal.unknown")


def test_a_view_shows_who_approved(town: Town) -> None:
    proposal_id = town.propose()
    town.approve(proposal_id, SECRETARY)
    town.approve(proposal_id, PRESIDENT, block=HEAD)
    view = town.proposals.find(proposal_id, None)
    assert [(a.kind, a.approver, a.block_number, a.is_final) for a in view.approvals] == [
        (SECRETARY, address(f"officer {SECRETARY}"), HEAD - 2, True),
        (PRESIDENT, address(f"officer {PRESIDENT}"), HEAD, False),
    ]
    assert (view.policy.kinds, view.policy.threshold) == ((PRESIDENT, SECRETARY), 2)
    assert not view.is_approved
    assert json.loads(view.proposal.instruction)["amount"] == "100"
