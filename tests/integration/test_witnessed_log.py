"""A gateway and three witnesses as real processes, quorum two: one away, two away, back, a split view."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chain.canonical import canonicalize
from chain.checkpoint import format_checkpoint, open_checkpoint, parse_vkey, sign_note
from chain.evidence.steps import StepNumber
from chain.hashing import hash_leaf
from chain.merkle.tree import Tree
from chain.trust_root import parse_trust_root
from chain.verify import verify_bundle
from gateway.data_folder import DataFolder
from gateway.fsck_command import run_fsck
from gateway.keys import KeyFolder
from gateway.ledger.identity import LogIdentity
from gateway.witness.requests import format_request
from tests.integration.serving import Serving
from tests.integration.witnesses_kit import Witnessing, copy_ledger, put_back

CHAPTER = "3101-0007"


class Town:
    """A gateway, its log's key, and its witnesses."""

    def __init__(self, folder: Path) -> None:
        data = folder / "data"
        keys = DataFolder(data).keys
        keys.mkdir(parents=True, mode=0o700)
        # Witnesses must know the log before it starts: its key is made first.
        self.log: LogIdentity = KeyFolder(keys).log_identity(None)
        self.witnesses = [
            Witnessing(folder / name, ("--log", self.log.vkey, "--name", f"w.example/{name}")).start()
            for name in ("hq", "city", "regulator")
        ]
        lines = [f"witness w{n} {one.vkey} {one.url}/witness" for n, one in enumerate(self.witnesses)]
        lines += ["#operator w2 independent Civil Affairs Bureau", "#operator w0 own HQ"]
        lines += ["group all 2 w0 w1 w2", "quorum all", ""]
        self.policy = folder / "policy"
        self.policy.write_text("\n".join(lines))
        self.serving = Serving(data, environment={"TONGYI_WITNESS_POLICY": str(self.policy)})

    @property
    def vkeys(self) -> list[str]:
        return [self.log.vkey, *(one.vkey for one in self.witnesses)]

    def published(self) -> tuple[int, set[str]]:
        """Return size and cosigners of the checkpoint that readers get; at least two hold."""
        note = self.serving.client.get("/log/checkpoint").content
        checkpoint = open_checkpoint(note, self.vkeys)
        cosigners = {one.name.removeprefix("w.example/") for one in checkpoint.signatures if one.timestamp}
        assert len(cosigners) >= 2
        return checkpoint.size, cosigners

    def record(self) -> int:
        """Record one entry; return the size that covers it."""
        body = {"type": "service.recorded", "chapter": CHAPTER, "actor": None, "subjects": [], "public": {}}
        made = self.serving.made("/v1/entries", body)
        assert made["state"] == "accepted" and made["receipt"]["index"] == made["index"]
        return int(made["index"]) + 1

    def until_published(self, size: int) -> set[str]:
        eventually(lambda: self.published()[0] >= size)
        return self.published()[1]

    def status(self) -> dict[str, float]:
        found: dict[str, float] = self.serving.client.get("/v1/status").json()
        return found


