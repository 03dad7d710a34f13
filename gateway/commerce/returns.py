"""What goes back after a refund: coins from the merchant, the rebate from its buyer; asked for until whole.

A case that owes keeps of each debt what is due and when the clock asks next, 0 for never. Its ``due_at`` is
the earliest of these moments, which are all different: so a moment says which step it is for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from chain.operation import OperationKind, chapter_code
from chain.types import EntryId
from gateway.cases.book import CLOSED, CLOSING
from gateway.cases.case import Case, changed, holder_of
from gateway.cases.filling import concern, fill, order, read_text
from gateway.cases.world import World
from gateway.commerce.sale_case import PARTLY, REFUNDED, SALE
from gateway.errors import Refusal
from gateway.ledger.drafts import Custody, Draft

REBATE = "rebate"
"""Kind of the case that keeps what became of a recorded purchase's rebate, keyed by the purchase's entry."""
RECEIVABLE_PAUSE = 30 * 86_400_000
"""Milliseconds after which what could not be taken back whole is asked for again."""


@dataclass(frozen=True, slots=True)
class Debt:
    """One thing a case may owe: its members ``due`` (hundredths) and ``at`` (ms), the ``step`` that pays."""

    due: str
    at: str
    step: str


COINS = Debt("coins_due", "coins_at", "sale.coins_returned")
REBATE_BACK = Debt("rebate_due", "rebate_at", "sale.rebate_returned")
DEBTS = (COINS, REBATE_BACK)
ASKED = "asked_at"
"""The latest moment that was answered: each later one differs, as does the key its step is sent under."""


def ask_for(case: Case, at: int, *debts: Debt) -> Case:
    """Have the clock ask at ``at`` or right after for the debts given, where nothing is owed no more."""
    moments = {debt: _moment(case, debt) for debt in DEBTS}
    for debt in debts:
        moment = max(at, case.number(ASKED) + 1)
        while moment in (moments[other] for other in DEBTS if other is not debt):
            moment += 1
        moments[debt] = moment if _owed(case, debt) else 0
    return _wind(case, moments)


def _wind(case: Case, moments: Mapping[Debt, int]) -> Case:
    """Return the case with when the clock asks for each debt, 0 for never."""
    case = changed(case, **{debt.at: moment for debt, moment in moments.items()})
    return replace(case, due_at=min(filter(None, moments.values()), default=None))


def return_coins(world: World) -> Draft:
    """The merchant gives back the coins of a refunded part, as far as it has them; see `_give_back`."""
    case = world.about(SALE, PARTLY, REFUNDED)
    return _give_back(world, case, COINS, case.text("merchant"), holder_of(case))


def return_rebate(world: World) -> Draft:
    """Take back the rebate of a refunded part, as far as its buyer has it; see `_give_back`."""
    case = _rebated(world)
    pool = case.text("pool") if case.kind == REBATE else world.chapter_pool()
    return _give_back(world, case, REBATE_BACK, holder_of(case), pool)


def _give_back(world: World, case: Case, debt: Debt, payer: str, receiver: str) -> Draft:
    """Pay what is due of a debt, at most what its payer has; the rest stays a receivable.

    The clock has it paid with the refund, and asks again for a receivable every 30 days, also where there is
    nothing to take: then the entry says so. In between anybody may record it once there is something. Between
    accounts of which one is closed nothing is ever asked again.
    """
    due, moment = _owed(case, debt), _moment(case, debt)
    amount = min(due, _reachable(world, payer, receiver))
    is_asked = 0 < moment <= world.now
    if due == 0 or (amount == 0 and not is_asked):
        raise Refusal("sale.nothing_due")
    if is_asked:
        case = changed(case, **{ASKED: max(case.number(ASKED), moment)})
    case = changed(case, **{debt.due: due - amount})
    after = ask_for(case, world.now + RECEIVABLE_PAUSE, debt)
    if _is_closed(world, payer) or _is_closed(world, receiver):
        after = _wind(after, {**{one: _moment(after, one) for one in DEBTS}, debt: 0})
    world.put(after)
    draft = fill(world.draft, amount=str(amount), receivable=str(due - amount))
    draft = order(draft, OperationKind.TRANSFER, payer, receiver, amount)
    return concern(draft, [payer, holder_of(case)], [case.key])


def _reachable(world: World, payer: str, receiver: str) -> int:
    """Return what can go from one account to the other now, in hundredths.

    Out of self-custody nothing goes without its holder's signature, which the clock does not have.
    """
    giving, taking = world.standing(payer), world.standing(receiver)
    if giving is None or taking is None or not (giving.may_send and taking.may_receive):
        return 0
    if giving.custody == Custody.SELF and world.draft.authorization is None:
        return 0
    return max(0, giving.available)


def _is_closed(world: World, account: str) -> bool:
    closing = world.find(CLOSING, account)
    return closing is not None and closing.state == CLOSED


def _owed(case: Case, debt: Debt) -> int:
    """Return what is due of a debt; a purchase never owes coins."""
    return case.number(debt.due) if debt.due in case.document else 0


def _moment(case: Case, debt: Debt) -> int:
    """Return when the clock asks for a debt, 0 for never."""
    if debt.at in case.document:
        return case.number(debt.at)
    # Before coins had a clock, too, a case's only moment was the rebate's.
    return case.due_at or 0 if debt is REBATE_BACK else 0


def _rebated(world: World) -> Case:
    """Return the sale or purchase that the step is about, where its buyer is of the step's chapter.

    Raises Refusal ``case.unknown``, ``case.wrong_state``.
    """
    case = world.find(REBATE, read_text(world.draft, "about"))
    if case is not None and case.document.get("home") == world.chapter and REBATE_BACK.due in case.document:
        return case
    return world.about(SALE, PARTLY, REFUNDED)


def return_due(case: Case) -> Draft:
    """Return the step that pays the debt whose time has come, in the chapter of who got what goes back."""
    debt = next(debt for debt in DEBTS if _moment(case, debt) == case.due_at)
    chapter = case.number("home") if case.kind == REBATE else case.chapter
    return Draft(
        debt.step, chapter_code(chapter), None, (), public={"about": case.key}, refs=(EntryId(case.key),)
    )
