"""An API key gives way to another: on a running gateway, on a stopped one, and in proofs."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chain.evidence.bundle import parse_bundle
from chain.verify import verify_bundle
from gateway.fsck_command import run_fsck
from tests.integration.serving import Serving

CHAPTER = "3101-0007"
TONGYI = str(Path(sys.executable).parent / "tongyi")
WRITES = {"name": "till", "scopes": ["entries:write", "entries:read"], "chapter": CHAPTER}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    serving = Serving(tmp_path_factory.mktemp("keys") / "data").start()
    serving.made("/v1/chapters", {"code": CHAPTER})
    yield serving
    if serving.process is not None and serving.process.poll() is None:
        serving.stop()


def purchase(serving: Serving, secret: str) -> str:
    """Ask as the holder of a secret to have an entry made; return its id, else the refusal's code."""
    with serving.new_client(secret) as client:
        body = {"type": "service.recorded", "chapter": CHAPTER, "public": {"minutes": 1}}
        answer = serving.post("/v1/entries", body, client=client)
    found = answer.json()
    return str(found["id"] if answer.status_code == 201 else found["code"])


def told(serving: Serving, entry: str) -> dict[str, object]:
    """The entry of a key: what it says, after its proof has passed."""
    bundle = serving.proof(entry)
    root = Path(serving.ready["trust_root"]).read_bytes()
    assert verify_bundle(bundle, root).outcome == "pass"
    found: dict[str, object] = json.loads(parse_bundle(bundle).entry)
    return found


def test_a_key_its_rotation_and_its_end_are_entries_that_verify(town: Serving) -> None:
    made = town.post("/v1/keys", WRITES).json()
    key = town.fresh_key()
    path = f"/v1/keys/{made['id']}/rotate"
    rotated = town.post(path, {"reason": "custody", "overlap_seconds": 3_600}, key=key).json()
    again = town.post(path, {"reason": "custody", "overlap_seconds": 3_600}, key=key)
    assert (again.status_code, again.json()["code"], again.json()["key"]) == (
        409,
        "key.made_already",
        rotated["id"],
    )
    assert town.post(path, {"reason": "custody"}, key=key).json()["code"] == "idempotency.key_reused"
    assert [len(purchase(town, one["secret"])) for one in (made, rotated)] == [26, 26]
    assert town.client.delete(f"/v1/keys/{made['id']}?reason=compromised").status_code == 204
    assert purchase(town, made["secret"]) == "auth.invalid"
    assert len(purchase(town, rotated["secret"])) == 26
    issued, changed = told(town, made["entry"]), told(town, rotated["entry"])
    assert (issued["type"], issued["chapter"], issued["public"]) == (
        "key.issued",
        CHAPTER,
        {"role": "api", "key": made["id"], "scopes": ["entries:read", "entries:write"]},
    )
    assert (changed["type"], changed["public"]) == (
        "key.rotated",
        {
            **{"role": "api", "reason": "custody", "old_key": made["id"], "new_key": rotated["id"]},
            **{"scopes": ["entries:read", "entries:write"], "ends_at": rotated["ends_at"]},
        },
    )
    listed = {one["id"]: one for one in town.client.get("/v1/keys").json()["keys"]}
    assert listed[made["id"]]["revoked_at"] is not None and listed[rotated["id"]]["replaces"] == made["id"]
    refused = town.client.delete(f"/v1/keys/{made['id']}?reason=because")
    assert (refused.status_code, refused.json()["code"]) == (400, "query.invalid")


def test_behind_its_revocation_a_key_writes_nothing_however_many_ask(town: Serving) -> None:
    """Ten clients write as fast as they can; what was recorded stands before the end of the key."""
    made = town.post("/v1/keys", WRITES).json()
    stop, answers = threading.Event(), list[str]()

    def write() -> None:
        while not stop.is_set():
            answers.append(purchase(town, made["secret"]))

    def wait_for(count: int) -> None:
        deadline = time.monotonic() + 60
        while len(answers) < count and time.monotonic() < deadline:
            time.sleep(0.02)

    with ThreadPoolExecutor(10) as pool:
        writers = [pool.submit(write) for _ in range(10)]
        wait_for(20)
        status = town.client.delete(f"/v1/keys/{made['id']}").status_code
        # Every writer had one under way at most; what comes behind these was asked for after the end.
        wait_for(len(answers) + 30)
        stop.set()
        for writer in writers:
            writer.result()
    assert status == 204
    written = [answer for answer in answers if len(answer) == 26]
    assert set(answers) - set(written) == {"auth.invalid"}
    assert len(written) >= 20 and len(answers) - len(written) >= 20
    listed = {one["id"]: one for one in town.client.get("/v1/keys").json()["keys"]}
    ends = listed[made["id"]]["revoked_at"]
    times = [town.client.get(f"/v1/entries/{entry}").json()["entry"]["at"] for entry in written]
    assert max(times) <= ends


def test_a_lost_platform_key_is_replaced_on_the_stopped_gateway(town: Serving) -> None:
    first = next(one for one in town.client.get("/v1/keys").json()["keys"] if one["name"] == "platform")
    old = town.ready["platform_key"]
    assert town.stop() == 0
    command = [TONGYI, "keys", "rotate", "api", "--id", first["id"], "--data", str(town.data), "--json"]
    command += ["--reason", "compromised"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rotated = json.loads(done.stdout)
    assert (rotated["replaces"], rotated["ends_at"]) == (first["id"], None)
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (again.returncode, again.stdout) == (4, "")
    assert f"{first['id']}：没有此密钥或已失效 / {first['id']}: no such key, or it has ended" in again.stderr
    assert run_fsck(town.data, None).faults == []
    town.start()
    assert purchase(town, old) == "auth.invalid" and len(purchase(town, rotated["secret"])) == 26
    with town.new_client(rotated["secret"]) as client:
        listed = {one["id"]: one for one in client.get("/v1/keys").json()["keys"]}
        assert listed[rotated["id"]]["scopes"] == "admin"
        entry = client.get(f"/v1/entries/{rotated['entry']}").json()["entry"]
    assert (entry["chapter"], entry["public"]["reason"]) == ("0000-0000", "compromised")
    for file in town.data.rglob("*"):
        if file.is_file():
            assert rotated["secret"].encode() not in file.read_bytes(), file
    assert town.stop() == 0
