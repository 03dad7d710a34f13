"""A witness as a process: statuses and bodies of C2SP tlog-witness over HTTP, kills, limits, its command."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chain.checkpoint import format_checkpoint, open_checkpoint, parse_vkey, sign_note
from chain.hashing import sha256
from gateway.witness.requests import format_request
from tests.integration.witnesses_kit import Witnessing
from tests.unit.gateway.witness.logs import KEY, ORIGIN, OTHER_KEY, VKEY, TestLog

LOG = TestLog(600)
DIGEST = sha256(ORIGIN.encode()).hex()
SIZE_TYPE = "text/x.tlog.size"


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witnessing]:
    witness = Witnessing(tmp_path / "w", ("--log", VKEY, "--name", "witness.example/regulator")).start()
    yield witness
    if witness.running:
        assert witness.stop() == 0


def cosigned(witness: Witnessing, old: int, new: int, path: str = "/witness/add-checkpoint") -> None:
    answer = witness.post(LOG.request(old, new), path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    opened = open_checkpoint(LOG.note(new) + answer.content, [VKEY, witness.vkey])
    (at,) = [one.timestamp for one in opened.signatures if one.name == "witness.example/regulator"]
    assert opened.size == new and abs((at or 0) - time.time()) < 30


def answered(witness: Witnessing, body: bytes) -> tuple[int, str, str]:
    answer = witness.post(body)
    return answer.status_code, answer.headers["content-type"], answer.text.partition("\n")[0]


PLAIN = "text/plain; charset=utf-8"


def test_every_status_of_the_specification(witness: Witnessing) -> None:
    assert witness.get("/witness/vkey").text == witness.vkey + "\n" == witness.get("/vkey").text
    assert parse_vkey(witness.vkey).name == witness.ready["name"] == "witness.example/regulator"
    assert witness.get(f"/witness/{DIGEST}/checkpoint").status_code == 404
    cosigned(witness, 0, 70)
    cosigned(witness, 70, 300, "/add-checkpoint")
    cosigned(witness, 300, 300)
    held = witness.checkpoint(ORIGIN)
    assert held == witness.get(f"/{DIGEST}/checkpoint").content
    assert open_checkpoint(held or b"", [VKEY, witness.vkey]).size == 300

    unknown = sign_note(format_checkpoint("log.example/other", 9, bytes(32)), "log.example/other", KEY)
    other = TestLog(300, "b", fork=70)
    assert answered(witness, format_request(0, (), unknown)) == (404, PLAIN, "log.unknown")
    assert answered(witness, format_request(300, (), LOG.note(400, OTHER_KEY))) == (
        403,
        PLAIN,
        "signature.invalid",
    )
    assert answered(witness, LOG.request(0, 400)) == (409, SIZE_TYPE, "300")
    assert witness.post(LOG.request(70, 400)).content == b"300\n"
    assert answered(witness, format_request(300, LOG.proof(70, 400), LOG.note(400))) == (
        422,
        PLAIN,
        "proof.invalid",
    )
    assert answered(witness, other.request(300, 300)) == (422, PLAIN, "root.other")
    assert answered(witness, format_request(301, (), LOG.note(300))) == (400, PLAIN, "size.old_above_new")
    assert answered(witness, b"hello") == (400, PLAIN, "request.malformed")
    refused = witness.post(b"hello")
    assert refused.text.splitlines()[1:] == [
        "This is no add-checkpoint request.",
        "这不是合规的 add-checkpoint 请求。",
    ]
    assert refused.headers["x-tongyi-code"] == "request.malformed"
    cosigned(witness, 300, 600)

    assert witness.get("/livez").text == witness.get("/readyz").text == "ok\n"
    metrics = witness.get("/metrics").text
    assert 'tongyi_witness_answers_total{code="cosigned"} 4.0' in metrics
    assert 'tongyi_witness_answers_total{code="size.other"} 2.0' in metrics
    assert f'tongyi_witness_size{{origin="{ORIGIN}"}} 600.0' in metrics
    assert "tongyi_witness_evidence 1.0" in metrics
    (pair,) = witness.get(f"/witness/{DIGEST}/evidence").json()["evidence"]
    assert pair["refused"].encode() == other.note(300) and pair["size"] == 300
    held_then = open_checkpoint(pair["held"].encode(), [VKEY, witness.vkey])
    assert (held_then.size, held_then.root) == (300, LOG.tree.root(300))  # type: ignore[arg-type]


def test_other_paths_and_methods(witness: Witnessing) -> None:
    for path, status, code in (
        ("/witness/add-checkpoint", 405, "method.not_allowed"),
        ("/nothing", 404, "page.unknown"),
        ("/witness/AB/checkpoint", 404, "page.unknown"),
        (f"/witness/{'0' * 64}/checkpoint", 404, "log.unknown"),
    ):
        answer = witness.get(path)
        assert (answer.status_code, answer.headers["x-tongyi-code"]) == (status, code)
    assert witness.get("/add-checkpoint").headers["allow"] == "POST"


def test_a_killed_witness_never_goes_back(witness: Witnessing) -> None:
    before = 0
    for size in (40, 41, 99, 256, 257):
        cosigned(witness, before, size)
        before = size
        vkey = witness.vkey
        witness.stop(signal.SIGKILL)
        witness.start()
        assert witness.vkey == vkey and witness.port
        assert answered(witness, LOG.request(0, 600)) == (409, SIZE_TYPE, str(size))


def test_sixteen_posts_at_once_give_one_cosignature_from_one_size(witness: Witnessing) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(witness.post, [LOG.request(0, size) for size in range(201, 217)]))
    done = [answer for answer in answers if answer.status_code == 200]
    rest = {(answer.status_code, answer.text) for answer in answers if answer.status_code != 200}
    held = witness.checkpoint(ORIGIN)
    size = open_checkpoint(held or b"", [VKEY, witness.vkey]).size
    assert len(done) == 1 and rest == {(409, f"{size}\n")}


def test_bodies_are_bounded_in_size(witness: Witnessing) -> None:
    assert answered(witness, b"old 0\n\n" + b"a" * 300_000) == (413, PLAIN, "body.too_large")
    with socket.create_connection(("127.0.0.1", witness.port), timeout=10) as line:
        line.sendall(b"POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(5):
            line.sendall(b"10000\r\n" + b"a" * 0x10000 + b"\r\n")
        assert line.recv(4096).startswith(b"HTTP/1.1 413 ")
    cosigned(witness, 0, 5)


def test_a_slow_body_is_given_up_and_holds_nobody_up(witness: Witnessing) -> None:
    head = b"POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ncontent-length: 900\r\n\r\nold 0"
    with socket.create_connection(("127.0.0.1", witness.port), timeout=20) as line:
        line.sendall(head)
        cosigned(witness, 0, 5)
        assert line.recv(4096).startswith(b"HTTP/1.1 408 ")


def test_connections_that_ask_nothing_are_closed(witness: Witnessing) -> None:
    silent = socket.create_connection(("127.0.0.1", witness.port), timeout=20)
    drip = socket.create_connection(("127.0.0.1", witness.port), timeout=20)
    begun = time.monotonic()
    drip.sendall(b"GET /livez HTTP/1.1\r\nhost: w\r\n\r\nGET /livez HTTP/1.1\r\nx-")
    assert drip.recv(4096).startswith(b"HTTP/1.1 200 ")
    for _ in range(4):
        time.sleep(1)
        drip.sendall(b"a")
    cosigned(witness, 0, 5)
    rest = b"".join(iter(lambda: drip.recv(4096), b""))
    assert silent.recv(10) == b"" and rest.count(b"HTTP/1.1") == 0
    assert 5 < time.monotonic() - begun < 15
    silent.close()
    drip.close()


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    tongyi = str(Path(sys.executable).parent / "tongyi")
    return subprocess.run(
        [tongyi, "witness", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def test_help_is_in_both_languages() -> None:
    shown = run("--help").stdout
    assert "C2SP tlog-witness" in shown and "为日志作见证" in shown and "--policy" in shown


def test_what_it_does_not_start_with(tmp_path: Path, witness: Witnessing) -> None:
    data = str(tmp_path / "new")
    none = run("--data", data)
    assert (none.returncode, none.stderr) == (
        2,
        "✗ log：没有指明日志：请给出含 log 行的策略文件或公钥"
        " / log: no log is named: give a policy file with log lines, or vkeys\n",
    )
    wrong = run("--data", data, "--log", witness.vkey)
    assert (wrong.returncode, wrong.stderr) == (
        2,
        "✗ log：是见证方的公钥，不是日志的公钥 / log: is the key of a witness, not of a log\n",
    )
    (tmp_path / "policy").write_text("quorum nobody\n")
    bad = run("--data", data, "--policy", str(tmp_path / "policy"))
    assert bad.returncode == 2 and " / policy line 1: " in bad.stderr
    taken = run("--data", str(witness.data), "--log", VKEY)
    assert taken.returncode == 4 and "another process uses this data folder" in taken.stderr
    (tmp_path / "gateway" / "keys").mkdir(parents=True)
    (tmp_path / "gateway" / "keys" / "log.json").write_text("{}")
    own = run("--data", str(tmp_path / "gateway"), "--log", VKEY)
    assert (own.returncode, own.stderr) == (
        4,
        "✗ data：是网关的目录；见证方需要自己的目录 / data: is a gateway's folder; a witness needs its own\n",
    )
    assert witness.stop() == 0
    renamed = run("--data", str(witness.data), "--log", VKEY, "--name", "witness.example/other")
    assert (renamed.returncode, renamed.stderr) == (
        4,
        "✗ name：与此见证方创建时的名称不同 / name: is not the one this witness was made with\n",
    )


def test_logs_of_a_policy_file_are_witnessed(tmp_path: Path) -> None:
    (tmp_path / "policy").write_text(f"log {VKEY}\nquorum none\n")
    witness = Witnessing(tmp_path / "w", ("--policy", str(tmp_path / "policy"))).start()
    try:
        assert witness.ready["logs"] == [ORIGIN] and witness.ready["name"].startswith("witness.local/")
        assert witness.post(LOG.request(0, 8)).status_code == 200
        assert oct((witness.data / "keys" / "cosigner.json").stat().st_mode)[-3:] == "600"
    finally:
        assert witness.stop() == 0
