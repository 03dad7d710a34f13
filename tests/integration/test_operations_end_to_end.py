"""All nine kinds of operation through a real gateway, up to final blocks and the rows of the mirror."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from chain.canonical import canonicalize
from chain.evm.signers.base import LocalKey
from chain.operation import OperationKind, account_address, account_id
from chain.typed_data import Place, authorization_digest
from chain.types import AccountId, Address, Digest
from chain.verify import verify_bundle
from gateway.db import Database, sqlite_url
from gateway.mirror.tables import mirror_accounts, mirror_locks, mirror_operations, mirror_rights
from tests.integration.serving import Serving

CHAPTER = "3101-0007"
OFFICERS = ["president", "secretary"]
ANCHOR_SECONDS = 3.0


@dataclass
class Town:
    """One chapter on a running gateway."""

    serving: Serving
    pool: str
    chapter: str = CHAPTER

    def credit(self, kind: str, amount: int, **more: object) -> dict[str, Any]:
        """Have one operation accepted."""
        body = {"chapter": self.chapter, "amount": str(amount), **more}
        return self.serving.made(f"/v1/credits/{kind}", body)

    def member(self, credits: int = 0, kind: str = "member", **more: object) -> str:
        """Register an account and give it credits from the pool."""
        account = self.serving.join(self.chapter, kind, **more)
        if credits:
            self.credit("transfer", credits, **{"from": self.pool}, to=account)
        return account

    def outcome(self, entry: dict[str, Any]) -> tuple[str, str, str]:
        """(status, reason, moved) of an operation, once final."""
        found = self.serving.wait_state(entry["id"], "final")["outcome"]
        return found["status"], found["reason"], found["moved"]

    def done(self, entry: dict[str, Any], moved: int) -> None:
        """Require that an operation becomes final and moved so much."""
        assert self.outcome(entry) == ("done", "none", str(moved))

    def refused(self, kind: str, amount: int, **more: object) -> str:
        """Return the code by which the API refuses an operation."""
        body = {"chapter": self.chapter, "amount": str(amount), **more}
        answer = self.serving.post(f"/v1/credits/{kind}", body)
        assert answer.status_code >= 400
        return str(answer.json()["code"])

    def freeze(self, account: str, *, send: bool = False, receive: bool = False) -> dict[str, Any]:
        """Take rights away, or give them back."""
        body = {"may_send": send, "may_receive": receive, "order": "11" * 32}
        return self.serving.made(f"/v1/members/{account}/rights", body)

    def held(self, account: str) -> tuple[int, int]:
        """(balance, locked) of the mirrored account."""
        row = self._row(account)
        return row.balance, row.locked

    def rights(self, account: str) -> tuple[bool, bool]:
        """(may send, may receive) of the mirrored account."""
        row = self._row(account)
        return row.may_send, row.may_receive

    def _row(self, account: str) -> Any:
        wanted = mirror_accounts.c.address == account_address(AccountId(account))
        return self.rows(select(mirror_accounts).where(wanted))[0]

    def rows(self, query: Any) -> list[Any]:
        """Rows of the gateway's own database."""
        options = self.serving.options
        elsewhere = options[options.index("--database-url") + 1] if "--database-url" in options else None
        database = Database(elsewhere or sqlite_url(self.serving.data / "gateway.sqlite3"), pool_size=1)
        try:
            with database.reader() as connection:
                return list(connection.execute(query))
        finally:
            database.close()

    def block_of(self, entry: dict[str, Any]) -> int:
        """Block in which the chain executed an operation."""
        wanted = mirror_operations.c.leaf_index == entry["index"]
        return int(self.rows(select(mirror_operations.c.block_number).where(wanted))[0].block_number)

    def until_status(self, figure: str, value: int | None) -> None:
        """Wait until the status shows this value."""
        deadline = time.monotonic() + 10
        while (status := self.serving.client.get("/v1/status").json())[figure] != value:
            assert time.monotonic() < deadline, status
            time.sleep(0.05)

    def after_an_anchor(self) -> None:
        """Wait until everything is anchored: the next anchor is `ANCHOR_SECONDS` away."""
        deadline = time.monotonic() + 30
        while True:
            status = self.serving.client.get("/v1/status").json()
            if status["anchored_size"] == status["entries"]:
                return
            assert time.monotonic() < deadline, status
            time.sleep(0.05)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TONGYI_ANCHOR_INTERVAL", str(ANCHOR_SECONDS))
        serving = Serving(tmp_path_factory.mktemp("operations") / "data").start()
    try:
        yield Town(serving, serving.open_chapter(CHAPTER))
    finally:
        assert serving.stop() == 0
        assert "fault" not in serving.log()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def each_town(request: pytest.FixtureRequest) -> Town:
    """The town on SQLite, then a chapter of the gateway on PostgreSQL."""
    if request.param == "sqlite":
        found: Town = request.getfixturevalue("town")
        return found
    serving: Serving = request.getfixturevalue("serving_postgresql")
    chapter: str = request.getfixturevalue("new_chapter")()
    return Town(serving, serving.open_chapter(chapter), chapter)


