"""What happens to a gateway in which a bug is planted: each story asks for what some of them do wrong.

A story is played without any bug as well, under the same seed, and then nothing may be found.
"""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from scripts.faults.client import Journal, Request
from scripts.faults.failpoint_part import replace_blocks
from scripts.faults.hostile.probe_part import run_probes
from scripts.faults.onchain import Chain, keccak256
from scripts.faults.planted import bugs
from scripts.faults.planted.calls import judge_calls, traced
from scripts.faults.planted.scene import Played, Scene, playing
from scripts.faults.restore_part import MIXES, run_mix
from scripts.faults.rpc_proxy import Ask, JsonCall, Lie, Proxy, Reply
from scripts.faults.stored import Stored
from scripts.faults.told_lies import list_told
from scripts.faults.world import World

Story = Callable[[str, World], Played]
"""Plays under a seed on a case of a world."""

REQUESTS = 30
AGAIN = 12
"""Requests that are asked again although they were answered."""
PACE = 0.05
DEPTH = 20
LIES_FOR = 1.5
QUOTAS_APART = 0.5
PROBED = 400
DELIVERED_WITHIN = 20.0


def _played(scene: Scene) -> Played:
    return Played(tuple(scene.failures), scene.accepted, scene.issues)


def live(seed: str, world: World) -> Played:
    """Post, ask again, ask under another's key, freeze somebody and have him give, read what is shown."""
    with playing(world, seed) as scene:
        scene.start()
        scene.begin(REQUESTS, pace=0.02)
        if not scene.join():
            raise AssertionError("the rest is not asked for")
        scene.begin(AGAIN)
        scene.join()
        accounts = scene.case.state.accounts
        scopes = ["entries:write", "credits:write"]
        other = scene.made("/v1/keys", {"name": "other", "scopes": scopes, "chapter": accounts.chapter})
        for number in range(3):
            drawn = scene.draw(number)
            entry = _gift(accounts.pool, accounts.members[0], accounts.chapter, f"{seed}-other-{number}")
            scene.post(
                replace(entry, key=drawn.key), f"other-{number}", "idempotency.key_reused", other["secret"]
            )
        frozen = accounts.members[1]
        rights: dict[str, object] = {"may_send": False, "may_receive": False, "order": "ab" * 32}
        scene.made(f"/v1/members/{frozen}/rights", rights)
        scene.post(
            _gift(frozen, accounts.members[0], accounts.chapter, f"{seed}-frozen"), "frozen", "member.frozen"
        )
        scene.rest()
        # Checkpoints and final entries are looked at ten times a second.
        scene.begin(0)
        time.sleep(0.5)
        scene.join()
        scene.read()
    return _played(scene)


def _gift(giver: str, taker: str, chapter: str, key: str) -> Request:
    """Return a small transfer that is marked by its key."""
    marked = Request(key, "transfer", "/v1/entries", {})
    body: dict[str, object] = {
        "type": "credit.transferred",
        "chapter": chapter,
        "public": {"case": marked.order},
    }
    return replace(
        marked, body={**body, "op": {"kind": "transfer", "from": giver, "to": taker, "amount": "3"}}
    )


def fail_at(order: str, seed: str, world: World) -> Played:
    """Fail one step under load, once."""
    with playing(world, seed) as scene:
        scene.start(order)
        scene.begin(REQUESTS * 2, pace=PACE)
        scene.get_over()
        scene.join()
        scene.rest()
        time.sleep(0.3)
    return _played(scene)


def reorganise(seed: str, world: World) -> Played:
    """Have the chain replace blocks in which operations were executed, and go on."""
    with playing(world, seed, {"TONGYI_FINALITY_DEPTH": str(3 * DEPTH)}, rescan=True) as scene:
        chain = Chain(scene.case.rpc)
        chain.call("anvil_mine", hex(DEPTH))
        scene.start()
        scene.begin(REQUESTS)
        scene.join()
        # Until some of it is executed and mirrored.
        _wait(lambda: _executed(scene), 15.0)
        replace_blocks(scene.case.rpc, DEPTH)
        scene.begin(REQUESTS + 10)
        scene.join()
        deadline = time.monotonic() + 30.0
        while time.monotonic() < deadline and not _buried(scene, chain):
            chain.call("anvil_mine", hex(3 * DEPTH))
        scene.rest()
    return _played(scene)


def _executed(scene: Scene) -> bool:
    stored = Stored(scene.case.database)
    done = stored.one("SELECT count(*) FROM mirror_operations")
    return bool(done == stored.one("SELECT count(*) FROM operations"))


def _buried(scene: Scene, chain: Chain) -> bool:
    """Say whether all calls are final; blocks are made meanwhile."""
    time.sleep(1.0)
    left = Stored(scene.case.database).one(
        "SELECT count(*) FROM chain_transactions WHERE state NOT IN ('final', 'failed')"
    )
    return bool(left == 0 and chain.head())


def _wait(holds: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.02)


