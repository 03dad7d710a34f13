"""What goes back of a rebate after a refund, of sales and purchases: the clock asks for it until it is whole.

A case that owes keeps ``rebate_due`` and ``asked_at`` in its document; its holder is who got the rebate.
"""

from __future__ import annotations

from dataclasses import replace

from chain.operation import OperationKind, chapter_code
from chain.types import EntryId
from gateway.cases.book import CLOSED, CLOSING
from gateway.cases.case import Case, changed, holder_of
from gateway.cases.filling import concern, fill, order, read_text
from gateway.cases.world import World
from gateway.commerce.sale_case import PARTLY, REFUNDED, SALE
from gateway.errors import Refusal
from gateway.ledger.drafts import Draft

REBATE = "rebate"
"""Kind of the case that keeps what became of a recorded purchase's rebate, keyed by the purchase's entry."""
RECEIVABLE_PAUSE = 30 * 86_400_000
"""Milliseconds after which a rebate that could not be taken back whole is asked for again."""


def ask_for_rebate(case: Case, at: int) -> Case:
    """Have the clock take what is owed of a rebate at ``at``, always at another moment than it did before.

    A further refund brings a later asking forward.
    """
    if not case.number("rebate_due"):
        return replace(case, due_at=None)
    return replace(case, due_at=max(at, case.number("asked_at") + 1))


def return_rebate(world: World) -> Draft:
    """Take back the rebate of a refunded part, at most what the buyer has; the rest stays a receivable.

    The clock takes it with the refund, and asks again for a receivable every 30 days, also where there is
    nothing to take: then the entry says so. In between anybody may record it once there is something. Of a
    closed account nothing is ever asked again.
    """
    case = _owing(world)
    due = case.number("rebate_due")
    holding = world.standing(holder_of(case))
    amount = min(due, holding.available if holding is not None and holding.may_send else 0)
    is_asked = case.due_at is not None and case.due_at <= world.now
    if due == 0 or (amount == 0 and not is_asked):
        raise Refusal("sale.nothing_due")
    if is_asked:
        case = changed(case, asked_at=case.due_at)
    after = ask_for_rebate(changed(case, rebate_due=due - amount), world.now + RECEIVABLE_PAUSE)
    closing = world.find(CLOSING, holder_of(case))
    is_closed = closing is not None and closing.state == CLOSED
    world.put(replace(after, due_at=None) if is_closed else after)
    pool = case.text("pool") if case.kind == REBATE else world.chapter_pool()
    draft = fill(world.draft, amount=str(amount), receivable=str(due - amount))
    draft = order(draft, OperationKind.TRANSFER, case.holder, pool, amount)
    return concern(draft, [holder_of(case)], [case.key])


def _owing(world: World) -> Case:
    """Return the sale or purchase that the step is about, where its buyer is of the step's chapter.

    Raises Refusal ``case.unknown``, ``case.wrong_state``.
    """
    case = world.find(REBATE, read_text(world.draft, "about"))
    if case is not None and case.document.get("home") == world.chapter and "rebate_due" in case.document:
        return case
    return world.about(SALE, PARTLY, REFUNDED)


def rebate_due(case: Case) -> Draft:
    """Return the step that takes a rebate back, in the chapter of who got it."""
    chapter = case.number("home") if case.kind == REBATE else case.chapter
    return Draft(
        "sale.rebate_returned", chapter_code(chapter), None, (), public={"about": case.key},
        refs=(EntryId(case.key),),
    )  # fmt: skip
