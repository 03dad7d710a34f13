"""Part ``nonces``: thousands of calls by three keys through a node that loses sends and acknowledgements.

Eight writers queue calls; two outboxes send them, on one database, or by mistake on two that are copies of
each other and hold the same keys. Each call leaves a mark in its event: every one must happen exactly once
(of a call that both copies hold, the chain refuses the second), nothing may be stuck, all must be final in
time, and no nonce may be missing. The outboxes here stand for no election: two at once is what must do no
harm.
"""

from __future__ import annotations

import hashlib
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from chain.evm.calldata import Registration, encode_register, encode_set_quota, encode_set_rights
from chain.evm.client import EvmClient
from chain.evm.deployment import load_deployment
from chain.evm.signers.base import LocalKey
from chain.operation import account_address
from chain.types import AccountId, Address
from gateway.db import Database
from gateway.outbox.calls import ChainCall
from gateway.outbox.order import CallOrder
from gateway.outbox.queue import enqueue
from gateway.outbox.submitter import OutboxSettings, Submitter
from gateway.telemetry import configure_logging
from scripts.faults.onchain import Chain, keccak256
from scripts.faults.parts import Campaign, Job
from scripts.faults.results import Outcome
from scripts.faults.rpc_proxy import Ask, Lie, Proxy, Reply
from scripts.faults.stored import Stored
from scripts.faults.world import POSTGRESQL, Case, World

CALLS, SHORT_CALLS = 5_000, 300
WRITERS = 8
LOST = 0.05
"""Share of sends that never reach the node, and again of those whose answer is lost."""
DRAINED_WITHIN = 120.0
CHAPTER = 31010007
KEYS = ("operator", "issuer", "freezer")
_EVENTS = {
    "0x" + keccak256(b"AccountRegistered(address,uint32,uint8,uint8,bytes32,bytes32)").hex(): (1, None),
    "0x" + keccak256(b"QuotaSet(uint32,uint32,uint64)").hex(): (2, None),
    "0x" + keccak256(b"RightsChanged(address,bool,bool,bytes32)").hex(): (None, 2),
}
"""By first topic: which topic, or which word of the data, is the mark of a call."""


@dataclass(frozen=True, slots=True)
class Marked:
    """A call and the 32 bytes by which its event is known."""

    call: ChainCall
    mark: str


