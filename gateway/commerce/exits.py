"""What a merchant does with the coins that pile up with it (rule 39): burn them, pay fees and adverts.

Coins are never paid out in money. Services it books and pays with them are the time bank's.
"""

from __future__ import annotations

from chain.operation import OperationKind
from gateway.cases.book import Rule
from gateway.cases.filling import concern, order, read_sum, read_text
from gateway.cases.pools import PLATFORM, pool_account
from gateway.cases.world import World
from gateway.commerce.sale_case import own_merchant
from gateway.ledger.drafts import Draft
from gateway.rules.pools import Place, find_move


def burn_surplus(world: World) -> Draft:
    """Burn coins that a merchant has no use for."""
    find_move(Place.MERCHANT, Place.BURNED, "burn")
    merchant, amount = _payment(world)
    return concern(order(world.draft, OperationKind.BURN, merchant, None, amount), [merchant])


def buy_advert(world: World) -> Draft:
    """Pay an advert of the platform's with coins."""
    return _pay(world, "advert")


def pay_fee(world: World) -> Draft:
    """Pay a fee of the platform's with coins."""
    return _pay(world, "fee")


def _pay(world: World, reason: str) -> Draft:
    find_move(Place.MERCHANT, Place.PLATFORM, reason)
    merchant, amount = _payment(world)
    pool = pool_account(world, PLATFORM)
    return concern(order(world.draft, OperationKind.TRANSFER, merchant, pool, amount), [merchant, pool])


def _payment(world: World) -> tuple[str, int]:
    merchant = own_merchant(world, read_text(world.draft, "merchant"), "public.merchant")
    return merchant.account, read_sum(world.draft, "amount", least=1)


EXIT_RULES: dict[str, Rule] = {
    "merchant.surplus_burned": burn_surplus,
    "merchant.fee_paid": pay_fee,
    "advert.bought": buy_advert,
}
