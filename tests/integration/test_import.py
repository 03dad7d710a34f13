"""``tongyi import`` against a running gateway: a partner's file, a kill in the middle, a resume."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import httpx2
import pytest

RECORDS = 6_000
TONGYI = str(Path(sys.executable).parent / "tongyi")
CHAPTER = "3101-0001"


class Gateway:
    """One ``tongyi serve`` on a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        with (folder / "serve.log").open("wb") as log:
            self.process = subprocess.Popen(
                [TONGYI, "serve", "--data", str(self.data), "--port", "0"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        stdout = self.process.stdout
        ready = json.loads(stdout.readline() if stdout is not None else "{}")
        self.url = str(ready["gateway"])
        self.key_file = self.data / "platform_key"
        self.http = httpx2.Client(
            base_url=self.url, headers={"authorization": f"Bearer {ready['platform_key']}"}, trust_env=False
        )

    def post(self, path: str, body: dict[str, object], key: str) -> dict[str, object]:
        answer = self.http.post(path, json=body, headers={"idempotency-key": f'"{key}"'})
        assert answer.status_code == 201, answer.text
        return cast("dict[str, object]", answer.json())

    def entries(self) -> int:
        # The figures are cached for half a second.
        time.sleep(0.6)
        return int(self.http.get("/v1/status").json()["entries"])

    def stop(self) -> None:
        self.http.close()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0
        if self.process.stdout is not None:
            self.process.stdout.close()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    running = Gateway(tmp_path_factory.mktemp("import"))
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def member(gateway: Gateway) -> str:
    gateway.post("/v1/chapters", {"code": CHAPTER}, "open")
    return str(gateway.post("/v1/members", {"chapter": CHAPTER}, "join")["account"])


def write_file(path: Path, member: str, records: int) -> None:
    """Sums of which every fifth is finer than a hundredth, and one record of an unknown type."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["type", "chapter", "subjects", "public.amount:coins", "public.receipt:digest"])
        for number in range(1, records + 1):
            name = "lottery.won" if number == 100 else "purchase.recorded"
            total = f"{number}.123" if number % 5 == 0 else f"{number}.12"
            writer.writerow([name, CHAPTER, member, total, f"{path.stem}-{number}"])


def start_import(path: Path, gateway: Gateway, *options: str) -> subprocess.Popen[str]:
    argv = [TONGYI, "import", str(path), "--gateway", gateway.url, "--key-file", str(gateway.key_file)]
    return subprocess.Popen(
        [*argv, "--json", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, dict[str, object]]:
    out, err = process.communicate(timeout=120)
    assert process.returncode in (0, 1), err
    return process.returncode, json.loads(out)


def read_results(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in Path(f"{path}.results.ndjson").read_text().splitlines()]


def test_a_killed_import_is_resumed_and_nothing_is_recorded_twice(
    tmp_path: Path, gateway: Gateway, member: str
) -> None:
    path = tmp_path / "killed.csv"
    write_file(path, member, RECORDS)
    before = gateway.entries()
    first = start_import(path, gateway, "--rounding", "half-up")
    state = Path(f"{path}.import.json")
    deadline = time.monotonic() + 60
    while not state.exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    done = json.loads(state.read_text())["done"]
    assert 0 < done < RECORDS
    begun = start_import(path, gateway, "--rounding", "half-up")
    assert "use --resume" in begun.communicate()[1]
    assert begun.returncode == 2

    code, totals = finish(start_import(path, gateway, "--rounding", "half-up", "--resume"))
    assert code == 1
    assert totals["records"] == RECORDS
    assert (totals["refused"], totals["codes"]) == (1, {"entry.unknown_type": 1})
    assert cast(int, totals["accepted"]) + cast(int, totals["replayed"]) == RECORDS - 1
    # 1,200 sums end in .123 and leave 0.003 each, but the refused one left nothing.
    assert totals["dust"] == "3.597"
    assert gateway.entries() == before + RECORDS - 1
    results = read_results(path)
    assert [row["record"] for row in results] == list(range(1, RECORDS + 1))
    assert len({row["id"] for row in results if "id" in row}) == RECORDS - 1
    assert {k: results[99][k] for k in ("line", "status", "code")} == {
        "line": 101,
        "status": "refused",
        "code": "entry.unknown_type",
    }

    # The whole file once more, without its state: every record is already there.
    state.unlink()
    code, totals = finish(start_import(path, gateway, "--rounding", "half-up"))
    assert (code, gateway.entries()) == (1, before + RECORDS - 1)
    again = read_results(path)
    assert [row.get("id") for row in again] == [row.get("id") for row in results]


def test_too_fine_sums_are_refused_unless_a_rule_is_chosen(
    tmp_path: Path, gateway: Gateway, member: str
) -> None:
    path = tmp_path / "strict.csv"
    write_file(path, member, 50)
    code, totals = finish(start_import(path, gateway))
    assert (code, totals["accepted"], totals["codes"]) == (1, 40, {"import.bad_record": 10})
    assert totals["dust"] == "0"
    bad = [row for row in read_results(path) if row["status"] == "refused"]
    assert bad[0] == {
        "record": 5,
        "line": 6,
        "status": "refused",
        "code": "import.bad_record",
        "where": "public.amount",
        "reason": "is finer than a hundredth; choose a rounding rule to take it",
    }


def test_a_wrong_key_ends_the_import_and_records_nothing(
    tmp_path: Path, gateway: Gateway, member: str
) -> None:
    path, key = tmp_path / "key.csv", tmp_path / "key"
    write_file(path, member, 10)
    key.write_text("ty_live_" + "a" * 32)
    before = gateway.entries()
    argv = [TONGYI, "import", str(path), "--gateway", gateway.url, "--key-file", str(key)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (
        4,
        "✗ 网关拒绝这一批：auth.invalid / the gateway refuses the batch: auth.invalid",
    )
    assert gateway.entries() == before


ROSTER_COLUMNS = "chapter,kind,industry,private.name," + ",".join(
    f"membership.{name}" for name in ("kind", "receipt", "elder", "evidence")
)
ROSTER = (
    ROSTER_COLUMNS
    + """
{chapter},member,,Wang,ordinary,{receipt},,
{chapter},member,,Li,trial,{receipt},true,{evidence}
{chapter},merchant,bakery,Zhao,merchant,{receipt},,
{chapter},member,,Sun,golden,{receipt},,
{chapter},king,,Qian,,,,
{chapter},member,,Wu,ordinary,not-a-hash,,
{chapter},member,,Zhou,,,,
"""
)


def test_a_chapters_lists_are_registered_once_after_a_dry_run(
    tmp_path: Path, gateway: Gateway, member: str
) -> None:
    path = tmp_path / "roster.csv"
    path.write_text(ROSTER.format(chapter=CHAPTER, receipt="ab" * 32, evidence="cd" * 32))
    before = gateway.entries()
    code, dry = finish(start_import(path, gateway, "--roster", "--dry-run"))
    assert (code, dry["records"], dry["accepted"], dry["refused"]) == (1, 7, 4, 3)
    assert dry["codes"] == {"import.bad_record": 3}
    assert gateway.entries() == before
    assert not Path(f"{path}.results.ndjson").exists()
    code, done = finish(start_import(path, gateway, "--roster"))
    assert (code, done["accepted"], done["refused"]) == (1, 4, 3)
    assert done["codes"] == {"import.bad_record": 3}
    results = read_results(path)
    assert [row["status"] for row in results] == [
        "accepted", "accepted", "accepted", "refused", "refused", "refused", "accepted",
    ]  # fmt: skip
    assert [row.get("where") for row in results[3:6]] == ["membership.kind", "kind", "membership.receipt"]
    accounts = [row["account"] for row in results if "account" in row]
    assert len(set(accounts)) == 4
    # Four are registered, three of them with a membership.
    assert gateway.entries() == before + 4 + 3
    elder = gateway.http.get(f"/v1/cases/membership/{accounts[1]}").json()
    assert (elder["state"], elder["document"]["elder"], elder["document"]["kind"]) == (
        "active",
        True,
        "trial",
    )
    Path(f"{path}.import.json").unlink()
    code, again = finish(start_import(path, gateway, "--roster"))
    assert (again["accepted"], again["replayed"], gateway.entries()) == (0, 4, before + 7)
    for text in ("Wang", "Zhao", "Qian"):
        assert text not in Path(f"{path}.results.ndjson").read_text()
