"""Many instructions posted as NDJSON batches, all of which must be accepted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from scripts.benches.http_load import build_request, send_all
from scripts.benches.running import Ground
from scripts.benches.writes import BATCH_LINES, Refused


def record_lines(ground: Ground, lines: Sequence[Mapping[str, object]], connections: int) -> None:
    """Post lines over some connections. Raises Refused unless every one is accepted."""
    url, key = f"{ground.addresses.gateway}/v1/entries/batch", ground.addresses.platform_key
    requests = []
    for start in range(0, len(lines), BATCH_LINES):
        texts = [json.dumps(line, separators=(",", ":")) for line in lines[start : start + BATCH_LINES]]
        body = "\n".join(texts).encode() + b"\n"
        requests.append(build_request(url, key, body, None, "application/x-ndjson"))
    answers, _ = send_all(url, requests, connections)
    accepted = sum(answer.body.count(b'"state":"accepted"') for answer in answers)
    if accepted != len(lines):
        raise Refused(f"{accepted} of {len(lines)} lines were accepted")
