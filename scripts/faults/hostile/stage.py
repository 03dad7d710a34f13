"""A warmed gateway under hostile clients: started on a case, asked whether it lives, ended and checked."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from scripts.faults.checker import check
from scripts.faults.client import Client, Request, Tally, Target, draw_request
from scripts.faults.hostile.exchange import SLOW, Answer, NoAnswer, Pipe
from scripts.faults.results import Outcome
from scripts.faults.running import GatewayProcess
from scripts.faults.world import Case, NotQuiet, World

UNLIMITED = {"TONGYI_RATE_PER_SECOND": "1000000", "TONGYI_PUBLIC_RATE_PER_SECOND": "1000000"}
"""Hostile clients come with many keys and addresses; here they have one, and are not stopped by its rate."""
PACE = 0.02
"""Seconds between two requests of the well-behaved client."""
MOST_FAILURES = 20
"""Failures that one case tells; all are counted."""


@dataclass(slots=True)
class Stage:
    """A running gateway, its clients, and what failed so far."""

    case: Case
    process: GatewayProcess
    client: Client | None
    failures: list[str] = field(default_factory=list)
    fired: int = 0
    """Requests that the server read: answered, or refused by closing."""

    @property
    def port(self) -> int:
        """Where it answers."""
        return self.process.port

    def fail(self, what: str) -> None:
        """Note a failure; of very many only the first are kept."""
        if len(self.failures) < MOST_FAILURES:
            self.failures.append(what)
        elif len(self.failures) == MOST_FAILURES:
            self.failures.append("and more")

    def outcome(self, fault: str, seed: str, injected: int, began: float) -> Outcome:
        """Return the result of a case that began at ``began`` of the monotonic clock."""
        tally = Tally() if self.client is None else self.client.tally
        return Outcome(
            fault, seed, self.fired, tuple(self.failures), f"{self.fired} requests", time.monotonic() - began,
            tally.accepted, tally.issues, injected,
        )  # fmt: skip


def compose(
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    secret: str | None = None,
) -> bytes:
    """Return the bytes of a request as a well-behaved client would send it."""
    lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1"]
    if secret is not None:
        lines.append(f"authorization: Bearer {secret}")
    given = dict(headers or {})
    if body is not None:
        given = {"content-type": "application/json", "content-length": str(len(body)), **given}
    lines += [f"{name}: {value}" for name, value in given.items()]
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


class Caller:
    """A caller with a key of its own who expects what it asks for."""

    def __init__(self, port: int, secret: str) -> None:
        self._pipe = Pipe(port)
        self._secret = secret
        self._numbers = itertools.count()

    def ask(self, method: str, path: str, body: object = None) -> Answer:
        """Return the answer to one request; a body is sent under a fresh key."""
        content = None if body is None else json.dumps(body).encode()
        headers = (
            {} if body is None else {"idempotency-key": f'"s-{self._secret[-6:]}-{next(self._numbers)}"'}
        )
        return next(self._pipe.ask([compose(method, path, content, headers, secret=self._secret)]))

    def made(self, path: str, body: object) -> dict[str, str]:
        """Post what must be accepted and return the answer. Raises NoAnswer otherwise."""
        answer = self.ask("POST", path, body)
        if answer.status != 201:
            raise NoAnswer(f"{path}: {answer.status} {answer.body[:300]!r}")
        made: dict[str, str] = json.loads(answer.body)
        return made

    def close(self) -> None:
        """Close its connection."""
        self._pipe.close()


@contextmanager
def running(world: World, seed: str, *, customers: bool = True) -> Iterator[Stage]:
    """Give a running gateway with ``customers`` who keep posting; afterwards it must have lived through it,
    come to rest, end in order, and hold what it acknowledged.
    """
    with world.case() as case:
        case.settings.update(UNLIMITED)
        target, process = Target(case.state.key), case.process()
        stage = Stage(case, process, None)
        process.start()
        try:
            if not process.wait_ready():
                raise NoAnswer(f"no start: {process.log()[-600:]}")
            target.port = process.port
            if customers:
                stage.client = _customers(case, target, seed)
                stage.client.start()
            yield stage
            _finish(stage, target)
        except (NotQuiet, OSError, NoAnswer) as error:
            stage.fail(f"O10 {type(error).__name__}: {error}")
        finally:
            if stage.client is not None:
                stage.client.close()
            if process.exit_code is None:
                process.kill()


def _customers(case: Case, target: Target, seed: str) -> Client:
    """Return a well-behaved client that posts about fifty entries a second."""

    def draw(number: int) -> Request:
        time.sleep(PACE)
        return draw_request(case.state.accounts, seed, number)

    return Client(case.place.journals, target, connections=1, draw=draw)


def _finish(stage: Stage, target: Target) -> None:
    """Hold the gateway to having lived through it."""
    case, client = stage.case, stage.client
    if stage.process.exit_code is not None:
        raise NoAnswer(f"it died with {stage.process.exit_code}: {stage.process.log()[-600:]}")
    caller = Caller(stage.port, target.key)
    alive = caller.ask("GET", "/readyz")
    caller.close()
    if alive.status != 200 or alive.seconds > SLOW:
        stage.fail(f"O10 readyz: {alive.status} after {alive.seconds:.1f} s: {alive.body[:120]!r}")
        stage.fail(stage.process.log()[-600:])
    if client is not None:
        client.stop()
        if not client.join(SLOW * 4):
            stage.fail(f"O10 a customer's request has no answer: {client.tally}")
        for what in client.tally.strange:
            stage.fail(f"O10 a customer's answer: {what}")
    case.wait_quiet()
    time.sleep(0.15)
    if client is not None:
        client.close()
    if (code := stage.process.stop()) != 0:
        stage.fail(f"O10 stop: ended with {code}")
    for line in stage.process.log().splitlines():
        if "Traceback" in line or "request_failed" in line:
            stage.fail(f"O10 log: {line[:300]}")
    for failure in check(case.place):
        # What a hostile client got recorded under a mark is in nobody's journal.
        if client is not None or failure.oracle != "O2 phantom":
            stage.fail(str(failure))
