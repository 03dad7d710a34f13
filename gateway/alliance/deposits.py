"""Deposits of merchants: lodged, topped up, forfeited, refunded. Money is at the custodian bank alone.

Each step carries the hash of the custodian's receipt; holding for complaints and paying them is in
``complaints``.
"""

from __future__ import annotations

from datetime import date

from gateway.alliance.applications import has_open_application
from gateway.alliance.bonds import load_bond, show_bond, store_bond, terms_on
from gateway.alliance.forfeits import charge_listing
from gateway.alliance.forms import complete, officer, own_merchant
from gateway.alliance.lists import final_entry
from gateway.alliance.standing import DEPOSIT, seat_held
from gateway.cases.book import Rule
from gateway.cases.filling import read_sum, read_text
from gateway.cases.world import World
from gateway.errors import Refusal
from gateway.ledger.drafts import Draft
from gateway.rules.deposits import (
    Deposit,
    DepositState,
    forfeit,
    lodge_deposit,
    refund_deposit,
    top_up,
)


def lodge(world: World) -> Draft:
    """Lodge the bond, whole or in parts, under the terms in force or those of the version named.

    Raises:
        Refusal: ``deposit.other_version`` once a part was lodged under another one.
    """
    merchant = own_merchant(world).account
    given = world.draft.public.get("version")
    version = given if isinstance(given, int) else None
    known = world.find(DEPOSIT, merchant)
    if known is None or known.state == DepositState.CLOSED:
        bond = Deposit(terms_on(world.today, version))
    else:
        bond = load_bond(world, merchant)
        if version not in (None, bond.terms.version):
            raise Refusal("deposit.other_version", version=bond.terms.version)
    after, record = lodge_deposit(bond, read_sum(world.draft, "amount"), read_text(world.draft, "receipt"))
    store_bond(world, merchant, after, is_left=False)
    return complete(
        world,
        [merchant],
        version=after.terms.version,
        required=str(after.terms.required),
        balance=str(record.balance),
        state=after.state.value,
    )


def top_up_deposit(world: World) -> Draft:
    """Bring the bond up again; at its floor or above the merchant is no longer suspended."""
    merchant = own_merchant(world).account
    bond = load_bond(world, merchant)
    after, _ = top_up(bond, read_sum(world.draft, "amount"), read_text(world.draft, "receipt"))
    store_bond(world, merchant, after)
    return complete(world, [merchant], **show_bond(after))


def forfeit_deposit(world: World) -> Draft:
    """Forfeit the terms' part of the bond for a breach the merchant stands on the black list for, once.

    The list is where the merchant appeals: the entry must stand, its window over and no appeal undecided.

    Raises:
        Refusal: ``deposit.own_decision``; ``listing.unknown_reason``; ``deposit.breach_not_final``; see
            `charge_listing`.
    """
    merchant = own_merchant(world).account
    if officer(world) == merchant:
        raise Refusal("deposit.own_decision")
    breach = final_entry(world, merchant, read_text(world.draft, "reason"))
    if breach is None:
        raise Refusal("deposit.breach_not_final")
    charge_listing(world, merchant, breach)
    after, record = forfeit(load_bond(world, merchant), world.entry_id)
    store_bond(world, merchant, after)
    return complete(world, [merchant], amount=str(record.amount), **show_bond(after))


def refund(world: World) -> Draft:
    """Record that the bank refunded what was left, once the merchant left and no claim is open.

    A merchant that holds no seat and has applied for none has nothing to leave: it is refunded at once.
    """
    merchant = own_merchant(world).account
    case = world.require(DEPOSIT, merchant, "public.merchant")
    left = case.document.get("left_on")
    left_on = date.fromisoformat(left) if isinstance(left, str) else None
    if left_on is None and seat_held(world, merchant) is None and not has_open_application(world, merchant):
        left_on = world.today
    bond = load_bond(world, merchant)
    after, record = refund_deposit(bond, left_on, world.today, read_text(world.draft, "receipt"))
    store_bond(world, merchant, after)
    return complete(world, [merchant], amount=str(record.amount), balance=str(record.balance))


DEPOSIT_RULES: dict[str, Rule] = {
    "deposit.lodged": lodge,
    "deposit.topped_up": top_up_deposit,
    "deposit.forfeited": forfeit_deposit,
    "deposit.refunded": refund,
}
