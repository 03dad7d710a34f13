"""Kin and guardians: whom a member may give coins to, and who acts for whom within which limits.

Kin is what both sides declared. A guardian is appointed by a decision; what the ward pays without the
guardian is limited for one payment and for a business day.
"""

from __future__ import annotations

from dataclasses import replace

from chain.operation import account_id
from chain.types import Address
from gateway.alliance.standing import require_not_suspended
from gateway.cases.case import Case, changed
from gateway.cases.filling import concern, fill, only_subject, read_text
from gateway.cases.world import World
from gateway.errors import Refusal
from gateway.ledger.drafts import AccountKind, Draft
from gateway.members.parameters import kin_terms
from gateway.members.register import find_membership, require_active
from gateway.rules.membership import check_relation

KIN, GUARDIAN = "kin", "guardian"
DECLARED, CONFIRMED, ENDED, APPOINTED = "declared", "confirmed", "ended", "appointed"
INVERSE = {
    "spouse": "spouse", "sibling": "sibling", "parent": "child", "child": "parent",
    "grandparent": "grandchild", "grandchild": "grandparent",
}  # fmt: skip
"""What somebody's parent, say, sees in him: relation by relation."""
BASES = ("elder", "guarded")


def find_kin(world: World, one: str, other: str) -> Case | None:
    """Return the case between two accounts, whoever declared first."""
    return world.find(KIN, f"{one}:{other}") or world.find(KIN, f"{other}:{one}")


def relation_of(world: World, one: str, other: str) -> str | None:
    """Return what ``other`` is to ``one`` (``parent``: his parent), None unless both said so."""
    case = find_kin(world, one, other)
    if case is None or case.state != CONFIRMED:
        return None
    relation = case.text("relation")
    return relation if case.text("first") == one else INVERSE[relation]


def declare_kin(world: World) -> Draft:
    """Say what another member is to this one; the second of the two confirms it by the inverse."""
    account, other = only_subject(world.draft), read_text(world.draft, "kin")
    require_active(world, account, "subjects")
    require_active(world, other, "public.kin")
    relation = read_text(world.draft, "relation")
    if account == other:
        raise Refusal("kin.self")
    if relation not in INVERSE:
        raise Refusal("kin.unknown_relation", known=", ".join(INVERSE))
    case = find_kin(world, account, other)
    fresh = case is None or case.state == ENDED
    if fresh:
        key = f"{account}:{other}" if case is None else case.key
        document = {"first": account, "second": other, "relation": relation}
        world.put(Case(KIN, key, world.chapter, DECLARED, account, None, document))
    elif case is not None:
        if case.state == CONFIRMED or case.text("first") == account:
            raise Refusal("case.exists", kind=KIN)
        if INVERSE[case.text("relation")] != relation:
            raise Refusal("kin.relation_differs")
        world.put(replace(case, state=CONFIRMED))
    return concern(fill(world.draft, confirmed=not fresh), [other])


def end_kin(world: World) -> Draft:
    """Take a declaration back, by either side."""
    account, other = only_subject(world.draft), read_text(world.draft, "kin")
    case = find_kin(world, account, other)
    if case is None or case.chapter != world.chapter or case.state == ENDED:
        raise Refusal("case.unknown", field="public.kin", kind=KIN)
    world.put(replace(case, state=ENDED))
    return concern(world.draft, [other])


