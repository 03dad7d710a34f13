"""One record from the API to a proof a stranger checks, through a restart: the whole product on one
machine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest

from chain.checkpoint import open_checkpoint
from chain.evidence.bundle import parse_bundle
from chain.receipt import parse_receipt, verify_receipt
from tests.databases import fresh_postgres
from tests.integration.serving import Serving

CHAPTER = "3101-0007"
TONGYI = str(Path(sys.executable).parent / "tongyi")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def serving(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A gateway of this module's own, on either database: it is restarted here."""
    with ExitStack() as stack:
        options: tuple[str, ...] = ()
        if request.param == "postgresql":
            server = request.getfixturevalue("postgres_url")
            options = ("--database-url", stack.enter_context(fresh_postgres(server)))
        gateway = Serving(tmp_path_factory.mktemp("spine") / "data", options).start()
        yield gateway
        if gateway.process is not None and gateway.process.poll() is None:
            assert gateway.stop() == 0


@pytest.fixture(scope="module")
def town(serving: Serving) -> dict[str, Any]:
    """A chapter with a filled pool, a member, a merchant, one purchase and its rebate."""
    pool = serving.open_chapter(CHAPTER, fill=500_000)
    member = serving.join(CHAPTER, private={"name": "张三", "phone": "13800000000"})
    merchant = serving.join(CHAPTER, "merchant")
    purchase = serving.made(
        "/v1/entries",
        {
            "type": "purchase.recorded",
            "chapter": CHAPTER,
            "actor": member,
            "subjects": [member, merchant],
            "public": {"amount": "40000", "currency": "CNY", "receipt": "5a" * 32},
            "private": {"basket": "milk, 面包"},
        },
    )
    rebate = serving.made(
        "/v1/entries",
        {
            "type": "rebate.granted",
            "chapter": CHAPTER,
            "actor": member,
            "subjects": [member],
            "op": {"kind": "transfer", "from": pool, "to": member, "amount": "2000"},
            "refs": [purchase["id"]],
            "private": {"note": "silver", "clerk": "李四"},
        },
    )
    return {"pool": pool, "member": member, "merchant": merchant, "purchase": purchase, "rebate": rebate}


