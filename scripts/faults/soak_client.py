"""A client at a fixed rate: every request has its moment, and what is late says so (open loop).

Connections are kept open. A request that its moment finds without a free connection is sent as soon as there
is one; the moments of those behind it stay where they were, so that a gateway that falls behind is seen as
lateness and not as a lower rate. Writes the same lines as `client`, for the same checker; unlike there no
line is forced to disk, since nobody kills this process. Shares no code with the product.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.faults.client import PAUSE, Request, Target

CONNECTIONS = 32
PATIENCE = 30.0
"""Seconds after which an answer counts as lost, and the request is asked again."""


@dataclass(slots=True)
class Pace:
    """What came of it: counts, seconds by which each request was late, and that each answer took."""

    asked: int = 0
    accepted: int = 0
    refused: int = 0
    issues: int = 0
    again: int = 0
    strange: list[str] = field(default_factory=list)
    late: array[float] = field(default_factory=lambda: array("d"))
    took: array[float] = field(default_factory=lambda: array("d"))

    def share(self, values: array[float], part: float) -> float:
        """Return the value that ``part`` of all are not above, in seconds; 0 where there is none."""
        return sorted(values)[min(len(values) - 1, int(part * len(values)))] if values else 0.0


class SteadyClient:
    """Posts ``count`` requests, ``rate`` of them a second, from a thread of its own."""

    def __init__(
        self, folder: Path, target: Target, *, rate: float, count: int, draw: Callable[[int], Request]
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.pace = Pace()
        self._journal = (folder / "client-steady.ndjson").open("a")
        self._target = target
        self._rate = rate
        self._count = count
        self._draw = draw
        self._next = 0
        self._begun = 0.0
        self._stopping = False
        self._thread = threading.Thread(target=lambda: asyncio.run(self._post_all()), daemon=True)

    def start(self) -> None:
        """Begin."""
        self._begun = time.monotonic()
        self._thread.start()

    def join(self, timeout: float) -> bool:
        """Wait until every request has its answer; False where some have none in time."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def close(self) -> None:
        """End, whatever is without an answer."""
        self._stopping = True
        self._thread.join(PATIENCE + 5)
        self._journal.close()

    async def _post_all(self) -> None:
        await asyncio.gather(*(self._work() for _ in range(CONNECTIONS)))

    async def _work(self) -> None:
        line = _Line(self._target)
        while not self._stopping and self._next < self._count:
            number, self._next = self._next, self._next + 1
            due = self._begun + number / self._rate
            if (wait := due - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            self.pace.late.append(max(0.0, time.monotonic() - due))
            await self._settle(line, self._draw(number))
        line.close()

    async def _settle(self, line: _Line, request: Request) -> None:
        """Ask until there is an answer."""
        self.pace.asked += 1
        self._write({"ask": request.key, "order": request.order, "kind": request.kind, "body": request.body})
        while not self._stopping:
            began = time.monotonic()
            try:
                async with asyncio.timeout(PATIENCE):
                    status, content = await line.post(request)
                answer: dict[str, Any] = json.loads(content)
            except (OSError, EOFError, ValueError, LookupError) as error:
                line.close()
                self._note_again(request, type(error).__name__)
                await asyncio.sleep(PAUSE)
                continue
            self.pace.took.append(time.monotonic() - began)
            if status == 201:
                self._write({"ok": request.key, "answer": answer})
                self.pace.accepted += 1
                self.pace.issues += request.kind == "issue"
                return
            if status < 500 and status != 429 and not answer.get("retryable"):
                # Somebody who has nothing left to transfer.
                self._write({"refused": request.key, "code": answer.get("code")})
                self.pace.refused += 1
                return
            if status not in (429, 503, 507):
                self.pace.strange.append(f"{status} {answer.get('code')}")
            self._note_again(request, str(answer.get("code")))
            await asyncio.sleep(PAUSE)

    def _note_again(self, request: Request, why: str) -> None:
        self.pace.again += 1
        self._write({"unknown": request.key, "why": why})

    def _write(self, line: dict[str, object]) -> None:
        self._journal.write(json.dumps(line, separators=(",", ":")) + "\n")


class _Line:
    """One connection that is kept open, and made anew when it broke."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._open: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, request: Request) -> tuple[int, bytes]:
        """Return status and body. Raises OSError, EOFError, ValueError or LookupError without an answer."""
        if self._open is None:
            self._open = await asyncio.open_connection("127.0.0.1", self._target.port)
        reader, writer = self._open
        body = json.dumps(request.body, separators=(",", ":")).encode()
        head = (
            f"POST {request.path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {self._target.key}\r\n"
            f'idempotency-key: "{request.key}"\r\ncontent-type: application/json\r\n'
            f"content-length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        await writer.drain()
        answer = (await reader.readuntil(b"\r\n\r\n")).lower()
        at = answer.index(b"content-length:") + len(b"content-length:")
        length = int(answer[at : answer.index(b"\r\n", at)])
        return int(answer[9:12]), await reader.readexactly(length)

    def close(self) -> None:
        """Close it; the next request opens another."""
        if self._open is not None:
            self._open[1].close()
            self._open = None
