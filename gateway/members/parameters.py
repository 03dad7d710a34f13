"""A chapter's parameters: one case each, its versions in order, "not set" being a value like any other.

A version is decided by an entry and takes effect on a business date; what was in force before stays as it
was. Caps are told to the chain when they take effect, by a step of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import cast

from chain.canonical import JsonValue
from chain.errors import FormatError
from chain.operation import chapter_code, parse_amount
from gateway.cases.case import Case
from gateway.cases.filling import fill, read_text
from gateway.cases.pools import PUBLIC_BENEFIT, pool_account
from gateway.cases.world import World
from gateway.errors import Refusal
from gateway.ledger.drafts import Draft, SetCaps
from gateway.rules.calendar import day_start
from gateway.rules.caps import Caps, MerchantTerms
from gateway.rules.closing import ClosingTerms, Destination
from gateway.rules.expiry import AgeBand, ExpiryTerms
from gateway.rules.membership import AgeTerms, KinTerms, TierTerms

PARAMETER = "parameter"
SET = "set"
AMOUNT, NUMBER, CODES = "amount", "number", "codes"
_FIELDS = (AMOUNT, NUMBER, CODES)
Value = int | tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class ParameterRule:
    """What a parameter is: the field its value stands in, what ships, and whether it may be "not set"."""

    form: str
    shipped: Value
    source: str
    unset: bool = True
    check: Callable[[Value], object] = lambda value: value


def _bands(value: Value) -> ExpiryTerms | None:
    """Return the bands of ``<days>:<basis points left>`` codes."""
    if value is None:
        return None
    bands = []
    for code in cast("tuple[str, ...]", value):
        days, _, left = code.partition(":")
        if not (days.isdigit() and left.isdigit()):
            raise FormatError("codes", "not <days>:<basis points left>")
        bands.append(AgeBand(int(days), int(left)))
    return ExpiryTerms(tuple(bands))


def _ages(value: Value) -> AgeTerms:
    return AgeTerms(cast("int", value))


def _destinations(value: Value) -> ClosingTerms:
    try:
        return ClosingTerms(tuple(Destination(code) for code in cast("tuple[str, ...]", value)))
    except ValueError:
        raise FormatError("codes", "not kin, pool or burn") from None


ACT_OFFER, ACT_REQUEST, ACT_DISPATCH = "offer", "request", "dispatch"
MEMBERS_ACTS = (ACT_OFFER, ACT_REQUEST, ACT_DISPATCH)
"""What takes a membership in force: offering a service, asking for one, being sent to one."""


def _acts(value: Value) -> tuple[str, ...]:
    acts = () if value is None else cast("tuple[str, ...]", value)
    if not set(acts) <= set(MEMBERS_ACTS):
        raise FormatError("codes", "not offer, request or dispatch")
    return acts


def _switch(value: Value) -> Value:
    if value not in (0, 1):
        raise FormatError("number", "not 0 or 1")
    return value


PARAMETERS: dict[str, ParameterRule] = {
    "holding_cap": ParameterRule(AMOUNT, None, "no paper sets caps"),
    "spent_daily_cap": ParameterRule(AMOUNT, None, "no paper sets caps"),
    "earned_daily_cap": ParameterRule(AMOUNT, None, "no paper sets caps"),
    "merchant_holding": ParameterRule(AMOUNT, None, "rule 39; no paper sets a figure"),
    "merchant_clear_days": ParameterRule(NUMBER, 30, "rule 39: days to spend what is over", unset=False),
    "donate_excess": ParameterRule(
        NUMBER, 0, "Nanjing: excess to donation; 1: yes", unset=False, check=_switch
    ),
    "kin_transfer": ParameterRule(CODES, None, "[C] may be given to other members"),
    "expiry": ParameterRule(CODES, None, "no paper sets an expiry", check=_bands),
    "closing_destinations": ParameterRule(
        CODES, ("kin", "pool", "burn"), "rule 13", unset=False, check=_destinations
    ),
    "elder_age": ParameterRule(NUMBER, 60, "[C] over-60s", unset=False, check=_ages),
    "gold_team": ParameterRule(NUMBER, 30, "[C] gold: team of 30", unset=False),
    "diamond_teams": ParameterRule(NUMBER, 2, "[C] diamond: two gold teams", unset=False),
    "members_only": ParameterRule(CODES, MEMBERS_ACTS, "[B, C] members serve each other", check=_acts),
    "steward_coins": ParameterRule(AMOUNT, None, "[B] stewards have points; no paper sets a figure"),
    "households": ParameterRule(NUMBER, None, "[B] 15% of households; how many there are is counted"),
}
"""Every parameter a chapter may set."""

_CHAIN_CAPS = {"holding_cap": "holding", "spent_daily_cap": "daily"}
"""Parameters that the chain enforces, by the cap they are there."""


@dataclass(frozen=True, slots=True)
class InForce:
    """A parameter's version in force; version 1 is what ships."""

    version: int
    effective_from: str
    value: Value
    source: str


