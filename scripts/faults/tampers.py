"""Part ``tampers``: every table × {update, delete, insert, swap} by direct SQL, and flipped bits of tiles.

What a signature speaks of is changed under a running gateway and under a stopped one: no further checkpoint
may be signed, `/readyz` turns red, writes are refused with a reason that names the place, and reads of what
is undamaged go on. What follows from it is changed under a stopped gateway, and `tongyi fsck` must name it.
Which table is whose is `tamper_table.py`.
"""

from __future__ import annotations

import json
import random
import re
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from chain.tiles import parse_tile_path
from gateway.db import Database
from gateway.fsck_command import run_fsck
from gateway.keys import KeyFolder
from gateway.ledger.faults import LedgerFault
from gateway.ledger.integrator import Integrator
from gateway.ledger.scrub import Scrub
from gateway.ledger.service import system_clock
from gateway.ledger.tile_files import TileFiles
from scripts.faults.client import Client, Connection, Target, draw_request
from scripts.faults.parts import Campaign, Job
from scripts.faults.results import Outcome
from scripts.faults.running import GatewayProcess
from scripts.faults.stored import Stored
from scripts.faults.tamper_sql import Change, Tampered, tamper
from scripts.faults.tamper_table import TABLES, Guard
from scripts.faults.world import DATABASES, SQLITE, Case, World

FOUND_WITHIN = 30.0
FLIPS, SHORT_FLIPS = 1_000, 250
FLIPS_A_JOB = 250
RUNNING, SHORT_RUNNING = 50, 2
"""Gateways under which one bit is flipped."""
GROWN = 300
"""Entries of the log whose bits are flipped while nothing runs: two tiles of the lowest level, one above."""
_REASON = re.compile(r"log\.damaged\((?:table|file)=([^,)]+), index=([^)]+)\)")
_FAULT = re.compile(r'"(?:error|reason)": "([^"]+)"')
ONLY = {"checkpoints": "size IN (SELECT size FROM mirror_anchors)"}
"""Of checkpoints those that were anchored: while nothing runs, nobody can tell what else was there."""
UNLINKED = frozenset({"account_entries", "api_keys", "log_heads", "log_trees"})
"""Tables whose damage is named by account, key or number, not by the index of one entry."""
INDEXED = frozenset({"entries", "operations", "checkpoints"})
"""Tables whose rows have an index that must be named."""
PROVED = frozenset({"body", "salt", "leaf_data"})
"""Columns of an entry that go into its proof."""


_ONE_FSCK = threading.Lock()
"""Migrations, which it makes a database with, are one at a time in a process."""


class Undetected(Exception):
    """What should have been found was not, or was not said; says what."""


