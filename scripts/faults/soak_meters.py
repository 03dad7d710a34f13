"""What a gateway takes while it runs: memory, open files, threads, SQLite's log; and the bounds.

Linux: read from ``/proc``, of the gateway and every process under it. Memory is judged by the least squares
line over the second half of the readings, against what may grow with the log:

* 64 B an entry: leaf hash and inner nodes of the tree in memory, in arrays that grow by an eighth at a time;
* some 250 B a checkpoint: the scrub's marks of notes it verified, a dozen checkpoints in 1,000 entries;
* nothing else: registers are by account, SQLite's caches are full before (`soak.FILL`), queues are bounded.

Together some 75 KiB in 1,000 entries, the arrays' slack included. `GROWTH_KIB` allows for less than twice of
that, `NOISE_KIB` for what an allocator keeps for itself, which a short run shows and a long one does not.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
GROWTH_KIB = 128.0
"""KiB of memory that 1,000 entries may add."""
NOISE_KIB = 24 * 1024.0
"""KiB by which the line may rise over the second half whatever the entries."""
MORE_FILES, MORE_THREADS = 40, 8
"""By how many open files and threads the second half may exceed the first: pools are filled as they are
needed, thirteen connections to SQLite of three files each, and six threads that wait for it."""
WAL_BYTES = 256 * 1024 * 1024
"""Most that SQLite's write-ahead log may hold: it is emptied every 16 MiB, readers allowing."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One moment: seconds since the begin, entries acknowledged, KiB, files, threads, processes, bytes."""

    seconds: float
    entries: int
    memory: int
    files: int
    threads: int
    processes: int
    wal: int


def list_processes(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    parents: dict[int, list[int]] = {}
    for folder in PROC.iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):
                # The name in parentheses may hold anything; what follows it does not.
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                parents.setdefault(parent, []).append(int(folder.name))
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        waiting += parents.get(found[-1], [])
    return found


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process and all under it, ended ones it has waited for included."""
    ticks = 0
    for one in list_processes(pid):
        with suppress(OSError):
            fields = (PROC / str(one) / "stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def read_meters(pid: int, wal: Path, seconds: float, entries: int) -> Reading:
    """Read all meters of a gateway; ``wal`` is SQLite's log beside its database."""
    memory = files = threads = processes = 0
    for one in list_processes(pid):
        with suppress(OSError):
            status = dict(
                line.split(":", 1) for line in (PROC / str(one) / "status").read_text().splitlines()
            )
            memory += int(status.get("VmRSS", "0 kB").split()[0])
            threads += int(status["Threads"])
            files += len(os.listdir(PROC / str(one) / "fd"))
            processes += 1
    size = wal.stat().st_size if wal.exists() else 0
    return Reading(seconds, entries, memory, files, threads, processes, size)


def fit_slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the slope of the least squares line through points; 0 where they are at one x."""
    count = len(points)
    middle_x, middle_y = sum(x for x, _ in points) / count, sum(y for _, y in points) / count
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    rise = sum((x - middle_x) * (y - middle_y) for x, y in points)
    return rise / spread if spread else 0.0


@dataclass(frozen=True, slots=True)
class Growth:
    """How memory grew over the second half: KiB in 1,000 entries, and in all; and what was allowed in all."""

    each: float
    total: float
    allowed: float


def second_half(readings: Sequence[Reading]) -> Sequence[Reading]:
    """Return the later half of the readings."""
    return readings[len(readings) // 2 :]


def measure_growth(readings: Sequence[Reading]) -> Growth:
    """Return how memory grew. Requires two readings or more."""
    half = second_half(readings)
    thousands = (half[-1].entries - half[0].entries) / 1000
    each = fit_slope([(one.entries / 1000, float(one.memory)) for one in half])
    return Growth(each, each * thousands, NOISE_KIB + GROWTH_KIB * thousands)


def find_growth(readings: Sequence[Reading]) -> Iterator[str]:
    """Say what is not bounded."""
    if len(readings) < 8:
        yield f"O10 only {len(readings)} readings were taken"
        return
    growth = measure_growth(readings)
    if growth.total > growth.allowed:
        yield (
            f"O10 memory grew by {growth.each:.0f} KiB in 1,000 entries, {growth.total / 1024:.0f} MiB over "
            f"the second half; allowed are {growth.allowed / 1024:.0f} MiB"
        )
    early, late = readings[: len(readings) // 2], second_half(readings)
    for name, more in (("files", MORE_FILES), ("threads", MORE_THREADS), ("processes", 0)):
        before, after = _most(early, name), _most(late, name)
        if after > before + more:
            yield f"O10 {name} grew from {before} to {after}"
    if (largest := _most(readings, "wal")) > WAL_BYTES:
        yield f"O10 the write-ahead log grew to {largest >> 20} MiB"


def _most(readings: Sequence[Reading], name: str) -> int:
    return max(int(getattr(one, name)) for one in readings)
