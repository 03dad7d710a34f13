"""What a campaign counts: for each fault how often it was injected, fired and survived, and what failed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True)
class Outcome:
    """One case: its fault, its seed, how often the fault fired, and every oracle that did not hold.

    ``how`` says in a word how the gateway got over it; ``accepted`` and ``issues`` are acknowledged entries;
    ``injected`` is how often the fault was to fire.
    """

    fault: str
    seed: str
    fired: int
    failures: Sequence[str] = ()
    how: str = ""
    seconds: float = 0.0
    accepted: int = 0
    issues: int = 0
    injected: int = 1

    @property
    def survived(self) -> bool:
        """Whether it fired as often as it was to, and everything holds."""
        return self.fired == self.injected and not self.failures


@dataclass(slots=True)
class Row:
    """One fault's line of the table."""

    fault: str
    injected: int = 0
    fired: int = 0
    survived: int = 0
    accepted: int = 0
    issues: int = 0
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count one case."""
        self.injected += outcome.injected
        self.fired += outcome.fired
        self.survived += outcome.injected if outcome.survived else 0
        self.accepted += outcome.accepted
        self.issues += outcome.issues
        self.seconds += outcome.seconds
        if outcome.fired != outcome.injected:
            self.failures.append(f"{outcome.seed}: fired {outcome.fired} of {outcome.injected} times")
        self.failures += [f"{outcome.seed}: {failure}" for failure in outcome.failures]

    @property
    def passed(self) -> bool:
        """Whether each case of it fired and was survived."""
        return self.injected == self.fired == self.survived


def tabulate(outcomes: Iterable[Outcome]) -> list[Row]:
    """Return a row for each fault, in order of first appearance."""
    rows: dict[str, Row] = {}
    for outcome in outcomes:
        rows.setdefault(outcome.fault, Row(outcome.fault)).add(outcome)
    return list(rows.values())


def format_table(rows: Sequence[Row]) -> str:
    """Return the table for people, failures below it."""
    head = f"{'fault':<44} {'injected':>8} {'fired':>6} {'survived':>8} {'failures':>8} {'s/case':>7}"
    lines = [head, "-" * len(head)]
    for row in rows:
        each = row.seconds / max(row.injected, 1)
        lines.append(
            f"{row.fault:<44} {row.injected:>8} {row.fired:>6} {row.survived:>8} "
            f"{len(row.failures):>8} {each:>7.1f}"
        )
    for row in rows:
        lines += [f"✗ {row.fault}  {failure}" for failure in row.failures]
    return "\n".join(lines)


def summarize(rows: Sequence[Row], seed: str, seconds: float) -> Mapping[str, object]:
    """Return the summary that ``--json`` ends with."""
    return {
        "passed": all(row.passed for row in rows),
        "seed": seed,
        "seconds": round(seconds, 1),
        "injected": sum(row.injected for row in rows),
        "fired": sum(row.fired for row in rows),
        "survived": sum(row.survived for row in rows),
        "accepted": sum(row.accepted for row in rows),
        "issues": sum(row.issues for row in rows),
        "failures": [f"{row.fault} {failure}" for row in rows for failure in row.failures],
        "faults": {row.fault: [row.injected, row.fired, row.survived] for row in rows},
    }


def to_json(outcome: Outcome) -> dict[str, object]:
    """Return an outcome as a line of a campaign's state. Inverse of `from_json`."""
    return asdict(outcome)


def from_json(value: Mapping[str, object]) -> Outcome:
    """Return the outcome of a line of a campaign's state. Inverse of `to_json`."""
    return Outcome(**value)  # type: ignore[arg-type]
