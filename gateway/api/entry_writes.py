"""``POST /v1/entries`` and ``POST /v1/entries/batch``: the two hot routes, without FastAPI between.

Raw ASGI handlers: the guard has parsed and identified; here a body becomes a submission and an answer
becomes bytes. They are described in OpenAPI by hand (``gateway/api/documents.py``).
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Future

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive

from chain.canonical import JsonValue, parse_json
from chain.errors import FormatError
from chain.operation import OperationKind
from gateway.api.context import body_of, caller_of, services_of
from gateway.api.instruction import check_key, choose_key, fingerprint, read_draft
from gateway.api.problems import json_refusal, refusal_shown
from gateway.auth import Principal, Scope
from gateway.case_rules import CASE_BOOK
from gateway.errors import Refusal, problem_document
from gateway.ledger.drafts import Accepted, Answer, Submission
from gateway.services import Services

ROUTE = "/v1/entries"
"""Route of one entry; keys of the batch are in the same space."""
BATCH_ROUTE = "/v1/entries/batch"
BATCH_LINES = 512
"""Lines handed to the sequencer at once."""
GROUPS_AHEAD = 2
"""Groups of lines that may wait for their commit while the next one is read."""
ORDINARY = frozenset({OperationKind.TRANSFER, OperationKind.REDEEM})
"""Operations that ``entries:write`` may order; all others need ``credits:write`` too."""
TREASURY = frozenset({"credit.transferred", "service.recorded"})
"""Types whose operation needs ``credits:write``, whatever it is: they pay out of a pool, too."""
NDJSON = "application/x-ndjson"


async def post_entry(request: Request) -> Response:
    """Record one entry; answer 201 when it is durable."""
    principal = caller_of(request).require(Scope.ENTRIES_WRITE)
    body = body_of(request)
    key = choose_key(request.headers.get("idempotency-key"), body)
    submission = submission_of(principal, key, body)
    answer = await asyncio.wrap_future(services_of(request).sequencer.submit(submission))
    return written(answer)


def submission_of(principal: Principal, key: str, body: JsonValue) -> Submission:
    """Return the submission of a parsed body.

    Raises:
        Refusal: the body's form, the chapter or the scope of its operation is not accepted.
    """
    draft = read_draft(body)
    principal.require_chapter(draft.chapter)
    if draft.operation is not None and (draft.operation.kind not in ORDINARY or draft.type in TREASURY):
        principal.require(Scope.CREDITS_WRITE)
    if draft.type in CASE_BOOK.decisions:
        principal.require(Scope.CASES_DECIDE)
    return Submission(principal.id, key, fingerprint(ROUTE, body), draft)


def written(answer: Answer) -> Response:
    """Return the 201 of an accepted entry.

    Raises:
        Refusal: the answer, when it is one.
    """
    if isinstance(answer, Refusal):
        raise answer
    headers = {"location": f"{ROUTE}/{answer.entry_id}"}
    if answer.replayed:
        headers["idempotency-replayed"] = "true"
    return Response(accepted_body(answer), 201, headers, "application/json")


def accepted_body(accepted: Accepted) -> bytes:
    """Return the 201 body; every part is ours and needs no escaping, and the receipt is JSON already."""
    return b'{"id":"%s","index":%d,"leaf_hash":"%s","state":"accepted","receipt":%s}' % (
        accepted.entry_id.encode(),
        accepted.index,
        accepted.leaf_hash.hex().encode(),
        accepted.receipt,
    )


async def post_batch(request: Request) -> Response:
    """Record many entries, one NDJSON line each; answer one line for each, in order.

    Lines are recorded while the body still arrives; what was recorded stays so when the body breaks off,
    and a repeat with the same keys gives the same answers. The answer begins once the body is complete,
    since a client that only reads after writing would otherwise block both sides.
    """
    caller = caller_of(request)
    principal = caller.require(Scope.ENTRIES_WRITE)
    services = services_of(request)
    writer = _BatchWriter(services, principal, request.state.trace_id)
    splitter = _Lines(services.settings.batch_line_limit)
    try:
        async for part in _parts(request.receive):
            for lines in splitter.feed(part):
                await asyncio.to_thread(writer.write, lines)
        await asyncio.to_thread(writer.write, splitter.rest())
        await asyncio.to_thread(writer.finish)
    except Refusal as refusal:
        await asyncio.to_thread(writer.finish)
        if not writer.answers:
            raise
        # Lines before this point are recorded: say so, then say where and why the rest was not read.
        writer.refuse(refusal)
    if not writer.answers:
        raise Refusal("batch.empty")
    return Response(b"".join(writer.answers), 200, media_type=NDJSON)


async def _parts(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        yield message.get("body", b"")
        if not message.get("more_body", False):
            return


class _Lines:
    """Cuts a stream of bytes into lists of whole lines, at most ``BATCH_LINES`` each."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._partial = b""
        self._whole: list[bytes] = []

    def feed(self, part: bytes) -> list[list[bytes]]:
        """Take bytes; return the full lists of lines there are now."""
        *whole, self._partial = (self._partial + part).split(b"\n")
        self._whole += whole
        if len(self._partial) > self._limit:
            raise Refusal("body.too_large", limit=self._limit)
        full = []
        while len(self._whole) >= BATCH_LINES:
            full.append(self._whole[:BATCH_LINES])
            self._whole = self._whole[BATCH_LINES:]
        return full

    def rest(self) -> list[bytes]:
        """Return the lines left at the end; a last line need not end in LF."""
        if self._partial:
            self._whole.append(self._partial)
        rest, self._whole, self._partial = self._whole, [], b""
        return rest


