"""What steps of the alliance have in common: whom they concern, their clocks, their appeals' windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from chain.canonical import JsonValue
from chain.operation import chapter_code
from chain.types import AccountId
from gateway.cases.case import Case
from gateway.cases.filling import concern, fill, read_text
from gateway.cases.world import Standing, World
from gateway.errors import Refusal
from gateway.ledger.drafts import AccountKind, Draft
from gateway.rules.alliance_terms import ALLIANCE_TERMS, AllianceTerms, Clock
from gateway.rules.calendar import format_timestamp
from gateway.rules.parameters import Parameter, value_on

DAY = 86_400_000
"""Milliseconds of a day."""

Value = TypeVar("Value")


def in_force(world: World, versions: tuple[Parameter[Value], ...]) -> Value:
    """Return the value of a parameter on the step's business date. Raises RuleRefusal."""
    return value_on(versions, world.today)


def terms(world: World) -> AllianceTerms:
    """Return the clocks in force."""
    return in_force(world, ALLIANCE_TERMS)


def choice(world: World, name: str, *allowed: str) -> str:
    """Return a public code that is one of ``allowed``. Raises Refusal ``entry.bad_field``."""
    value = read_text(world.draft, name)
    if value not in allowed:
        raise Refusal("entry.bad_field", field=f"public.{name}", reason=f"not {' or '.join(allowed)}")
    return value


def read_count(world: World, name: str, most: int) -> int:
    """Return a public whole number up to ``most``. Raises Refusal ``entry.bad_field``."""
    value = world.draft.public.get(name)
    if not isinstance(value, int) or value > most:
        raise Refusal("entry.bad_field", field=f"public.{name}", reason=f"not an integer from 0 to {most}")
    return value


def own_merchant(world: World) -> Standing:
    """Return the standing of the merchant that the step names, one of its chapter.

    Raises:
        Refusal: ``member.unknown``; ``alliance.not_a_merchant``.
    """
    found = world.own(read_text(world.draft, "merchant"), "public.merchant")
    if found.kind != AccountKind.MERCHANT:
        raise Refusal("alliance.not_a_merchant", field="public.merchant")
    return found


def complete(world: World, accounts: Sequence[str], *cases: Case, **computed: JsonValue) -> Draft:
    """Return the step's draft about exactly ``accounts``, pointing at the entries that opened ``cases``.

    Private fields are sealed for the first account, so a caller cannot name others. Raises Refusal
    ``entry.not_as_computed``.
    """
    wanted = tuple(AccountId(account) for account in dict.fromkeys(accounts))
    if world.draft.subjects not in ((), wanted):
        raise Refusal("entry.not_as_computed", field="subjects")
    draft = replace(fill(world.draft, **computed), subjects=wanted)
    return concern(draft, (), [case.key for case in cases])


def due_draft(case: Case, type_name: str, **public: JsonValue) -> Draft:
    """Return the step that the clock records about a case whose time has come; the rules complete it."""
    return Draft(type_name, chapter_code(case.chapter), None, (), public=public)


def after_days(world: World, days: int) -> int:
    """Return the moment ``days`` days after the step, Unix milliseconds."""
    return world.now + days * DAY


def deadline(world: World, clock: Clock) -> int:
    """Return when a clock that starts with the step runs out, Unix milliseconds."""
    return after_days(world, clock.days)


def show_clock(clock: Clock, due: int) -> dict[str, JsonValue]:
    """Return the public fields that say who must act by when."""
    return {"owner": clock.owner, "deadline": format_timestamp(due)}


def officer(world: World) -> AccountId:
    """Return who decides: the entry's actor, so that no one decides on himself or on his own decision.

    Raises:
        Refusal: ``entry.bad_field`` where the draft names no actor.
    """
    if world.draft.actor is None:
        raise Refusal("entry.bad_field", field="actor", reason=f"{world.draft.type} names who decides")
    return world.draft.actor


def acting(world: World, party: str) -> str:
    """Return who acts for a party: the entry's actor, and the party itself where it names none."""
    return world.draft.actor or party


def require_past(world: World, moment: int) -> None:
    """Pass when a moment (Unix milliseconds) has come. Raises Refusal ``alliance.too_early``."""
    if world.now < moment:
        raise Refusal("alliance.too_early", step=world.draft.type, until=format_timestamp(moment))


def require_before(world: World, moment: int) -> None:
    """Pass while a moment (Unix milliseconds) has not come. Raises Refusal ``alliance.too_late``."""
    if world.now >= moment:
        raise Refusal("alliance.too_late", step=world.draft.type, until=format_timestamp(moment))
