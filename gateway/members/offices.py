"""Tiers: titles that follow from who was referred by whom.

A tier is a title and pays nothing (requirement R2): a team is whom a member referred directly and who is a
member in force.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.cases.case import Case
from gateway.cases.filling import fill, only_subject
from gateway.cases.world import World
from gateway.errors import Refusal
from gateway.ledger.drafts import Draft
from gateway.members.parameters import PARAMETER, parameter_key, pick_version, tier_terms
from gateway.members.register import is_active, require_active, text_or_none
from gateway.rules.membership import judge_tier

TIER = "tier"
NO_TIER = "none"


def set_tier(world: World) -> Draft:
    """Compute a member's tier; recorded only where it changes."""
    account = only_subject(world.draft)
    require_active(world, account, "subjects")
    terms = tier_terms(world)
    team = _team(world, account)
    golden = sum(len(_team(world, member)) >= terms.gold_team for member in team)
    tier = judge_tier(len(team), golden, terms).value
    case = world.find(TIER, account) or Case(TIER, account, world.chapter, NO_TIER, account)
    if case.state == tier:
        raise Refusal("tier.unchanged", tier=tier)
    version = pick_version(
        world.find(PARAMETER, parameter_key(world.chapter, "gold_team")), "gold_team", world.today
    ).version
    document = {"team": len(team), "gold_teams": golden}
    world.put(replace(case, state=tier, document={**case.document, **document}))
    return fill(world.draft, tier=tier, was=case.state, team=len(team), gold_teams=golden, version=version)


def _team(world: World, account: str) -> list[str]:
    """Return the members in force whom an account referred."""
    return [
        case.key
        for case in world.list("referral", holder=account)
        if text_or_none(case, "referrer") == account and is_active(world, case.key)
    ]


OFFICE_RULES = {"tier.set": set_tier}
