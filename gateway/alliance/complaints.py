"""Complaints against merchants: held from the deposit at once, decided by an owner, paid first, one appeal.

The words of a complaint are private fields of the complainant. Every state that waits has an owner and a
deadline; a missed one refuses nothing and is listed as overdue.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from chain.canonical import JsonValue
from chain.types import AccountId
from gateway.alliance.appeals import is_upheld
from gateway.alliance.bonds import load_bond, show_bond, store_bond, terms_on
from gateway.alliance.forms import acting, complete, due_draft, in_force, officer, own_merchant
from gateway.alliance.records import pack, unpack
from gateway.cases.book import DueRule, Rule
from gateway.cases.case import Case, holder_of
from gateway.cases.filling import read_sum, read_text
from gateway.cases.world import World
from gateway.commerce.tallied import ACCRUED, USED
from gateway.ledger.drafts import Draft
from gateway.rules.calendar import format_timestamp
from gateway.rules.complaints import (
    COMPLAINT_TERMS,
    Complaint,
    ComplaintActor,
    ComplaintEvent,
    ComplaintState,
    ComplaintStep,
    advance_complaint,
    file_complaint,
)
from gateway.rules.deposits import (
    BOND,
    RESERVE,
    Deposit,
    DepositState,
    dismiss_claim,
    hold_claim,
    pay_claim,
    restore,
    verify_claim,
)
from gateway.rules.refusals import MAX_AMOUNT
from gateway.rules.workdays import WORK_CALENDAR

COMPLAINT = "complaint"
CHAPTER = "chapter"
WAITING = (
    ComplaintState.FILED,
    ComplaintState.ASSIGNED,
    ComplaintState.VERIFIED,
    ComplaintState.APPEALED,
    ComplaintState.OWED_BACK,
)
"""States in which somebody must act by the deadline; the others end by the clock."""

BondStep = Callable[[Deposit], Deposit]


def file(world: World) -> Draft:
    """Open a complaint and hold what it asks for, as far as the merchant's deposit has it free."""
    merchant = own_merchant(world).account
    complainant = world.own(read_text(world.draft, "complainant"), "public.complainant").account
    asked = read_sum(world.draft, "amount", least=1)
    complaint = file_complaint(
        world.entry_id,
        complainant,
        merchant,
        world.now // 1000,
        in_force(world, COMPLAINT_TERMS),
        in_force(world, WORK_CALENDAR),
    )
    bond, record = hold_claim(_bond(world, merchant), world.entry_id, asked)
    store_bond(world, merchant, bond)
    case = _case(world, complaint, asked)
    world.open(COMPLAINT, world.entry_id, case)
    return complete(world, [complainant, merchant], held=str(record.amount), **_clock(case))


def assign(world: World) -> Draft:
    """Give a complaint to its owner, who decides on it; another owner gets no more time."""
    owner = world.own(read_text(world.draft, "owner"), "public.owner").account
    return _step(world, ComplaintStep.ASSIGN, ComplaintActor.CHAPTER, officer(world), owner=owner)


def verify(world: World) -> Draft:
    """Find a complaint right for an amount; the clock of its payment starts."""
    amount = read_sum(world.draft, "amount", least=1)
    key = read_text(world.draft, "about")
    return _step(
        world,
        ComplaintStep.VERIFY,
        ComplaintActor.OWNER,
        officer(world),
        amount=amount,
        bond=lambda bond: verify_claim(bond, key, amount)[0],
    )


def reject(world: World) -> Draft:
    """Find a complaint wrong; what was held is free again, and the complainant may appeal."""
    key = read_text(world.draft, "about")
    return _step(
        world,
        ComplaintStep.DISMISS,
        ComplaintActor.OWNER,
        officer(world),
        bond=lambda bond: dismiss_claim(bond, key)[0],
    )


def withdraw(world: World) -> Draft:
    """Withdraw a complaint nobody decided yet."""
    case = world.about(COMPLAINT)
    person = acting(world, case.text("complainant"))
    return _step(
        world,
        ComplaintStep.WITHDRAW,
        ComplaintActor.COMPLAINANT,
        person,
        bond=lambda bond: dismiss_claim(bond, case.key)[0],
    )


def compensate(world: World) -> Draft:
    """Record the payment of a verified complaint: from the deposit, then the reserve, then the platform.

    ``reserve`` is what the legs of sales and fees gave it and nothing has used yet.
    """
    case = world.about(COMPLAINT)
    merchant = holder_of(case)
    reserve = max(0, world.total(ACCRUED, RESERVE)[1] - world.total(USED, RESERVE)[1])
    bond, _, paid = pay_claim(_bond(world, merchant), case.key, reserve, MAX_AMOUNT)
    legs = dict(paid.legs)
    paying = ComplaintEvent(
        ComplaintStep.PAY, ComplaintActor.CHAPTER, officer(world), world.now // 1000,
        deposit_fen=legs.get(BOND, 0), reserve_fen=legs.get(RESERVE, 0),
    )  # fmt: skip
    after = _advance(world, case, paying)
    store_bond(world, merchant, bond)
    shown: list[JsonValue] = [{"role": role, "amount": str(amount)} for role, amount in paid.legs]
    return complete(
        world,
        [case.text("complainant"), merchant],
        case,
        merchant=merchant,
        amount=str(case.number("awarded_fen")),
        reserve=str(reserve),
        legs=shown,
        late=case.due_at is not None and world.now > case.due_at,
        **show_bond(bond),
        **_clock(after),
    )


