"""The cases of part ``failpoints``: how each registered step is reached, on which databases, how often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256

from gateway.failpoints import Mode
from scripts.faults.fleets import SERVE
from scripts.faults.world import DATABASES, POSTGRESQL


class Drive(Enum):
    """How a case brings a gateway to the step."""

    LIFE = "entries, issues and transfers are posted"
    FRESH_KEY = "a key that never sent anything is not known yet"
    GAP = "a key's next nonce here is two above the chain's: the chain lost what was sent past the outbox"
    REORG = "the chain loses its last blocks"
    ROTATE = "a key is rotated on the stopped gateway"
    UNPROVEN = "a mirrored block is noted as one to be proven"
    HALT = "the chain loses blocks that are final"
    FOREIGN = "somebody else uses a nonce whose bytes were not sent yet"
    REFUSED = "a queued call asks for more gas than a block has"
    WITHDRAWN = "the first of several windows of settlement has failed"
    WEBHOOK = "a subscription is made, changed and served"
    KEY_END = "the key of a subscription is revoked"
    PROPOSAL = "a reversal is proposed"


CASES: Mapping[str, Drive] = {
    "start.migrate": Drive.LIFE,
    "start.log": Drive.LIFE,
    "start.tree": Drive.LIFE,
    "start.republish": Drive.LIFE,
    "start.epoch": Drive.LIFE,
    "start.signer": Drive.FRESH_KEY,
    "ledger.keys": Drive.LIFE,
    "ledger.commit": Drive.LIFE,
    "ledger.outcomes": Drive.LIFE,
    "ledger.receipts": Drive.LIFE,
    "log.tiles": Drive.LIFE,
    "log.rename": Drive.LIFE,
    "log.sign": Drive.LIFE,
    "log.checkpoint": Drive.LIFE,
    "intake.write": Drive.LIFE,
    "intake.answer": Drive.LIFE,
    "intake.receipts": Drive.LIFE,
    "roles.report": Drive.LIFE,
    "anchor.sign": Drive.LIFE,
    "anchor.queue": Drive.LIFE,
    "anchor.evidence": Drive.LIFE,
    "anchor.complete": Drive.LIFE,
    "settle.queue": Drive.LIFE,
    "settle.withdraw": Drive.WITHDRAWN,
    "outbox.sign": Drive.LIFE,
    "outbox.send": Drive.LIFE,
    "outbox.sent": Drive.LIFE,
    "outbox.outcome": Drive.LIFE,
    "outbox.refuse": Drive.REFUSED,
    "outbox.replace": Drive.FOREIGN,
    "outbox.fill": Drive.GAP,
    "mirror.store": Drive.LIFE,
    "mirror.rewind": Drive.REORG,
    "mirror.prove": Drive.UNPROVEN,
    "mirror.halt": Drive.HALT,
    "delivery.tell": Drive.LIFE,
    "delivery.taken": Drive.WEBHOOK,
    "delivery.failed": Drive.WEBHOOK,
    "delivery.end": Drive.KEY_END,
    "webhook.create": Drive.WEBHOOK,
    "webhook.delete": Drive.WEBHOOK,
    "webhook.rotate": Drive.WEBHOOK,
    "webhook.replay": Drive.WEBHOOK,
    "members.propose": Drive.PROPOSAL,
    "rotate.log": Drive.ROTATE,
    "rotate.api": Drive.ROTATE,
    "rotate.signer": Drive.ROTATE,
}
"""How each registered step is reached; a test holds it to the table of steps."""

VICTIMS: Mapping[str, str] = {
    "intake.write": "api",
    "intake.answer": "sequencer",
    "intake.receipts": "sequencer",
    "roles.report": "sequencer",
}
"""Steps that only a process role crosses, by that role: on PostgreSQL alone."""

LATER: Mapping[str, int] = {
    "ledger.commit": 4,
    "log.tiles": 3,
    "log.rename": 5,
    "log.sign": 3,
    "log.checkpoint": 3,
    "outbox.sign": 3,
    "mirror.store": 12,
    "roles.report": 3,
}
"""Steps that are failed a second time, at this later crossing, when there is load and something before."""


@dataclass(frozen=True, slots=True)
class Point:
    """One case: a step, a mode, a kind of database, and at which crossing."""

    name: str
    mode: Mode
    database: str
    nth: int = 1

    @property
    def fault(self) -> str:
        """What the table calls it: the step, over its modes and databases."""
        return f"failpoint {self.name}"

    @property
    def order(self) -> str:
        """What arms it, and what it leaves behind when it fired."""
        return f"{self.name}:{self.mode.value}:{self.nth}"

    @property
    def seed(self) -> str:
        """What repeats it."""
        text = f"{self.name}:{self.mode.value}:{self.database}"
        return text if self.nth == 1 else f"{text}:{self.nth}"

    @property
    def victim(self) -> str:
        """The process that is armed."""
        return VICTIMS.get(self.name, SERVE)

    @property
    def crashes(self) -> bool:
        """Whether its process ends by SIGKILL."""
        return self.mode in (Mode.CRASH_BEFORE, Mode.CRASH_AFTER)

    @property
    def is_done(self) -> bool:
        """Whether the action is done when the fault comes."""
        return self.mode in (Mode.CRASH_AFTER, Mode.ERROR_AFTER)


def list_short_points() -> list[Point]:
    """Return one case of each step, its mode and database by the digest of its name."""
    points = list_points()
    chosen = set()
    for name in CASES:
        own = [point for point in points if point.name == name]
        chosen.add(own[sha256(name.encode()).digest()[0] % len(own)])
    return [point for point in points if point in chosen]


def list_points() -> list[Point]:
    """Return every case, by database, so that each is warmed once."""
    return [
        Point(name, mode, kind, nth)
        for kind in DATABASES
        for name in CASES
        for mode in Mode
        for nth in (1, LATER.get(name, 1))[: 2 if name in LATER else 1]
        if kind == POSTGRESQL or name not in VICTIMS
    ]
