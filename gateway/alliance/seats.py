"""The life of a granted seat: renewal, expiry, notice and exit, proposed release with appeal.

One case for each industry of a chapter, so that two merchants never hold one seat; the chain is told of every
change by an effect of the entry.
"""

from __future__ import annotations

from dataclasses import replace

from chain.canonical import JsonValue
from chain.errors import FormatError
from chain.hashing import sha256
from chain.operation import account_address
from chain.rule_kinds import encode_code
from chain.types import AccountId
from gateway.alliance.appeals import DISMISSED, UPHELD, close_appeal, is_upheld, open_appeal
from gateway.alliance.bonds import leave_bond
from gateway.alliance.forfeits import charge_release
from gateway.alliance.forms import acting, choice, complete, due_draft, in_force, officer
from gateway.alliance.notices import publish
from gateway.alliance.records import pack, unpack
from gateway.alliance.standing import SEAT, seat_key
from gateway.cases.book import DueRule, Rule
from gateway.cases.case import Case, holder_of
from gateway.cases.filling import read_text
from gateway.cases.world import World
from gateway.errors import Refusal
from gateway.ledger.drafts import Draft, Effect, GrantSeat, ReleaseSeat, RenewSeat
from gateway.rules.calendar import day_start
from gateway.rules.seat_life import (
    ReleaseReason,
    Seat,
    SeatEvent,
    SeatState,
    SeatStep,
    advance_seat,
)
from gateway.rules.seats import SEAT_TERMS, Application, SeatActor

BREACH = "breach"
"""Member of a seat's document that says what its release was proposed for: the hash of the evidence."""


def check_industry(industry: str) -> None:
    """Pass a code that the chain takes. Raises Refusal ``entry.bad_field``."""
    try:
        encode_code(industry)
    except FormatError as error:
        raise Refusal("entry.bad_field", field="public.industry", reason=error.reason) from None


def grant_seat(world: World, application: Application, case: Case) -> Draft:
    """Open the seat of a granted application, or open it anew after its last holder."""
    until = application.certified_until
    if until is None:
        raise TypeError("the application was not granted")
    certificate = read_text(world.draft, "certificate")
    seat = Seat(
        world.entry_id, world.chapter_text, application.industry, application.merchant, world.today, until
    )
    key = seat_key(world, application.industry)
    before = world.find(SEAT, key)
    _put(world, key, seat, certificate, before.opened_index if before is not None else 0)
    effect = GrantSeat(
        world.chapter,
        application.industry,
        account_address(AccountId(application.merchant)),
        bytes.fromhex(certificate),
        day_start(until) // 1000,
    )
    draft = complete(
        world,
        [application.merchant],
        case,
        merchant=application.merchant,
        industry=application.industry,
        until=until.isoformat(),
    )
    return replace(draft, effects=(effect,))


def renew(world: World) -> Draft:
    """Lengthen the term by a year under a new certificate; on chain a term that is over begins anew."""
    case = _named(world)
    after = advance(world, case, SeatStep.RENEW, SeatActor.PRESIDENT, officer(world))
    certificate = read_text(world.draft, "certificate")
    _put(world, case.key, after, certificate, case.opened_index)
    until = day_start(after.certified_until) // 1000
    effect: Effect = RenewSeat(world.chapter, after.industry, bytes.fromhex(certificate), until)
    if not _is_on_chain(world, case):
        shop = account_address(AccountId(after.merchant))
        effect = GrantSeat(world.chapter, after.industry, shop, bytes.fromhex(certificate), until)
    draft = complete(
        world, [after.merchant], merchant=after.merchant, until=after.certified_until.isoformat()
    )
    return replace(draft, effects=(effect,))


def expire(world: World) -> Draft:
    """End a seat whose term is over; on chain it ended by itself."""
    case = _named(world)
    after = advance(world, case, SeatStep.EXPIRE, SeatActor.CLOCK, "")
    _keep(world, case, after)
    left = leave_bond(world, after.merchant, is_forfeited=False)
    return complete(world, [after.merchant], merchant=after.merchant, **left)


def give_notice(world: World) -> Draft:
    """Start the 90 days after which a merchant leaves by its own will."""
    case = _named(world)
    after = advance(world, case, SeatStep.GIVE_NOTICE, SeatActor.MERCHANT, acting(world, holder_of(case)))
    _keep(world, case, after)
    until = None if after.leaves_on is None else after.leaves_on.isoformat()
    return complete(world, [after.merchant], merchant=after.merchant, until=until)


def withdraw_notice(world: World) -> Draft:
    """Stay."""
    case = _named(world)
    person = acting(world, holder_of(case))
    after = advance(world, case, SeatStep.WITHDRAW_NOTICE, SeatActor.MERCHANT, person)
    _keep(world, case, after)
    return complete(world, [after.merchant], merchant=after.merchant)


def leave(world: World) -> Draft:
    """End a seat at the end of the notice; the deposit is refunded."""
    case = _named(world)
    after = advance(world, case, SeatStep.LEAVE, SeatActor.CLOCK, "")
    _keep(world, case, after)
    left = leave_bond(world, after.merchant, is_forfeited=False)
    draft = complete(world, [after.merchant], merchant=after.merchant, **left)
    return replace(draft, effects=_release(world, case, "exit"))


def propose(world: World) -> Draft:
    """Propose to release a seat for a reason of the table; the merchant may appeal before it takes effect."""
    case = _named(world)
    reason = ReleaseReason(choice(world, "reason", *(one.value for one in ReleaseReason)))
    if reason in (ReleaseReason.BOTTOM_SCORE, ReleaseReason.REFERRAL_DUTY):
        raise Refusal("seat.not_by_hand", reason=reason.value)
    after = propose_release(world, case, reason, officer(world))
    return complete(world, [after.merchant], merchant=after.merchant, appeal_until=show_appeal_by(after))


