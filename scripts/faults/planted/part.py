"""Part ``planted``: bugs in the campaign's own gateways, each of which an oracle must name.

A bug is in one gateway process alone (``planting.py``). Its story is played without it first, once in a
world: then nothing may be found, or what is found with the bug would say nothing.
"""

from __future__ import annotations

import random
import re
import time
from functools import partial
from weakref import WeakKeyDictionary

from scripts.faults.parts import Campaign, Job
from scripts.faults.planted.bugs import BUGS, LIFE
from scripts.faults.planted.planting import SETTING
from scripts.faults.planted.scene import Played
from scripts.faults.planted.stories import STORIES
from scripts.faults.results import Outcome
from scripts.faults.world import SQLITE, World

SHORT = 5
"""Bugs that the short form draws, all of one story."""
_SOUND: WeakKeyDictionary[World, dict[str, Played]] = WeakKeyDictionary()


def list_jobs(campaign: Campaign) -> list[Job]:
    """Return a job for every bug, or for some that the seed draws; those of one story follow each other."""
    names = sorted(BUGS, key=lambda name: list(STORIES).index(BUGS[name].story))
    if campaign.short:
        quick = [name for name in names if BUGS[name].story == LIFE]
        drawn = random.Random(campaign.seed).sample(quick, SHORT)  # noqa: S311  repeatable, not secret
        names = [name for name in names if name in drawn]
    return [
        Job(f"planted: {name}", seed, SQLITE, partial(run_planted, name, campaign.seed, seed))
        for name in names
        if (seed := f"{campaign.seed}-planted-{_slug(name)}")
    ]


def _slug(text: str) -> str:
    return re.sub("[^a-z]+", "-", text.lower())


def run_planted(name: str, root: str, seed: str, world: World) -> Outcome:
    """Play a bug's story without it and with it: then it must be named, and without it nothing."""
    began, bug = time.monotonic(), BUGS[name]
    story, of_story = STORIES[bug.story], f"{root}-planted-{_slug(bug.story)}"
    sound = _SOUND.setdefault(world, {})
    if bug.story not in sound:
        sound[bug.story] = story(of_story, world)
    failures = [f"without the bug: {failure}" for failure in sound[bug.story].failures]
    mark = world.folder / f"{seed}.mark"
    world.more_settings[SETTING] = f"{name}:{mark}"
    try:
        found = story(of_story, world)
    finally:
        del world.more_settings[SETTING]
    named = sorted({failure.partition(":")[0] for failure in found.failures})
    if bug.caught_by not in named:
        failures.append(f"not caught by {bug.caught_by}: {[one[:300] for one in found.failures]}")
    fired = mark.exists()
    mark.unlink(missing_ok=True)
    others = [one for one in named if one != bug.caught_by]
    how = f"{bug.caught_by}" + (f" (also {', '.join(others)})" if others else "")
    return Outcome(
        f"planted: {name}", seed, int(fired), tuple(failures), f"{bug.story} | {how} | {of_story}",
        time.monotonic() - began, found.accepted, found.issues,
    )  # fmt: skip