def appeal(world: World) -> Draft:
    """Appeal once: the complainant against a rejection, the merchant against a payment made."""
    case = world.about(COMPLAINT)
    paid = case.state == ComplaintState.COMPENSATED
    party, actor = (
        (holder_of(case), ComplaintActor.MERCHANT)
        if paid
        else (case.text("complainant"), ComplaintActor.COMPLAINANT)
    )
    read_text(world.draft, "reason")
    return _step(world, ComplaintStep.APPEAL, actor, acting(world, party))


def decide(world: World) -> Draft:
    """Decide an appeal: uphold it, which awards an amount or has a payment brought back, or dismiss it."""
    case = world.about(COMPLAINT, ComplaintState.APPEALED)
    if not is_upheld(world):
        return _step(world, ComplaintStep.UPHOLD, ComplaintActor.CHAPTER, officer(world))
    if case.number("awarded_fen"):
        return _step(world, ComplaintStep.OVERTURN, ComplaintActor.CHAPTER, officer(world))
    amount = read_sum(world.draft, "amount", least=1)

    def award(bond: Deposit) -> Deposit:
        held, _ = hold_claim(bond, case.key, case.number("asked"))
        return verify_claim(held, case.key, amount)[0]

    return _step(
        world, ComplaintStep.OVERTURN, ComplaintActor.CHAPTER, officer(world), amount=amount, bond=award
    )


def restore_deposit(world: World) -> Draft:
    """Bring an overturned payment back: to the deposit and the reserve that had paid it.

    A merchant that topped its deposit up meanwhile, or was refunded it, gets that part itself.
    """
    case = world.about(COMPLAINT)
    merchant, paid = holder_of(case), case.number("from_deposit_fen")
    event = ComplaintEvent(
        ComplaintStep.BRING_BACK, ComplaintActor.CHAPTER, officer(world), world.now // 1000
    )
    _advance(world, case, event)
    bond, record = restore(load_bond(world, merchant), paid, case.key)
    if record.amount:
        store_bond(world, merchant, bond)
    own, reserve = paid - record.amount, case.number("from_reserve_fen")
    rows = ((BOND, record.amount), ("merchant", own), (RESERVE, reserve))
    shown: list[JsonValue] = [{"role": role, "amount": str(amount)} for role, amount in rows if amount]
    return complete(
        world,
        [merchant, case.text("complainant")],
        case,
        merchant=merchant,
        amount=str(case.number("owed_back_fen")),
        legs=shown,
        late=case.due_at is not None and world.now > case.due_at,
        **show_bond(bond),
    )


def close(world: World) -> Draft:
    """Close a complaint that was decided and not appealed against in time."""
    return _step(world, ComplaintStep.CLOSE, ComplaintActor.CLOCK, "")


def _step(
    world: World,
    step: ComplaintStep,
    actor: ComplaintActor,
    person: str,
    *,
    owner: str | None = None,
    amount: int | None = None,
    bond: BondStep | None = None,
) -> Draft:
    case = world.about(COMPLAINT)
    event = ComplaintEvent(step, actor, person, world.now // 1000, owner, amount)
    after = _advance(world, case, event)
    shown = _clock(after)
    if bond is not None:
        changed = bond(_bond(world, holder_of(case)))
        store_bond(world, holder_of(case), changed)
        shown |= {"held": str(changed.claims[case.key].held if case.key in changed.claims else 0)}
    if after.number("owed_back_fen"):
        shown["owed_back"] = str(after.number("owed_back_fen"))
    parties = [case.text("complainant"), holder_of(case)]
    return complete(world, parties, case, merchant=holder_of(case), state=after.state, **shown)


def _advance(world: World, case: Case, event: ComplaintEvent) -> Case:
    terms, work = in_force(world, COMPLAINT_TERMS), in_force(world, WORK_CALENDAR)
    after = advance_complaint(unpack(Complaint, case), event, terms, work)
    changed = replace(_case(world, after, case.number("asked")), opened_index=case.opened_index)
    world.put(changed)
    return changed


def _bond(world: World, merchant: str) -> Deposit:
    """Return the bond claims are on: an empty one, once a merchant that left was refunded."""
    bond = load_bond(world, merchant)
    return Deposit(terms_on(world.today)) if bond.state is DepositState.CLOSED else bond


def _case(world: World, complaint: Complaint, asked: int) -> Case:
    due = None if complaint.due_at is None else complaint.due_at * 1000
    return Case(
        COMPLAINT,
        complaint.id,
        world.chapter,
        complaint.state,
        AccountId(complaint.merchant),
        due,
        {**pack(complaint), "asked": asked},
    )


def _clock(case: Case) -> dict[str, JsonValue]:
    if case.due_at is None:
        return {}
    shown: dict[str, JsonValue] = {"deadline": format_timestamp(case.due_at)}
    if case.state in WAITING:
        shown["owner"] = case.document["owner"] if case.state == ComplaintState.ASSIGNED else CHAPTER
    return shown


def _due(case: Case) -> Draft | None:
    return None if case.state in WAITING else due_draft(case, "complaint.closed", about=case.key)


COMPLAINT_RULES: dict[str, Rule] = {
    "complaint.filed": file,
    "complaint.assigned": assign,
    "complaint.verified": verify,
    "complaint.rejected": reject,
    "complaint.withdrawn": withdraw,
    "complaint.appealed": appeal,
    "complaint.decided": decide,
    "complaint.closed": close,
    "deposit.compensated": compensate,
    "deposit.restored": restore_deposit,
}
COMPLAINT_DUE: dict[str, DueRule] = {COMPLAINT: _due}
