"""Clocks of appeals: each has an owner and a deadline, so that one nobody decides is seen.

Whether an appeal is possible and what follows from its decision is judged by the rules of what it is against.
"""

from __future__ import annotations

from dataclasses import replace

from chain.canonical import JsonValue
from gateway.alliance.forms import choice, deadline, show_clock, terms
from gateway.cases.case import Case, holder_of
from gateway.cases.filling import read_text
from gateway.cases.world import World

APPEAL = "appeal"
OPEN, UPHELD, DISMISSED, LAPSED = "open", "upheld", "dismissed", "lapsed"


def open_appeal(world: World, against: Case) -> dict[str, JsonValue]:
    """Start the clock of an appeal with a reason; return its public fields."""
    read_text(world.draft, "reason")
    clock = terms(world).appeal
    due = deadline(world, clock)
    document: dict[str, JsonValue] = {"kind": against.kind, "key": against.key, "owner": clock.owner}
    case = Case(APPEAL, "", world.chapter, OPEN, holder_of(against), due, document)
    world.open(APPEAL, world.entry_id, case)
    return show_clock(clock, due)


def is_upheld(world: World) -> bool:
    """Return what the step decides about an appeal: that its appellant is right, or not."""
    return choice(world, "result", "upheld", "dismissed") == "upheld"


def close_appeal(world: World, against: Case, state: str) -> None:
    """Stop the clock of the appeal that ``against`` names, where one runs."""
    key = against.document.get("appeal")
    appeal = world.find(APPEAL, key) if isinstance(key, str) else None
    if appeal is not None and appeal.state == OPEN:
        world.put(replace(appeal, state=state, due_at=None))
