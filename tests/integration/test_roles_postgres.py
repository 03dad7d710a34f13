"""The gateway as separate processes on PostgreSQL: what one process does, and what several must survive."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from chain.checkpoint import open_checkpoint
from chain.evm.local import LocalChain
from chain.receipt import parse_receipt, verify_receipt
from chain.types import ChapterCode
from chain.verify import verify_bundle
from gateway.db import Database
from tests.databases import fresh_postgres
from tests.integration.officers_kit import Officers
from tests.integration.roles_kit import ROLES, TONGYI, Customer, Town
from tests.integration.serving import Serving

CHAPTER = "3105-0001"


@pytest.fixture(scope="module")
def town(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("roles")
    with (
        pytest.MonkeyPatch.context() as patch,
        fresh_postgres(postgres_url) as url,
        LocalChain(folder / "chain", block_time=0.5) as chain,
    ):
        patch.setenv("TONGYI_ANCHOR_INTERVAL", "0.5")
        patch.setenv("TONGYI_DUE_SECONDS", "0.5")
        town = Town(folder / "data", ("--database-url", url, "--chain-url", chain.url))
        # All at once: whoever is first does the first start, the others wait for it.
        started = [town.start(name) for name in ROLES]
        api = town.start_api()
        for one in started:
            one.wait_state("leading")
        assert api.ready["chain_id"] > 0
        yield town
        assert set(town.end()) == {0}


@pytest.fixture(scope="module")
def api(town: Town) -> Serving:
    return town.apis[0]


@pytest.fixture(scope="module")
def pool(api: Serving) -> str:
    return api.open_chapter(CHAPTER, fill=500_000)


def database_of(town: Town) -> Database:
    return Database(town.options[1], pool_size=1)


def test_a_purchase_with_its_rebate_becomes_a_proof(api: Serving, pool: str) -> None:
    member = api.join(CHAPTER, private={"name": "张三"})
    merchant = api.join(CHAPTER, "merchant")
    purchase = api.made(
        "/v1/entries",
        {
            "type": "purchase.recorded", "chapter": CHAPTER, "actor": member, "subjects": [member, merchant],
            "public": {"amount": "40000", "receipt": "5a" * 32}, "private": {"basket": "milk, 面包"},
        },
    )  # fmt: skip
    rebate = api.made(
        "/v1/entries",
        {
            "type": "rebate.granted", "chapter": CHAPTER, "actor": member, "subjects": [member],
            "op": {"kind": "transfer", "from": pool, "to": member, "amount": "2000"},
            "refs": [purchase["id"]], "private": {"note": "silver", "clerk": "李四"},
        },
    )  # fmt: skip
    receipt = parse_receipt(rebate["receipt"])
    verify_receipt(receipt, api.ready["vkey"])
    assert (receipt.index, receipt.leaf_hash.hex()) == (rebate["index"], rebate["leaf_hash"])
    entry = api.wait_state(rebate["id"], "final", 60)
    assert (entry["outcome"]["status"], entry["outcome"]["moved"]) == ("done", "2000")
    assert entry["receipt"] == rebate["receipt"]
    root = Path(api.ready["trust_root"]).read_bytes()
    verdict = verify_bundle(api.proof(rebate["id"], "?disclose=note"), root)
    assert (verdict.outcome, verdict.facts.disclosed) == ("pass", ("note",))
    assert verify_bundle(api.proof(purchase["id"], "?disclose=*"), root).facts.disclosed == ("basket",)
    balance = api.client.get(f"/v1/accounts/{member}/balance").json()
    assert (balance["balance"], balance["available"]) == ("2000", "2000")
    assert api.client.get("/readyz").status_code == 200


def test_the_sequencer_records_what_is_due_and_the_api_says_so(api: Serving, pool: str) -> None:
    member = api.join(CHAPTER)
    public = {"kind": "ordinary", "receipt": "a1" * 32}
    body = {"type": "membership.opened", "chapter": CHAPTER, "subjects": [member], "public": public}
    fee = api.made("/v1/entries", body)["id"]
    deadline = time.monotonic() + 20
    while api.client.get(f"/v1/cases/fee/{fee}").json()["state"] != "split":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    while "\ntongyi_due_recorded 1.0" not in (text := api.client.get("/metrics").text):
        assert time.monotonic() < deadline, text
        time.sleep(0.1)
    assert "\ntongyi_due_refused 0.0" in text and "\ntongyi_due_oldest_seconds 0.0" in text


def test_the_public_log_is_served_from_the_shared_folder(api: Serving, pool: str) -> None:
    note = api.client.get("/log/checkpoint").content
    size = open_checkpoint(note, [api.ready["vkey"]]).size
    assert size > 0
    bundle = api.client.get(f"/log/tile/entries/000.p/{size}")
    assert bundle.status_code == 200 and len(bundle.content) == size * 67
    assert api.client.get(f"/log/tile/0/000.p/{size + 1}").status_code == 404


def test_a_key_gives_the_same_answer_and_no_other(api: Serving, pool: str) -> None:
    member = api.join(CHAPTER)
    operation = {"kind": "transfer", "from": pool, "to": member, "amount": "3"}
    body: dict[str, object] = {"type": "credit.transferred", "chapter": CHAPTER, "op": operation}
    first = api.post("/v1/entries", body, key="same-key")
    second = api.post("/v1/entries", body, key="same-key")
    assert (first.status_code, second.status_code) == (201, 201)
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true" and second.content == first.content
    other = {**body, "op": {"kind": "transfer", "from": pool, "to": member, "amount": "4"}}
    refused = api.post("/v1/entries", other, key="same-key")
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency.key_reused")
    poor = {**body, "op": {"kind": "transfer", "from": member, "to": pool, "amount": "99"}}
    assert api.post("/v1/entries", poor).json()["code"] == "balance.insufficient"


def test_an_api_streams_events_and_stops_with_a_stream_open(town: Town, api: Serving, pool: str) -> None:
    other = town.start_api()
    member = api.join(CHAPTER)
    issued = api.made("/v1/credits/issue", {"chapter": CHAPTER, "to": member, "amount": "5"})
    with other.new_client(other.ready["platform_key"]) as client:
        with client.stream("GET", "/v1/events/stream") as stream:
            lines = stream.iter_lines()
            assert any(issued["id"] in line for line in lines if line.startswith("data: "))
            assert other.process is not None
            other.process.terminate()
            begun = time.monotonic()
            # The rest comes to its end: a connection cut off would raise here.
            assert not any(issued["id"] in line for line in lines)
    assert other.stop() == 0
    assert time.monotonic() - begun < 5


def test_a_batch_keeps_its_order(api: Serving, pool: str) -> None:
    member = api.join(CHAPTER)
    operation = {"kind": "transfer", "from": pool, "to": member, "amount": "1"}
    lines = [
        {
            "type": "credit.transferred",
            "chapter": CHAPTER,
            "op": operation,
            "idempotency_key": f"batch-{number}",
        }
        for number in range(600)
    ]
    lines[300] = {**lines[300], "op": {**operation, "amount": "1.5"}}
    answer = api.client.post(
        "/v1/entries/batch",
        content="\n".join(map(json.dumps, lines)),
        headers={"content-type": "application/x-ndjson"},
    )
    found = [json.loads(line) for line in answer.text.splitlines()]
    assert [line.get("code") for line in found if "code" in line] == ["amount.malformed"]
    indexes = [line["index"] for line in found if "index" in line]
    assert len(indexes) == 599 and indexes == sorted(indexes)


def count_gifts(town: Town, member: str) -> int:
    """Entries that send to the member, as the ledger has them."""
    database = database_of(town)
    with database.reader() as connection:
        found = connection.exec_driver_sql(
            "SELECT count(*) FROM operations WHERE receiver = %s", (bytes.fromhex(member[5:]),)
        ).scalar()
    database.close()
    return int(found or 0)


def check_exactly_once(town: Town, api: Serving, member: str, customer: Customer) -> None:
    """Every acknowledged gift is in the ledger and on the chain, once, and nothing else is."""
    given = customer.acknowledged
    assert customer.faults == []
    assert len({answer["index"] for answer in given.values()}) == len(given)
    assert count_gifts(town, member) == len(given)
    last = max(given.values(), key=lambda answer: int(answer["index"]))
    api.wait_state(last["id"], "final", 90)
    assert api.client.get(f"/v1/accounts/{member}/balance").json()["balance"] == str(len(given))


@pytest.mark.parametrize("role", ROLES)
def test_a_killed_role_loses_and_doubles_nothing(town: Town, api: Serving, pool: str, role: str) -> None:
    member = api.join(CHAPTER)
    with Customer(api, CHAPTER, pool, member) as customer:
        customer.wait_for(5)
        town.leader(role).kill()
        if role != "sequencer":
            customer.wait_for(5)
        town.start(role).wait_state("leading")
        customer.wait_for(5)
    check_exactly_once(town, api, member, customer)


def test_a_killed_api_leaves_what_it_handed_over_recorded_once(town: Town, api: Serving, pool: str) -> None:
    member = api.join(CHAPTER)
    second = town.start_api()
    assert second.url != api.url and second.ready["platform_key"] == api.ready["platform_key"]
    body = {
        "type": "credit.transferred",
        "chapter": CHAPTER,
        "op": {"kind": "transfer", "from": pool, "to": member, "amount": "1"},
    }
    sequencer = town.leader("sequencer")
    sequencer.signal(signal.SIGSTOP)
    # Nobody answers now: the row is written, the caller waits, its process dies.
    waiting = threading.Thread(target=post_and_forget, args=(second, body, "orphan"), daemon=True)
    waiting.start()
    wait_for_rows(town, 1)
    assert second.process is not None
    second.process.kill()
    second.process.wait(30)
    assert second.process.stdout is not None
    second.process.stdout.close()
    sequencer.signal(signal.SIGCONT)
    first = api.post("/v1/entries", body, key="orphan")
    assert first.status_code == 201, first.text
    again = api.post("/v1/entries", body, key="orphan")
    assert again.json() == first.json() and count_gifts(town, member) == 1


def post_and_forget(api: Serving, body: dict[str, Any], key: str) -> None:
    """Post where no answer will come."""
    with contextlib.suppress(httpx2.HTTPError):
        api.post("/v1/entries", body, key=key)


def wait_for_rows(town: Town, count: int) -> None:
    """Wait until so many intake rows are not answered."""
    database = database_of(town)
    deadline = time.monotonic() + 30
    while True:
        with database.reader() as connection:
            found = connection.exec_driver_sql("SELECT count(*) FROM intake WHERE answer IS NULL").scalar()
        if found == count:
            database.close()
            return
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def test_a_second_sequencer_takes_over_and_a_stopped_one_is_fenced(
    town: Town, api: Serving, pool: str
) -> None:
    member = api.join(CHAPTER)
    first = town.leader("sequencer")
    second = town.start("sequencer")
    second.wait_state("standby")
    with Customer(api, CHAPTER, pool, member) as customer:
        customer.wait_for(5)
        assert second.state == "standby"
        # Stopped in the middle of its work, its sessions and its lock still open.
        first.signal(signal.SIGSTOP)
        taken = second.wait_state("leading", 60)
        customer.wait_for(5)
        first.signal(signal.SIGCONT)
        # It wakes up as the leader it was: whatever it writes is refused, and it stands by.
        first.wait_state("standby", 30)
        customer.wait_for(5)
        assert second.state == "leading"
        # And the other way round, by a kill.
        second.kill()
        again = first.wait_state("leading", 60)
        assert again["epoch"] == taken["epoch"] + 1
        customer.wait_for(5)
    assert "leadership lost" in first.log() or "the term ends" in first.log()
    check_exactly_once(town, api, member, customer)


@pytest.mark.parametrize("name", ["api", *ROLES])
def test_sqlite_is_refused_with_a_usage_error(name: str, tmp_path: Path) -> None:
    command = [TONGYI, name, "--data", str(tmp_path / "data"), "--chain-url", "http://127.0.0.1:1"]
    for more in ([], ["--database-url", f"sqlite:///{tmp_path}/x.sqlite3"]):
        done = subprocess.run([*command, *more], capture_output=True, text=True)
        assert done.returncode == 2 and "PostgreSQL" in done.stderr
    done = subprocess.run(
        [*command[:-2], "--database-url", "postgresql://nobody@127.0.0.1:1/x"], capture_output=True, text=True
    )
    assert done.returncode == 2 and "--chain-url" in done.stderr
    assert not (tmp_path / "data").exists()


def test_officers_approve_what_an_api_proposed(api: Serving, pool: str) -> None:
    member = api.join(CHAPTER)
    api.made("/v1/credits/transfer", {"chapter": CHAPTER, "amount": "100", "from": pool, "to": member})
    lock = api.made("/v1/credits/lock", {"chapter": CHAPTER, "amount": "90", "from": member, "to": member})
    operands = {"chapter": CHAPTER, "from": member, "amount": "40", "ref": lock["leaf_hash"]}
    proposal = api.made("/v1/credits/cancel/proposals", {**operands, "private": {"why": "名单有误"}})
    use = {"chapter": CHAPTER, "proposal": proposal["id"]}
    answer = api.post("/v1/credits/cancel", use).json()
    assert (answer["code"], answer["got"], answer["want"]) == ("proposal.not_approved", 0, 2)
    with contextlib.closing(Officers(api, ChapterCode(CHAPTER))) as officers:
        officers.approve(officers.president, proposal)
        officers.approve(officers.secretary, proposal)
    deadline = time.monotonic() + 60
    while not api.client.get(f"/v1/credits/proposals/{proposal['id']}").json()["approved"]:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    entry = api.made("/v1/credits/cancel", use)
    assert api.post("/v1/credits/cancel", use).json()["code"] == "proposal.used"
    found = api.wait_state(entry["id"], "final", 60)
    assert (found["outcome"]["status"], found["outcome"]["moved"]) == ("done", "40")