def test_a_proof_file_tells_what_is_left_of_a_lock(town: Town) -> None:
    """Of the lock itself and of what took from it, at the newest final block; the sum of locks agrees."""
    root = (town.serving.data / "trust_root.json").read_bytes()
    member = town.member(1_000)
    first, other = (town.credit("lock", amount, **{"from": member}, to=member) for amount in (700, 50))
    assert _lock_told(town, first, root) == ("open", member, 700)
    release = town.credit("release", 300, **{"from": member}, to=member, ref=first["leaf_hash"])
    assert _lock_told(town, release, root) == ("open", member, 400)
    assert _lock_told(town, first, root) == ("open", member, 400)
    rest = town.credit("release", 400, **{"from": member}, to=member, ref=first["leaf_hash"])
    for entry in (rest, release, first):
        assert _lock_told(town, entry, root) == ("ended", member, 0)
    assert _lock_told(town, other, root) == ("open", member, 50)
    answer = town.serving.client.get(f"/v1/accounts/{member}/proof")
    sums = verify_bundle(answer.content, root)
    assert (sums.outcome, sums.facts.balance, sums.facts.locked) == ("pass", 1_000, 50)
    # Another record's lock says nothing here.
    kept, strange = (json.loads(town.serving.proof(entry["id"])) for entry in (other, rest))
    swapped = canonicalize({**kept, "lock": strange["lock"]})
    step = verify_bundle(swapped, root).failed_step
    assert step is not None and step.name == "lock"


def _lock_told(town: Town, entry: dict[str, Any], root: bytes) -> tuple[str, str, int | None]:
    verdict = verify_bundle(town.serving.proof(entry["id"]), root)
    assert verdict.outcome == "pass", verdict.failed_step
    return verdict.facts.lock, verdict.facts.lock_holder, verdict.facts.lock_rest


def test_issue_transfer_redeem_and_burn(each_town: Town) -> None:
    town = each_town
    member, shop = town.member(), town.member(kind="merchant")
    issued = town.credit("issue", 1_000, to=member)
    given = town.credit("transfer", 500, **{"from": town.pool}, to=member)
    redeemed = town.credit("redeem", 300, **{"from": member}, to=shop)
    burned = town.credit("burn", 100, **{"from": shop})
    for entry, moved in ((burned, 100), (redeemed, 300), (given, 500), (issued, 1_000)):
        town.done(entry, moved)
    assert (town.held(member), town.held(shop)) == ((1_200, 0), (200, 0))


def test_lock_release_and_cancel(each_town: Town) -> None:
    town = each_town
    member = town.member(1_000)
    lock = town.credit("lock", 600, **{"from": member}, to=member)
    more = {"from": member, "ref": lock["leaf_hash"]}
    released = town.credit("release", 250, **more, to=member)
    cancelled = town.credit("cancel", 150, **more, approvers=OFFICERS)
    unapproved = town.credit("cancel", 50, **more, approvers=["secretary"])
    assert town.refused("release", 10_000, **more, to=member) == "operation.unknown_ref"
    assert town.outcome(unapproved) == ("refused", "not_approved", "0")
    for entry, moved in ((lock, 600), (released, 250), (cancelled, 150)):
        town.done(entry, moved)
    assert town.held(member) == (850, 200)
    wanted = mirror_locks.c.leaf_hash == bytes.fromhex(lock["leaf_hash"])
    (row,) = town.rows(select(mirror_locks).where(wanted))
    assert (row.amount, row.ended) == (600, 400)


