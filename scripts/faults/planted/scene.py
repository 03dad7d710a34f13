"""A gateway with or without a planted bug, its clients, and what they were shown; told in ``stories.py``.

Patience is short: a bug may leave the gateway stopped, and the checker must then name what is wrong.
"""

from __future__ import annotations

import http.client
import itertools
import json
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from gateway.failpoints import FIRED
from scripts.faults.checker import check
from scripts.faults.client import Client, Connection, Journal, Request, Target, draw_request
from scripts.faults.onchain import NoAnswer
from scripts.faults.rescan import differs_from_rescan
from scripts.faults.running import GatewayProcess
from scripts.faults.shown import read_proof
from scripts.faults.stored import Stored
from scripts.faults.watching import comes_back
from scripts.faults.world import Case, NotQuiet, World

REACHED_WITHIN = 20.0
STALLED_AFTER = 10.0
"""Seconds without any progress after which a gateway is not waited for any more."""
RED_FOR = 3.0
QUIET_WITHIN = 60.0
OVERDRAWN = 7
"""Every so many-th request asks for more than there is."""
PAGE = 5
"""Events of one page."""
PROOFS = 12


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a story: every oracle that does not hold, and what was acknowledged."""

    failures: tuple[str, ...]
    accepted: int = 0
    issues: int = 0


class Scene:
    """One gateway of a case."""

    def __init__(self, case: Case, seed: str) -> None:
        self.case = case
        self.seed = seed
        self.target = Target(case.state.key)
        self.failures: list[str] = []
        self.accepted = self.issues = 0
        self._process: GatewayProcess | None = None
        self._numbers = itertools.count()
        self._client: Client | None = None

    @property
    def process(self) -> GatewayProcess:
        """The gateway. Requires `start`."""
        assert self._process is not None  # noqa: S101
        return self._process

    def start(self, failpoint: str | None = None) -> None:
        """Start the gateway and wait until it is ready."""
        self.target.port = None
        self._process = self.case.process(failpoint=failpoint)
        self._process.start()
        if not self._process.wait_ready():
            raise AssertionError(f"does not start: {self._process.log()[-600:]}")
        self.target.port = self._process.port

    def draw(self, number: int) -> Request:
        """Return the n-th request of this story; some ask for more than there is."""
        request = draw_request(self.case.state.accounts, self.seed, number)
        if number % OVERDRAWN != OVERDRAWN - 1:
            return request
        giver, taker = self.case.state.accounts.members[:2]
        body: dict[str, object] = {"type": "credit.transferred", "chapter": self.case.state.accounts.chapter}
        body["op"] = {"kind": "transfer", "from": giver, "to": taker, "amount": "90000000"}
        body["public"] = {"case": request.order}
        return Request(request.key, "transfer", "/v1/entries", body)

    def begin(self, count: int, *, connections: int = 3, pace: float = 0.0) -> None:
        """Begin to post so many requests; requests of another client before are asked again."""

        def draw(number: int) -> Request | None:
            time.sleep(pace)
            return self.draw(number) if number < count else None

        client = Client(self.case.place.journals, self.target, connections=connections, draw=draw)
        self._client = client
        client.start()

    def join(self) -> bool:
        """Wait for the answers as long as some come. Returns whether all did."""
        client = self._client
        assert client is not None  # noqa: S101
        answered, since, all_are = -1, time.monotonic(), False
        while not (all_are := client.join(0.5)):
            count = client.tally.accepted + client.tally.refused
            if count != answered:
                answered, since = count, time.monotonic()
            if time.monotonic() - since > STALLED_AFTER:
                self.failures.append(f"O10 unanswered: {client.tally}")
                break
        self.failures += [f"O10 answer: {what}" for what in client.tally.strange]
        self.accepted += client.tally.accepted
        self.issues += client.tally.issues
        client.close()
        self._client = None
        return all_are

    def get_over(self) -> None:
        """Wait until the armed step was reached; start again what crashed there."""
        fired, deadline = self.case.data / FIRED, time.monotonic() + REACHED_WITHIN
        while not fired.exists():
            if time.monotonic() > deadline:
                raise AssertionError("the step was not reached")
            time.sleep(0.01)
        if "crash" in fired.read_text():
            self.process.wait_end(5.0)
            self.start()

    def get_well(self) -> None:
        """Start it again where it does not take writes again by itself, as whoever watches over it would."""
        if not comes_back(self.process, self.target, RED_FOR, settle=0.5):
            self.target.port = None
            if self.process.exit_code is None and (code := self.process.stop()) != 0:
                self.failures.append(f"O10 stop: ended with {code}")
            self.start()

    def post(self, request: Request, name: str, allowed: str, key: str | None = None) -> None:
        """Post one request, by another caller where ``key`` is given; it is journalled under ``name``.

        Raises AssertionError: it is neither accepted nor refused as ``allowed``.
        """
        journal = Journal(self.case.place.journals / f"{name}.ndjson")
        mark = str(request.body["public"]["case"])  # type: ignore[index]
        journal.write({"ask": name, "order": mark, "kind": request.kind, "body": request.body})
        target = self.target if key is None else replace(self.target, key=key)
        connection = Connection(target)
        status, content = connection.ask("POST", request.path, request.body, request.key)
        connection.close()
        answer = json.loads(content)
        said = {"ok": name, "answer": answer} if status == 201 else {"refused": name, "code": answer["code"]}
        journal.write(said)
        journal.close()
        if said.get("code") not in (None, allowed):
            raise AssertionError(f"{name}: refused as {said['code']}: {content[:200]!r}")

    def made(self, path: str, body: dict[str, object]) -> dict[str, str]:
        """Post what must be accepted and is no entry of a client's; return the answer."""
        connection = Connection(self.target)
        status, content = connection.ask("POST", path, body, f"{self.seed}-made-{next(self._numbers)}")
        connection.close()
        if status != 201:
            raise AssertionError(f"{path}: {status} {content[:200]!r}")
        made: dict[str, str] = json.loads(content)
        return made

    def rest(self) -> None:
        """Wait until all is done, or nothing goes on."""
        said, since, began = "", time.monotonic(), time.monotonic()
        while True:
            try:
                return self.case.wait_quiet(0.5)
            except NotQuiet as busy:
                now = time.monotonic()
                if str(busy) != said:
                    said, since = str(busy), now
                if now - since > STALLED_AFTER or now - began > QUIET_WITHIN:
                    self.failures.append(f"O10 not quiet: {said}")
                    return

    def read(self) -> None:
        """Ask for proofs, for a verdict on an honest and a forged one, and for all events page by page."""
        connection, journal = Connection(self.target), Journal(self.case.place.journals / "reader.ndjson")
        names = Stored(self.case.database).rows("SELECT log_index, entry_id FROM entries ORDER BY log_index")
        chance = random.Random(self.seed)  # noqa: S311  repeatable, not secret
        for index, name in sorted(chance.sample(names, PROOFS)):
            status, content = connection.ask("GET", f"/v1/entries/{name}/proof?form=tlog-proof")
            if status != 200:
                self.failures.append(f"O10 proof: {status} {content[:120]!r}")
                continue
            journal.write({"proof": content.decode(), "of": index})
            for forged, text in ((False, content.decode()), (True, forge(content.decode()))):
                verdict = _verdict(self.process.port, text)
                journal.write({"verdict": verdict, "forged": forged, "of": index})
        after: str | None = "0:0"
        while after is not None:
            _, content = connection.ask("GET", f"/v1/events?after={after}&limit={PAGE}")
            page = json.loads(content)
            for event in page["events"]:
                journal.write({"heard": event, "by": "pages"})
            after = page["next"] if page["events"] else None
        connection.close()
        journal.close()

    def judge(self, *, rescan: bool = False) -> None:
        """Stop the gateway and have the checker decide."""
        self.end_clients()
        if self._process is not None:
            if self._process.exit_code is None and (code := self._process.stop()) != 0:
                self.failures.append(f"O10 stop: ended with {code}")
            self.failures += [str(failure) for failure in check(self.case.place)]
            if rescan:
                self.failures += differs_from_rescan(self.case)

    def end_clients(self) -> None:
        """End clients that still wait."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def end(self) -> None:
        """End whatever still runs."""
        self.end_clients()
        if self._process is not None and self._process.exit_code is None:
            self._process.kill()


def forge(proof: str) -> str:
    """Return a proof file that says the entry stands beside its place; its path is as long."""
    index = read_proof(proof)[0]
    return proof.replace(f"\nindex {index}\n", f"\nindex {index ^ 1}\n")


def _verdict(port: int, text: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=REACHED_WITHIN)
    try:
        connection.request("POST", "/v1/verify", text.encode(), {"content-type": "text/plain"})
        answer = connection.getresponse()
        said = json.loads(answer.read())
    finally:
        connection.close()
    if answer.status != 200:
        raise AssertionError(f"/v1/verify: {answer.status} {said}")
    return str(said["outcome"])


@contextmanager
def playing(
    world: World, seed: str, settings: Mapping[str, str] | None = None, *, rescan: bool = False
) -> Iterator[Scene]:
    """Give a scene of a fresh case; whatever happens in it, the checker decides in the end."""
    with world.case() as case:
        case.settings.update(settings or {})
        scene = Scene(case, seed)
        try:
            try:
                yield scene
            except (AssertionError, OSError, http.client.HTTPException, NoAnswer) as error:
                scene.failures.append(f"O10 {type(error).__name__}: {error}")
            scene.judge(rescan=rescan)
        finally:
            scene.end()