def parameter_key(chapter: int, name: str) -> str:
    """Return the key of a parameter's case."""
    return f"{chapter_code(chapter)}:{name}"


def pick_version(case: Case | None, name: str, day: date) -> InForce:
    """Return the version of a parameter in force on a business date."""
    rule = PARAMETERS[name]
    found = InForce(1, "1970-01-01", rule.shipped, rule.source)
    for row in [] if case is None else versions_of(case):
        if row.effective_from <= day.isoformat():
            found = row
    return found


def versions_of(case: Case) -> list[InForce]:
    """Return the versions a chapter decided, in order."""
    rows = cast("list[dict[str, JsonValue]]", case.document["versions"])
    return [
        InForce(
            cast("int", row["version"]),
            cast("str", row["effective_from"]),
            _loaded(row["value"]),
            cast("str", row["source"]),
        )
        for row in rows
    ]


def _loaded(value: JsonValue) -> Value:
    return tuple(cast("list[str]", value)) if isinstance(value, list) else cast("int | None", value)


def value_of(world: World, name: str) -> Value:
    """Return a parameter of the step's chapter as it is in force for the step, None: not set."""
    return pick_version(world.find(PARAMETER, parameter_key(world.chapter, name)), name, world.today).value


def amount_of(world: World, name: str) -> int | None:
    """Return a parameter that is one number."""
    return cast("int | None", value_of(world, name))


def caps_in_force(world: World) -> Caps:
    """Return the limits of the chapter's accounts."""
    return Caps(
        amount_of(world, "holding_cap"),
        amount_of(world, "spent_daily_cap"),
        amount_of(world, "earned_daily_cap"),
        bool(amount_of(world, "donate_excess")),
    )


def merchant_terms(world: World) -> MerchantTerms:
    """Return what a merchant of the chapter may hold, and how long what is over it."""
    days = amount_of(world, "merchant_clear_days")
    return MerchantTerms(amount_of(world, "merchant_holding"), 0 if days is None else days)


def age_terms(world: World) -> AgeTerms:
    """Return the ages that matter in the chapter."""
    return _ages(value_of(world, "elder_age"))


def tier_terms(world: World) -> TierTerms:
    """Return what tiers take in the chapter."""
    return TierTerms(amount_of(world, "gold_team") or 30, amount_of(world, "diamond_teams") or 2)


def kin_terms(world: World) -> KinTerms:
    """Return to whom members may transfer; not set: to every member."""
    return KinTerms(cast("tuple[str, ...] | None", value_of(world, "kin_transfer")))


def closing_terms(world: World) -> ClosingTerms:
    """Return where a closing account's balance may go."""
    return _destinations(value_of(world, "closing_destinations"))


def acts_of_members(world: World) -> tuple[str, ...]:
    """Return the acts that take a membership in force; not set: none."""
    return acts_of(world.find(PARAMETER, parameter_key(world.chapter, "members_only")), world.today)


def acts_of(case: Case | None, day: date) -> tuple[str, ...]:
    """Return the acts that take a membership by a chapter's case (None: never set) on a business date."""
    return _acts(pick_version(case, "members_only", day).value)


def expiry_on(world: World, day: date) -> tuple[int, ExpiryTerms | None]:
    """Return version and terms of expiry in force on a business date."""
    return expiry_of(world.find(PARAMETER, parameter_key(world.chapter, "expiry")), day)


