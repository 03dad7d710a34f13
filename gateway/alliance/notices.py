"""Public notices: what a chapter makes known of a merchant, and why, until it ends or is taken back."""

from __future__ import annotations

from dataclasses import replace

from chain.canonical import JsonValue
from chain.types import AccountId
from gateway.cases.case import Case
from gateway.cases.world import World

NOTICE = "notice"
PUBLISHED, WITHDRAWN, ENDED = "published", "withdrawn", "ended"


def publish(world: World, matter: str, merchant: str, **document: JsonValue) -> None:
    """Make the step known: its notice has the entry's own id as key."""
    reason = world.draft.public.get("reason")
    shown: dict[str, JsonValue] = {"matter": matter, "at": world.now, "reason": reason, **document}
    world.open(
        NOTICE, world.entry_id, Case(NOTICE, "", world.chapter, PUBLISHED, AccountId(merchant), None, shown)
    )


def close_notice(world: World, key: str, state: str) -> None:
    """End or withdraw the notice of an entry, where there is one still published."""
    found = world.find(NOTICE, key)
    if found is not None and found.state == PUBLISHED:
        world.put(replace(found, state=state))
