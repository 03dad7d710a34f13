"""Part ``power``: the power of the disk below the gateway is cut under load, again and again.

The data folder, and PostgreSQL's own where that is the database, lie on an ext4 in a file. A cut halts
every process on it, shuts the file system down and kills them; it is mounted again as after a power cut, and
all is started again. Clients and chain are elsewhere and go on. After each cut, before a gateway starts, the
checkpoint on disk must stand on tiles on disk; at the end every request is answered, the gateway comes to
rest, and the checker decides. Where a machine cannot mount, every case fails and says why.
"""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from scripts.faults.checker import check
from scripts.faults.client import Client, Target, draw_request
from scripts.faults.durable import find_unfounded
from scripts.faults.fleets import SERVE, Fleet, NotReady
from scripts.faults.halting import halt
from scripts.faults.journals import read_journals
from scripts.faults.mounts import Cut, Mount, PowerMount, why_no_mounts
from scripts.faults.parts import Campaign, Job
from scripts.faults.postgres import Databases
from scripts.faults.power_postgres import MountedServer
from scripts.faults.results import Outcome
from scripts.faults.world import POSTGRESQL, SQLITE, Case, NotQuiet, World

CUTS, SHORT_CUTS = 500, 30
CUTS_A_JOB = 10
ANSWERED_WITHIN = 60.0
QUIET_SECONDS = 60.0
LIVES_FOR = (0.0, 0.5)
"""Seconds from enough load on to the cut, at random between these."""
MOST_ACCEPTED = 20
"""Entries that are accepted between ready and cut, at random up to this."""
LOADED_WITHIN = 10.0
"""Seconds for which they are waited for."""
DIES_STARTING = 0.25
"""Share of cuts that hit a gateway before it is ready."""
STARTS_FOR = 0.6
"""Seconds after a start within which such a cut comes."""
_MEGABYTES = {SQLITE: 128, POSTGRESQL: 512}
_DATABASES = (SQLITE, POSTGRESQL, SQLITE)
"""A job each in turn."""


class Cuts:
    """One run of cuts on one gateway."""

    def __init__(self, case: Case, mount: PowerMount, server: MountedServer | None, seed: str) -> None:
        self._case = case
        self._mount = mount
        self._server = server
        self._chance = random.Random(seed)  # noqa: S311  repeatable, not secret
        self._target = Target(case.state.key)
        self._fleet = Fleet(case, SERVE)
        self._vkeys = (case.state.vkey, *case.state.former)
        self.failures: list[str] = []
        self.fired = 0
        accounts = case.state.accounts
        self.client = Client(
            case.place.journals,
            self._target,
            connections=4,
            draw=lambda number: draw_request(accounts, seed, number),
        )

    def run(self, cuts: int) -> None:
        """Cut so often, then have the checker decide."""
        fleet, target, chance = self._fleet, self._target, self._chance
        try:
            fleet.start(target)
            self.client.start()
            for number in range(cuts):
                if number and chance.random() < DIES_STARTING:
                    time.sleep(chance.uniform(0.0, STARTS_FOR))
                else:
                    fleet.wait(target)
                    self._await_load(chance.randint(1, MOST_ACCEPTED))
                    time.sleep(chance.uniform(*LIVES_FOR))
                self._cut(chance.choices(list(Cut), (1, 1, 4))[0])
            fleet.wait(target)
            self.client.stop()
            if not self.client.join(ANSWERED_WITHIN):
                self.failures.append(f"O10 requests without an answer: {self.client.tally}")
            self._case.wait_quiet(QUIET_SECONDS)
            time.sleep(0.15)
            self.client.close()
            self.failures += fleet.stop()
            self.failures += [f"O10 answer: {what}" for what in self.client.tally.strange]
            self.failures += [str(failure) for failure in check(self._case.place)]
        except (NotReady, NotQuiet, AssertionError, OSError) as error:
            self.failures.append(f"O10 {type(error).__name__}: {error}")
        finally:
            self.client.close()
            fleet.kill_all()

    def _await_load(self, entries: int) -> None:
        """Wait until so many more are accepted, as a cut of an idle gateway shows little; not for ever."""
        wanted, deadline = self.client.tally.accepted + entries, time.monotonic() + LOADED_WITHIN
        while self.client.tally.accepted < wanted and time.monotonic() < deadline:
            time.sleep(0.01)

    def _halt(self) -> None:
        """Hold everything on the disk in the middle of what it does."""
        victim = self._fleet.victim
        halt([] if victim.exit_code is not None else [victim.pid])
        if self._server is not None:
            halt(self._server.halt())

    def _cut(self, how: Cut) -> None:
        """Cut once, and have everything started again; does not wait for the gateway."""
        self._halt()
        self._mount.cut(how)
        self._target.port = None
        self._fleet.victim.kill()
        if self._server is not None:
            self._server.kill()
        self._mount.unmount()
        self._mount.mount()
        wrong = self._mount.look_back(how)
        self.fired += wrong is None
        place = self._case.place
        seen = read_journals(place.journals).seen[-1:]
        unfounded = find_unfounded(place.log, self._vkeys, seen)
        self.failures += [f"O5 after a cut ({how.name.lower()}): {what}" for what in unfounded]
        if wrong is not None:
            self.failures.append(f"no power cut ({how.name.lower()}): {wrong}")
        self._mount.mark()
        if self._server is not None:
            self._server.start()
        self._fleet.start_victim()


