"""What a breach costs of a deposit: the terms' part, once, by whichever step it is charged.

The black list and a release may both punish the same breach. It is known by its cause, which the reasons of
both name, and by the hash of its evidence.
"""

from __future__ import annotations

from chain.canonical import JsonValue
from chain.types import AccountId
from gateway.alliance.bonds import load_bond
from gateway.alliance.lists import BREACH_ON, EVIDENCE, LISTING
from gateway.alliance.records import unpack
from gateway.alliance.standing import DEPOSIT
from gateway.cases.case import Case
from gateway.cases.world import World
from gateway.errors import Refusal
from gateway.rules.deposits import DepositState
from gateway.rules.listings import Colour, Listing, ListingState
from gateway.rules.seat_life import ReleaseReason, Seat

FORFEITURE = "forfeiture"
"""Kind of case that keeps a breach from costing a merchant twice; keyed by merchant, cause and evidence."""
CAUSES = {
    "promise_broken": ReleaseReason.PROMISES,
    "exclusivity_breach": ReleaseReason.EXCLUSIVITY,
    "complaint_verified": ReleaseReason.COMPLAINTS,
}
"""The reason of a release that a reason of the black list is, too."""


def charge_listing(world: World, merchant: str, entry: Listing) -> None:
    """Keep that a breach on the black list costs its part.

    A merchant that has left is charged for a breach from before, while its deposit is still held.

    Raises:
        Refusal: ``deposit.seat_ended`` for a breach from after the seat, or where the seat was released for
            the same cause; ``case.exists`` for one that was charged already.
    """
    case = world.require(LISTING, entry.id, "public.reason")
    deposit = world.find(DEPOSIT, merchant)
    left_on = None if deposit is None else deposit.document.get("left_on")
    cause = _cause(entry)
    if isinstance(left_on, str):
        released = any(
            one.document.get("left_on") == left_on and one.text("cause") == cause
            for one in world.list(FORFEITURE, holder=merchant)
        )
        if released or _breach_on(case) > left_on:
            raise Refusal("deposit.seat_ended")
    key, charged = _charge(world, merchant, cause, _evidence(case))
    world.open(FORFEITURE, key, charged)


def charge_release(world: World, seat: Seat, evidence: str) -> bool:
    """Say whether the end of a released seat costs the part, and keep that it does.

    It does not where its breaches were charged already: those that the black list has of its cause from the
    time of the seat, or where it has none that of the release's own evidence.
    """
    bond = load_bond(world, seat.merchant)
    if seat.reason is None or bond.state not in (DepositState.ACTIVE, DepositState.SUSPENDED):
        return False
    cause = seat.reason.value
    listed = [
        case for case in world.list(LISTING, holder=seat.merchant) if _counts(unpack(Listing, case), seat)
    ]
    breaches = dict.fromkeys(map(_evidence, listed)) or {evidence: None}
    new = [one for one in breaches if world.find(FORFEITURE, _key(seat.merchant, cause, one)) is None]
    for one in new:
        key, charged = _charge(world, seat.merchant, cause, one, left_on=world.today.isoformat())
        world.open(FORFEITURE, key, charged)
    return bool(new)


def _counts(entry: Listing, seat: Seat) -> bool:
    """Say whether an entry is of a released seat's cause and time; one that was taken back is of none."""
    is_black = entry.colour is Colour.BLACK and entry.state is not ListingState.LIFTED
    return is_black and CAUSES.get(entry.reason) is seat.reason and entry.since >= seat.granted_on


def _charge(world: World, merchant: str, cause: str, evidence: str, **members: JsonValue) -> tuple[str, Case]:
    document: dict[str, JsonValue] = {"cause": cause, "evidence": evidence, **members}
    case = Case(FORFEITURE, "", world.chapter, "recorded", AccountId(merchant), None, document)
    return _key(merchant, cause, evidence), case


def _key(merchant: str, cause: str, evidence: str) -> str:
    return f"{merchant}:{cause}:{evidence}"


def _cause(entry: Listing) -> str:
    found = CAUSES.get(entry.reason)
    return entry.reason if found is None else found.value


def _evidence(case: Case) -> str:
    """Return the evidence of a breach that is listed; of an early entry its own id."""
    return case.text(EVIDENCE) if EVIDENCE in case.document else case.key


def _breach_on(case: Case) -> str:
    return case.text(BREACH_ON) if BREACH_ON in case.document else case.text("since")
