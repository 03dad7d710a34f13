"""The client of the fault campaign: posts entries, issues and transfers, and keeps its own account of it.

Each connection writes a line of JSON to its own file and has it on disk before each request, and another
after each answer. What is not answered is asked again under the same key until it is, so that at the end
each request has one answer. Shares no code with the product: what it writes is what `checker` believes.

Lines: ``{"ask": key, "order": hex32, "kind": ..., "body": ...}``, then ``{"ok": key, "answer": {...}}``,
``{"refused": key, "code": ...}`` or ``{"unknown": key, "why": ...}``; ``{"seen": {...}}`` is a checkpoint and
``{"told": id, ...}`` an entry's state as the gateway said it.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

PAUSE = 0.05
"""Seconds before what was not answered is asked again."""
PATIENCE = 30.0
"""Seconds after which a connection without an answer counts as broken."""


@dataclass(frozen=True, slots=True)
class Request:
    """One thing to post: an idempotency key, its path, its body, and what kind of thing it is."""

    key: str
    kind: str
    path: str
    body: Mapping[str, object]

    @property
    def order(self) -> str:
        """The mark by which the stored entry is found again, in its public fields."""
        return order_of(self.key)


def order_of(key: str) -> str:
    """Return the 64 hex digits that mark what was posted under a key."""
    return hashlib.sha256(key.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Accounts:
    """Who takes part: a chapter's code, its pool, and members."""

    chapter: str
    pool: str
    members: Sequence[str]


KINDS = (2, 5, 3)
"""How often there is an issue, a transfer, and an entry with private fields."""


def draw_request(accounts: Accounts, seed: str, number: int, kinds: tuple[int, int, int] = KINDS) -> Request:
    """Return one request that follows from ``seed`` and ``number`` alone.

    It is an issue to the pool, a transfer, or an entry with private fields, as often as ``kinds`` says.
    """
    key = f"{seed}-{number}"
    chance = random.Random(key)  # noqa: S311  repeatable, not secret
    order = order_of(key)
    member, other = chance.sample(list(accounts.members), 2)
    amount = str(chance.randint(1, 50))
    kind = chance.choices(("issue", "transfer", "record"), kinds)[0]
    if kind == "issue":
        amount += "0"
        body: dict[str, object] = {"chapter": accounts.chapter, "to": accounts.pool, "amount": amount}
        return Request(key, kind, "/v1/credits/issue", {**body, "public": {"case": order}})
    body = {"chapter": accounts.chapter, "actor": member, "public": {"case": order}}
    if kind == "transfer":
        sender = accounts.pool if chance.random() < 0.7 else other
        body["op"] = {"kind": "transfer", "from": sender, "to": member, "amount": amount}
        return Request(key, kind, "/v1/entries", {**body, "type": "credit.transferred"})
    body |= {"type": "purchase.recorded", "subjects": [member, other], "private": {"note": f"n{amount}"}}
    body["public"] = {"receipt": order, "amount": amount, "currency": "CNY"}
    return Request(key, kind, "/v1/entries", body)


class Journal:
    """One connection's file of what it asked and was told."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def write(self, line: Mapping[str, object]) -> None:
        """Add a line; it is on disk when this returns."""
        os.write(self._descriptor, json.dumps(line, separators=(",", ":")).encode() + b"\n")
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


@dataclass(slots=True)
class Target:
    """Where the gateway is now; ``port`` is None while it is down. ``key`` is the caller's secret."""

    key: str
    port: int | None = None


class Connection:
    """One connection that is made anew whenever it breaks."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._open: http.client.HTTPConnection | None = None
        self._port: int | None = None

    def ask(
        self, method: str, path: str, body: Mapping[str, object] | None = None, key: str | None = None
    ) -> tuple[int, bytes]:
        """Return status and body. Raises OSError or HTTPException when there was no answer."""
        port = self._target.port
        if port is None:
            raise ConnectionRefusedError("the gateway is down")
        if self._open is None or port != self._port:
            self.close()
            self._open, self._port = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE), port
        headers = {"authorization": f"Bearer {self._target.key}"}
        if key is not None:
            headers |= {"idempotency-key": f'"{key}"', "content-type": "application/json"}
        try:
            self._open.request(method, path, None if body is None else json.dumps(body), headers)
            answer = self._open.getresponse()
            return answer.status, answer.read()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close it; the next request opens another."""
        if self._open is not None:
            self._open.close()
            self._open = None