@contextmanager
def moved(case: Case, mount: Mount) -> Iterator[None]:
    """Have a case's data folder on the mount; what clients and processes write beside it stays outside."""
    place = mount.at / "data"
    shutil.move(case.data, place)
    mount.settle()
    mount.mark()
    case.data.symlink_to(place)
    try:
        yield
    finally:
        case.data.unlink()


def run_cuts(fault: str, kind: str, seed: str, cuts: int, world: World) -> Outcome:
    """Cut the power as often as asked of a gateway on one kind of database."""
    began = time.monotonic()
    if (reason := why_no_mounts()) is not None:
        failure = f"a power cut needs root and a file system in a file: {reason}"
        return Outcome(fault, seed, 0, (failure,), injected=cuts)
    run = _on_postgresql if kind == POSTGRESQL else _on_sqlite
    done = run(seed, cuts, world)
    tally = done.client.tally
    return Outcome(
        fault, seed, done.fired, tuple(done.failures), f"{tally.accepted} accepted, as root on loop devices",
        time.monotonic() - began, tally.accepted, tally.issues, cuts,
    )  # fmt: skip


def _on_sqlite(seed: str, cuts: int, world: World) -> Cuts:
    with PowerMount(_MEGABYTES[SQLITE]) as mount, world.case() as case, moved(case, mount):
        done = Cuts(case, mount, None, seed)
        done.run(cuts)
        return done


def _on_postgresql(seed: str, cuts: int, world: World) -> Cuts:
    """A server of its own on the mount, and so a world of its own on that server."""
    with PowerMount(_MEGABYTES[POSTGRESQL]) as mount:
        server = MountedServer(mount.at)
        try:
            server.make()
            server.start()
            databases = Databases(server.url)

            def clone(template: str | None) -> tuple[str, Callable[[], None]]:
                # The whole server is thrown away.
                return databases.clone(template)[0], lambda: None

            with World(world.folder / f"on-{mount.at.parent.name}", POSTGRESQL, clone) as own:
                own.warm()
                with own.case() as case, moved(case, mount):
                    done = Cuts(case, mount, server, seed)
                    done.run(cuts)
            return done
        finally:
            server.kill()


def list_jobs(campaign: Campaign) -> list[Job]:
    """Return the jobs of all cuts, of one kind of database after the other."""
    jobs: list[Job] = []
    left = SHORT_CUTS if campaign.short else CUTS
    while left > 0:
        kind = _DATABASES[len(jobs) % len(_DATABASES)]
        cuts = min(CUTS_A_JOB, left)
        fault, seed = f"power cut ({kind})", f"{campaign.seed}-power-{len(jobs)}-{kind}-{cuts}"
        # Of the kind of the workers' worlds there is one: what is on PostgreSQL has a world of its own.
        jobs.append(Job(fault, seed, SQLITE, partial(run_cuts, fault, kind, seed, cuts)))
        left -= cuts
    return jobs
