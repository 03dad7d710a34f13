"""The chapter's named pools: one account each, so that what is held, given and kept back never mixes.

``holding`` keeps coins of open bookings, ``subsidy`` pays elders' services, ``merchant_subsidy`` what a
capacity warning opens, ``platform`` takes what merchants pay it in coins, ``public_benefit`` and ``reserve``
are what papers A and C name. A pool is one case,
keyed "<chapter>:<name>", opened once and never moved to another account.
"""

from __future__ import annotations

from chain.types import AccountId
from gateway.cases.book import PARKED, POOL
from gateway.cases.case import Case
from gateway.cases.filling import concern, read_text
from gateway.cases.world import World
from gateway.errors import Refusal
from gateway.ledger.drafts import AccountKind, Draft

HOLDING = PARKED
SUBSIDY = "subsidy"
MERCHANT_SUBSIDY = "merchant_subsidy"
PUBLIC_BENEFIT = "public_benefit"
RESERVE = "reserve"
PLATFORM = "platform"
POOL_NAMES = (HOLDING, SUBSIDY, MERCHANT_SUBSIDY, PUBLIC_BENEFIT, RESERVE, PLATFORM)
"""Every pool a chapter may have."""


def pool_key(chapter: str, name: str) -> str:
    """Return the key of a pool's case; ``chapter`` is NNNN-NNNN."""
    return f"{chapter}:{name}"


def find_pool(world: World, name: str) -> AccountId | None:
    """Return the account of a pool of the step's chapter, None before it is opened."""
    case = world.find(POOL, pool_key(world.chapter_text, name))
    return None if case is None else case.holder


def pool_account(world: World, name: str) -> AccountId:
    """Return the account of a pool of the step's chapter. Raises Refusal ``pool.unknown``."""
    found = find_pool(world, name)
    if found is None:
        raise Refusal("pool.unknown", name=name)
    return found


def open_pool(world: World) -> Draft:
    """Give a pool its account: a pool account of the chapter that serves no other purpose yet.

    Raises:
        Refusal: ``entry.bad_field`` for another name or kind of account, ``member.unknown``,
            ``pool.account_taken``, ``case.exists`` for a pool that is open.
    """
    draft = world.draft
    name = read_text(draft, "name")
    if name not in POOL_NAMES:
        raise Refusal("entry.bad_field", field="public.name", reason=f"not one of {', '.join(POOL_NAMES)}")
    found = world.own(read_text(draft, "account"), "public.account")
    if found.kind != AccountKind.POOL:
        raise Refusal("entry.bad_field", field="public.account", reason="is not a pool account")
    if found.account == world.chapter_pool() or world.list(POOL, holder=found.account):
        raise Refusal("pool.account_taken", field="public.account")
    key = pool_key(world.chapter_text, name)
    world.open(POOL, key, Case(POOL, key, world.chapter, "open", found.account, None, {"name": name}))
    return concern(draft, [found.account])


POOL_RULES = {"pool.opened": open_pool}
POOL_DECISIONS = frozenset(POOL_RULES)
