"""Part ``restores``: old SQL, old log files, an old chain, in every mix, put back as ``tongyi restore`` does.

A gateway with its own chain runs, is copied, runs on, and is copied again. Each case puts parts of the older
copy in the place of the newer ones. Then, of the stopped gateway: fsck must name the first difference of each
pair of stores that differ, and of no other; recover must repair what follows from the other stores, and where
something is lost change nothing. Of the started one: it signs nothing while its tree lacks what checkpoint,
chain or witness hold; a newer backup ends that; the checker decides that nothing is lost.

What is old everywhere agrees with itself: only who kept something outside can tell, a witness or holders of
receipts. The case without a witness passes when the checker misses entries by their receipts.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from weakref import WeakKeyDictionary

from gateway.backup.making import make_backup
from gateway.backup.manifest import Part, load_manifest
from gateway.backup.restoring import restore_backup
from gateway.data_folder import DataFolder
from gateway.db import Database, sqlite_url
from gateway.fsck_command import ANCHORS, MIRROR, PUBLISHED, TILES, run_fsck
from scripts.faults.checker import check
from scripts.faults.client import Client, Connection, Target, draw_request
from scripts.faults.onchain import Chain
from scripts.faults.parts import Campaign, Job
from scripts.faults.results import Outcome
from scripts.faults.running import GatewayProcess
from scripts.faults.stored import Stored
from scripts.faults.world import POSTGRESQL, SQLITE, Case, NotQuiet, State, World, populate
from tests.integration.witnesses_kit import Witnessing

REQUESTS = 20
"""Entries before the older copy, and again between the two."""
WATCHED = 1.0
"""Seconds for which a gateway that refuses is watched."""
QUIET = 60.0
ALL = (Part.DATABASE, Part.LOG, Part.DOCUMENTS, Part.KEYS, Part.VAULT, Part.CHAIN)
_SQL, _LOG, _CHAIN = Part.DATABASE, Part.LOG, Part.CHAIN


@dataclass(frozen=True, slots=True)
class Mix:
    """What is ``old``, which pairs of stores ``differ``, what recover ``repairs`` and what it finds ``lost``;
    the ``reason`` for which a started gateway takes no writes, none where it goes on.
    """

    name: str
    old: tuple[Part, ...]
    differ: frozenset[str]
    repairs: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    reason: str = ""
    witnessed: bool = False
    told_by_receipts: bool = False


_BEHIND_FILE = "the database is behind the published checkpoint"
MIXES = (
    Mix("SQL", (_SQL,), frozenset({PUBLISHED, ANCHORS}),
        lost=("log.behind_checkpoint", "log.behind_anchor"), reason=_BEHIND_FILE),
    Mix("log files", (_LOG,), frozenset({PUBLISHED, TILES}), repairs=("log files",)),
    Mix("chain", (_CHAIN,), frozenset({MIRROR})),
    Mix("SQL, log files", (_SQL, _LOG), frozenset({ANCHORS}),
        lost=("log.behind_anchor",), reason="log.behind_anchor"),
    Mix("SQL, chain", (_SQL, _CHAIN), frozenset({PUBLISHED}),
        lost=("log.behind_checkpoint",), reason=_BEHIND_FILE),
    Mix("log files, chain", (_LOG, _CHAIN), frozenset({PUBLISHED, TILES, MIRROR}), repairs=("log files",)),
    Mix("SQL, log files, chain; a witness", (_SQL, _LOG, _CHAIN), frozenset(),
        lost=("log.behind_witness",), reason="log.behind_witness", witnessed=True),
    Mix("SQL, log files, chain; nobody outside", (_SQL, _LOG, _CHAIN), frozenset(), told_by_receipts=True),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Base:
    """Two copies of one gateway, the older and the newer, what its clients wrote down, and its witness."""

    state: State
    settings: dict[str, str]
    old: Path
    new: Path
    entries: int
    journals: Path
    witness: Witnessing


_BASES: WeakKeyDictionary[World, Base] = WeakKeyDictionary()


def list_jobs(campaign: Campaign) -> list[Job]:
    """Return every mix on SQLite; in the long form those of an old SQL database on PostgreSQL, too."""
    placed = [(SQLITE, mix) for mix in MIXES]
    if not campaign.short:
        placed += [(POSTGRESQL, mix) for mix in MIXES if _SQL in mix.old]
    jobs = []
    for database, mix in placed:
        fault = f"old {mix.name} ({database})"
        seed = f"{campaign.seed}-restore-{mix.name.replace(' ', '')}-{database}"
        jobs.append(Job(fault, seed, database, partial(run_mix, mix, fault, seed)))
    return jobs


def run_mix(mix: Mix, fault: str, seed: str, world: World) -> Outcome:
    """Put back what is old, and hold fsck, recover and the gateway to what they must do."""
    began = time.monotonic()
    base = _BASES.get(world)
    if base is None:
        base = _BASES[world] = _make_base(world)
    with ExitStack() as stack:
        case = _Restored(mix, seed, base, world, stack)
        try:
            case.run()
        except (NotQuiet, OSError, AssertionError) as error:
            case.failures.append(f"O10 {type(error).__name__}: {error}")
    return Outcome(fault, seed, int(case.fired), tuple(case.failures), case.how, time.monotonic() - began)


def _make_base(world: World) -> Base:
    folder = world.folder / "restores"
    data = DataFolder(folder / "data")
    data.root.mkdir(parents=True, mode=0o700)
    settings = {**world.settings(None), "TONGYI_BLOCK_TIME": "0.2"}
    # Its own chain, which a backup can hold.
    del settings["TONGYI_CHAIN_URL"]
    process = _begin(data.root, settings)
    accounts = populate(Target(process.ready["platform_key"], process.port))
    state = State(data.root, None, accounts, process.ready["platform_key"], process.ready["vkey"])
    case = Case(data.root, sqlite_url(data.database), process.ready["rpc"], state, settings)
    for name in ("old", "new"):
        if name == "new":
            process = _begin(data.root, settings)
            case.rpc = process.ready["rpc"]
        _load(case, process.port, f"base-{name}", REQUESTS)
        assert process.stop() == 0, process.log()[-600:]  # noqa: S101
        data.lock(create=False)
        database = Database(case.database, pool_size=2)
        make_backup(data, database, folder / name, ALL, lambda _: None)
        database.close()
        data.unlock()
    witness = Witnessing(folder / "witness", ("--log", state.vkey, "--name", "w.example/regulator")).start()
    answer = witness.post(b"old 0\n\n" + (data.log / "checkpoint").read_bytes())
    assert answer.status_code == 200, answer.text  # noqa: S101
    witness.stop()
    entries = load_manifest(folder / "new").entries
    return Base(state, settings, folder / "old", folder / "new", entries, case.place.journals, witness)


def _begin(data: Path, settings: dict[str, str]) -> GatewayProcess:
    process = GatewayProcess("serve", data, settings)
    process.start()
    assert process.wait_ready(), process.log()[-600:]  # noqa: S101
    return process


def _load(case: Case, port: int, seed: str, requests: int) -> None:
    """Have clients record something, and wait until all of it is final."""
    accounts, target = case.state.accounts, Target(case.state.key, port)
    client = Client(
        case.place.journals, target, connections=2,
        draw=lambda number: draw_request(accounts, seed, number) if number < requests else None,
    )  # fmt: skip
    client.start()
    try:
        assert client.join(QUIET), client.tally  # noqa: S101
        # What an older chain lost is noticed one by one: rest counts when it lasts.
        for _ in range(4):
            case.wait_quiet(QUIET)
            time.sleep(0.5)
    finally:
        client.close()


class _Restored:
    """One case: a folder with parts of both copies."""

    def __init__(self, mix: Mix, seed: str, base: Base, world: World, stack: ExitStack) -> None:
        self._mix, self._seed, self._base, self._stack = mix, seed, base, stack
        self.failures: list[str] = []
        self.fired, self.how = False, "went on"
        self._folder = DataFolder(world.folder / f"restore-{hashlib.sha256(seed.encode()).hexdigest()[:12]}")
        stack.callback(shutil.rmtree, self._folder.root, ignore_errors=True)
        self._url = sqlite_url(self._folder.database)
        self._settings = {**base.settings, **world.more_settings}
        if world.kind == POSTGRESQL:
            self._url, drop = world.clone(None)
            stack.callback(drop)
            self._settings["TONGYI_DATABASE_URL"] = self._url
        self._world, self._is_server = world, world.kind == POSTGRESQL
        self._case = Case(self._folder.root, self._url, "", base.state, self._settings)

    def run(self) -> None:
        """Restore, check, repair, start; each finding goes into `failures`."""
        mix = self._mix
        rest = [part for part in ALL if part not in mix.old]
        self._restore(self._base.new, ALL if not self._is_server else rest)
        self._restore(self._base.old, mix.old)
        shutil.copytree(self._base.journals, self._case.place.journals)
        self._stack.callback(shutil.rmtree, self._case.place.journals, ignore_errors=True)
        self.fired = self._is_old()
        if mix.witnessed:
            self._stack.callback(self._base.witness.start().stop)
            policy = self._folder.root / "policy"
            address = f"{self._base.witness.url}/witness"
            policy.write_text(f"witness w {self._base.witness.vkey} {address}\nquorum w\n")
            self._settings["TONGYI_WITNESS_POLICY"] = str(policy)
        self._hold_commands()
        self._hold_gateway()

    def _restore(self, source: Path, parts: list[Part] | tuple[Part, ...]) -> None:
        with ExitStack() as stack:
            server = None
            if self._is_server and Part.DATABASE in parts:
                server = Database(self._url, pool_size=2)
                stack.callback(server.close)
            restore_backup(source, self._folder, parts, lambda _: None, server=server, replace=True)

    def _is_old(self) -> bool:
        """Say whether each part that is to be old really is another one than the newest."""
        new = load_manifest(self._base.new)
        there = {file.name: file.sha256 for file in new.files}
        olds = {
            _SQL: Stored(self._url).one("SELECT count(*) FROM entries") < new.entries,
            _LOG: self._file("log/checkpoint") != there["log/checkpoint"],
            _CHAIN: self._file("chain/state.json") != there["chain/state.json"],
        }
        return all(olds[part] for part in self._mix.old)

    def _file(self, name: str) -> str:
        return hashlib.sha256((self._folder.root / name).read_bytes()).hexdigest()

    def _expect(self, what: str, got: object, want: object) -> None:
        if got != want:
            self.failures.append(f"{what}: got {got}, want {want}")

    def _hold_commands(self) -> None:
        mix, data = self._mix, self._folder.root
        url = self._url if self._is_server else None
        found = {p for p, first in run_fsck(data, url, embedded_chain=True).pairs.items() if first}
        self._expect("fsck names", found, mix.differ)
        before, dry = self._digest(), self._recover()
        self._expect("recover without --write changes", self._digest() == before, True)
        self._expect("recover finds lost", tuple(one["code"] for one in dry["contradictions"]), mix.lost)
        self._expect("recover would repair", tuple(one["store"] for one in dry["repairs"]), mix.repairs)
        self._expect("recover asks for", dry["needs"], self._base.entries if mix.lost else None)
        done = self._recover("--write")
        self._expect("recover repairs", done["repairs"], dry["repairs"])
        self._expect("recover leaves alone", self._digest() == before, not mix.repairs)
        left = {p for p, first in run_fsck(data, url, embedded_chain=True).pairs.items() if first}
        mended = {PUBLISHED, TILES} if mix.repairs else set[str]()
        self._expect("fsck names afterwards", left, set(mix.differ) - mended)

    def _recover(self, *options: str) -> dict[str, list[dict[str, object]]]:
        """Run the command in a process of its own: a policy comes by the environment."""
        command = [str(Path(sys.executable).parent / "tongyi"), "recover", "--data", str(self._folder.root)]
        done = subprocess.run(
            [*command, "--json", *options], capture_output=True, text=True, timeout=120, check=False,
            env={**os.environ, **self._settings},
        )  # fmt: skip
        told: dict[str, list[dict[str, object]]] = json.loads(done.stdout)
        whole = not self._mix.lost and (not self._mix.repairs or "--write" in options)
        self._expect(f"recover {options} ends with", done.returncode, 0 if whole else 1)
        return told

    def _digest(self) -> str:
        """Return a digest of all that counts: files of the log, and rows of SQL."""
        digest = hashlib.sha256()
        for path in sorted(self._folder.log.rglob("*")):
            if path.is_file():
                digest.update(path.relative_to(self._folder.log).as_posix().encode() + path.read_bytes())
        stored = Stored(self._url)
        for table in (
            "entries",
            "checkpoints",
            "balances",
            "accounts",
            "mirror_accounts",
            "tallies",
            "cases",
        ):
            digest.update(repr(sorted(map(repr, stored.rows(f"SELECT * FROM {table}")))).encode())  # noqa: S608
        return digest.hexdigest()

    def _hold_gateway(self) -> None:
        mix = self._mix
        if mix.reason:
            self._hold_refusing()
            self.how = "refused, went on after a newer backup"
            self._settings.pop("TONGYI_WITNESS_POLICY", None)
            self._bring_newer()
        process = self._start()
        try:
            _load(self._case, process.port, self._seed, 5)
            failures = [str(failure) for failure in check(self._case.place)]
        finally:
            self._expect("it ends with", process.stop(), 0)
        if mix.told_by_receipts:
            self.how = "signed again: seen by receipts alone"
            self._expect("the checker misses entries", any("O1" in one for one in failures), True)
            return
        self.failures += failures

    def _start(self) -> GatewayProcess:
        process = _begin(self._folder.root, self._settings)
        self._case.rpc = process.ready["rpc"]
        return process

    def _hold_refusing(self) -> None:
        process = self._start()
        connection = Connection(Target(self._base.state.key, process.port))
        try:
            before = self._signed()
            request = draw_request(self._base.state.accounts, f"{self._seed}-refused", 0)
            status, content = connection.ask("POST", request.path, request.body, request.key)
            told = json.loads(content)
            self._expect("a write is answered", (status, told.get("code")), (503, "ledger.read_only"))
            self._expect("its reason", self._mix.reason in str(told.get("reason")), True)
            self._expect("/readyz", connection.ask("GET", "/readyz")[0], 503)
            time.sleep(WATCHED)
            self._expect("what is signed", self._signed(), before)
        finally:
            connection.close()
            self._expect("it ends with", process.stop(), 0)

    def _signed(self) -> tuple[object, ...]:
        """Return everything that a signature of ours may have changed."""
        place = self._case.place
        anchors = Chain(place.rpc).anchors(place.contracts["LogAnchor"], place.log_id)
        rows = Stored(self._url).rows("SELECT size, root FROM log_trees")
        note = (self._folder.log / "checkpoint").read_bytes()
        return [one.size for one in anchors], repr(rows), note

    def _bring_newer(self) -> None:
        """Take the way out: a newer backup of what was lost."""
        parts = [part for part in self._mix.old if part is not _CHAIN]
        if self._is_server:
            self._url, drop = self._world.clone(None)
            self._stack.callback(drop)
            self._settings["TONGYI_DATABASE_URL"] = self._url
            self._case.database = self._url
        self._restore(self._base.new, parts)
