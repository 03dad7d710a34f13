"""Two nodes that disagree, behind one address: an honest one, and one that is behind, forked or forges.

The other one is a real node, begun from what the honest one holds at that moment. A share of the requests,
or every one of a stretch, is answered by it. A fork no deeper than what is final is followed and taken back;
a deeper one stops the mirror with evidence. In neither case may a row stay that the honest chain does not
give (part ``lies``, whose frame this is).
"""

from __future__ import annotations

import gzip
import http.client
import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from chain.evm.local import CHAIN_ID, LocalChain
from chain.evm.signers.base import LocalKey
from chain.evm.transactions import TransactionFields
from scripts.faults.client import Client, Connection, Target, draw_request
from scripts.faults.lies import Run
from scripts.faults.onchain import Chain
from scripts.faults.parts import Campaign, Job
from scripts.faults.rescan import differs_from_rescan
from scripts.faults.results import Outcome
from scripts.faults.rpc_proxy import ANY, Ask, Lie, Proxy, Reply, Rule
from scripts.faults.stored import Stored
from scripts.faults.told_lies import list_told
from scripts.faults.world import BLOCK_SECONDS, DATABASES, SQLITE, Case, NotQuiet, World

SHARES = (0.5, 1.0, 0.2)
"""Of the requests, how many the other node answers: one stretch each."""
LONG_ROUNDS, SHORT_ROUNDS = 4, 1
FINALITY = 96
"""Blocks, deeper than a fork can grow while it is told of."""
STANDING = 3_600.0
"""Seconds between two blocks of a node that is behind."""
LEAST_BEHIND = 3
PARTS_WITHIN = 15.0
BELOW = 8
"""Blocks of a fork that is deeper than a finality of two."""
HALTS_WITHIN = 30.0
REQUESTS = 16
_ROWS = "SELECT number, hash, parent_hash FROM mirror_blocks ORDER BY number"


def answered_by(url: str) -> Rule:
    """Return a rule by which the node at ``url`` answers instead."""
    place = urlsplit(url)

    def rule(ask: Ask) -> Reply:
        connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=30)
        try:
            connection.request("POST", "/", ask.content, {"content-type": "application/json"})
            return Reply(connection.getresponse().read())
        finally:
            connection.close()

    return rule


@contextmanager
def _copy(rpc: str, folder: Path, block_time: float) -> Iterator[str]:
    """Give the address of another node that begins with all that the one at ``rpc`` holds now."""
    folder.mkdir(parents=True)
    packed = bytes.fromhex(Chain(rpc).call("anvil_dumpState")[2:])
    (folder / "state.json").write_bytes(gzip.decompress(packed) if packed[:2] == b"\x1f\x8b" else packed)
    node = LocalChain(folder, block_time=block_time)
    try:
        yield node.start()
    finally:
        node.stop()


@contextmanager
def node_behind(rpc: str, folder: Path) -> Iterator[str]:
    """Give a node that stands still while the honest one goes on."""
    with _copy(rpc, folder, STANDING) as url:
        height = Chain(url).head()
        while Chain(rpc).head() < height + LEAST_BEHIND:
            time.sleep(BLOCK_SECONDS / 2)
        yield url


@contextmanager
def node_forked(rpc: str, folder: Path) -> Iterator[str]:
    """Give a node that mines blocks of its own."""
    with _copy(rpc, folder, BLOCK_SECONDS) as url:
        _part(rpc, url)
        yield url


@contextmanager
def node_forging(rpc: str, _: Path) -> Iterator[str]:
    """Give a node that forges what can be told wrongly in an answer that looks right."""
    with Proxy(rpc, "forging") as proxy:
        proxy.lie(*(replace(lie, share=0.5) for lie in list_told()))
        yield proxy.url


def _part(rpc: str, url: str) -> None:
    """Wait until both have another block at one height: the other node's holds a stranger's transaction.

    Raises AssertionError where they do not. An empty block could come out the same.
    """
    stranger = LocalKey(secrets.token_bytes(32))
    fields = TransactionFields(chain_id=CHAIN_ID, nonce=0, gas=21_000, to=stranger.address, data=b"")
    sent = Chain(url).call("eth_sendRawTransaction", "0x" + stranger.sign_transaction(fields).hex())
    deadline = time.monotonic() + PARTS_WITHIN
    receipt = None
    while receipt is None and time.monotonic() < deadline:
        time.sleep(BLOCK_SECONDS / 2)
        receipt = Chain(url).call("eth_getTransactionReceipt", sent)
    while receipt is not None and time.monotonic() < deadline:
        there = Chain(rpc).call("eth_getBlockByNumber", receipt["blockNumber"], False)
        if there is not None and there["hash"] != receipt["blockHash"]:
            return
        time.sleep(BLOCK_SECONDS / 2)
    raise AssertionError("both nodes have the same chain")


Node = Callable[[str, Path], AbstractContextManager[str]]
"""Makes the other node of an honest one, with a folder of its own."""
NODES: dict[str, Node] = {"behind": node_behind, "forked": node_forked, "forging": node_forging}


def _disagreements(case: Case, name: str, rounds: int) -> Iterator[Lie]:
    """Yield each stretch as a lie of its own, told by another node made afresh for it."""
    for number in range(rounds * len(SHARES)):
        share = SHARES[number % len(SHARES)]
        with NODES[name](case.rpc, Path(f"{case.data}.other-{name}-{number}")) as url:
            yield Lie(f"{share:.0%} from a node {name}", ANY, answered_by(url), share)


