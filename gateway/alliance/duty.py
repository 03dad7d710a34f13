"""The duty to refer two members a month [C], judged only where its switch is on; it ships switched off."""

from __future__ import annotations

from gateway.alliance.forms import complete, in_force, officer
from gateway.alliance.records import unpack
from gateway.alliance.seats import propose_release, show_appeal_by
from gateway.alliance.standing import SEAT, seat_key
from gateway.cases.book import Rule
from gateway.cases.case import Case
from gateway.cases.filling import read_text
from gateway.cases.world import World
from gateway.commerce.months import month_span
from gateway.errors import Refusal
from gateway.ledger.drafts import Draft
from gateway.members import switches
from gateway.rules.calendar import business_date, format_month, parse_month
from gateway.rules.seat_life import ReleaseReason, Seat, SeatState
from gateway.rules.seat_scores import DUTY_TERMS, judge_duty

DUTY = "referral_duty"
SALE = "sale"


def check_duty(world: World) -> Draft:
    """Count the members a seat's holder referred in a past month; too many short months propose its release.

    A member counts in the month of his referral once he has a completed, unrefunded order. Months are
    checked once each.

    Raises:
        Refusal: ``duty.switched_off``; ``duty.month_not_held`` unless the seat was held all of the month;
            ``duty.month_before`` for a month that had begun when the duty was switched on.
    """
    since = world.ask(switches.load_duty_since)
    if since is None:
        raise Refusal("duty.switched_off")
    industry = read_text(world.draft, "industry")
    states = (SeatState.HELD, SeatState.LEAVING)
    case = world.require(SEAT, seat_key(world, industry), "public.industry", *states)
    seat = unpack(Seat, case)
    month = parse_month(read_text(world.draft, "month"))
    first = seat.granted_on.year * 100 + seat.granted_on.month
    day = world.today
    if not first < month < day.year * 100 + day.month:
        raise Refusal("duty.month_not_held", month=format_month(month))
    if month_span(month)[0] < since * 1000:
        on = business_date(since).isoformat()
        raise Refusal("duty.month_before", month=format_month(month), day=on)
    referred = _count(world, seat.merchant, format_month(month))
    counted = Case(
        DUTY, "", world.chapter, "checked", case.holder, None, {"month": month, "referred": referred}
    )
    world.open(DUTY, f"{seat.id}:{month}", counted)
    known = {
        one.number("month"): one.number("referred")
        for one in world.list(DUTY, holder=seat.merchant)
        if one.key.startswith(f"{seat.id}:")
    }
    duty = judge_duty(known, known, in_force(world, DUTY_TERMS), switched_on=True)
    until = None
    if duty.disqualified:
        until = show_appeal_by(propose_release(world, case, ReleaseReason.REFERRAL_DUTY, officer(world)))
    return complete(
        world,
        [seat.merchant],
        merchant=seat.merchant,
        referred=referred,
        wanted=in_force(world, DUTY_TERMS).monthly,
        misses=duty.short_months,
        appeal_until=until,
    )


def _count(world: World, merchant: str, month: str) -> int:
    relations = [one for one in world.list("referral", holder=merchant) if one.document.get("day")]
    named = [one.key for one in relations if str(one.document["day"])[:7] == month]
    return sum(1 for account in named if world.list(SALE, holder=account, state="completed"))


DUTY_RULES: dict[str, Rule] = {"seat.duty_checked": check_duty}
