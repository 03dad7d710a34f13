"""What a gateway does when the chain has anchored more, or other, than its own database holds."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from chain.checkpoint import open_checkpoint
from chain.evm.client import EvmClient
from chain.evm.deployment import load_deployment
from chain.evm.local import LocalChain
from chain.hashing import hash_leaf, sha256
from chain.merkle.tree import Tree
from gateway.ledger.faults import LedgerFault
from gateway.outbox.credit_views import AnchoredTree, load_anchored
from gateway.start_check import compare_with_anchor
from tests.integration.command_kit import tongyi
from tests.integration.serving import Serving

CHAPTER = "3101-0007"


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    gateway = Serving(tmp_path / "data")
    yield gateway
    if gateway.process is not None and gateway.process.poll() is None:
        gateway.stop()


def gift(serving: Serving, member: str, pool: str) -> dict[str, object]:
    body = {"chapter": CHAPTER, "from": pool, "to": member, "amount": "100"}
    return serving.made("/v1/credits/transfer", body)


def checkpoint_size(serving: Serving) -> int:
    note = serving.client.get("/log/checkpoint").content
    return open_checkpoint(note, [serving.ready["vkey"]]).size


def wait_until(serving: Serving, name: str, size: int) -> None:
    deadline = time.monotonic() + 30
    while serving.client.get("/v1/status").json()[name] < size:
        assert time.monotonic() < deadline, serving.client.get("/v1/status").json()
        time.sleep(0.1)


def test_an_old_backup_against_a_newer_chain_is_read_only(serving: Serving, tmp_path: Path) -> None:
    serving.start()
    pool = serving.open_chapter(CHAPTER)
    member = serving.join(CHAPTER)
    first = gift(serving, member, pool)
    serving.wait_state(str(first["id"]), "final")
    assert serving.stop() == 0
    copied = tongyi("backup", "--data", str(serving.data), "--to", str(tmp_path / "backup"))
    assert copied.returncode == 0, copied.stderr
    serving.start()
    for _ in range(3):
        later = gift(serving, member, pool)
    serving.wait_state(str(later["id"]), "final")
    wait_until(serving, "anchored_size", int(str(later["index"])) + 1)
    anchored = int(str(later["index"])) + 1
    assert serving.stop() == 0

    aside = tongyi(
        *("restore", "--from", str(tmp_path / "backup"), "--data", str(serving.data), "--replace", "--json"),
        *("--part", "database", "--part", "log"),
    )
    assert aside.returncode == 0, aside.stderr
    assert {path.name for path in Path(json.loads(aside.stdout)["replaced"]).iterdir()} >= {"log"}
    serving.start()
    here = int(str(first["index"])) + 1
    reason = f"log.behind_anchor(here={here}, anchored={anchored})"
    refused = serving.post(
        "/v1/credits/transfer", {"chapter": CHAPTER, "from": pool, "to": member, "amount": "1"}
    )
    assert (refused.status_code, refused.json()["code"]) == (503, "ledger.read_only")
    assert refused.json()["reason"] == reason
    assert refused.json()["detail_zh"] == (
        f"账本目前不接受写入：日志落后于链上锚定(此处 {here}、链上 {anchored})。"
    )
    ready = serving.client.get("/readyz")
    assert (ready.status_code, ready.json()["code"], ready.json()["checks"]) == (503, "not_ready", "ledger")
    assert ready.json()["detail_zh"] == "以下检查未通过：ledger。" and ready.headers["retry-after"] == "2"
    # Reads go on, from what is there; nothing more is signed or anchored.
    assert serving.client.get(f"/v1/entries/{first['id']}").status_code == 200
    assert serving.client.get(f"/v1/entries/{later['id']}").status_code == 404
    time.sleep(3)
    assert checkpoint_size(serving) == here
    assert anchored_on_chain(serving) == anchored
    assert reason in serving.log()


def anchored_on_chain(serving: Serving) -> int:
    deployment = load_deployment(serving.data / "deployment.json")
    with closing(EvmClient(serving.ready["rpc"])) as client:
        log_id = sha256(serving.ready["vkey"].split("+")[0].encode())
        return load_anchored(client, deployment.address("LogAnchor"), log_id).size


def grown(count: int, last: bytes = b"same") -> Tree:
    tree = Tree()
    tree.append([hash_leaf(b"%d" % number) for number in range(count - 1)])
    tree.append([hash_leaf(last)])
    return tree


def test_only_an_extension_of_the_anchored_tree_agrees() -> None:
    anchored = AnchoredTree(5, grown(5).root())
    compare_with_anchor(grown(5), anchored)
    longer = grown(5)
    longer.append([hash_leaf(b"more")])
    compare_with_anchor(longer, anchored)
    with pytest.raises(LedgerFault) as behind:
        compare_with_anchor(grown(4), anchored)
    assert behind.value.check == "log.behind_anchor(here=4, anchored=5)"
    other = grown(5, b"other")
    other.append([hash_leaf(b"more")])
    with pytest.raises(LedgerFault) as differs:
        compare_with_anchor(other, anchored)
    assert differs.value.check == "log.differs_from_anchor(here=6, anchored=5)"


class Gate:
    """A port that leads to a node while it is open, and to nobody while it is shut."""

    def __init__(self, target: str) -> None:
        host, port = target.removeprefix("http://").split(":")
        self._target = (host, int(port))
        self._listener: socket.socket | None = None
        self._pairs: list[socket.socket] = []
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def open(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self._port))
        listener.listen()
        self._port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near = listener.accept()[0]
            except OSError:
                return
            far = socket.create_connection(self._target)
            self._pairs += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        try:
            while data := one.recv(65536):
                other.sendall(data)
        except OSError:
            pass
        for end in (one, other):
            end.close()

    def shut(self) -> None:
        assert self._listener is not None
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in self._pairs:
            end.close()
        self._pairs.clear()


def test_without_its_node_a_gateway_starts_read_only_until_it_answers(
    serving: Serving, tmp_path: Path
) -> None:
    with LocalChain(tmp_path / "chain", block_time=0.5) as chain:
        gate = Gate(chain.url)
        gate.open()
        serving.options = ("--chain-url", gate.url)
        serving.start()
        pool = serving.open_chapter(CHAPTER)
        member = serving.join(CHAPTER)
        serving.wait_state(str(gift(serving, member, pool)["id"]), "final")
        size = checkpoint_size(serving)
        assert serving.stop() == 0
        gate.shut()
        serving.start()
        body = {"chapter": CHAPTER, "from": pool, "to": member, "amount": "1"}
        refused = serving.post("/v1/credits/transfer", body)
        assert (refused.status_code, refused.json()["reason"]) == (503, "chain.unanswered")
        ready = serving.client.get("/readyz")
        assert (ready.status_code, ready.json()["code"]) == (503, "not_ready")
        assert ready.json()["checks"] == "chain, mirror, ledger"
        assert checkpoint_size(serving) == size
        gate.open()
        deadline = time.monotonic() + 30
        while serving.client.get("/readyz").status_code != 200:
            assert time.monotonic() < deadline, serving.client.get("/readyz").text
            time.sleep(0.2)
        serving.wait_state(str(gift(serving, member, pool)["id"]), "final")
        assert serving.stop() == 0
