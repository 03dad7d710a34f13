"""Answers about the alliance: seats beside the chain's, public notices, clocks that ran out."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from gateway.response_schemas.base import Answer, Coins, Time
from gateway.schemas import Account, ChapterName, Code, EntryName

Day = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class SeatOnChain(Answer):
    """Who holds the seat on chain; ``agrees`` with holder, certificate and term of the ledger."""

    merchant: Account
    certificate: Hash
    agrees: bool


class Seat(Answer):
    """A seat with its holder; ``on_chain`` is null until the grant is mined and after its term."""

    chapter: ChapterName
    industry: Code
    merchant: Account
    state: Code
    granted_on: Day
    until: Day
    leaves_on: Day | None
    certificate: Hash
    on_chain: SeatOnChain | None


class SeatMap(Answer):
    """The seats of a chapter that have a holder, by industry."""

    seats: list[Seat]


class Notice(Answer):
    """What a chapter made known of a merchant by an entry, and whether it still stands."""

    entry: EntryName
    matter: Code
    merchant: Account
    state: Code
    at: Time
    reason: Code | None
    until: Day | None
    coins: Coins


class NoticePage(Answer):
    """Notices, oldest first; ``next`` is the cursor of the next page, null at the end."""

    notices: list[Notice]
    next: str | None


class OverdueStep(Answer):
    """Something that waits for its owner, whose deadline has passed."""

    kind: Code
    key: str
    state: Code
    merchant: Account
    owner: Code
    deadline: Time


class OverdueList(Answer):
    """Complaints, appeals, claims, reviews and refunds that are late, longest overdue first."""

    overdue: list[OverdueStep]
