"""``tongyi backup`` beside a gateway that writes, and a gateway on what ``tongyi restore`` puts back."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.fsck_command import run_fsck
from tests.integration.command_kit import tongyi
from tests.integration.serving import Serving

CHAPTER = "3101-0009"


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    gateway = Serving(tmp_path / "data")
    yield gateway
    if gateway.process is not None and gateway.process.poll() is None:
        gateway.stop()


def note(serving: Serving, member: str, number: int) -> dict[str, object]:
    public = {"amount": str(100 + number), "currency": "CNY", "receipt": f"{number:064x}"}
    body = {"type": "purchase.recorded", "chapter": CHAPTER, "subjects": [member], "public": public}
    return serving.made("/v1/entries", body)


def credits_of(serving: Serving, account: str) -> str:
    return str(serving.client.get(f"/v1/accounts/{account}/balance").json()["balance"])


def test_a_copy_made_among_writes_is_a_moment_of_the_gateway(serving: Serving, tmp_path: Path) -> None:
    serving.start()
    serving.open_chapter(CHAPTER)
    member = serving.join(CHAPTER)
    stop, made = threading.Event(), []

    def write() -> None:
        while not stop.is_set():
            made.append(note(serving, member, len(made)))

    writer = threading.Thread(target=write)
    writer.start()
    told = []
    for turn in range(3):
        before = len(made)
        to = tmp_path / f"copy-{turn}"
        done = tongyi("backup", "--data", str(serving.data), "--to", str(to), "--part", "keys",
                      *("--part", "database", "--part", "log", "--part", "documents", "--json"))  # fmt: skip
        assert done.returncode == 0, done.stderr
        told.append(json.loads(done.stdout))
        # All that was acknowledged before it began is in it.
        assert not before or told[-1]["entries"] > int(str(made[before - 1]["index"]))
        while len(made) < before + 5:
            stop.wait(0.01)
    stop.set()
    writer.join()
    assert [one["entries"] for one in told] == sorted({one["entries"] for one in told})
    for turn, one in enumerate(told):
        there = tmp_path / f"restored-{turn}"
        done = tongyi("restore", "--from", str(tmp_path / f"copy-{turn}"), "--data", str(there), "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == {**{k: v for k, v in one.items() if k != "to"}, "replaced": None}
        found = run_fsck(there, None)
        # Files of the log may be of an earlier moment; a start writes them again.
        left = [fault for fault in found.faults if not fault.startswith(("tile/", "published checkpoint"))]
        assert (found.entries, left) == (one["entries"], [])


def test_everything_restored_elsewhere_goes_on(serving: Serving, tmp_path: Path) -> None:
    serving.start()
    pool = serving.open_chapter(CHAPTER)
    member = serving.join(CHAPTER)
    gift = {"chapter": CHAPTER, "from": pool, "to": member, "amount": "100"}
    entry = serving.made("/v1/credits/transfer", gift)
    serving.wait_state(str(entry["id"]), "final")
    before = credits_of(serving, member)
    assert serving.stop() == 0
    parts = [option for part in ("database", "log", "documents", "keys", "vault", "chain")
             for option in ("--part", part)]  # fmt: skip
    done = tongyi("backup", "--data", str(serving.data), "--to", str(tmp_path / "copy"), *parts)
    assert done.returncode == 0, done.stderr
    checked = tongyi("restore", "--from", str(tmp_path / "copy"), "--check")
    assert checked.returncode == 0 and checked.stdout.startswith("备份完好 / the backup is whole: ")
    moved = Serving(tmp_path / "moved")
    done = tongyi("restore", "--from", str(tmp_path / "copy"), "--data", str(moved.data))
    assert done.returncode == 0, done.stderr
    moved.start()
    try:
        assert credits_of(moved, member) == before == "100"
        later = moved.made("/v1/credits/transfer", gift)
        moved.wait_state(str(later["id"]), "final")
    finally:
        assert moved.stop() == 0
    assert run_fsck(moved.data, None, cases=True).faults == []


def test_the_chain_of_a_running_gateway_is_not_copied(serving: Serving, tmp_path: Path) -> None:
    serving.start()
    done = tongyi("backup", "--data", str(serving.data), "--to", str(tmp_path / "copy"), "--part", "chain")
    assert done.returncode == 4 and "another process uses this data folder" in done.stderr
    assert not (tmp_path / "copy").exists()
    done = tongyi("backup", "--data", str(serving.data), "--to", str(tmp_path / "copy"), "--part", "tiles")
    assert done.returncode == 2
    assert "--part tiles: is none of database, log, documents, keys, vault, chain" in done.stderr