def run_two_nodes(fault: str, seed: str, names: list[str], rounds: int, world: World) -> Outcome:
    """Have one gateway asked of two nodes, a stretch after the other."""
    began = time.monotonic()
    with world.case() as case, Proxy(case.rpc, seed) as proxy:
        deep = replace(case, settings={**case.settings, "TONGYI_FINALITY_DEPTH": str(FINALITY)})
        run = Run(deep, proxy, seed)
        run.run(lie for name in names for lie in _disagreements(case, name, rounds))
        tally = run.client.tally
    seconds = time.monotonic() - began
    return Outcome(
        fault, seed, run.fired, tuple(run.failures), run.how, seconds, tally.accepted, tally.issues,
        len(names) * rounds * len(SHARES),
    )  # fmt: skip


def run_below_finality(fault: str, seed: str, world: World) -> Outcome:
    """Turn to a node whose fork is deeper than what is final: the mirror stops and keeps what it has."""
    began, fired, failures = time.monotonic(), 0, list[str]()
    with world.case() as case, Proxy(case.rpc, seed) as proxy:
        process = replace(case, settings={**case.settings, "TONGYI_CHAIN_URL": proxy.url}).process()
        target = Target(case.state.key)
        client = Client(
            case.place.journals,
            target,
            connections=2,
            draw=lambda number: (
                draw_request(case.state.accounts, seed, number) if number < REQUESTS else None
            ),
        )
        try:
            with node_forked(case.rpc, Path(f"{case.data}.other")) as other:
                process.start()
                if not process.wait_ready():
                    raise AssertionError(f"does not start: {process.log()[-600:]}")
                target.port = process.port
                client.start()
                if not client.join(30):
                    raise AssertionError(f"requests without an answer: {client.tally}")
                for url in (case.rpc, other):
                    Chain(url).call("anvil_mine", hex(BELOW))
                case.wait_quiet()
                time.sleep(1.0)
                proxy.lie(Lie("a node forked", ANY, answered_by(other)))
                failures += _judge_halt(case, other, target)
                fired = int(proxy.fired > 0)
                proxy.be_honest()
                if process.stop() != 0:
                    failures.append("O10 stop: a halted gateway does not stop in order")
            failures += differs_from_rescan(case)
        except (NotQuiet, AssertionError, OSError) as error:
            failures.append(f"O10 {type(error).__name__}: {error}")
        finally:
            client.close()
            if process.exit_code is None:
                process.kill()
    tally = client.tally
    seconds = time.monotonic() - began
    return Outcome(fault, seed, fired, tuple(failures), "", seconds, tally.accepted, tally.issues)


def _judge_halt(case: Case, other: str, target: Target) -> Iterator[str]:
    """Wait for the halt; yield what is wrong with its evidence, with what is refused, and with the rows."""
    stored, connection = Stored(case.database), Connection(target)
    deadline = time.monotonic() + HALTS_WITHIN
    halts = stored.rows("SELECT number, seen_hash, stored_hash FROM mirror_halts")
    while not halts and time.monotonic() < deadline:
        time.sleep(0.05)
        halts = stored.rows("SELECT number, seen_hash, stored_hash FROM mirror_halts")
    if len(halts) != 1:
        yield f"O9 evidence: {len(halts)} rows"
        return
    number, seen, kept = halts[0]
    for url, block_hash in ((other, seen), (case.rpc, kept)):
        there = Chain(url).call("eth_getBlockByNumber", hex(number), False)
        if there is None or there["hash"] != "0x" + bytes(block_hash).hex():
            yield f"O9 evidence: block {number} is not the node's"
    rows = stored.rows(_ROWS)
    status = 200
    while status == 200 and time.monotonic() < deadline:
        time.sleep(0.05)
        status, content = connection.ask("GET", "/readyz")
    if status != 503 or b"mirror" not in content:
        yield f"O9 ready: {status} {content[:200]!r}"
    body: dict[str, object] = {"chapter": case.state.accounts.chapter, "kind": "member"}
    status, content = connection.ask("POST", "/v1/members", body, "halted")
    if status != 503:
        yield f"O9 writes: {status} {json.loads(content).get('code')} while the mirror is halted"
    connection.close()
    if stored.rows(_ROWS) != rows:
        yield "O8 taken back: mirrored rows changed after the halt"


def list_jobs(campaign: Campaign) -> list[Job]:
    """Return the jobs; the short form has one gateway for every kind of node, and one fork below finality."""
    below, jobs = "two nodes: forked below finality", []
    for database in (SQLITE,) if campaign.short else DATABASES:
        groups = [[*NODES]] if campaign.short else [[name] for name in NODES]
        for names in groups:
            fault = f"two nodes: one {' or '.join(names)} ({database})"
            seed = f"{campaign.seed}-two-nodes-{'-'.join(names)}-{database}"
            rounds = SHORT_ROUNDS if campaign.short else LONG_ROUNDS
            jobs.append(Job(fault, seed, database, partial(run_two_nodes, fault, seed, names, rounds)))
        fault, seed = f"{below} ({database})", f"{campaign.seed}-two-nodes-below-{database}"
        jobs.append(Job(fault, seed, database, partial(run_below_finality, fault, seed)))
    return jobs
