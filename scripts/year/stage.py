"""One simulated gateway as the year sees it: a clock to move, steps to record, counts of what came of them.

Everything is posted in one order over one connection, so that a seed gives one ledger.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from time import sleep

from gateway.rules.calendar import SHANGHAI, format_timestamp
from scripts.retail.client import Client, Line, UnexpectedAnswer
from scripts.retail.settling import wait_until_settled
from scripts.year.likeness import Likeness

CHAPTER = "3101-0001"
STATUS_AGE = 0.6
"""Seconds after which a status surely knows what was recorded before."""


@dataclass(slots=True)
class Stage:
    """``accepted`` counts entries by month and type, ``refused`` by month and code."""

    client: Client
    rng: random.Random
    today: date
    accepted: dict[str, Counter[str]] = field(default_factory=dict)
    refused: dict[str, Counter[str]] = field(default_factory=dict)
    sums: dict[str, Counter[str]] = field(default_factory=dict)
    likeness: Likeness = field(default_factory=Likeness)
    _number: int = 0

    @property
    def month(self) -> str:
        """The current business month as YYYY-MM."""
        return f"{self.today:%Y-%m}"

    def open_day(self, day: date, hour: int = 9, minute: int = 0) -> None:
        """Move the clock to an hour of a business day in Shanghai."""
        self.today = day
        self.set_clock(datetime.combine(day, time(hour, minute), SHANGHAI))

    def set_clock(self, moment: datetime) -> None:
        """Move the clock forward."""
        milliseconds = round(moment.astimezone(UTC).timestamp() * 1000)
        body = {"to": format_timestamp(milliseconds)}
        self.client.post("/v1/simulation/clock", body, self.next_key()).require("the clock")
        self.likeness.set_clock(moment)

    def next_key(self) -> str:
        """A key of its own for each request or line."""
        self._number += 1
        return f"year-{self._number}"

    def count(self, name: str, amount: int = 1) -> None:
        """Add to a figure of the month."""
        self.sums.setdefault(self.month, Counter())[name] += amount

    def total(self, name: str) -> int:
        """A figure of all months."""
        return sum(counted[name] for counted in self.sums.values())

    def record(self, lines: Sequence[Line], *, may_fail: bool = False) -> list[str | None]:
        """Record lines in order; the id of each, None where it was refused. Raises UnexpectedAnswer."""
        keyed = [{"chapter": CHAPTER, **line, "idempotency_key": self.next_key()} for line in lines]
        found: list[str | None] = []
        bad = self.refused.setdefault(self.month, Counter())
        for line, answer in zip(lines, self.client.send_batch(keyed), strict=True):
            if "id" in answer:
                self.note(line)
                found.append(str(answer["id"]))
                continue
            code = str(answer.get("code"))
            if not may_fail:
                raise UnexpectedAnswer(str(line["type"]), 200, code, str(answer.get("detail", "")))
            bad[code] += 1
            found.append(None)
        return found

    def note(self, line: Line) -> None:
        """Count a line that was accepted, here or by a call of its own."""
        self.accepted.setdefault(self.month, Counter())[str(line["type"])] += 1
        self.likeness.note(line)

    def step(self, name: str, public: Mapping[str, object], *, actor: str | None = None) -> str:
        """Record one line that must be accepted. Returns its id."""
        (found,) = self.record([line(name, public, actor=actor)])
        assert found is not None  # noqa: S101  a refusal was raised
        return found

    @staticmethod
    def public_of(answer: Mapping[str, object]) -> Mapping[str, object]:
        """The public fields of an entry as read back."""
        entry = answer["entry"]
        public = entry.get("public") if isinstance(entry, dict) else None
        return public if isinstance(public, dict) else {}

    def settle(self) -> None:
        """Wait until everything recorded is settled and final. Raises NotSettled."""
        # The status may be half a second old and not know the last entries yet.
        sleep(STATUS_AGE)
        wait_until_settled(self.client, lambda settled, entries: None)

    def due(self) -> int:
        """Have the gateway record all that is due now. Returns how many entries that made."""
        number, more = 0, True
        while more:
            answer = self.client.post("/v1/cases/due", {}, self.next_key()).require("what is due")
            recorded, refused = answer["recorded"], answer["refused"]
            found = len(recorded) if isinstance(recorded, list) else 0
            for one in refused if isinstance(refused, list) else []:
                self.refused.setdefault(self.month, Counter())[str(one["code"])] += 1
            number += found
            more = answer["more"] is True and found > 0
        self.accepted.setdefault(self.month, Counter())["(due)"] += number
        return number

    def public(self, entry: str) -> Mapping[str, object]:
        """Read the public fields of an entry as the rules completed it."""
        return self.public_of(self.client.get(f"/v1/entries/{entry}").require("entry"))

    def available(self, account: str) -> int:
        """Read what an account has to spend, in hundredths."""
        answer = self.client.get(f"/v1/accounts/{account}/balance").require("balance")
        return int(str(answer["available"]))

    def list_cases(self, kind: str, state: str | None = None) -> list[Mapping[str, object]]:
        """Read all cases of a kind, in order of their keys."""
        found: list[Mapping[str, object]] = []
        after = ""
        while True:
            query: dict[str, str | int] = {"kind": kind, "after": after, "limit": 200}
            if state is not None:
                query["state"] = state
            page = self.client.get("/v1/cases", **query).require(kind)
            cases = page["cases"]
            found += cases if isinstance(cases, list) else []
            if page["next"] is None:
                return found
            after = str(page["next"])


def line(
    name: str, public: Mapping[str, object], subjects: Iterable[str] = (), *, actor: str | None = None
) -> Line:
    """One instruction of the year; ``actor`` is the officer who takes the step."""
    found: Line = {"type": name, "subjects": list(subjects), "public": dict(public)}
    return found if actor is None else {**found, "actor": actor}


def days_of(start: date, days: int) -> list[date]:
    """The business days of the year, in order."""
    return [start + timedelta(number) for number in range(days)]
