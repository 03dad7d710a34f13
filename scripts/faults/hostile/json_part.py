"""Hostile JSON: texts of `json_corpus` to every route that reads JSON, many under way at once."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from scripts.faults.hostile.exchange import Answer, NoAnswer, Pipe
from scripts.faults.hostile.json_corpus import CONTROL, Text, Value, draw_text
from scripts.faults.hostile.judging import code_of, judge
from scripts.faults.hostile.stage import Stage, compose, running
from scripts.faults.results import Outcome
from scripts.faults.world import World

TOGETHER = 16
"""Requests sent before the first answer is read."""
NOWHERE = "9999-9999"
"""A chapter there is not: whole bodies are refused for it, by a rule."""
_NOBODY = "acct_" + "7e" * 20
_MEMBER: Value = {"chapter": NOWHERE, "kind": "member", "private": {"name": "n"}}
_ISSUE: Value = {"chapter": NOWHERE, "to": _NOBODY, "amount": "100"}
_GIFT: Value = {
    "type": "gift.sent",
    "chapter": NOWHERE,
    "actor": _NOBODY,
    "op": {"kind": "transfer", "from": _NOBODY, "to": "acct_" + "7f" * 20, "amount": "100"},
    "private": {"note": "n"},
}
BATCH = "/v1/entries/batch"
TARGETS: Mapping[str, Value] = {
    "/v1/entries": _GIFT,
    BATCH: {**_GIFT, "idempotency_key": "hostile"},
    "/v1/members": _MEMBER,
    "/v1/chapters": {"code": "99999999"},
    "/v1/credits/issue": _ISSUE,
    "/v1/credits/reverse/proposals": {**_ISSUE, "from": _NOBODY},
    f"/v1/members/{_NOBODY}/rights": {"may_send": True, "may_receive": True, "order": "ab" * 32},
    "/v1/keys": {"name": "n", "scopes": ["nothing"], "chapter": NOWHERE},
    "/v1/webhooks": {"url": "https//nowhere", "from": 1},
    "/v1/verify": {"v": 1, "entry": {}, "salt": "00" * 32},
}
"""Routes that read JSON, each with a body that it would parse and refuse."""
_REPORTS = "/v1/verify"


@dataclass(frozen=True, slots=True)
class Shot:
    """One request: where to, what text, its bytes."""

    path: str
    text: Text
    request: bytes


def draw_shot(chance: random.Random, secret: str) -> Shot:
    """Return one request that follows from ``chance`` alone."""
    path = chance.choice(list(TARGETS))
    text = draw_text(chance, TARGETS[path])
    headers = {"idempotency-key": f'"h-{chance.getrandbits(64):x}"'}
    body = text.body
    if path == BATCH:
        headers["content-type"] = "application/x-ndjson"
        # A line has no line ends in it; without them some texts are none that must be refused.
        body = body.replace(b"\n", b" ").replace(b"\r", b" ")
        if text.sort == CONTROL and body != text.body:
            text = replace(text, wrong=False)
    return Shot(path, text, compose("POST", path, body, headers, secret=secret))


def judge_shot(shot: Shot, answer: Answer) -> list[str]:
    """Return what is wrong with the answer to a text, knowing how the text was made."""
    found = list(judge(answer))
    code = code_of(answer)
    if shot.path == BATCH and answer.status == 200:
        lines = [json.loads(line) for line in answer.body.splitlines()]
        code = str(lines[0].get("code", ""))
        if any(line.get("status", 201) >= 500 and line["status"] not in (503, 507) for line in lines):
            found.append(f"O10 server error in a line: {answer.body[:200]!r}")
    # A text cut off before its first letter is no line at all.
    refused = code.startswith("json.") or (code == "batch.empty" and not shot.text.body.strip())
    if shot.path == _REPORTS:
        return found
    if shot.text.wrong and not refused:
        found.append(f"JSON taken that is none: {answer.status} {code}")
    if not shot.text.wrong and refused:
        found.append(f"JSON refused that is one: {answer.body[:200]!r}")
    return found


def _fire(stage: Stage, pipe: Pipe, shots: Sequence[Shot]) -> None:
    answers = pipe.ask([shot.request for shot in shots])
    for shot in shots:
        try:
            answer = next(answers)
        except (NoAnswer, OSError) as error:
            stage.fail(f"O10 no answer to {shot.text.sort} at {shot.path}: {error}")
            return
        stage.fired += 1
        for what in judge_shot(shot, answer):
            stage.fail(f"{what} ({shot.text.sort}, {shot.path}, {shot.text.body[:160]!r})")


def run_json(fault: str, seed: str, count: int, world: World) -> Outcome:
    """Send ``count`` texts, then hold the gateway to having lived through it."""
    began = time.monotonic()
    chance = random.Random(seed)  # noqa: S311  repeatable, not secret
    with running(world, seed) as stage:
        pipe, left = Pipe(stage.port), count
        while left > 0:
            shots = [draw_shot(chance, stage.case.state.key) for _ in range(min(TOGETHER, left))]
            _fire(stage, pipe, shots)
            left -= len(shots)
        pipe.close()
    return stage.outcome(fault, seed, count, began)
