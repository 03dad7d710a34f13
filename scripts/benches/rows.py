"""The rows of the speed table: what was measured, against which peer, and whether it reaches what it must."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Reach:
    """A bound: ``at_least`` or at most ``bound``, for the row's value or for its ratio to the peer."""

    bound: float
    unit: str
    at_least: bool = True

    def holds(self, got: float | None) -> bool:
        """Whether ``got`` lies on the right side; a value that is missing never does."""
        if got is None or math.isnan(got):
            return False
        return got >= self.bound if self.at_least else got <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.bound:,.10g} {self.unit}"


@dataclass(frozen=True, slots=True)
class Row:
    """One measured line. ``ratio`` is value over peer value, so above 1 means faster than the peer."""

    name: str
    value: float
    unit: str
    peer: str | None
    peer_value: float | None
    ratio: float | None
    reach: str
    met: bool


def make_row(
    name: str,
    value: float,
    unit: str,
    *,
    reach: Reach | None = None,
    peer: str | None = None,
    peer_value: float | None = None,
    ratio_reach: float | None = None,
) -> Row:
    """Judge one measurement against the bound of its value, of its ratio to the peer, or both."""
    ratio = value / peer_value if peer_value else None
    bounds: list[tuple[Reach, float | None]] = []
    if reach is not None:
        bounds.append((reach, value))
    if ratio_reach is not None:
        bounds.append((Reach(ratio_reach, "× peer"), ratio))
    words = " and ".join(str(bound) for bound, _ in bounds) or "none"
    met = all(bound.holds(got) for bound, got in bounds)
    return Row(name, value, unit, peer, peer_value, ratio, words, met)


def repeat_best(measure: Callable[[], float], times: int) -> float:
    """The best of several runs: other work on the machine only ever slows one down."""
    return max(measure() for _ in range(times))


def rate_of(work: Callable[[], int]) -> float:
    """Things done per second by one call that returns how many it did."""
    started = time.perf_counter()
    done = work()
    return done / (time.perf_counter() - started)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def format_number(value: float) -> str:
    """Three digits that matter, thousands separated."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


HEADINGS = ("what", "value", "peer", "ratio", "reach", "met")


def row_cells(row: Row) -> tuple[str, ...]:
    """One row as people read it, in the order of ``HEADINGS``."""
    peer = ratio = ""
    if row.peer is not None and row.peer_value is not None:
        peer = f"{row.peer}: {format_number(row.peer_value)}"
    if row.ratio is not None:
        ratio = f"{format_number(row.ratio)} ×"
    return (
        *(row.name, f"{format_number(row.value)} {row.unit}"),
        *(peer, ratio, row.reach, "✓" if row.met else "✗"),
    )


def print_table(rows: Sequence[Row], title: str) -> None:
    """The table for people, on stdout."""
    table = Table(title=title)
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading in ("what", "peer", "reach") else "right")
    for row in rows:
        table.add_row(*row_cells(row))
    console = Console()
    (console if console.is_terminal else Console(width=130)).print(table)


def format_markdown(rows: Sequence[Row]) -> str:
    """The same table for a README."""
    lines = [HEADINGS, ("---",) * len(HEADINGS), *(row_cells(row) for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def format_json(rows: Sequence[Row]) -> str:
    """The rows for a machine: a JSON array of objects with the fields of ``Row``."""
    return json.dumps([asdict(row) for row in rows], ensure_ascii=False)
