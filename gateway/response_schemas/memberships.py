"""Answers about a chapter's parameters, referrals, and the three core functions."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from gateway.response_schemas.base import Answer, Coins, Count
from gateway.response_schemas.entries import Accepted
from gateway.schemas import Account, Code, EntryName

Day = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Month = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}$")]
Pseudonym = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]


class ParameterVersion(Answer):
    """One version; a value of null is "not set"."""

    version: Count
    effective_from: Day
    value: str | list[Code] | None
    source: str


class ParameterShown(Answer):
    """One parameter: its value in force today, and every version with the first day it holds."""

    name: Code
    form: Code
    set: bool
    value: str | list[Code] | None
    version: Count
    versions: list[ParameterVersion]


class ParameterList(Answer):
    """All parameters of a chapter."""

    chapter: str
    day: Day
    parameters: list[ParameterShown]


class ChainSize(Answer):
    """One chain of paid referrals: people, the top included, and links from top to bottom."""

    people: Count
    levels: Count


class MeterBounds(Answer):
    """Where paying stops (our margin) and where the criminal line runs."""

    stop_levels: Count
    stop_people: Count
    line_levels: Count
    line_people: Count


class GateStates(Answer):
    """The gates of the rule book: levels paid, and three kinds of tables."""

    depth: Count
    joining_fee: bool
    waiver: bool
    duty: bool


class ReferralMeter(Answer):
    """How far rewards have gone: ``share`` is their part of what was sold, in basis points rounded up."""

    deepest: Count
    largest: Count
    share: Count
    levels_left: Count
    people_left: Count
    line_levels_left: Count
    line_people_left: Count
    stopped: bool
    rewards: Coins
    returned: Coins
    income: Coins
    chains: list[ChainSize]
    limits: MeterBounds
    switches: GateStates


class ReferralNode(Answer):
    """Somebody who referred or was referred; ``paid``: a reward has crossed the link above."""

    person: Pseudonym
    referrer: Pseudonym | None
    paid: bool
    since: Month | None
    rewards: Coins


class ReferralTree(Answer):
    """All referrals of a chapter by pseudonyms of this export alone."""

    chapter: str
    people: list[ReferralNode]


class FreeServices(Answer):
    """Free services of the membership year that lasts up to and with ``until``."""

    included: Count
    used: Count
    left: Count
    until: Day


class CoreCredits(Answer):
    """What an account holds: by the chain (``balance``), to spend, locked, the limit and room under it.

    ``free_services`` is null where the membership counts none.
    """

    account: Account
    balance: Coins
    available: Coins
    locked: Coins
    limit: Coins | None
    room: Coins | None
    over: Coins
    expired: Coins | None
    free_services: FreeServices | None


class CorePaid(Accepted):
    """A purchase with its offset: entries of the coins and of the rebate, null where there are none.

    ``money`` is what is left to pay in fen, ``rebate`` what came back in hundredths of a coin.
    """

    paid: EntryName | None
    rebated: EntryName | None
    money: Coins
    rebate: Coins


class CoreReferral(Accepted):
    """The reward of one completed order, in fen."""

    amount: Coins