def test_rule_37_reversals_take_back_what_is_there_and_say_the_contracts_reason(each_town: Town) -> None:
    town = each_town
    member, other = town.member(), town.member()
    issued = town.credit("issue", 1_000, to=member)
    gift = town.credit("transfer", 700, **{"from": member}, to=other)
    spent = town.credit("transfer", 500, **{"from": other}, to=town.pool)
    # The receiver has 200 of 700 left, the member then 300 + 200 of 1000.
    back = {"from": other, "to": member, "ref": gift["leaf_hash"]}
    second = town.credit("reverse", 700, **back, approvers=OFFICERS)
    undone = town.credit("reverse", 1_000, **{"from": member}, ref=issued["leaf_hash"], approvers=OFFICERS)
    alone = {"from": town.pool, "to": other, "ref": spent["leaf_hash"]}
    unapproved = town.credit("reverse", 10, **alone)
    assert town.refused("reverse", 1, **back, approvers=OFFICERS) == "entry.bad_field"
    assert town.refused("reverse", 1, **alone, approvers=["witness"]) == "entry.bad_field"
    town.done(second, 200)
    town.done(undone, 500)
    assert town.outcome(unapproved) == ("refused", "not_approved", "0")
    assert (town.held(member), town.held(other)) == ((0, 0), (0, 0))
    columns = (mirror_operations.c.amount - mirror_operations.c.moved, mirror_operations.c.to_address)
    (receivable,) = town.rows(select(*columns).where(mirror_operations.c.leaf_index == undone["index"]))
    assert tuple(receivable) == (500, bytes(20))


def test_only_kinds_that_need_them_take_approvers(town: Town) -> None:
    body = {"from": town.pool, "to": town.pool, "approvers": OFFICERS}
    assert town.refused("transfer", 1, **body) == "entry.bad_field"
    made = town.serving.post("/v1/keys", {"name": "clerk", "scopes": ["credits:write"]})
    reversal = {"chapter": CHAPTER, "amount": "1", "from": town.pool, "ref": "11" * 32, "approvers": OFFICERS}
    with town.serving.new_client(made.json()["secret"]) as clerk:
        answer = town.serving.post("/v1/credits/reverse", reversal, client=clerk)
    assert (answer.status_code, answer.json()["code"]) == (403, "auth.scope")


def test_recovery_moves_balance_and_locks(town: Town) -> None:
    member, other = town.member(900), town.member()
    # Not settled yet when the recovery is ordered: it is before the recovery is mined.
    lock = town.credit("lock", 400, **{"from": member}, to=member)
    answer = town.serving.made(f"/v1/members/{member}/recovery", {"order": "22" * 32})
    new = str(answer["account"])
    assert town.refused("transfer", 1, **{"from": member}, to=other) == "member.frozen"
    more = {"from": new, "to": new, "ref": lock["leaf_hash"]}
    released = town.credit("release", 100, **more)
    paid = town.credit("transfer", 600, **{"from": new}, to=other)
    town.done(lock, 400)
    town.done({"id": answer["credits"]}, 900)
    town.done(released, 100)
    town.done(paid, 600)
    assert (town.held(member), town.held(new), town.held(other)) == ((0, 0), (300, 300), (600, 0))
    assert (town.rights(member), town.rights(new)) == ((False, False), (True, True))


def test_a_freeze_is_mined_behind_what_was_accepted_before_it(town: Town) -> None:
    member, other = town.member(500), town.member()
    town.after_an_anchor()
    # Accepted before the order and not settled for some seconds: the order waits on its way to the chain.
    early = town.credit("transfer", 100, **{"from": member}, to=other)
    frozen = town.freeze(member)
    assert town.refused("transfer", 1, **{"from": member}, to=other) == "member.frozen"
    assert town.refused("transfer", 1, **{"from": town.pool}, to=member) == "member.frozen"
    town.until_status("calls_wait_at", frozen["index"])
    assert town.rights(member) == (True, True)
    town.done(early, 100)
    town.until_status("calls_wait_at", None)
    assert (town.held(member), town.held(other)) == ((400, 0), (100, 0))
    town.freeze(member, send=True, receive=True)
    late = town.credit("transfer", 400, **{"from": member}, to=other)
    town.done(late, 400)
    changes = town.rows(
        select(mirror_rights.c.may_send, mirror_rights.c.block_number)
        .where(mirror_rights.c.address == account_address(AccountId(member)))
        .order_by(mirror_rights.c.block_number)
    )
    assert [change.may_send for change in changes] == [False, True]
    blocks = [town.block_of(early), changes[0].block_number, changes[1].block_number, town.block_of(late)]
    assert blocks == sorted(blocks) and blocks[0] < blocks[1]
    assert town.rights(member) == (True, True)


