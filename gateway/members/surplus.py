"""What a merchant holds over the chapter's limit: visible, to be spent in so many days, burned after them.

Rule 39: coins pile up at popular merchants. Nobody is refused at the till for it: the merchant spends what is
over on services, fees or adverts, or burns it; what is still there when the days are over the chapter burns.
Off where the parameter ``merchant_holding`` is not set. The days begin when the balance rose over the limit,
or when the limit came into force.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from chain.operation import OperationKind
from gateway.cases.filling import fill, only_subject, order
from gateway.cases.world import Movement, World
from gateway.errors import Refusal
from gateway.ledger.drafts import AccountKind, Draft
from gateway.members.parameters import PARAMETER, merchant_terms, parameter_key, pick_version
from gateway.rules.calendar import business_date
from gateway.rules.caps import MerchantTerms, Surplus, judge_surplus, over_since

HOLDING = "merchant_holding"
SURPLUS_BURNED = "credits.surplus_burned"


def burn_surplus(world: World) -> Draft:
    """Burn what a merchant still holds over the limit when the days to spend it are over.

    Raises:
        Refusal: ``membership.wrong_account``, ``holding.not_set``, ``holding.nothing_over``,
            ``holding.not_due`` before; ``expiry.unsettled`` while movements are being recorded.
    """
    standing = world.own(only_subject(world.draft), "subjects")
    if standing.kind != AccountKind.MERCHANT:
        raise Refusal("membership.wrong_account", wanted="merchant")
    terms = merchant_terms(world)
    if terms.holding is None:
        raise Refusal("holding.not_set")
    held = standing.available + standing.locked
    version = pick_version(world.find(PARAMETER, parameter_key(world.chapter, HOLDING)), HOLDING, world.today)
    movements = world.movements(standing.account)
    # What earlier steps of the same transaction moved is not among the movements yet.
    if sum(one.change for one in movements) != held:
        raise Refusal("expiry.unsettled")
    surplus = find_surplus(movements, held, version.effective_from, world.today, terms)
    if surplus is None:
        raise Refusal("holding.nothing_over", limit=terms.holding)
    if not surplus.overdue:
        raise Refusal("holding.not_due", due=surplus.due.isoformat())
    amount = min(surplus.over, standing.available)
    if amount <= 0:
        raise Refusal("holding.nothing_over", limit=terms.holding)
    draft = fill(world.draft, amount=str(amount), due=surplus.due.isoformat(), version=version.version)
    return order(draft, OperationKind.BURN, standing.account, None, amount)


def find_surplus(
    movements: Sequence[Movement], held: int, since: str, day: date, terms: MerchantTerms
) -> Surplus | None:
    """Return what of ``held`` is over the limit on a date and until when it may be spent.

    ``since`` is the business date on which the limit came into force.
    """
    if terms.holding is None:
        return None
    rose = over_since(((business_date(one.at // 1000), one.change) for one in movements), terms.holding)
    begun = None if rose is None else max(rose, date.fromisoformat(since))
    return judge_surplus(held, begun, day, terms)


SURPLUS_RULES = {SURPLUS_BURNED: burn_surplus}
