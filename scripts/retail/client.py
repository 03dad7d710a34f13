"""The demo's side of the HTTP API: what any platform would write, over one pool of connections."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType

import httpx2

Line = dict[str, object]
"""One instruction, as the API takes it."""

BATCH_LINES = 4_000
NDJSON = "application/x-ndjson"


class UnexpectedAnswer(Exception):
    """The gateway answered otherwise than the story needs; ``code`` is its stable code."""

    def __init__(self, what: str, status: int, code: str, detail: str) -> None:
        super().__init__(f"{what}: {status} {code}: {detail}")
        self.what = what
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer: its status and its body as an object."""

    status: int
    body: Mapping[str, object]

    @property
    def ok(self) -> bool:
        """Whether it was accepted."""
        return self.status < 300

    @property
    def code(self) -> str:
        """The stable code of a refusal, or ``accepted``."""
        return "accepted" if self.ok else str(self.body.get("code", f"status {self.status}"))

    def require(self, what: str) -> Mapping[str, object]:
        """The body of an answer that must be good. Raises UnexpectedAnswer."""
        if not self.ok:
            raise UnexpectedAnswer(what, self.status, self.code, str(self.body.get("detail", "")))
        return self.body


class Client:
    """One platform's access to one gateway. Safe to share between threads."""

    def __init__(self, url: str, key: str) -> None:
        limits = httpx2.Limits(max_connections=32, max_keepalive_connections=32)
        self._http = httpx2.Client(
            base_url=url,
            headers={"authorization": f"Bearer {key}"},
            timeout=httpx2.Timeout(120.0),
            limits=limits,
            trust_env=False,
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def post(self, path: str, body: Mapping[str, object], key: str) -> Reply:
        """POST one object under an idempotency key."""
        response = self._http.post(path, json=body, headers={"idempotency-key": f'"{key}"'})
        return Reply(response.status_code, response.json())

    def post_raw(self, path: str, content: bytes, key: str | None) -> Reply:
        """POST bytes as they are, to show what is refused."""
        headers = {"content-type": "application/json"}
        if key is not None:
            headers["idempotency-key"] = f'"{key}"'
        response = self._http.post(path, content=content, headers=headers)
        return Reply(response.status_code, response.json())

    def get(self, path: str, **query: str | int) -> Reply:
        """GET one object."""
        response = self._http.get(path, params=query)
        return Reply(response.status_code, response.json())

    def get_bytes(self, path: str) -> bytes:
        """GET something that is not JSON. Raises UnexpectedAnswer."""
        response = self._http.get(path)
        if response.status_code != 200:
            Reply(response.status_code, response.json()).require(path)
        return response.content

    def get_proof(self, entry_id: str, patience: float = 60.0) -> bytes:
        """The proof file of one entry, waiting while it is not ready. Raises UnexpectedAnswer."""
        deadline = time.monotonic() + patience
        while True:
            response = self._http.get(f"/v1/entries/{entry_id}/proof")
            if response.status_code == 200:
                return response.content
            problem = Reply(response.status_code, response.json())
            if problem.code != "proof.pending" or time.monotonic() > deadline:
                problem.require(f"proof of {entry_id}")
            time.sleep(0.25)

    def send_batch(self, lines: Sequence[Line]) -> Iterator[Mapping[str, object]]:
        """POST lines in few requests; one answer a line, in order. Raises UnexpectedAnswer."""
        for start in range(0, len(lines), BATCH_LINES):
            part = lines[start : start + BATCH_LINES]
            content = b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in part)
            response = self._http.post("/v1/entries/batch", content=content, headers={"content-type": NDJSON})
            if response.status_code != 200:
                Reply(response.status_code, response.json()).require("batch of entries")
            answers = [json.loads(answer) for answer in response.content.splitlines()]
            if len(answers) != len(part):
                raise UnexpectedAnswer("batch of entries", 200, "short", f"{len(answers)} of {len(part)}")
            yield from answers

    def status(self) -> Mapping[str, object]:
        """The gateway's public figures."""
        return self.get("/v1/status").require("status")