def verify(path: Path, trust_root: str) -> tuple[int, dict[str, Any]]:
    command = [TONGYI, "verify", str(path), "--trust-root", trust_root, "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, json.loads(done.stdout)


def test_the_ready_line_says_where_everything_is(serving: Serving) -> None:
    ready = serving.ready
    assert set(ready) == {"gateway", "rpc", "chain_id", "vkey", "platform_key", "trust_root"}
    key_file = serving.data / "platform_key"
    assert key_file.read_text().strip() == ready["platform_key"]
    assert key_file.stat().st_mode & 0o777 == 0o600
    chain_id = httpx2.post(
        ready["rpc"], json={"id": 1, "jsonrpc": "2.0", "method": "eth_chainId", "params": []}
    )
    assert int(chain_id.json()["result"], 16) == ready["chain_id"]


def test_a_receipt_is_the_logs_signed_promise(serving: Serving, town: dict[str, Any]) -> None:
    receipt = parse_receipt(town["rebate"]["receipt"])
    verify_receipt(receipt, serving.ready["vkey"])
    assert (receipt.index, receipt.leaf_hash.hex()) == (town["rebate"]["index"], town["rebate"]["leaf_hash"])


def test_the_operation_becomes_final_with_its_outcome(serving: Serving, town: dict[str, Any]) -> None:
    entry = serving.wait_state(town["rebate"]["id"], "final")
    assert entry["outcome"]["status"] == "done" and entry["outcome"]["moved"] == "2000"
    assert entry["tx_hash"].startswith("0x") and len(entry["tx_hash"]) == 66
    assert entry["receipt"] == town["rebate"]["receipt"]
    balance = serving.client.get(f"/v1/accounts/{town['member']}/balance").json()
    assert (balance["balance"], balance["available"], balance["locked"]) == ("2000", "2000", "0")


def test_a_stranger_verifies_the_rebate_with_the_fields_its_holder_shows(
    serving: Serving, town: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "rebate.json"
    path.write_bytes(serving.proof(town["rebate"]["id"], "?disclose=note"))
    code, verdict = verify(path, serving.ready["trust_root"])
    assert (code, verdict["outcome"]) == (0, "pass")
    assert [step["number"] for step in verdict["steps"]] == list(range(1, 16))
    assert verdict["facts"]["disclosed"] == ["note"]
    assert verdict["facts"]["refused"] == 0
    assert "nobody independent" in verdict["facts"]["trust_root"]
    assert b"\xe6\x9d\x8e" not in path.read_bytes()


def test_an_entry_without_operation_verifies_too(
    serving: Serving, town: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "purchase.json"
    path.write_bytes(serving.proof(town["purchase"]["id"]))
    assert verify(path, serving.ready["trust_root"])[0] == 0
    assert parse_bundle(path.read_bytes()).outcome is None


def test_every_changed_digit_is_refused_with_its_step(
    serving: Serving, town: dict[str, Any], tmp_path: Path
) -> None:
    good = serving.proof(town["rebate"]["id"])
    path = tmp_path / "changed.json"
    for place, want in ((b'"amount":"', "amount"), (b'"salt":"', "salt"), (b'"path":["', "path")):
        at = good.index(place) + len(place)
        changed = b"7" if good[at : at + 1] != b"7" else b"3"
        path.write_bytes(good[:at] + changed + good[at + 1 :])
        code, verdict = verify(path, serving.ready["trust_root"])
        assert (code, verdict["outcome"]) == (1, "mismatch"), want
        assert verdict["failed_step"] is not None


def test_a_proof_file_is_small(serving: Serving, town: dict[str, Any]) -> None:
    serving.wait_state(town["rebate"]["id"], "final")
    sizes = [len(serving.proof(town[name]["id"], "?disclose=*")) for name in ("purchase", "rebate")]
    sizes.append(len(serving.client.get(f"/v1/accounts/{town['member']}/proof").content))
    assert max(sizes) <= 24 * 1024, sizes


def test_the_account_proof_shows_the_balance_on_chain(
    serving: Serving, town: dict[str, Any], tmp_path: Path
) -> None:
    serving.wait_state(town["rebate"]["id"], "final")
    path = tmp_path / "account.json"
    path.write_bytes(serving.client.get(f"/v1/accounts/{town['member']}/proof").content)
    code, verdict = verify(path, serving.ready["trust_root"])
    assert code == 0
    assert (verdict["facts"]["account"], verdict["facts"]["balance"]) == (town["member"], 2000)


def lax_root(serving: Serving, into: Path) -> Path:
    """The gateway's trust root for a verifier who asks no evidence from the chain."""
    root = json.loads(Path(serving.ready["trust_root"]).read_bytes())
    root["required"] |= {"anchor": False, "outcome": False, "depth": 0, "witness_quorum": 0}
    into.write_text(json.dumps(root))
    return into


@pytest.mark.parametrize(
    ("form", "ending", "media", "passed"),
    [
        ("tlog-proof", "tlog-proof", "text/plain; charset=utf-8", [1, 6, 7]),
        ("cose", "cose", "application/scitt-receipt+cose", [1, 6, 7]),
    ],
)
def test_the_same_record_in_a_short_form(
    serving: Serving,
    town: dict[str, Any],
    tmp_path: Path,
    form: str,
    ending: str,
    media: str,
    passed: list[int],
) -> None:
    entry = town["rebate"]["id"]
    log = parse_bundle(serving.proof(entry)).log
    answer = serving.client.get(f"/v1/entries/{entry}/proof?form={form}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, media)
    assert answer.headers["content-disposition"] == f'attachment; filename="{entry}.{ending}"'
    assert answer.content == serving.client.get(f"/v1/entries/{entry}/proof?form={form}").content
    file = tmp_path / f"x.{ending}"
    command = [TONGYI, "export", "evidence", entry, "--form", form, "--into", str(file)]
    command += ["--key-file", str(serving.data / "platform_key"), "--gateway", serving.ready["gateway"]]
    subprocess.run(command, check=True, capture_output=True)
    assert file.read_bytes() == answer.content
    # Without evidence from the chain the gateway's own root can't be satisfied, one that asks less can.
    assert verify(file, serving.ready["trust_root"])[0] == 4
    handed = {"content": answer.content, "headers": {"content-type": media}}
    said = serving.client.post("/v1/verify", **handed).json()
    assert said["outcome"] == "cannot_check"
    assert [step["number"] for step in said["steps"] if step["status"] == "passed"] == passed
    code, verdict = verify(file, str(lax_root(serving, tmp_path / "lax.json")))
    assert code == 0
    assert [step["number"] for step in verdict["steps"] if step["status"] == "passed"] == passed
    assert (verdict["facts"]["index"], verdict["facts"]["size"]) == (log.index, log.size)
    assert verdict["facts"]["leaf_hash"] == town["rebate"]["leaf_hash"]


def test_an_unknown_form_is_refused(serving: Serving, town: dict[str, Any]) -> None:
    answer = serving.client.get(f"/v1/entries/{town['rebate']['id']}/proof?form=pdf")
    assert answer.status_code == 400 and answer.json()["type"].startswith("/problems/")


def test_the_gateway_verifies_what_is_handed_in(serving: Serving, town: dict[str, Any]) -> None:
    bundle = serving.proof(town["rebate"]["id"])
    headers = {"content-type": "application/vnd.tongyi.proof+json"}
    with serving.new_client(None) as anyone:
        assert anyone.post("/v1/verify", content=bundle, headers=headers).json()["outcome"] == "pass"
        deep = anyone.post("/v1/verify", content=b"[" * 70_000, headers=headers)
        assert deep.json()["outcome"] == "mismatch"


def test_the_statement_is_a_chain_without_gaps(serving: Serving, town: dict[str, Any]) -> None:
    page = serving.client.get(f"/v1/accounts/{town['member']}/statement").json()
    lines = page["entries"]
    assert [line["seq"] for line in lines] == [1, 2, 3]
    previous = "0" * 64
    for line in lines:
        assert line["entry"]["subjects"][town["member"]] == {"seq": line["seq"], "prev": previous}
        previous = serving.client.get(f"/v1/entries/{line['id']}").json()["leaf_hash"]


def test_after_a_restart_everything_is_as_it_was(
    serving: Serving, town: dict[str, Any], tmp_path: Path
) -> None:
    serving.wait_state(town["rebate"]["id"], "final")
    before = serving.client.get(f"/v1/entries/{town['rebate']['id']}").json()
    note = serving.client.get("/log/checkpoint").content
    ready = dict(serving.ready)
    assert serving.stop() == 0
    serving.start()
    assert {name: serving.ready[name] for name in ("vkey", "platform_key", "trust_root")} == {
        name: ready[name] for name in ("vkey", "platform_key", "trust_root")
    }
    assert serving.client.get("/log/checkpoint").content == note
    assert serving.client.get(f"/v1/entries/{town['rebate']['id']}").json() == before
    more = serving.made(
        "/v1/entries",
        {
            "type": "gift.sent",
            "chapter": CHAPTER,
            "actor": town["member"],
            "op": {"kind": "transfer", "from": town["member"], "to": town["merchant"], "amount": "500"},
        },
    )
    assert serving.wait_state(more["id"], "final")["outcome"]["status"] == "done"
    checkpoint = open_checkpoint(serving.client.get("/log/checkpoint").content, [serving.ready["vkey"]])
    assert checkpoint.size > more["index"]
    path = tmp_path / "gift.json"
    path.write_bytes(serving.proof(more["id"]))
    assert verify(path, serving.ready["trust_root"])[0] == 0
    assert serving.client.get("/readyz").status_code == 200


def test_nothing_personal_is_in_the_log_of_the_process(serving: Serving, town: dict[str, Any]) -> None:
    text = serving.log()
    for word in ("张三", "李四", "13800000000", serving.ready["platform_key"], "fault", "Traceback"):
        assert word not in text
