"""A load generator light enough for a machine it shares with the server: plain HTTP/1.1 over asyncio streams.

Requests are built before the clock starts; answers are read by Content-Length. Nothing is pipelined: each
connection waits for its answer, as real clients do.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: ``seconds`` from the first byte sent to the last received, ``at`` when it was complete."""

    status: int
    body: bytes
    seconds: float
    at: float

    def json(self) -> dict[str, object]:
        """The body as an object."""
        document = json.loads(self.body)
        if not isinstance(document, dict):
            raise ValueError("the answer is not a JSON object")
        return document


def build_request(url: str, key: str, body: bytes, idempotency_key: str | None, media_type: str) -> bytes:
    """The bytes of one POST on a kept-open connection."""
    parts = urlsplit(url)
    head = [
        f"POST {parts.path} HTTP/1.1",
        f"host: {parts.netloc}",
        f"authorization: Bearer {key}",
        f"content-type: {media_type}",
        f"content-length: {len(body)}",
    ]
    if idempotency_key is not None:
        head.append(f'idempotency-key: "{idempotency_key}"')
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


async def read_answer(reader: asyncio.StreamReader, started: float) -> Answer:
    """Read one answer with a Content-Length."""
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    lower = head.lower()
    place = lower.index(b"content-length:") + len(b"content-length:")
    length = int(lower[place : lower.index(b"\r\n", place)])
    body = await reader.readexactly(length)
    now = time.perf_counter()
    return Answer(status, body, now - started, now)


async def _work(host: str, port: int, requests: list[bytes], answers: list[Answer]) -> None:
    reader, writer = await asyncio.open_connection(host, port, limit=64 * 1024 * 1024)
    try:
        while requests:
            request = requests.pop()
            started = time.perf_counter()
            writer.write(request)
            await writer.drain()
            answers.append(await read_answer(reader, started))
    finally:
        writer.close()


async def _send_all(url: str, requests: Sequence[bytes], connections: int) -> list[Answer]:
    parts = urlsplit(url)
    waiting = list(reversed(requests))
    answers: list[Answer] = []
    port = parts.port or 80
    await asyncio.gather(
        *(_work(parts.hostname or "127.0.0.1", port, waiting, answers) for _ in range(connections))
    )
    return answers


def send_all(url: str, requests: Sequence[bytes], connections: int) -> tuple[list[Answer], float]:
    """Send every request over ``connections`` connections; returns the answers and the seconds it took."""
    started = time.perf_counter()
    answers = asyncio.run(_send_all(url, requests, connections))
    return answers, time.perf_counter() - started