class Watch:
    """One gateway whose data somebody changes."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._process: GatewayProcess | None = None
        self._connection: Connection | None = None

    def start(self) -> bool:
        """Start a gateway; False where it refuses to, in order and with a word."""
        process = self._process = self._case.process()
        process.start()
        if not process.wait_ready():
            if process.exit_code in (None, 0) or (process.exit_code or 0) < 0:
                raise Undetected(f"ended with {process.exit_code}: {process.log()[-400:]}")
            return False
        self._connection = Connection(Target(self._case.state.key, process.port))
        return True

    def end(self) -> None:
        """End what still runs."""
        if self._connection is not None:
            self._connection.close()
        if self._process is not None and self._process.exit_code is None:
            self._process.kill()

    @property
    def checkpoint(self) -> bytes:
        """The published checkpoint's bytes."""
        path = self._case.data / "log" / "checkpoint"
        return path.read_bytes() if path.exists() else b""

    def wait_green(self) -> None:
        """Wait until it takes writes."""
        self._wait(200, "never ready")

    def _wait(self, status: int, what: str) -> None:
        assert self._connection is not None  # noqa: S101
        deadline = time.monotonic() + FOUND_WITHIN
        while self._connection.ask("GET", "/readyz")[0] != status:
            if time.monotonic() > deadline:
                raise Undetected(f"{what}: {self._process.log()[-300:] if self._process else ''}")
            time.sleep(0.02)

    def wait_named(self) -> str | None:
        """Return the place once the scrub has named it too; None where no scrub runs."""
        assert self._process is not None  # noqa: S101
        deadline = time.monotonic() + 4.0
        while time.monotonic() < deadline:
            named = " ".join(_FAULT.findall(self._process.log()))
            if _REASON.search(named):
                return named
            time.sleep(0.05)
        return None

    def get(self, path: str) -> tuple[int, bytes]:
        """Return status and body of a GET."""
        assert self._connection is not None  # noqa: S101
        return self._connection.ask("GET", path)

    def post(self, number: int) -> tuple[int, bytes]:
        """Ask for one more entry."""
        assert self._connection is not None  # noqa: S101
        accounts = self._case.state.accounts
        body: dict[str, object] = {"type": "credit.transferred", "chapter": accounts.chapter}
        body["op"] = {"kind": "transfer", "from": accounts.pool, "to": accounts.members[0], "amount": "1"}
        return self._connection.ask("POST", "/v1/entries", body, f"tamper-{number}")

    def make_keys(self) -> None:
        """Have keys of which one is not the caller's own."""
        assert self._connection is not None  # noqa: S101
        for number in range(3):
            body: dict[str, object] = {"name": f"k{number}", "scopes": ["entries:read"]}
            status, answer = self._connection.ask("POST", "/v1/keys", body, f"key-{number}")
            if status != 201:
                raise Undetected(f"no key is made: {status} {answer[:200]!r}")
        self.settle()

    def settle(self) -> None:
        """Wait until all that is recorded is signed for."""
        stored = Stored(self._case.database)
        deadline = time.monotonic() + FOUND_WITHIN
        while stored.one("SELECT max(size) FROM checkpoints") != stored.one("SELECT count(*) FROM entries"):
            if time.monotonic() > deadline:
                raise Undetected("entries are not signed for")
            time.sleep(0.02)
        time.sleep(0.1)

    def expect_stop(self, before: bytes) -> str:
        """Wait for red; check refusal, silence of the log's key and reads; return what was named."""
        self._wait(503, "/readyz stays green")
        status, body = self.post(2)
        if status not in (401, 403, 503):
            raise Undetected(f"a write is answered {status}: {body[:200]!r}")
        if self.checkpoint != before:
            raise Undetected("a checkpoint was signed after the change")
        assert self._connection is not None and self._process is not None  # noqa: S101
        if self._connection.ask("GET", "/log/checkpoint")[0] != 200:
            raise Undetected("the checkpoint is not read any more")
        answer = json.loads(body)
        if status == 503 and answer["code"] != "ledger.read_only":
            raise Undetected(f"a write is refused with {answer['code']}")
        log = " ".join(_FAULT.findall(self._process.log()))
        return str(answer.get("reason", "")) + " " + log

    def expect_refused(self, index: int) -> None:
        """Check that a damaged entry is not proved, and an undamaged one still read."""
        assert self._connection is not None  # noqa: S101
        stored = Stored(self._case.database).rows("SELECT log_index, entry_id FROM entries")
        names: dict[int, str] = dict(stored)
        other = next(one for one in names if one not in (index, 0))
        if index in names:
            status = self._connection.ask("GET", f"/v1/entries/{names[index]}/proof")[0]
            if status == 200:
                raise Undetected(f"entry {index} is damaged and proved all the same")
        status = self._connection.ask("GET", f"/v1/entries/{names[other]}")[0]
        if status != 200:
            raise Undetected(f"entry {other} is undamaged and answered {status}")


def _check_named(name: str, done: Tampered, named: str) -> None:
    """Check that the reason names the table and, where it has one, the first bad index."""
    found = _REASON.search(named)
    if found is None:
        if name in INDEXED or not named.strip():
            raise Undetected(f"no place is named: {named}")
        return
    table, index = found.groups()
    if table != name and not {table, name} <= {"log_heads", "entries", "log_trees"}:
        raise Undetected(f"{table} is named instead")
    if name not in UNLINKED and table == name and int(index) != done.keys[0][0]:
        raise Undetected(f"index {index} is named instead of {done.keys[0][0]}")