def appoint_guardian(world: World) -> Draft:
    """Give an elder or somebody under age a guardian, with what the ward may pay alone."""
    ward, guardian = only_subject(world.draft), read_text(world.draft, "guardian")
    require_active(world, ward, "subjects")
    require_active(world, guardian, "public.guardian")
    if ward == guardian:
        raise Refusal("guardian.self")
    basis = read_text(world.draft, "basis")
    if basis not in BASES:
        raise Refusal("entry.bad_field", field="public.basis", reason="not elder or guarded")
    member = find_membership(world, ward)
    if basis == "elder" and (member is None or member.document.get("elder") is not True):
        raise Refusal("guardian.not_an_elder")
    until = world.draft.public.get("until")
    if isinstance(until, str) and until < world.today.isoformat():
        raise Refusal("entry.bad_field", field="public.until", reason="has passed")
    before = world.find(GUARDIAN, ward)
    if before is not None and before.state == APPOINTED:
        raise Refusal("case.exists", kind=GUARDIAN)
    document = {
        "guardian": guardian, "basis": basis, "once": _limit(world.draft, "once"),
        "daily": _limit(world.draft, "daily"), "until": until, "day": "", "spent": 0,
    }  # fmt: skip
    world.put(
        Case(GUARDIAN, ward, world.chapter, APPOINTED, member.holder if member else None, None, document)
    )
    return concern(world.draft, [guardian])


def end_guardian(world: World) -> Draft:
    """End a guardianship."""
    case = world.require(GUARDIAN, only_subject(world.draft), "subjects", APPOINTED)
    world.put(replace(case, state=ENDED))
    guardian = case.text("guardian")
    return concern(fill(world.draft, guardian=guardian), [guardian])


def _limit(draft: Draft, name: str) -> int | None:
    value = draft.public.get(name)
    return int(value) if isinstance(value, str) else None


def check_ward(world: World, account: str, amount: int) -> None:
    """Hold a payment to the limits of the payer's guardianship, unless the guardian makes it.

    Must be called once for a payment: what it lets pass counts for the day.

    Raises:
        Refusal: ``guardian.over_limit``, ``guardian.over_daily``.
    """
    case = world.find(GUARDIAN, account)
    if case is None or case.state != APPOINTED or world.draft.actor == case.text("guardian"):
        return
    day = world.today.isoformat()
    until = case.document.get("until")
    if isinstance(until, str) and until < day:
        return
    once, daily = case.document.get("once"), case.document.get("daily")
    if isinstance(once, int) and amount > once:
        raise Refusal("guardian.over_limit", limit=once)
    spent = case.number("spent") if case.text("day") == day else 0
    if isinstance(daily, int) and spent + amount > daily:
        raise Refusal("guardian.over_daily", limit=daily, left=max(0, daily - spent))
    world.put(changed(case, day=day, spent=spent + amount))


def judge_gift(world: World) -> Draft:
    """Let coins pass between members where the chapter's kin rule and a guardian's limits allow it.

    A merchant whose deposit suspends it takes none, whoever gives them.
    """
    operation = world.draft.operation
    if operation is None:
        return world.draft
    sender, receiver = (account_id(Address(party)) for party in (operation.sender, operation.receiver))
    require_not_suspended(world, receiver)
    check_kin(world, sender, receiver)
    check_ward(world, sender, operation.amount)
    return world.draft


def check_kin(world: World, sender: str, receiver: str) -> None:
    """Hold what passes between two members to the chapter's kin rule. Raises RuleRefusal."""
    parties = (world.standing(sender), world.standing(receiver))
    terms = kin_terms(world)
    if terms.relations is not None and all(
        party is not None and party.kind == AccountKind.MEMBER for party in parties
    ):
        check_relation(relation_of(world, sender, receiver), terms)


def send_gift(world: World) -> Draft:
    """Let a holder give coins to another within `judge_gift`; a pool gives nothing away."""
    operation = world.draft.operation
    giver = None if operation is None else world.standing(account_id(Address(operation.sender)))
    if giver is not None and giver.kind == AccountKind.POOL:
        raise Refusal("entry.bad_field", field="op.from", reason="is a pool, which gives no gifts")
    return judge_gift(world)


FAMILY_RULES = {
    "kin.declared": declare_kin,
    "kin.ended": end_kin,
    "guardian.appointed": appoint_guardian,
    "guardian.ended": end_guardian,
    "gift.sent": send_gift,
    "credit.transferred": judge_gift,
    "credit.redeemed": judge_gift,
    "redemption.recorded": judge_gift,
}
