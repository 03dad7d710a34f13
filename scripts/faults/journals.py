"""What the clients of the campaign wrote down, read back; see `client` for the lines."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class Told:
    """What the clients wrote down."""

    asked: dict[str, dict[str, Any]] = field(default_factory=dict)
    accepted: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    final: list[dict[str, Any]] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    proofs: list[dict[str, Any]] = field(default_factory=list)
    verdicts: list[dict[str, Any]] = field(default_factory=list)
    heard: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


def read_journals(folder: Path) -> Told:
    """Return what all files of a folder say; a line that a crash of the client cut off says nothing."""
    told = Told()
    for path in sorted(folder.glob("*.ndjson")):
        for line in path.read_bytes().splitlines():
            try:
                said = json.loads(line)
            except ValueError:
                continue
            if "ask" in said:
                told.asked[said["ask"]] = said
            elif "ok" in said:
                before = told.accepted.get(said["ok"])
                if before is not None and before["id"] != said["answer"]["id"]:
                    told.twice.append(said["ok"])
                told.accepted[said["ok"]] = said["answer"]
            elif "refused" in said:
                told.refused[said["refused"]] = said["code"]
            elif "seen" in said:
                told.seen.append(said["seen"])
            elif "told" in said:
                told.final.append(said["entry"])
            elif "proof" in said:
                told.proofs.append(said)
            elif "verdict" in said:
                told.verdicts.append(said)
            elif "heard" in said:
                told.heard.setdefault(said["by"], []).append(said["heard"])
    return told