def tamper_signed(
    fault: str, name: str, change: Change, seed: str, world: World, *, running: bool
) -> Outcome:
    """Change one table of what is signed, under a running gateway or a stopped one."""
    began, failures, how, done = time.monotonic(), [], "", None
    with world.case() as case:
        watch = Watch(case)
        free = [*TABLES[name].free]
        try:
            if running:
                watch.start()
                watch.wait_green()
                if name == "api_keys":
                    watch.make_keys()
            before = watch.checkpoint
            done = tamper(case.database, name, change, seed, free, ONLY.get(name, ""))
            if done is None:
                return Outcome(fault, seed, 0, (), "no such rows", time.monotonic() - began, injected=0)
            if not running and not watch.start():
                how = "start refused"
            else:
                if change is not Change.INSERT:
                    watch.post(1)
                named = watch.expect_stop(before)
                if name in INDEXED and named and not _REASON.search(named):
                    named = watch.wait_named() or named
                _check_named(name, done, named)
                how = (_REASON.search(named) or re.search(".*", named))[0][:60]  # type: ignore[index]
                # A proof rests on these alone; with another column it would still be right.
                if name == "entries" and done.column in PROVED:
                    watch.expect_refused(done.keys[0][0])
        except (Undetected, OSError) as error:
            failures.append(f"O9 {name}.{done.column if done else ''}: {error}")
        finally:
            watch.end()
    return Outcome(fault, seed, int(done is not None), tuple(failures), how, time.monotonic() - began)


def tamper_derived(fault: str, name: str, change: Change, seed: str, world: World) -> Outcome:
    """Change one table of what follows from entries or chain; ``tongyi fsck`` must say so."""
    began = time.monotonic()
    with world.case() as case:
        url = None if case.database.startswith("sqlite") else case.database
        done = tamper(case.database, name, change, seed, [*TABLES[name].free])
        if done is None:
            return Outcome(fault, seed, 0, (), "no such rows", time.monotonic() - began, injected=0)
        with _ONE_FSCK:
            found = run_fsck(case.data, url, cases=True, chain_url=case.rpc).faults
    failures = () if found else (f"O9 {name}.{done.column}: fsck finds nothing",)
    return Outcome(fault, seed, 1, failures, found[0][:60] if found else "", time.monotonic() - began)


def flip_running(fault: str, seed: str, world: World) -> Outcome:
    """Flip one bit of a file of the log under a running gateway."""
    began, failures, fired, how = time.monotonic(), [], 0, ""
    chance = random.Random(seed)  # noqa: S311  repeatable, not secret
    with world.case() as case:
        watch = Watch(case)
        try:
            watch.start()
            watch.wait_green()
            path, before = chance.choice(_tiles(case.data)), watch.checkpoint
            name, index = _flip(case.data / "log", path, chance)
            fired = 1
            watch.post(1)
            how = f"(file={name}, index={index})"
            named = watch.expect_stop(before)
            if how not in named:
                raise Undetected(f"{how}: {named[:200]} is named")
            if json.loads(watch.get(f"/log/{name}")[1]).get("code") != "log.damaged":
                raise Undetected(f"{name} is given out")
        except (Undetected, OSError, ValueError) as error:
            failures.append(f"O9 flip: {error}")
        finally:
            watch.end()
    return Outcome(fault, seed, fired, tuple(failures), how[:60], time.monotonic() - began)


def flip_stopped(fault: str, seed: str, flips: int, world: World) -> Outcome:
    """Flip bits of a log of several hundred entries one by one; the scrub itself must name each."""
    began, failures, fired = time.monotonic(), list[str](), 0
    chance = random.Random(seed)  # noqa: S311  repeatable, not secret
    with world.case() as case:
        _grow(case, seed)
        with closing(Database(case.database)) as database:
            faults: list[str] = []
            scrub = _recovered(case, database, faults.append)
            scrub.check()
            for _ in range(flips):
                path = chance.choice(_tiles(case.data))
                whole = path.read_bytes()
                name, index = _flip(case.data / "log", path, chance)
                fired += 1
                try:
                    scrub.check()
                    failures.append(f"O9 flip: {name} index {index} is not found")
                except LedgerFault as fault_found:
                    if fault_found.check != f"log.damaged(file={name}, index={index})":
                        failures.append(f"O9 flip: {name} index {index}: {fault_found.check}")
                path.write_bytes(whole)
    return Outcome(fault, seed, fired, tuple(failures), "", time.monotonic() - began, injected=flips)


