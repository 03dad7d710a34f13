"""A warmed gateway that every case begins from: folder, database and chain, each put back at will.

Made once by a real gateway: contracts, a chapter with quota and a filled pool, members; then stopped at rest.
A case gets a copy of the folder, a copy of the database (the file, or a PostgreSQL template) and the chain
taken back to that moment (``evm_revert``), so that it starts in a fraction of the time of a first start.
"""

from __future__ import annotations

import itertools
import json
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, TypeVar

from chain.evm.deployment import load_deployment
from chain.evm.local import LocalChain
from gateway.failpoints import MARKER
from gateway.keys import ROLES
from scripts.faults.checker import Place
from scripts.faults.client import Accounts, Connection, Target
from scripts.faults.onchain import Chain
from scripts.faults.running import GatewayProcess
from scripts.faults.stored import Stored

CHAPTER = "3101-0007"
BLOCK_SECONDS = 0.1
QUIET_SECONDS = 40.0
MEMBERS = 6
POOL = 100_000

SQLITE, POSTGRESQL = "sqlite", "postgresql"
DATABASES = (SQLITE, POSTGRESQL)


class NotQuiet(Exception):
    """A gateway did not come to rest in time; says what was still under way."""


@dataclass(slots=True)
class State:
    """One gateway at rest: ``url`` of its PostgreSQL database, None for SQLite in the folder."""

    data: Path
    url: str | None
    accounts: Accounts
    key: str
    vkey: str
    former: tuple[str, ...] = ()


@dataclass(slots=True)
class Case:
    """One copy of a state, with the chain at its moment; `process` runs gateways on it."""

    data: Path
    database: str
    rpc: str
    state: State
    settings: dict[str, str]

    @property
    def place(self) -> Place:
        """Where the checker finds its evidence."""
        record = load_deployment(self.data / "deployment.json")
        contracts = {name: "0x" + found.address.hex() for name, found in record.contracts.items()}
        journals = self.data.with_suffix(".journals")
        state = self.state
        log = self.data / "log"
        return Place(self.database, log, self.rpc, contracts, state.vkey, journals, state.former)

    def process(
        self, command: str = "serve", *, failpoint: str | None = None, name: str = ""
    ) -> GatewayProcess:
        """Return a process of the gateway, not started, with a step armed where one is named."""
        armed = {} if failpoint is None else {"TONGYI_FAILPOINT": failpoint}
        return GatewayProcess(command, self.data, {**self.settings, **armed}, name)

    def wait_quiet(self, timeout: float = QUIET_SECONDS, pause: float = 0.03) -> None:
        """Wait until all accepted is signed, anchored, settled, final and mirrored. Raises NotQuiet.

        ``pause`` in seconds lies between two looks, which cost something where the log is large.
        """
        place = self.place
        stored, chain = Stored(place.database), Chain(place.rpc)
        deadline = time.monotonic() + timeout
        while (left := _under_way(stored, chain, place)) is not None:
            if time.monotonic() > deadline:
                raise NotQuiet(left)
            time.sleep(pause)


def _under_way(stored: Stored, chain: Chain, place: Place) -> str | None:
    """Return what is still under way, None at rest."""
    entries = stored.one("SELECT count(*) FROM entries")
    signed = stored.one("SELECT max(size) FROM checkpoints")
    if signed != entries:
        return f"{signed} of {entries} entries are signed for"
    calls = stored.rows(
        "SELECT kind, state, count(*) FROM chain_transactions "
        "WHERE state NOT IN ('final', 'failed', 'replaced') GROUP BY kind, state"
    )
    if calls:
        return f"calls: {calls}"
    cursor = chain.view(place.contracts["TimeCredit"], "cursor(bytes32)", place.log_id)
    if cursor != entries:
        return f"the chain executed {cursor} of {entries} leaves"
    done = stored.one("SELECT count(*) FROM mirror_operations")
    if done != stored.one("SELECT count(*) FROM operations"):
        return f"{done} operations are mirrored"
    if stored.one("SELECT count(*) FROM told_events") != done:
        return "not all that is final was told"
    if stored.one("SELECT count(*) FROM anchor_evidence WHERE complete = false"):
        return "evidence is not complete"
    return None


_W = TypeVar("_W")

Clone = Callable[[str | None], tuple[str, Callable[[], None]]]
"""Makes a PostgreSQL database, a copy where one is named, and gives what drops it."""