def eventually(holds: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    town = Town(tmp_path)
    yield town
    for one in (*town.witnesses, town.serving):
        if one.process is not None and one.process.poll() is None:
            one.stop()


def test_publication_follows_the_quorum(town: Town) -> None:
    serving = town.serving.start()
    serving.open_chapter(CHAPTER, fill=0)
    town.until_published(town.record())
    size = town.record()
    town.until_published(size)
    assert serving.client.get("/readyz").json()["checks"]["witnesses"] is True

    # One away: two are enough.
    town.witnesses[1].stop(signal.SIGKILL)
    assert town.until_published(town.record()) == {"hq", "regulator"}

    # Two away: entries and receipts go on, readers stay where they are.
    town.witnesses[2].stop(signal.SIGKILL)
    before = town.published()[0]
    sizes = [town.record() for _ in range(4)]
    eventually(lambda: town.status()["witnesses_behind"] == sizes[-1] - before)
    time.sleep(1)
    assert town.published()[0] == before
    # What no quorum has cosigned is not anchored either.
    assert town.status()["anchored_size"] <= before
    metrics = serving.client.get("/metrics").text
    assert f"tongyi_log_witnesses_behind {float(sizes[-1] - before)}" in metrics
    eventually(lambda: serving.client.get("/readyz").status_code == 503)
    ready = serving.client.get("/readyz").json()
    assert (ready["code"], ready["checks"]) == ("not_ready", "log.witnesses_behind")

    # Back: both are brought up from where each stood, and everything is published in one step.
    for one in town.witnesses[1:]:
        one.start()
    assert len(town.until_published(sizes[-1])) >= 2
    eventually(lambda: town.status()["witnesses_behind"] == 0)
    assert serving.client.get("/readyz").status_code == 200
    town.until_published(town.record())
    eventually(lambda: town.published()[1] == {"hq", "city", "regulator"} or town.record() == 0)
    assert serving.stop() == 0
    found = run_fsck(serving.data, None)
    assert found.faults == [] and found.entries > sizes[-1]
    told = [line for line in serving.log().splitlines() if "no cosignature" in line]
    assert any("w.example/city" in line and "unreachable" in line for line in told)


def test_a_bundle_shows_who_cosigned(town: Town) -> None:
    serving = town.serving.start()
    serving.open_chapter(CHAPTER, fill=0)
    body = {"type": "service.recorded", "chapter": CHAPTER, "actor": None, "subjects": [], "public": {}}
    made = serving.made("/v1/entries", body)
    states = set()

    def is_final() -> bool:
        states.add(serving.client.get(f"/v1/entries/{made['id']}").json()["state"])
        return "final" in states

    eventually(is_final)
    assert "cosigned" in states or {"anchored", "settled"} & states

    data = Path(serving.ready["trust_root"]).read_bytes()
    root = parse_trust_root(data)
    assert root.required.witness_quorum == 2
    assert [(one.name, one.operator, one.independent) for one in root.witnesses] == [
        ("w.example/hq", "HQ", False),
        ("w.example/city", "w.example/city", False),
        ("w.example/regulator", "Civil Affairs Bureau", True),
    ]
    assert root.name == (
        "development root: nobody independent has sealed this log; its operator names the witnesses"
    )
    proof = f"/v1/entries/{made['id']}/proof"
    eventually(lambda: serving.client.get(proof).status_code == 200)
    bundle = serving.client.get(proof).content
    verdict = verify_bundle(bundle, data)
    (step,) = [one for one in verdict.steps if one.number == StepNumber.WITNESSES]
    assert (step.status, verdict.outcome) == ("passed", "pass")
    assert {"w.example/hq", "w.example/city", "w.example/regulator"} >= set(verdict.facts.witnesses)
    assert len(verdict.facts.witnesses) >= 2 and verdict.facts.cosigned_at is not None

    # The same record without its cosignatures is not enough for this trust root.
    value = json.loads(bundle)
    note = value["log"]["checkpoint"]
    text, _, lines = note.partition("\n\n")
    value["log"]["checkpoint"] = f"{text}\n\n{lines.splitlines()[0]}\n"
    bare = verify_bundle(canonicalize(value), data)
    assert (bare.outcome, {s.number: s.status for s in bare.steps}[StepNumber.WITNESSES]) == (
        "cannot_check",
        "not_present",
    )


def test_a_backup_older_than_what_witnesses_hold_is_read_only(town: Town, tmp_path: Path) -> None:
    serving = town.serving
    # The chain is not ahead of the backup: only witnesses know of the rest.
    serving.environment = {**serving.environment, "TONGYI_ANCHOR_INTERVAL": "3600"}
    serving.start()
    serving.open_chapter(CHAPTER, fill=0)
    town.until_published(town.record())
    eventually(lambda: town.status()["anchored_size"] > 0)
    before = town.record()
    town.until_published(before)
    assert serving.stop() == 0
    copy_ledger(serving.data, tmp_path / "backup")

    serving.start()
    town.until_published(town.record())
    assert town.until_published(town.record()) == {"hq", "city", "regulator"}
    assert serving.stop() == 0
    put_back(tmp_path / "backup", serving.data)
    serving.start()
    body = {"type": "service.recorded", "chapter": CHAPTER, "actor": None, "subjects": [], "public": {}}
    refused = serving.post("/v1/entries", body)
    assert (refused.status_code, refused.json()["code"]) == (503, "ledger.read_only")
    assert refused.json()["reason"].startswith(
        f"log.behind_witness(here={before}, witnessed={before + 2}, witness=w.example/"
    )
    assert f"日志落后于见证方(此处 {before}、见证 {before + 2}、见证方 " in refused.json()["detail_zh"]
    time.sleep(1)
    note = serving.client.get("/log/checkpoint").content
    assert open_checkpoint(note, town.vkeys).size == before


def test_a_start_waits_for_a_quorum_of_answers(town: Town) -> None:
    for one in town.witnesses[1:]:
        one.stop()
    serving = town.serving.start()
    refused = serving.post("/v1/chapters", {"code": CHAPTER})
    assert (refused.status_code, refused.json()["reason"]) == (503, "witnesses.unanswered")
    assert "应答的见证方未达到法定数" in refused.json()["detail_zh"]
    assert serving.client.get("/log/checkpoint").status_code == 404
    town.witnesses[1].start()
    eventually(lambda: serving.post("/v1/chapters", {"code": CHAPTER}).status_code == 201)
    assert town.until_published(town.record()) == {"hq", "city"}


def test_a_split_view_is_refused_by_every_witness_and_kept(town: Town) -> None:
    serving = town.serving.start()
    serving.open_chapter(CHAPTER, fill=0)
    size = town.record()
    town.until_published(size)
    assert serving.stop() == 0
    # Whoever holds the log's key makes another history of the same size.
    for one in town.witnesses:
        note = one.checkpoint(town.log.origin) or b""
        held = open_checkpoint(note, town.vkeys)
        other = Tree()
        other.append(hash_leaf(b"%d" % number) for number in range(held.size))
        forged = sign_note(
            format_checkpoint(town.log.origin, held.size, other.root()), town.log.origin, town.log.key
        )
        for old, status in ((0, 409), (held.size, 422)):
            assert one.post(format_request(old, (), forged)).status_code == status
        digest = bytes(town.log.log_id).hex()
        (pair,) = one.get(f"/witness/{digest}/evidence").json()["evidence"]
        kept, refused = (open_checkpoint(pair[name].encode(), town.vkeys) for name in ("held", "refused"))
        assert kept.size == refused.size and kept.root == held.root != refused.root
        assert one.checkpoint(town.log.origin) == note
    assert {parse_vkey(one.vkey).name for one in town.witnesses} == {
        "w.example/hq",
        "w.example/city",
        "w.example/regulator",
    }