def _grow(case: Case, seed: str) -> None:
    """Let a gateway record some hundred entries, come to rest and stop."""
    process = case.process()
    process.start()
    if not process.wait_ready():
        raise Undetected(process.log()[-400:])
    accounts = case.state.accounts
    client = Client(
        case.place.journals,
        Target(case.state.key, process.port),
        connections=4,
        draw=lambda number: draw_request(accounts, seed, number) if number < GROWN else None,
    )
    client.start()
    client.join(60)
    client.close()
    if process.stop() != 0:
        raise Undetected(process.log()[-400:])


def _recovered(case: Case, database: Database, on_fault: Callable[[str], None]) -> Scrub:
    """Return the scrub of a stopped gateway's log, its tree built as a start builds it."""
    identity = KeyFolder(case.data / "keys").log_identity(None)
    files = TileFiles(case.data / "log")
    integrator = Integrator(database, identity, files, clock=system_clock, interval=1.0, on_fault=on_fault)
    integrator.recover()
    return integrator.scrub


def _tiles(data: Path) -> list[Path]:
    return sorted(path for path in (data / "log" / "tile").rglob("*") if path.is_file())


def _flip(folder: Path, path: Path, chance: random.Random) -> tuple[str, int]:
    """Flip one bit; return the file's name and the index of the entry or node it is in."""
    data = bytearray(path.read_bytes())
    bit = chance.randrange(len(data) * 8)
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)
    name = path.relative_to(folder).as_posix()
    return name, parse_tile_path(name).index * 256 + bit // 8 // (67 if "entries" in name else 32)


def list_jobs(campaign: Campaign) -> list[Job]:
    """Return the jobs; the short form draws one change a table on SQLite, the long form does all on both."""
    jobs: list[Job] = []
    chance = random.Random(f"{campaign.seed}-tampers")  # noqa: S311  repeatable, not secret
    for kind in (SQLITE,) if campaign.short else DATABASES:
        for name, watched in TABLES.items():
            changes: Sequence[Change] = [*Change]
            if campaign.short:
                changes = [chance.choice(changes)]
            for change in changes:
                jobs += _jobs_of(campaign.seed, kind, name, watched.guard, change)
    fault = "tamper bits of tiles, running"
    for number in range(SHORT_RUNNING if campaign.short else RUNNING):
        seed = f"{campaign.seed}-flip-{number}"
        jobs.append(Job(fault, seed, SQLITE, partial(flip_running, fault, seed)))
    fault, flips = "tamper bits of tiles, stopped", SHORT_FLIPS if campaign.short else FLIPS
    for number in range(0, flips, FLIPS_A_JOB):
        seed = f"{campaign.seed}-flips-{number}"
        jobs.append(Job(fault, seed, SQLITE, partial(flip_stopped, fault, seed, FLIPS_A_JOB)))
    return jobs


def _jobs_of(root: str, kind: str, name: str, guard: Guard, change: Change) -> list[Job]:
    seed = f"{root}-tamper-{name}-{change}-{kind}"
    if guard is Guard.FSCK:
        fault = f"tamper {change} derived ({kind})"
        return [Job(fault, seed, kind, partial(tamper_derived, fault, name, change, seed))]
    if guard is Guard.NONE:
        return []
    jobs = []
    for running in (True, False):
        fault = f"tamper {change} {'running' if running else 'stopped'} ({kind})"
        mine = f"{seed}-{'running' if running else 'stopped'}"
        work = partial(tamper_signed, fault, name, change, mine, running=running)
        jobs.append(Job(fault, mine, kind, work))
    return jobs