class World:
    """One chain and the state on it that every case begins from, of one kind of database."""

    def __init__(self, folder: Path, kind: str, clone: Clone) -> None:
        self.kind = kind
        self.folder = folder
        self.clone = clone
        self._exit = ExitStack()
        self._numbers = itertools.count()
        self._state: State | None = None
        self._moment = ""
        self.more_settings: dict[str, str] = {}
        # Opening a sealed key takes a tenth of a second, of ten at each start; these are not sealed.
        self._signers = {f"TORTURE_{role.upper()}": "0x" + secrets.token_hex(32) for role in ROLES}
        self._chain = LocalChain(folder / "chain", block_time=BLOCK_SECONDS, kept_states=512)

    def __enter__(self) -> World:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.rpc = self._chain.start()
        self._exit.callback(self._chain.stop)
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def settings(self, database: str | None) -> dict[str, str]:
        """Return the environment of a gateway of this world."""
        chosen = {} if database is None else {"TONGYI_DATABASE_URL": database}
        return {
            "TONGYI_CHAIN_URL": self.rpc,
            "TONGYI_ANCHOR_INTERVAL": "0",
            "TONGYI_FINALITY_DEPTH": "2",
            "TONGYI_INTEGRATE_INTERVAL": "0.05",
            "TONGYI_DUE_SECONDS": "0",
            "TONGYI_LOG_LEVEL": "WARNING",
            "TONGYI_SIGNERS": ",".join(f"{role}=env:TORTURE_{role.upper()}" for role in ROLES),
            **self._signers,
            **chosen,
            **self.more_settings,
        }

    @contextmanager
    def case(self) -> Iterator[Case]:
        """Give a copy of the state, with the chain taken back to it; removed afterwards."""
        state = self._state
        assert state is not None  # noqa: S101
        data = self.folder / f"case-{next(self._numbers)}"
        shutil.copytree(state.data, data)
        (data / MARKER).touch()
        with ExitStack() as stack:
            stack.callback(self._remove, data)
            if state.url is None:
                url, settings = f"sqlite:///{data / 'gateway.sqlite3'}", self.settings(None)
            else:
                url, drop = self.clone(state.url)
                stack.callback(drop)
                settings = self.settings(url)
            self._take_back()
            yield Case(data, url, self.rpc, state, settings)

    def beside(self, name: str, make: Callable[[Path, str, Clone], _W]) -> _W:
        """Return another world of the same kind of database, for a case that spoils its chain."""
        return make(self.folder / name, self.kind, self.clone)

    def _remove(self, data: Path) -> None:
        for path in self.folder.glob(f"{data.name}*"):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()

    def _take_back(self) -> None:
        """Bring the chain to the state's moment; what waited to be mined is gone."""
        chain = Chain(self.rpc)
        chain.call("anvil_dropAllTransactions")
        if chain.call("evm_revert", self._moment) is not True:
            raise RuntimeError(f"the chain cannot go back to {self._moment}")
        self._moment = chain.call("evm_snapshot")

    def warm(self) -> None:
        """Make the state. Once."""
        data = self.folder / "warm"
        data.mkdir(mode=0o700)
        url = None
        if self.kind == POSTGRESQL:
            url, drop = self.clone(None)
            self._exit.callback(drop)
        process = GatewayProcess("serve", data, self.settings(url))
        process.start()
        if not process.wait_ready():
            raise RuntimeError(process.log()[-2000:])
        target = Target(process.ready["platform_key"], process.port)
        accounts = populate(target)
        state = State(data, url, accounts, process.ready["platform_key"], process.ready["vkey"])
        database = url or f"sqlite:///{data / 'gateway.sqlite3'}"
        Case(data, database, self.rpc, state, {}).wait_quiet()
        if process.stop() != 0:
            raise RuntimeError(process.log()[-2000:])
        self._state = state
        self._moment = Chain(self.rpc).call("evm_snapshot")


def populate(target: Target, funds: int = POOL) -> Accounts:
    """Open a chapter with quota and a pool of ``funds``, and register members who hold something."""
    connection, numbers = Connection(target), itertools.count()

    def made(path: str, body: dict[str, object]) -> dict[str, Any]:
        status, content = connection.ask("POST", path, body, f"warm-{next(numbers)}")
        if status != 201:
            raise RuntimeError(f"{path}: {content!r}")
        answer: dict[str, Any] = json.loads(content)
        return answer

    pool = str(made("/v1/chapters", {"code": CHAPTER})["pool"])
    today = datetime.now(timezone(timedelta(hours=8)))
    # The next month's as well: a campaign may run over the end of one.
    for day in (today, today.replace(day=1) + timedelta(days=32)):
        period = day.year * 100 + day.month
        made(f"/v1/chapters/{CHAPTER}/quotas", {"period": period, "amount": "100000000"})
    made("/v1/credits/issue", {"chapter": CHAPTER, "to": pool, "amount": str(funds)})
    members = [
        str(made("/v1/members", {"chapter": CHAPTER, "kind": "member"})["account"]) for _ in range(MEMBERS)
    ]
    for member in members:
        body: dict[str, object] = {"type": "credit.transferred", "chapter": CHAPTER}
        body["op"] = {"kind": "transfer", "from": pool, "to": member, "amount": "1000"}
        made("/v1/entries", body)
    connection.close()
    return Accounts(CHAPTER, pool, members)