def expiry_of(case: Case | None, day: date) -> tuple[int, ExpiryTerms | None]:
    """Return version and terms of expiry that a chapter's case (None: never set) has on a business date."""
    found = pick_version(case, "expiry", day)
    return found.version, _bands(found.value)


def set_parameter(world: World) -> Draft:
    """Decide the next version of a parameter, from a business date on; without a value it is "not set"."""
    name = _name(world)
    value = _read_value(world.draft, name)
    if name == "donate_excess" and value:
        # What is over a limit must have its place before anybody earns it.
        pool_account(world, PUBLIC_BENEFIT)
    key = parameter_key(world.chapter, name)
    case = world.find(PARAMETER, key)
    before = [] if case is None else versions_of(case)
    day = _effective(world, before[-1].effective_from if before else None)
    version = len(before) + 2
    row: dict[str, JsonValue] = {
        "version": version,
        "effective_from": day,
        "value": list(value) if isinstance(value, tuple) else value,
        "source": str(world.draft.public.get("source", "chapter")),
        "entry": world.entry_id,
    }
    rows = [] if case is None else cast("list[JsonValue]", case.document["versions"])
    applied = 1 if case is None else case.number("applied")
    document: dict[str, JsonValue] = {"name": name, "applied": applied, "versions": [*rows, row]}
    fresh = Case(PARAMETER, key, world.chapter, SET, None, None, document)
    world.put(_with_clock(fresh if case is None else replace(case, document=document)))
    return fill(world.draft, version=version, effective_from=day)


def put_in_force(world: World) -> Draft:
    """Let the next version take effect whose day has come; caps are told to the chain with it."""
    name = _name(world)
    case = world.require(PARAMETER, parameter_key(world.chapter, name), "public.parameter")
    waiting = [row for row in versions_of(case) if row.version > case.number("applied")]
    if not waiting or waiting[0].effective_from > world.today.isoformat():
        raise Refusal("parameter.not_due")
    row = waiting[0]
    world.put(_with_clock(replace(case, document={**case.document, "applied": row.version})))
    draft = fill(world.draft, version=row.version)
    cap = _CHAIN_CAPS.get(name)
    if cap is None:
        return draft
    amount = cast("int | None", row.value) or 0
    effect = SetCaps(world.chapter, amount if cap == "daily" else None, amount if cap == "holding" else None)
    return replace(fill(draft, amount=str(amount)), effects=(effect,))


def force_due(case: Case) -> Draft:
    """Return the step by which a version takes effect."""
    public: dict[str, JsonValue] = {"parameter": case.text("name")}
    return Draft("parameter.in_force", chapter_code(case.chapter), None, (), public=public)


def _with_clock(case: Case) -> Case:
    waiting = [row for row in versions_of(case) if row.version > case.number("applied")]
    due = day_start(date.fromisoformat(waiting[0].effective_from)) if waiting else None
    return replace(case, due_at=due)


def _name(world: World) -> str:
    name = read_text(world.draft, "parameter")
    if name not in PARAMETERS:
        raise Refusal("parameter.unknown", known=", ".join(PARAMETERS))
    return name


def _read_value(draft: Draft, name: str) -> Value:
    rule = PARAMETERS[name]
    given = [field for field in _FIELDS if field in draft.public]
    wanted = rule.form + (" or nothing" if rule.unset else "")
    if given not in ([rule.form], []) or (not given and not rule.unset):
        raise Refusal("parameter.wrong_value", wanted=wanted)
    if not given:
        return None
    raw = draft.public[rule.form]
    value: Value
    if rule.form == AMOUNT:
        value = parse_amount(raw, "public.amount")
    else:
        value = _loaded(raw)
    rule.check(value)
    return value


def _effective(world: World, last: str | None) -> str:
    """Return the day a version takes effect: not past, and after the version before."""
    day = world.today.isoformat()
    wanted = str(world.draft.public.get("effective_from", day))
    if wanted < day:
        raise Refusal("parameter.in_past", day=day)
    if last is not None and wanted <= last:
        raise Refusal("parameter.not_after", day=last)
    return wanted


PARAMETER_RULES = {"parameter.set": set_parameter, "parameter.in_force": put_in_force}