def draw_call(seed: str, number: int, member: bytes, copy: int) -> Marked:
    """Return the call that follows from ``seed`` and ``number``: its key by turns, its mark its own.

    A registration is the same in every ``copy`` of the database; what a contract does twice if asked twice is
    another in each.
    """
    key = KEYS[number % len(KEYS)]
    if key == "operator":
        digest = hashlib.sha256(f"{seed} {number}".encode()).digest()
        item = Registration(Address(digest[:20]), CHAPTER, 1, 1, digest, digest)
        data, mark = encode_register([item]), digest[:20].rjust(32, b"\0")
        return Marked(ChainCall("register", "Membership", data, 250_000, key), mark.hex())
    if key == "issuer":
        month = number + 30_000 * copy
        period = (3_000 + month // 12) * 100 + month % 12 + 1
        data = encode_set_quota(CHAPTER, period, 1_000 + number)
        return Marked(ChainCall("quota", "TimeCredit", data, 120_000, key), f"{period:064x}")
    digest = hashlib.sha256(f"{seed} {number} {copy}".encode()).digest()
    data = encode_set_rights(Address(member), True, True, digest)
    return Marked(ChainCall("rights", "Membership", data, 120_000, key), digest.hex())


class Lossy:
    """A rule for sends: some never reach the node that says it has them, of some the answer is lost."""

    def __init__(self, seed: str) -> None:
        self._chance = random.Random(seed)  # noqa: S311  repeatable, not secret
        self._lock = threading.Lock()
        self.dropped = self.unacknowledged = 0

    def __call__(self, ask: Ask) -> Reply:
        """Answer one request, a batch or not."""
        passed, answers = [], {}
        unheard = set[int]()
        for call in ask.calls:
            with self._lock:
                drawn = self._chance.random()
                self.dropped += drawn < LOST
                self.unacknowledged += LOST <= drawn < 2 * LOST
            if drawn >= LOST:
                passed.append(call)
                if drawn < 2 * LOST:
                    unheard.add(call["id"])
            else:
                named = keccak256(bytes.fromhex(call["params"][0][2:])).hex()
                answers[call["id"]] = {"jsonrpc": "2.0", "id": call["id"], "result": "0x" + named}
        if passed:
            for answer in json.loads(ask.pass_on(json.dumps(passed).encode())):
                answers[answer["id"]] = answer
        error = {"code": -32000, "message": "request timed out"}
        for number in unheard:
            answers[number] = {"jsonrpc": "2.0", "id": number, "error": error}
        ordered = [answers[call["id"]] for call in ask.calls]
        return Reply(json.dumps(ordered if ask.content.lstrip()[:1] == b"[" else ordered[0]).encode())


class NoEntries:
    """An order of entries without any: these calls belong to none, so none waits for another."""

    def indices(self, entry_ids: Sequence[str]) -> dict[str, int]:
        """None is known."""
        del entry_ids
        return {}

    def first_operation(self, start: int, end: int) -> int | None:
        """There is none."""
        del start, end
        return None


def clock() -> str:
    """Return a time; nothing here depends on it."""
    return "2026-01-01T00:00:00.000Z"


class Storm:
    """Outboxes on databases of one chain, and the calls they are given."""

    def __init__(self, case: Case, proxy: Proxy, stack: ExitStack) -> None:
        self._case = case
        self._record = load_deployment(case.data / "deployment.json")
        self._proxy = proxy
        self._stack = stack
        self._stop = threading.Event()
        self._errors: list[BaseException] = []
        self._signers = {
            key: LocalKey(bytes.fromhex(case.settings[f"TORTURE_{key.upper()}"][2:])) for key in KEYS
        }
        self.marks: set[str] = set()
        self.failures: list[str] = []

    def add_outbox(self, url: str) -> None:
        """Start one more sender on a database, in two threads as in a gateway."""
        database = Database(url)
        self._stack.callback(database.close)
        client = EvmClient(self._proxy.url, timeout=10.0)
        self._stack.callback(client.close)
        submitter = Submitter(
            database,
            client,
            chain_id=self._record.chain_id,
            signers=self._signers,
            addresses={name: found.address for name, found in self._record.contracts.items()},
            clock=clock,
            settings=OutboxSettings(finality_depth=2, rewind_limit=2),
            order=CallOrder(database, NoEntries(), lambda: 0, chain_id=self._record.chain_id),
        )
        for loop in (submitter.run, submitter.watch):
            thread = threading.Thread(target=self._guard, args=(loop,), daemon=True)
            thread.start()
            self._stack.callback(thread.join, 20)
        self._stack.callback(self._stop.set)

    def _guard(self, loop: Callable[[threading.Event], None]) -> None:
        try:
            loop(self._stop)
        except BaseException as error:  # told below
            self._errors.append(error)

    def queue(self, urls: Sequence[str], calls: Sequence[Sequence[Marked]]) -> None:
        """Have all writers queue their share, each call's copy in its database, a transaction each."""
        databases = [Database(url) for url in urls]
        chain_id = self._record.chain_id

        def write(share: Sequence[Sequence[Marked]]) -> None:
            for copies in share:
                for database, marked in zip(databases, copies, strict=True):
                    with database.writer() as connection:
                        enqueue(connection, [marked.call], chain_id=chain_id, reference="storm", at=clock())

        writers = [threading.Thread(target=write, args=(calls[at::WRITERS],)) for at in range(WRITERS)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        for database in databases:
            database.close()
        self.marks |= {marked.mark for copies in calls for marked in copies}

    def drain(self, urls: Iterable[str]) -> None:
        """Wait until no call of any database is under way."""
        stored = [Stored(url) for url in urls]
        deadline = time.monotonic() + DRAINED_WITHIN
        while any(left := [one.rows(_UNDER_WAY) for one in stored]):
            if self._errors:
                self.failures.append(f"O10 outbox: {type(self._errors[0]).__name__}: {self._errors[0]}")
                return
            if time.monotonic() > deadline:
                self.failures.append(f"O3 stuck: {left} after {DRAINED_WITHIN:.0f} s")
                return
            time.sleep(0.2)

    def judge(self, urls: Sequence[str]) -> None:
        """Count effects by their marks, and nonces."""
        chain = Chain(self._case.rpc)
        contracts = [self._case.place.contracts[name] for name in ("Membership", "TimeCredit")]
        happened = Counter(mark for log in chain.logs(contracts) if (mark := _mark_of(log)) is not None)
        for mark in sorted(self.marks):
            if happened[mark] != 1:
                self.failures.append(f"O3 effects: {mark} happened {happened[mark]} times")
        following: Counter[bytes] = Counter()
        for url in urls:
            for address, nonce in Stored(url).rows("SELECT address, next_nonce FROM chain_signers"):
                following[bytes(address)] = max(following[bytes(address)], nonce)
            twice = Stored(url).rows(
                "SELECT signer_address, nonce FROM chain_transactions WHERE state IN ('mined', 'final') "
                "GROUP BY signer_address, nonce HAVING count(*) > 1"
            )
            self.failures += [
                f"O3 nonce: {nonce} of {bytes(who).hex()} is used twice" for who, nonce in twice
            ]
        for key, signer in self._signers.items():
            mined = chain.transaction_count(bytes(signer.address))
            if mined != following[bytes(signer.address)]:
                self.failures.append(f"O3 nonce: {key} is at {mined}, here {following[signer.address]}")


_UNDER_WAY = (
    "SELECT state, count(*) FROM chain_transactions WHERE state NOT IN ('final', 'failed', 'replaced') "
    "GROUP BY state"
)


def _mark_of(log: dict[str, object]) -> str | None:
    topics, data = log["topics"], str(log["data"])
    assert isinstance(topics, list)  # noqa: S101
    topic, word = _EVENTS.get(topics[0], (None, None))
    if topic is not None:
        return str(topics[topic])[2:]
    return None if word is None else data[2 + 64 * word : 66 + 64 * word]


def run_storm(fault: str, seed: str, calls: int, copies: int, world: World) -> Outcome:
    """Queue and send ``calls`` by two outboxes on as many databases as ``copies`` says."""
    began = time.monotonic()
    # What the outboxes say of each lost send is no news here.
    configure_logging("CRITICAL")
    with world.case() as case, ExitStack() as stack, Proxy(case.rpc, seed) as proxy:
        urls = [case.database]
        for _ in range(copies - 1):
            url, drop = world.clone(case.state.url)
            stack.callback(drop)
            urls.append(url)
        storm = Storm(case, proxy, stack)
        lossy = Lossy(seed)
        proxy.lie(Lie("lossy", "eth_sendRawTransaction", lossy))
        for number in range(2):
            storm.add_outbox(urls[number % copies])
        member = account_address(AccountId(case.state.accounts.members[0]))
        storm.queue(
            urls,
            [[draw_call(seed, number, member, copy) for copy in range(copies)] for number in range(calls)],
        )
        queued = time.monotonic()
        storm.drain(urls)
        took = time.monotonic() - queued
        storm.judge(urls)
    how = f"{lossy.dropped} sends dropped, {lossy.unacknowledged} answers lost, drained in {took:.0f} s"
    fired = calls if lossy.dropped and lossy.unacknowledged else 0
    return Outcome(
        fault, seed, fired, tuple(storm.failures[:10]), how, time.monotonic() - began,
        injected=calls,
    )  # fmt: skip


def list_jobs(campaign: Campaign) -> list[Job]:
    """Return the jobs: two outboxes on one database, and on two by mistake."""
    jobs = []
    calls = SHORT_CALLS if campaign.short else CALLS
    for name, copies in (("one database", 1), ("two databases by mistake", 2)):
        fault, seed = f"two outboxes, {name}", f"{campaign.seed}-nonces-{copies}-{calls}"
        jobs.append(Job(fault, seed, POSTGRESQL, partial(run_storm, fault, seed, calls, copies)))
    return jobs