def be_lied_to(lie: Lie, seed: str, world: World, quotas: int = 0) -> Played:
    """Have the node lie about one thing under load, and set so many quotas; then be honest again."""
    with (
        Proxy(world.rpc, seed) as proxy,
        playing(world, seed, {"TONGYI_CHAIN_URL": proxy.url}, rescan=True) as scene,
    ):
        scene.start()
        scene.begin(REQUESTS * 2, pace=PACE)
        proxy.lie(lie)
        _wait(lambda: proxy.fired > 0, 10.0)
        for number in range(quotas):
            # Each is a call by one key, some blocks behind the one before.
            path = f"/v1/chapters/{scene.case.state.accounts.chapter}/quotas"
            scene.made(path, {"period": 203001 + number, "amount": "1000"})
            time.sleep(QUOTAS_APART)
        time.sleep(LIES_FOR)
        proxy.be_honest()
        scene.get_well()
        scene.join()
        scene.rest()
    return _played(scene)


def deliver(seed: str, world: World) -> Played:
    """Deliver events to a receiver that refuses one of them at first."""
    with _receiver() as receiver:
        address = f"http://127.0.0.1:{receiver.port}/hook"
        ports = f"443,http:{receiver.port}"
        allowed = {"TONGYI_WEBHOOK_PORTS": ports, "TONGYI_WEBHOOK_EGRESS": "127.0.0.1/32"}
        with playing(world, seed, allowed) as scene:
            scene.case.place.journals.mkdir(exist_ok=True)
            receiver.journal = Journal(scene.case.place.journals / "receiver.ndjson")
            scene.start()
            scene.made("/v1/webhooks", {"url": address, "from": 1})
            scene.begin(AGAIN)
            scene.join()
            scene.rest()
            last = Stored(scene.case.database).one("SELECT max(number) FROM told_events")
            _wait(lambda: receiver.last >= last, DELIVERED_WITHIN)
    return _played(scene)


class _Receiver:
    """Takes events and writes down those it acknowledged; the third is refused once."""

    def __init__(self) -> None:
        self.journal: Journal | None = None
        self.last = 0
        self._refused = False
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                event = json.loads(self.rfile.read(int(self.headers["content-length"])))["data"]
                self.send_response(receiver.take(event))
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return None

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]

    def take(self, event: dict[str, object]) -> int:
        """Return the status that answers an event."""
        if event["seq"] == 3 and not self._refused:
            self._refused = True
            return 500
        if self.journal is not None:
            self.journal.write({"heard": event, "by": "receiver"})
        self.last = int(str(event["seq"]))
        return 204


@contextmanager
def _receiver() -> Iterator[_Receiver]:
    receiver = _Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        receiver.server.server_close()


def watch_calls(seed: str, world: World) -> Played:
    """Post one request after the other while the gateway's system calls are written down."""
    if shutil.which("strace") is None:
        raise OSError("strace is not there: what is flushed cannot be seen")
    record = world.folder / f"{seed}.calls"
    with playing(world, seed) as scene:
        scene.start()
        with traced(scene.process.pid, record):
            scene.begin(AGAIN, connections=1, pace=0.1)
            scene.join()
        data = scene.case.data
        found, answers, files = judge_calls(
            record.read_text(), f"{data / 'gateway.sqlite3'}-wal", str(data / "log")
        )
        record.unlink()
        if answers < AGAIN // 2 or not files:
            raise AssertionError(f"strace saw {answers} answers and {files} files")
        scene.failures += found
        scene.rest()
    return _played(scene)


def probe(seed: str, world: World) -> Played:
    """Ask for what another chapter has."""
    done = run_probes("probes", seed, PROBED, world)
    return Played(tuple(done.failures), done.accepted, done.issues)


def restore(seed: str, world: World) -> Played:
    """Put back old SQL and log files under a newer chain."""
    (mix,) = (one for one in MIXES if f"old {one.name}" == bugs.OLD_PARTS)
    done = run_mix(mix, "restore", seed, world)
    return Played(tuple(done.failures), done.accepted, done.issues)


def _lose(ask: Ask) -> Reply:
    """Say of each send that it is taken, and pass none on."""
    answers = [
        {"jsonrpc": "2.0", "id": call["id"], "result": "0x" + keccak256(_bytes_of(call)).hex()}
        for call in ask.calls
    ]
    return Reply(json.dumps(answers if ask.content.lstrip()[:1] == b"[" else answers[0]).encode())


def _bytes_of(call: JsonCall) -> bytes:
    return bytes.fromhex(call["params"][0][2:])


def _told(name: str, method: str) -> Lie:
    (lie,) = (one for one in list_told() if (one.name, one.method) == (name, method))
    return lie


STORIES: Mapping[str, Story] = {
    bugs.LIFE: live,
    bugs.WEBHOOK: deliver,
    **{
        order: partial(fail_at, order)
        for order in (bugs.COMMIT_CRASH, bugs.COMMIT_ERROR, bugs.SIGN_ERROR, bugs.MIRROR_CRASH)
    },
    bugs.REORG: reorganise,
    bugs.FORGED: partial(be_lied_to, _told("forged amounts", "eth_getBlockReceipts")),
    bugs.AHEAD: partial(be_lied_to, _told("nonce ahead", "eth_getTransactionCount")),
    bugs.DROPPED: partial(be_lied_to, Lie("lost", "eth_sendRawTransaction", _lose), quotas=4),
    bugs.PROBES: probe,
    bugs.OLD_PARTS: restore,
    bugs.SYSTEM_CALLS: watch_calls,
}
"""By the names of ``bugs.py``."""
