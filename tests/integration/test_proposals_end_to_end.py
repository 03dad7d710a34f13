"""Officers with keys of their own approve first, on a real chain; then the entry is recorded and settled."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from chain.evm.calldata import encode_approve
from chain.evm.roles import CANCEL_POLICY
from chain.operation import (
    account_id,
    chapter_code,
)
from chain.types import Address
from gateway.ledger.tables import credit_proposals, entries
from tests.integration.officers_kit import Officers
from tests.integration.serving import Serving
from tests.integration.test_operations_end_to_end import Town
from tests.published import faults

CODE = chapter_code(31_070_001)
OTHER = chapter_code(31_070_002)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    serving = Serving(tmp_path_factory.mktemp("proposals") / "data").start()
    try:
        serving.open_chapter(OTHER, fill=0)
        yield Town(serving, serving.open_chapter(CODE))
    finally:
        assert serving.stop() == 0
        assert "fault" not in serving.log()


@pytest.fixture(scope="module")
def officers(town: Town) -> Iterator[Officers]:
    officers = Officers(town.serving, CODE)
    yield officers
    officers.close()


def ask(town: Town, kind: str, body: dict[str, Any], **how: Any) -> tuple[int, dict[str, Any]]:
    """(status, answer) of a request about this chapter's credits."""
    answer = town.serving.post(f"/v1/credits/{kind}", {"chapter": CODE, **body}, **how)
    return answer.status_code, answer.json()


def refused(town: Town, kind: str, body: dict[str, Any], **how: Any) -> str:
    """Return the code of what must be refused."""
    status, answer = ask(town, kind, body, **how)
    assert status >= 400
    return str(answer["code"])


def count_entries(town: Town) -> int:
    return len(town.rows(select(entries.c.log_index)))


def locked(town: Town) -> tuple[str, dict[str, Any]]:
    """A member with 600 of 1000 locked, and the operands that cancel 150 of them."""
    member = town.serving.join(CODE)
    town.serving.made(
        "/v1/credits/issue", {"chapter": CODE, "amount": "1000", "to": member}
    )  # fmt: skip
    lock = town.serving.made(
        "/v1/credits/lock", {"chapter": CODE, "amount": "600", "from": member, "to": member}
    )
    return member, {"from": member, "amount": "150", "ref": lock["leaf_hash"]}