@dataclass(slots=True)
class Tally:
    """What came of the requests so far, over all connections."""

    asked: int = 0
    accepted: int = 0
    refused: int = 0
    unknown: int = 0
    issues: int = 0
    strange: list[str] = field(default_factory=list)
    """Answers that no client should get: an undocumented 5xx, or one that is not JSON."""


class Client:
    """Several connections that post until all is answered or `stop`."""

    def __init__(
        self,
        folder: Path,
        target: Target,
        *,
        connections: int,
        draw: Callable[[int], Request | None],
        observe: float = 0.1,
    ) -> None:
        """``draw`` gives the n-th request, None at the end; ``observe`` seconds lie between two looks."""
        folder.mkdir(parents=True, exist_ok=True)
        self.tally = Tally()
        self._folder = folder
        self._target = target
        self._draw = draw
        self._observe = observe
        self._lock = threading.Lock()
        self._next = 0
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._posters = [threading.Thread(target=self._post_all, args=(n,)) for n in range(connections)]
        self._observer = threading.Thread(target=self._observe_all)

    def start(self) -> None:
        """Begin to post and to look."""
        for thread in (*self._posters, self._observer):
            thread.daemon = True
            thread.start()

    def join(self, timeout: float) -> bool:
        """Wait until every request has its answer; False where some have none in time."""
        deadline = time.monotonic() + timeout
        for thread in self._posters:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._posters)

    def stop(self) -> None:
        """Ask nothing new; what was asked is asked until it is answered."""
        self._stopping.set()

    def close(self) -> None:
        """End the observer, and posters that still wait."""
        self.stop()
        self._ended.set()
        for thread in (*self._posters, self._observer):
            if thread.ident is not None:
                thread.join(PATIENCE + 5)

    def _take(self) -> Request | None:
        with self._lock:
            if self._stopping.is_set():
                return None
            request = self._draw(self._next)
            if request is not None:
                self._next += 1
                self.tally.asked += 1
            return request

    def _post_all(self, number: int) -> None:
        journal = Journal(self._folder / f"client-{number}.ndjson")
        connection = Connection(self._target)
        while (request := self._take()) is not None:
            journal.write(
                {"ask": request.key, "order": request.order, "kind": request.kind, "body": request.body}
            )
            while not self._ended.is_set() and not self._post(connection, journal, request):
                self._ended.wait(PAUSE)
        connection.close()
        journal.close()

    def _post(self, connection: Connection, journal: Journal, request: Request) -> bool:
        """Ask once; return whether that was the answer."""
        try:
            status, content = connection.ask("POST", request.path, request.body, request.key)
            answer = cast("dict[str, Any]", json.loads(content))
        except (OSError, http.client.HTTPException) as error:
            journal.write({"unknown": request.key, "why": type(error).__name__})
            with self._lock:
                self.tally.unknown += 1
            return False
        except ValueError:
            self._note_strange(f"{status} not JSON: {content[:100]!r}")
            return False
        if status == 201:
            journal.write({"ok": request.key, "answer": answer})
            with self._lock:
                self.tally.accepted += 1
                self.tally.issues += request.kind == "issue"
            return True
        code = str(answer.get("code"))
        if status >= 500 and (status not in (503, 507) or not answer.get("code")):
            self._note_strange(f"{status} {code}")
        if status >= 500 or status == 429 or answer.get("retryable"):
            journal.write({"unknown": request.key, "why": code})
            with self._lock:
                self.tally.unknown += 1
            return False
        journal.write({"refused": request.key, "code": code})
        with self._lock:
            self.tally.refused += 1
        return True

    def _note_strange(self, what: str) -> None:
        with self._lock:
            self.tally.strange.append(what)

    def _observe_all(self) -> None:
        """Keep every checkpoint seen, and what is said of entries that are called final."""
        journal = Journal(self._folder / "observer.ndjson")
        connection = Connection(self._target)
        last = b""
        while not self._ended.wait(self._observe):
            try:
                status, note = connection.ask("GET", "/log/checkpoint")
                if status == 200 and note != last:
                    journal.write({"seen": note.decode()})
                    last = note
                status, page = connection.ask("GET", "/v1/entries?after=0&limit=50")
                if status == 200:
                    for entry in json.loads(page)["entries"]:
                        if entry.get("state") == "final":
                            journal.write({"told": entry["id"], "entry": entry})
            except (OSError, http.client.HTTPException, ValueError):
                continue
        connection.close()
        journal.close()