def propose_release(world: World, case: Case, reason: ReleaseReason, person: str) -> Seat:
    """Propose to release one seat and return it as it stands then."""
    after = advance(world, case, SeatStep.PROPOSE_RELEASE, SeatActor.CHAPTER, person, reason)
    _keep(world, case, after, **{BREACH: world.draft.public.get("evidence", world.entry_id)})
    return after


def show_appeal_by(seat: Seat) -> str | None:
    """Return the date before which a proposed release may be appealed."""
    return None if seat.appeal_by is None else seat.appeal_by.isoformat()


def appeal(world: World) -> Draft:
    """Appeal against a proposed release; it waits for the decision."""
    case = _named(world)
    after = advance(world, case, SeatStep.APPEAL, SeatActor.MERCHANT, acting(world, holder_of(case)))
    clock = open_appeal(world, case)
    _keep(world, case, after, appeal=world.entry_id)
    return complete(world, [after.merchant], merchant=after.merchant, **clock)


def decide(world: World) -> Draft:
    """Keep a seat whose release was appealed against, or release it now."""
    case = _named(world, SeatState.RELEASE_APPEALED)
    upheld = is_upheld(world)
    step = SeatStep.KEEP if upheld else SeatStep.RELEASE
    after = advance(world, case, step, SeatActor.PRESIDENT, officer(world))
    close_appeal(world, case, UPHELD if upheld else DISMISSED)
    if upheld:
        _keep(world, case, after)
        return complete(world, [after.merchant], merchant=after.merchant)
    return _end(world, case, after)


def release(world: World) -> Draft:
    """Release a seat whose holder did not appeal in time."""
    case = _named(world, SeatState.RELEASE_PROPOSED)
    return _end(world, case, advance(world, case, SeatStep.RELEASE, SeatActor.CLOCK, ""))


def _end(world: World, case: Case, after: Seat) -> Draft:
    """End a released seat: in public, and with a part of the deposit lost for a breach not charged yet."""
    _keep(world, case, after)
    reason = ReleaseReason.BOTTOM_SCORE if after.reason is None else after.reason
    is_breach = reason is not ReleaseReason.BOTTOM_SCORE
    is_forfeited = is_breach and charge_release(world, after, str(case.document.get(BREACH, case.key)))
    left = leave_bond(world, after.merchant, is_forfeited=is_forfeited)
    publish(world, "seat_released", after.merchant, industry=after.industry, why=reason.value)
    shown: dict[str, JsonValue] = {"merchant": after.merchant, "cause": reason.value, **left}
    draft = complete(world, [after.merchant], **shown)
    return replace(draft, effects=_release(world, case, reason.value))


def _release(world: World, case: Case, reason: str) -> tuple[Effect, ...]:
    """What the chain is told, nothing where the term is over there; the order it names is this entry."""
    if not _is_on_chain(world, case):
        return ()
    order = sha256(world.entry_id.encode("ascii"))
    return (ReleaseSeat(world.chapter, case.text("industry"), reason, bytes(order)),)


def _is_on_chain(world: World, case: Case) -> bool:
    """Say whether the chain still has the seat of a case: there a term ends by itself."""
    return world.now < day_start(unpack(Seat, case).certified_until)


def _named(world: World, *states: str) -> Case:
    return world.require(
        SEAT, seat_key(world, read_text(world.draft, "industry")), "public.industry", *states
    )


def advance(
    world: World,
    case: Case,
    step: SeatStep,
    actor: SeatActor,
    person: str,
    reason: ReleaseReason | None = None,
) -> Seat:
    """Return a seat after a step of this day. Raises RuleRefusal ``seat.*``."""
    event = SeatEvent(step, actor, person, world.today, reason)
    return advance_seat(unpack(Seat, case), event, in_force(world, SEAT_TERMS))


def _keep(world: World, case: Case, after: Seat, **members: JsonValue) -> None:
    if BREACH in case.document:
        members = {BREACH: case.document[BREACH], **members}
    _put(world, case.key, after, case.text("certificate"), case.opened_index, **members)


def _put(world: World, key: str, seat: Seat, certificate: str, opened: int, **members: JsonValue) -> None:
    due = {
        SeatState.HELD: seat.certified_until,
        SeatState.LEAVING: seat.leaves_on,
        SeatState.RELEASE_PROPOSED: seat.appeal_by,
    }.get(seat.state)
    world.put(
        Case(
            SEAT,
            key,
            world.chapter,
            seat.state,
            AccountId(seat.merchant),
            None if due is None else day_start(due),
            {**pack(seat), "certificate": certificate, **members},
            opened,
        )
    )


_DUE_TYPES = {
    SeatState.HELD: "seat.expired",
    SeatState.LEAVING: "exit.completed",
    SeatState.RELEASE_PROPOSED: "seat.released",
}


def _due(case: Case) -> Draft:
    return due_draft(case, _DUE_TYPES[SeatState(case.state)], industry=case.text("industry"))


SEAT_RULES: dict[str, Rule] = {
    "seat.renewed": renew,
    "seat.expired": expire,
    "seat.release_proposed": propose,
    "seat.release_appealed": appeal,
    "seat.release_decided": decide,
    "seat.released": release,
    "exit.noticed": give_notice,
    "exit.withdrawn": withdraw_notice,
    "exit.completed": leave,
}
SEAT_DUE: dict[str, DueRule] = {SEAT: _due}