def authorize(town: Town, key: LocalKey, kind: OperationKind, to: str, amount: int, until: int) -> Any:
    """A holder's authorization of one operation, as the API takes it."""
    status = town.serving.client.get("/v1/status").json()
    nonce = secrets.token_bytes(32)
    digest = authorization_digest(
        Place(
            status["chain_id"],
            Digest(bytes.fromhex(status["genesis_hash"])),
            Address(bytes.fromhex(status["contracts"]["TimeCredit"][2:])),
        ),
        kind=kind,
        sender=key.address,
        receiver=account_address(AccountId(to)),
        amount=amount,
        nonce=nonce,
        valid_before=until,
    )
    return {"nonce": nonce.hex(), "signature": key.sign_digest(digest).hex()}


def test_a_self_custody_holder_authorizes_each_operation(town: Town) -> None:
    key = LocalKey(secrets.token_bytes(32))
    holder = account_id(key.address)
    shop = town.member(kind="merchant")
    assert town.member(custody="self", account=holder) == holder
    town.credit("transfer", 1_000, **{"from": town.pool}, to=holder)
    until = int(time.time()) + 600
    parties = {"from": holder, "to": shop, "valid_until": until}
    assert town.refused("redeem", 400, **parties) == "signature.missing"
    signed = authorize(town, key, OperationKind.REDEEM, shop, 400, until)
    assert town.refused("redeem", 401, **parties, authorization=signed) == "signature.wrong_signer"
    redeemed = town.credit("redeem", 400, **parties, authorization=signed)
    assert town.refused("redeem", 400, **parties, authorization=signed) == "signature.replayed"
    gift = authorize(town, key, OperationKind.TRANSFER, town.pool, 100, 0)
    given = town.credit("transfer", 100, **{"from": holder}, to=town.pool, authorization=gift)
    locked = authorize(town, key, OperationKind.LOCK, holder, 50, 0)
    lock = town.credit("lock", 50, **{"from": holder}, to=holder, authorization=locked)
    for entry, moved in ((lock, 50), (given, 100), (redeemed, 400)):
        town.done(entry, moved)
    assert (town.held(holder), town.held(shop)) == ((500, 50), (400, 0))


def test_the_mirror_and_the_contract_agree_at_the_end(town: Town) -> None:
    kinds = set(town.rows(select(mirror_operations.c.kind).where(mirror_operations.c.reason == 0)))
    assert {row[0] for row in kinds} == set(range(1, 10))
    assert town.serving.client.get("/readyz").status_code == 200
    status = town.serving.client.get("/v1/status").json()
    assert (status["reconcile_mismatch"], status["settle_waits_at"]) == (0, None)
    assert (status["calls_wait_at"], status["calls_wait_seconds"]) == (None, 0.0)


def test_rule_36_totals_are_the_ledgers_with_every_pool_in_its_own_line(town: Town) -> None:
    """What a chapter's page shows is the sum of all its accounts, pools included, and of all: the supply."""
    client = town.serving.client
    chapters = client.get("/v1/chapters").json()["chapters"]
    shown = 0
    for chapter in chapters:
        figures = client.get(f"/v1/chapters/{chapter['chapter']}").json()
        members = client.get("/v1/members", params={"chapter": chapter["chapter"], "limit": 200}).json()[
            "members"
        ]
        accounts = [member["account"] for member in members]
        assert figures["pool"] in accounts
        held = [client.get(f"/v1/accounts/{account}/balance").json() for account in accounts]
        # A balance holds what is locked of it.
        total = sum(int(one["balance"]) for one in held)
        assert total == int(figures["balance"])
        assert sum(int(one["locked"]) for one in held) == int(figures["locked"])
        shown += total
    contract = client.get("/v1/status").json()["contracts"]["TimeCredit"]
    call = {"to": contract, "data": "0x18160ddd"}
    body = {"jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": [call, "latest"]}
    supply = httpx2.post(town.serving.ready["rpc"], json=body).json()["result"]
    assert shown == int(supply, 16) > 0
