"""Tessera's Go client and x/mod's notes read a running log whole: checkpoint, vkey, every tile and bundle."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable

import httpx2

from chain.checkpoint import open_checkpoint
from tests.foreign.go_tool import run_go
from tests.integration.serving import Serving

MORE_THAN_TWO_BUNDLES = 600


def run_reader(log: str, vkey: str) -> subprocess.CompletedProcess[str]:
    """Run the Go reader on a log."""
    return run_go("logreader", "run", ".", "-log", log, "-vkey", vkey)


def published(serving: Serving) -> tuple[bytes, str]:
    """Return the log's checkpoint and verifier key as anyone gets them."""
    with httpx2.Client(base_url=serving.url, trust_env=False) as anyone:
        return anyone.get("/log/checkpoint").content, anyone.get("/log/vkey").text.strip()


def fill_bundles(serving: Serving, chapter: str) -> None:
    """Record enough entries for two full entry bundles and a partial one."""
    lines = [
        json.dumps(
            {
                "type": "service.recorded",
                "chapter": chapter,
                "actor": None,
                "subjects": [],
                "public": {},
                "idempotency_key": f"{serving.fresh_key()}-{number}",
            }
        )
        for number in range(MORE_THAN_TWO_BUNDLES)
    ]
    body = "\n".join(lines) + "\n"
    headers = {"content-type": "application/x-ndjson"}
    answer = serving.client.post("/v1/entries/batch", content=body, headers=headers)
    results = [json.loads(line) for line in answer.text.splitlines()]
    assert [result["state"] for result in results] == ["accepted"] * MORE_THAN_TWO_BUNDLES
    last = results[-1]["index"]
    deadline = time.monotonic() + 30
    while int(published(serving)[0].splitlines()[1]) <= last:
        assert time.monotonic() < deadline, "the entries never reached a checkpoint"
        time.sleep(0.1)


def test_a_foreign_client_reads_and_recomputes_the_whole_log(
    serving: Serving, new_chapter: Callable[[], str]
) -> None:
    chapter = new_chapter()
    serving.open_chapter(chapter, fill=0)
    fill_bundles(serving, chapter)
    note, vkey = published(serving)
    before = open_checkpoint(note, [vkey])
    done = run_reader(f"{serving.url}/log", vkey)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["origin"] == before.origin
    assert report["size"] == report["leaves"] >= before.size > 2 * 256
    after = open_checkpoint(published(serving)[0], [vkey])
    assert (report["size"], report["root"]) in {
        (before.size, before.root.hex()),
        (after.size, after.root.hex()),
    }


def test_the_foreign_client_refuses_a_checkpoint_of_another_key(serving: Serving) -> None:
    other = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
    done = run_reader(f"{serving.url}/log", other)
    assert done.returncode == 1
    assert done.stderr.startswith("checkpoint: ")