def shown(town: Town, proposal: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = town.serving.client.get(f"/v1/credits/proposals/{proposal['id']}").json()
    return found


def wait_approved(town: Town, proposal: dict[str, Any], count: int) -> dict[str, Any]:
    """Wait until so many approvals are final and return what is shown."""
    deadline = time.monotonic() + 30
    while True:
        found = shown(town, proposal)
        if sum(approval["final"] for approval in found["approvals"]) == count:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def test_officers_approve_then_the_entry_is_recorded_and_done(town: Town, officers: Officers) -> None:
    member, operands = locked(town)
    before = count_entries(town)
    status, proposal = ask(town, "cancel/proposals", operands, key="p1")
    assert status == 201
    assert (proposal["state"], proposal["chapter_number"], proposal["approvals"]) == ("open", 31_070_001, [])
    assert proposal["needed"] == {"count": 2, "kinds": ["president", "secretary"]}
    assert (proposal["policy"], proposal["entry"]) == (CANCEL_POLICY.hex(), None)
    assert (
        proposal["calldata"]
        == "0x" + encode_approve(CANCEL_POLICY, 31_070_001, bytes.fromhex(proposal["digest"])).hex()
    )
    use = {"proposal": proposal["id"]}

    status, answer = ask(town, "cancel", use)
    assert (status, answer["code"], answer["got"], answer["want"]) == (409, "proposal.not_approved", 0, 2)
    block = officers.approve(officers.president, proposal)
    found = wait_approved(town, proposal, 1)
    president = {"kind": "president", "approver": "0x" + officers.president.address.hex(), "block": block}
    assert found["approvals"] == [{**president, "final": True}] and not found["approved"]
    status, answer = ask(town, "cancel", use)
    assert (answer["detail"], answer["detail_zh"]) == (
        "1 of 2 officers' approvals of this proposal are final on chain.",
        "该提案需要 2 名负责人在链上批准，目前已最终确认 1 名。",
    )
    assert count_entries(town) == before

    officers.approve(officers.secretary, proposal)
    assert wait_approved(town, proposal, 2)["approved"]
    status, entry = ask(town, "cancel", use, key="use")
    assert status == 201
    town.done(entry, 150)
    assert town.held(member) == (850, 450)
    assert (shown(town, proposal)["state"], shown(town, proposal)["entry"]) == ("used", entry["id"])
    assert town.rows(select(credit_proposals.c.entry_id))[0][0] == entry["id"]
    assert ask(town, "cancel", use, key="use") == (201, entry)
    assert refused(town, "cancel", use) == "proposal.used"
    assert ask(town, "cancel/proposals", operands, key="p1") == (201, proposal)
    assert count_entries(town) == before + 1


def test_a_reversal_goes_the_same_way_and_may_repeat_what_was_proposed(
    town: Town, officers: Officers
) -> None:
    member, other = town.serving.join(CODE), town.serving.join(CODE)
    town.serving.made("/v1/credits/issue", {"chapter": CODE, "amount": "500", "to": member})
    gift = town.serving.made(
        "/v1/credits/transfer", {"chapter": CODE, "amount": "300", "from": member, "to": other}
    )
    operands = {"from": other, "to": member, "amount": "200", "ref": gift["leaf_hash"]}
    more = {"public": {}, "private": {"why": "paid twice"}}
    status, proposal = ask(town, "reverse/proposals", operands | more)
    assert status == 201 and "paid twice" not in str(proposal)
    officers.approve(officers.secretary, proposal)
    officers.approve(officers.president, proposal)
    wait_approved(town, proposal, 2)
    use = {"proposal": proposal["id"]}
    for field, changed in (("amount", "201"), ("to", other), ("private", {})):
        status, answer = ask(town, "reverse", {**use, **operands, field: changed})
        assert (status, answer["code"], answer["field"], answer["reason"]) == (
            422, "entry.bad_field", field, "is not as proposed",
        )  # fmt: skip
    status, answer = ask(town, "cancel", use)
    assert (answer["field"], answer["reason"]) == ("proposal", "is of another kind")
    assert refused(town, "reverse", use | {"approvers": ["president"]}) == "entry.bad_field"
    assert refused(town, "transfer", use | {"from": member, "to": other}) == "entry.bad_field"
    status, entry = ask(town, "reverse", {**use, **operands})
    assert status == 201
    town.done(entry, 200)
    document = town.serving.client.get("/openapi.json").json()
    schema = {"$ref": "#/components/schemas/Proposal"}
    assert faults(document, schema, proposal) == faults(document, schema, shown(town, proposal)) == []
    found = town.serving.client.get(f"/v1/entries/{entry['id']}").json()["entry"]
    assert found["op"]["ref"] == gift["leaf_hash"] and len(found["_sd"]) == 1
    assert (town.held(member), town.held(other)) == ((400, 0), (100, 0))


def test_what_cannot_be_recorded_is_not_proposed(town: Town) -> None:
    _, operands = locked(town)
    unknown = account_id(Address(secrets.token_bytes(20)))
    proposals = len(town.rows(select(credit_proposals.c.id)))
    for changed, code in (
        ({"amount": "601"}, "operation.unknown_ref"),
        ({"amount": "1.5"}, "amount.malformed"),
        ({"from": unknown}, "member.unknown"),
        ({"ref": None}, "entry.bad_field"),
        ({"approvers": ["president"]}, "entry.unknown_field"),
        ({"chapter": "3107-0099"}, "chapter.unknown"),
    ):
        assert refused(town, "cancel/proposals", {**operands, **changed}) == code
    assert refused(town, "transfer/proposals", operands) == "not_found"
    keyless = town.serving.client.post("/v1/credits/cancel/proposals", json={"chapter": CODE, **operands})
    assert keyless.json()["code"] == "idempotency.missing"
    assert len(town.rows(select(credit_proposals.c.id))) == proposals
    first = ask(town, "cancel/proposals", operands, key="again")
    assert ask(town, "cancel/proposals", operands, key="again") == first
    assert refused(town, "cancel/proposals", operands | {"amount": "1"}, key="again") == (
        "idempotency.key_reused"
    )
    assert len(town.rows(select(credit_proposals.c.id))) == proposals + 1


def test_another_chapter_sees_no_difference_to_nothing(town: Town) -> None:
    _, operands = locked(town)
    _, proposal = ask(town, "cancel/proposals", operands)
    made = town.serving.post("/v1/keys", {"name": "other", "scopes": ["credits:write"], "chapter": OTHER})
    with town.serving.new_client(made.json()["secret"]) as other:
        answers = [
            other.get(f"/v1/credits/proposals/{name}").json()
            for name in (proposal["id"], "01ARZ3NDEKTSV4RRFFQ69G5FAV", "x")
        ]
        assert {answer["code"] for answer in answers} == {"proposal.unknown"}
        assert len({answer["detail_zh"] for answer in answers}) == 1
        uses = [
            town.serving.post("/v1/credits/cancel", {"chapter": chapter, "proposal": name}, client=other)
            for name in (proposal["id"], "01ARZ3NDEKTSV4RRFFQ69G5FAV")
            for chapter in (OTHER, CODE)
        ]
        assert [use.json()["code"] for use in uses] == ["proposal.unknown", "chapter.forbidden"] * 2
        assert [use.status_code for use in uses] == [404, 403] * 2
    made = town.serving.post("/v1/keys", {"name": "reads", "scopes": ["entries:read"]})
    with town.serving.new_client(made.json()["secret"]) as reader:
        answer = reader.get(f"/v1/credits/proposals/{proposal['id']}")
        assert (answer.status_code, answer.json()["code"]) == (403, "auth.scope")
    made = town.serving.post("/v1/keys", {"name": "officer", "scopes": ["credits:approve"], "chapter": CODE})
    with town.serving.new_client(made.json()["secret"]) as officer:
        assert officer.get(f"/v1/credits/proposals/{proposal['id']}").json() == proposal
