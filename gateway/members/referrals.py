"""Who referred whom: one referrer, no self, no household, no cycle, fixed with the first order (R5).

One case for each referred account, held by the referrer. Nothing is paid for it (rule 40): what an order pays
is in `gateway.members.rewards`.
"""

from __future__ import annotations

from dataclasses import replace

from chain.canonical import JsonValue
from gateway.cases.case import Case
from gateway.cases.filling import concern, fill, only_subject, read_text
from gateway.cases.world import World
from gateway.errors import Refusal
from gateway.ledger.drafts import Draft
from gateway.members.register import MOVED, find_membership, text_or_none
from gateway.rules.referral import Ties, check_referrer

REFERRAL = "referral"
DECLARED, PAID = "declared", "paid"
SALE = "sale"


def declare_referral(world: World) -> Draft:
    """Name a member's referrer; before the first order another one may be named, which stands then."""
    member = world.own(only_subject(world.draft), "subjects")
    referrer = world.own(read_text(world.draft, "referrer"), "public.referrer")
    ordered = {member.account} if world.list(SALE, holder=member.account) else set()
    ties = read_ties(world, member.account, referrer.account)
    check_referrer(member.account, referrer.account, ties, ordered)
    before = world.find(REFERRAL, member.account)
    was = None if before is None else before.text("referrer")
    if was == referrer.account:
        raise Refusal("case.exists", kind=REFERRAL)
    document: dict[str, JsonValue] = {
        "referrer": referrer.account, "entry": world.entry_id, "day": world.today.isoformat()
    }  # fmt: skip
    fresh = Case(REFERRAL, member.account, world.chapter, DECLARED, referrer.account, None, document)
    if before is None:
        world.put(fresh)
        refs: list[str] = []
    else:
        world.put(replace(before, state=DECLARED, holder=referrer.account, document=document))
        refs = [before.text("entry")]
    return concern(fill(world.draft, was=was), [referrer.account], refs)


def referrer_of(world: World, account: str) -> str | None:
    """Return who referred an account of this chapter, None where nobody did."""
    case = world.find(REFERRAL, account)
    if case is None or case.chapter != world.chapter or case.state == MOVED:
        return None
    return case.text("referrer")


def read_ties(world: World, *accounts: str) -> Ties:
    """Return whose referrers are whose above these accounts, and the households of all of them."""
    parents: dict[str, str] = {}
    named = set(accounts)
    for account in accounts:
        above: str | None = account
        while above is not None and above not in parents:
            referrer = referrer_of(world, above)
            if referrer is None:
                break
            parents[above] = referrer
            named.add(referrer)
            above = referrer
    households: dict[str, str] = {}
    for account in sorted(named):
        membership = find_membership(world, account)
        code = None if membership is None else text_or_none(membership, "household")
        if code is not None:
            households[account] = code
    return Ties(parents, households)


REFERRAL_RULES = {"referral.declared": declare_referral}