class _BatchWriter:
    """Turns lines into answers, in order. Runs in a worker thread; one call at a time."""

    def __init__(self, services: Services, principal: Principal, trace_id: str) -> None:
        self._services = services
        self._principal = principal
        self._trace_id = trace_id
        self._count = 0
        self._pending: deque[tuple[list[tuple[int, Submission | Refusal]], Future[list[Answer]]]] = deque()
        self.answers: list[bytes] = []

    def write(self, lines: Sequence[bytes]) -> None:
        """Hand ``lines`` to the sequencer; while it commits them, the next ones are read.

        Blank lines are counted but not answered.
        """
        prepared: list[tuple[int, Submission | Refusal]] = []
        for line in lines:
            self._count += 1
            if line.strip():
                prepared.append((self._count, self._prepare(line)))
        submissions = [item for _, item in prepared if isinstance(item, Submission)]
        if submissions:
            self._pending.append((prepared, self._services.sequencer.submit_group(submissions)))
        else:
            self.finish()
            self._collect(prepared, [])
        while len(self._pending) > GROUPS_AHEAD:
            self._collect_oldest()

    def finish(self) -> None:
        """Wait for every line handed over and append its answer."""
        while self._pending:
            self._collect_oldest()

    def _collect_oldest(self) -> None:
        prepared, future = self._pending.popleft()
        self._collect(prepared, future.result())

    def _collect(self, prepared: Sequence[tuple[int, Submission | Refusal]], given: Sequence[Answer]) -> None:
        answers = iter(given)
        for number, item in prepared:
            answer = next(answers) if isinstance(item, Submission) else item
            self.answers.append(self._render(number, answer))

    def refuse(self, refusal: Refusal) -> None:
        """Append the answer for the point where reading stopped."""
        self.answers.append(self._render(self._count + 1, refusal))

    def _prepare(self, line: bytes) -> Submission | Refusal:
        try:
            if len(line) > self._services.settings.batch_line_limit:
                raise Refusal("body.too_large", limit=self._services.settings.batch_line_limit)
            body = parse_json(line)
            key = check_key(body.get("idempotency_key") if isinstance(body, dict) else None)
            return submission_of(self._principal, key, body)
        except Refusal as refusal:
            return refusal
        except FormatError as error:
            return json_refusal(error)

    def _render(self, number: int, answer: Answer) -> bytes:
        if isinstance(answer, Accepted):
            mark = b',"replayed":true}\n' if answer.replayed else b"}\n"
            return accepted_body(answer)[:-1] + mark
        refusal = refusal_shown(answer, self._principal)
        document = problem_document(refusal, instance=BATCH_ROUTE, trace_id=self._trace_id)
        document["line"] = number
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
