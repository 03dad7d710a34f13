"""Opening, renewing, upgrading, refunding and lapsing of memberships.

The fee is that of the versioned table; the money moves outside and is named by its receipt. What it is split
into follows as a step of its own (`gateway.members.fee_splits`), unless a custodian holds it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import cast

from chain.canonical import JsonValue
from chain.errors import FormatError
from gateway.cases.case import Case, changed
from gateway.cases.filling import concern, fill, only_subject, read_text, show_legs
from gateway.cases.world import Standing, World
from gateway.errors import Refusal
from gateway.ledger.drafts import AccountKind, Draft
from gateway.members import switches
from gateway.members.fee_splits import FIRST_YEAR, RENEWAL, fees_of, open_fee, return_fees
from gateway.members.free_services import YEARS, read_years, write_years
from gateway.members.parameters import age_terms
from gateway.members.register import (
    ACTIVE,
    CLOSED,
    LAPSED,
    MEMBERSHIP,
    MOVED,
    REFUNDED,
    SUSPENDED,
    find_membership,
    is_active,
    require_membership,
    text_or_none,
)
from gateway.rules.calendar import day_start
from gateway.rules.fee_dues import RefundBasis, Validity, pick_fee_use
from gateway.rules.fees import FEE_KINDS, FeeTerms, pick_fee, year_end
from gateway.rules.free_services import add_year, change_terms, find_year
from gateway.rules.membership import AgeTerms, BirthMonth, is_elder
from gateway.rules.referral import waives_year
from gateway.rules.referral_tables import WAIVER_TERMS
from gateway.rules.versions import pick_table

DAY = timedelta(days=1)


def open_membership(world: World) -> Draft:
    """Begin a year of membership of a kind, at the fee in force, against the receipt of its payment."""
    account = world.own(only_subject(world.draft), "subjects")
    earlier = find_membership(world, account.account)
    if earlier is not None and earlier.state in (CLOSED, MOVED):
        raise Refusal("member.closed", field="subjects")
    if earlier is not None and earlier.state != REFUNDED:
        raise Refusal("case.exists", kind=MEMBERSHIP)
    terms = _terms(world, account)
    since = world.today
    until = year_end(since)
    elder = _judge_elder(world.draft, since, age_terms(world))
    draft = world.draft
    receipt = read_text(draft, "receipt")
    document: dict[str, JsonValue] = {
        "kind": terms.id, "version": terms.version, "fee": terms.amount, "receipt": receipt,
        "fee_entry": world.entry_id, "fees": [world.entry_id],
        "since": since.isoformat(), "until": until.isoformat(), "year": 1, "elder": elder,
        "household": draft.public.get("household"), "compound": draft.public.get("compound"),
        "building": draft.public.get("building"), "joined": since.isoformat(),
        YEARS: write_years(add_year((), since, until, terms.free_services, since)),
        "parked": 0 if earlier is None else earlier.number("parked"),
        "parked_at": None if earlier is None else text_or_none(earlier, "parked_at"),
    }  # fmt: skip
    case = Case(MEMBERSHIP, account.account, world.chapter, ACTIVE, account.account, _end(until), document)
    world.put(case)
    open_fee(world, case, terms, FIRST_YEAR)
    return fill(
        draft,
        version=terms.version,
        fee=str(terms.amount),
        currency=draft.public.get("currency", "CNY"),
        since=since.isoformat(),
        until=until.isoformat(),
        elder=elder,
        free_services=terms.free_services,
    )


def renew_membership(world: World) -> Draft:
    """Pay, or have waived, one more year: after the last day of this one, or from today where it lapsed."""
    case = require_membership(world, only_subject(world.draft), ACTIVE, LAPSED)
    account = world.own(case.key, "subjects")
    if not account.may_send:
        raise Refusal("member.frozen", field="subjects")
    day, last = world.today, date.fromisoformat(case.text("until"))
    if case.state == ACTIVE and last > year_end(day):
        raise Refusal("membership.paid_ahead", until=last.isoformat())
    since = last + DAY if case.state == ACTIVE else day
    until = year_end(since)
    terms = _terms(world, account, case.text("kind"))
    waived = world.draft.public.get("waived") is True
    referrals = _check_waiver(world, case) if waived else []
    fee = 0 if waived else terms.amount
    after = changed(
        case, version=terms.version, fee=fee, fee_entry=world.entry_id,
        fees=[] if waived else [world.entry_id], since=since.isoformat(),
        until=until.isoformat(), year=case.number("year") + 1,
        receipt=None if waived else read_text(world.draft, "receipt"),
        waived_by=cast("list[JsonValue]", [*_waived_by(case), *referrals]),
        **{YEARS: write_years(add_year(read_years(case.document), since, until, terms.free_services, day))},
    )  # fmt: skip
    after = replace(after, state=ACTIVE, due_at=_end(until))
    world.put(after)
    if not waived:
        open_fee(world, after, terms, RENEWAL)
    return fill(
        world.draft,
        kind=terms.id,
        version=terms.version,
        fee=str(fee),
        currency=world.draft.public.get("currency", "CNY"),
        since=since.isoformat(),
        until=until.isoformat(),
        waived=waived,
        referrals=len(referrals) if waived else None,
        free_services=terms.free_services,
    )


def upgrade_membership(world: World) -> Draft:
    """Change to a higher kind for the rest of the year, for the difference of the two fees."""
    case = require_membership(world, only_subject(world.draft), ACTIVE)
    account = world.own(case.key, "subjects")
    was, terms = pick_fee(case.text("kind"), world.today), _terms(world, account)
    if not was.rank or terms.rank <= was.rank:
        raise Refusal("membership.not_an_upgrade", kind=was.id)
    difference = terms.amount - case.number("fee")
    if difference <= 0:
        raise Refusal("membership.not_an_upgrade", kind=was.id)
    years = change_terms(read_years(case.document), terms.free_services)
    after = changed(
        case, kind=terms.id, version=terms.version, fee=terms.amount, fee_entry=world.entry_id,
        fees=[*(fee.key for fee in fees_of(world, case)), world.entry_id],
        receipt=read_text(world.draft, "receipt"), **{YEARS: write_years(years)},
    )  # fmt: skip
    world.put(after)
    table = FIRST_YEAR if case.number("year") == 1 else RENEWAL
    open_fee(world, after, replace(terms, amount=difference), table)
    draft = fill(
        world.draft,
        **{"from": was.id},
        version=terms.version,
        fee=str(difference),
        currency=world.draft.public.get("currency", "CNY"),
        since=case.text("since"),
        until=case.text("until"),
        free_services=terms.free_services,
    )
    return concern(draft, [], [case.text("fee_entry")])


def refund_membership(world: World) -> Draft:
    """Give the year's fees back: the membership ends, and every leg of their splits is reversed.

    A custodian's fee comes back whole against its receipts; any other within seven days and unused whole,
    later for the days left (C4).
    """
    case = require_membership(world, only_subject(world.draft), ACTIVE, SUSPENDED, LAPSED)
    terms = pick_fee(case.text("kind"), world.today, case.number("version"))
    fees = fees_of(world, case)
    receipt = read_text(world.draft, "receipt")
    world.put(replace(changed(case, refund_receipt=receipt), state=REFUNDED, due_at=None))
    refs = [fee.key for fee in fees]
    if terms.held:
        amount = str(case.number("fee"))
        for fee in fees:
            world.put(replace(changed(fee, refunded=fee.number("amount")), state=REFUNDED))
        draft = fill(
            world.draft, amount=amount, basis=RefundBasis.CUSTODY.value, custody=case.text("receipt")
        )
        return concern(draft, [], refs)
    validity = Validity(date.fromisoformat(case.text("since")), date.fromisoformat(case.text("until")))
    year = find_year(read_years(case.document), max(world.today, validity.first))
    back = return_fees(world, fees, validity, 0 if year is None else year.used)
    draft = fill(
        world.draft,
        amount=str(back.amount),
        basis=back.basis.value,
        legs=show_legs(back.legs, back.accounts) if back.legs else None,
    )
    return concern(draft, back.accounts.values(), refs)


def lapse_membership(world: World) -> Draft:
    """End a membership whose last day is over; of a suspended one only the year ends."""
    case = require_membership(world, only_subject(world.draft), ACTIVE, SUSPENDED)
    if case.due_at is None or world.now < case.due_at:
        raise Refusal("membership.not_ended", until=case.text("until"))
    # A suspension outlasts the year: it is lifted by who imposed it, and what is parked comes back then.
    world.put(replace(case, state=LAPSED if case.state == ACTIVE else SUSPENDED, due_at=None))
    return fill(world.draft, until=case.text("until"))


def confirm_elder(world: World) -> Draft:
    """Record that a member has reached the elders' age since, on the platform's word with its evidence."""
    case = require_membership(world, only_subject(world.draft), ACTIVE, SUSPENDED)
    draft = fill(world.draft, elder=True)
    _judge_elder(draft, world.today, age_terms(world))
    world.put(changed(case, elder=True))
    return draft


def _terms(world: World, account: Standing, kind: str | None = None) -> FeeTerms:
    """Return the fee of the kind named, at the version named, for this kind of account."""
    kind = read_text(world.draft, "kind") if kind is None else kind
    if kind not in FEE_KINDS:
        raise Refusal("membership.unknown_kind", known=", ".join(FEE_KINDS))
    version = world.draft.public.get("version")
    terms = pick_fee(kind, world.today, version if isinstance(version, int) else None)
    wanted = AccountKind.MERCHANT if terms.merchant else AccountKind.MEMBER
    if account.kind != wanted:
        raise Refusal("membership.wrong_account", wanted=wanted.name.lower())
    return terms


def _judge_elder(draft: Draft, day: date, terms: AgeTerms) -> bool:
    """Return whether the member is an elder: said with evidence, and not against the private birth month."""
    said = draft.public.get("elder") is True
    if said and "evidence" not in draft.public:
        raise Refusal("membership.elder_unproved")
    born = draft.private.get("birth_month")
    if born is None:
        return said
    try:
        year, month = str(born).split("-")
        elder = is_elder(BirthMonth(int(year), int(month)), day, terms)
    except (ValueError, FormatError):
        raise Refusal(
            "entry.bad_field", field="private.birth_month", reason="not a past month YYYY-MM"
        ) from None
    if said and not elder:
        raise Refusal("entry.not_as_computed", field="public.elder")
    # An elder by private birth month alone stays unproved until the platform says so with evidence.
    return said


def _waived_by(case: Case) -> list[str]:
    """Return whose referrals have waived a year already."""
    return cast("list[str]", case.document.get("waived_by", []))


def _check_waiver(world: World, case: Case) -> list[str]:
    """Return whose referrals of the year waive the fee, each once. Raises Refusal ``membership.waiver_*``."""
    if not pick_fee_use(case.text("kind"), world.today).waivable:
        raise Refusal("membership.waiver_other_kind", kind=case.text("kind"))
    gates = switches.read_switches(world)
    terms = pick_table(WAIVER_TERMS, "referral_waiver", world.today)
    since, used = case.text("since"), _waived_by(case)
    found = [
        relation.key
        for relation in world.list("referral", holder=case.key)
        if (text_or_none(relation, "day") or "") >= since
        and relation.key not in used
        and is_active(world, relation.key)
    ]
    have = len(found)
    if not gates.waiver:
        raise Refusal("membership.waiver_off")
    if not waives_year(have, terms, gates):
        raise Refusal("membership.waiver_short", have=have, want=terms.referrals)
    return found


def _end(until: date) -> int:
    """The millisecond at which a membership is over: the day after its last one begins."""
    return day_start(until + DAY)


MEMBERSHIP_RULES = {
    "membership.opened": open_membership,
    "membership.renewed": renew_membership,
    "membership.upgraded": upgrade_membership,
    "membership.refunded": refund_membership,
    "membership.lapsed": lapse_membership,
    "membership.elder_confirmed": confirm_elder,
}
