"""Probes across chapters: what another chapter has must read, and take as long, as what nobody has.

Oracle O11: no answer to a caller of one chapter holds a name of the other, tells how many it has, or shows by
any difference, time included, that one exists.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from scripts.faults.hostile.exchange import Answer, Pipe
from scripts.faults.hostile.judging import judge
from scripts.faults.hostile.probing import FORMS, OURS, THEIRS, Form, Things, draw_absent, furnish, told
from scripts.faults.hostile.stage import Caller, Stage, running
from scripts.faults.hostile.timing import BOUND_SECONDS, Difference, difference_of_medians
from scripts.faults.results import Outcome
from scripts.faults.world import World

LEAST_TIMED = 100
"""Answers of each sort from which a form's times are compared."""
WRITES_BETWEEN = 20
"""Entries the other chapter gets between two looks at our lists."""
COUNTED = (
    "/v1/entries?limit=200", "/v1/members?limit=200", "/v1/events?limit=200", "/v1/chapters", "/v1/keys",
    "/v1/cases?kind=sale", "/v1/notices", "/v1/seats", "/v1/gates", "/v1/parameters",
)  # fmt: skip
"""What our chapter's caller sees of counts: none may move when the other chapter's do."""


@dataclass(slots=True)
class Times:
    """Seconds that answers took, of one form."""

    theirs: list[float] = field(default_factory=list)
    nobodys: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Probe:
    """One form asked for two names, in an order that chance decides."""

    form: Form
    theirs: str
    nobodys: str
    first: bool

    def ask(self, pipe: Pipe, secret: str) -> tuple[Answer, Answer]:
        """Return the answers for their name and for nobody's."""
        names = (self.theirs, self.nobodys) if self.first else (self.nobodys, self.theirs)
        found = [next(pipe.ask([self.form.write(name, secret)])) for name in names]
        return (found[0], found[1]) if self.first else (found[1], found[0])


def draw_probe(chance: random.Random, theirs: Things) -> Probe:
    """Return one probe that follows from ``chance`` and what the other chapter has."""
    form = chance.choice(FORMS)
    name = chance.choice(theirs.names[form.kind])
    return Probe(form, name, draw_absent(form.kind, chance), chance.random() < 0.5)


def judge_probe(probe: Probe, theirs: Answer, nobodys: Answer, foreign: frozenset[str]) -> Iterator[str]:
    """Yield what a pair of answers gives away."""
    where = f"{probe.form.method} {probe.form.path}"
    for answer in (theirs, nobodys):
        yield from (f"{what} ({where})" for what in judge(answer))
    mine, none = told(theirs, probe.theirs), told(nobodys, probe.nobodys)
    if mine != none:
        yield f"O11 existence: {where} {probe.form.body or ''}: {mine} is not {none}"
    for answer in (theirs, nobodys):
        leaked = [name for name in foreign - {probe.theirs} if name.encode() in answer.body]
        if leaked:
            yield f"O11 value: {where} tells {leaked[:2]}"
    if probe.form.method == "GET" and "?" not in probe.form.path and theirs.status < 400:
        yield f"O11 value: {where} answers {theirs.status}"


def compare_times(times: Mapping[Form, Times]) -> Iterator[tuple[Form, Difference]]:
    """Yield the difference of each form's medians, where enough was asked."""
    for form, found in times.items():
        if min(len(found.theirs), len(found.nobodys)) >= LEAST_TIMED:
            yield form, difference_of_medians(found.theirs, found.nobodys)


def _look(caller: Caller) -> dict[str, tuple[int, dict[str, str], str]]:
    return {path: told(caller.ask("GET", path), OURS) for path in COUNTED}


def _check_counts(stage: Stage, ours: Caller, platform: Caller, pool: str, theirs: Things) -> None:
    """Have the other chapter grow, and hold our lists to not noticing."""
    stage.case.wait_quiet()
    before = _look(ours)
    accounts = theirs.names["account"]
    for number in range(WRITES_BETWEEN):
        gift = {"kind": "transfer", "from": pool, "to": accounts[number % 4], "amount": "1"}
        platform.made("/v1/entries", {"type": "credit.transferred", "chapter": THEIRS, "op": gift})
        platform.made("/v1/members", {"chapter": THEIRS})
    stage.case.wait_quiet()
    after = _look(ours)
    for path in COUNTED:
        if before[path] != after[path]:
            stage.fail(f"O11 count: {path} changed with the other chapter: {before[path]} {after[path]}")


def _furnish_both(stage: Stage, platform: Caller) -> tuple[Things, Things, str]:
    pool = platform.made("/v1/chapters", {"code": THEIRS})["pool"]
    today = time.gmtime(time.time() + 8 * 3600)
    period = today.tm_year * 100 + today.tm_mon
    platform.made(f"/v1/chapters/{THEIRS}/quotas", {"period": period, "amount": "100000000"})
    platform.made("/v1/credits/issue", {"chapter": THEIRS, "to": pool, "amount": "1000000"})
    theirs = furnish(platform, THEIRS, pool, stage.port)
    ours = furnish(platform, OURS, stage.case.state.accounts.pool, stage.port)
    return ours, theirs, pool


def _probe_all(stage: Stage, seed: str, count: int, ours: Things, theirs: Things) -> None:
    chance = random.Random(seed)  # noqa: S311  repeatable, not secret
    foreign = frozenset(itertools.chain.from_iterable(theirs.names.values()))
    times: dict[Form, Times] = {form: Times() for form in FORMS}
    pipe = Pipe(stage.port)
    for _ in range(count):
        probe = draw_probe(chance, theirs)
        answers = probe.ask(pipe, ours.secret)
        stage.fired += 1
        for what in judge_probe(probe, *answers, foreign):
            stage.fail(what)
        times[probe.form].theirs.append(answers[0].seconds)
        times[probe.form].nobodys.append(answers[1].seconds)
    pipe.close()
    for form, found in compare_times(times):
        if found.shown_unequal:
            stage.fail(f"O11 time: {form.method} {form.path}: {found} against {BOUND_SECONDS * 1000:.1f} ms")


def run_probes(fault: str, seed: str, count: int, world: World) -> Outcome:
    """Ask ``count`` times for what the other chapter has and for what nobody has."""
    began = time.monotonic()
    with running(world, seed, customers=False) as stage:
        platform = Caller(stage.port, stage.case.state.key)
        ours, theirs, pool = _furnish_both(stage, platform)
        caller = Caller(stage.port, ours.secret)
        _check_counts(stage, caller, platform, pool, theirs)
        _probe_all(stage, seed, count, ours, theirs)
        caller.close()
        platform.close()
    return stage.outcome(fault, seed, count, began)
