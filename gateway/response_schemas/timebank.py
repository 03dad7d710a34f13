"""Answers about services: which offer would serve which request."""

from __future__ import annotations

from gateway.response_schemas.base import Answer, Count, Time
from gateway.schemas import Account, Code, EntryName


class ServiceMatch(Answer):
    """An open request with the offer that fits it; both null where nobody is free."""

    request: EntryName
    service: Code
    compound: Code
    starts_at: Time
    minutes: Count
    offer: EntryName | None
    provider: Account | None


class MatchList(Answer):
    """Open requests in the order in which they would be served."""

    matches: list[ServiceMatch]
