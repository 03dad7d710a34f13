"""All rules of all use cases in one book: what the sequencer judges entries by."""

from __future__ import annotations

from gateway.alliance import steps as alliance
from gateway.cases.book import CaseBook
from gateway.cases.pools import POOL_DECISIONS, POOL_RULES
from gateway.commerce import steps as commerce
from gateway.members import steps as members
from gateway.timebank import steps as timebank

CASE_BOOK = CaseBook(
    {**POOL_RULES, **members.RULES, **timebank.RULES, **alliance.RULES, **commerce.RULES},
    decisions=POOL_DECISIONS
    | members.DECISIONS
    | timebank.DECISIONS
    | alliance.DECISIONS
    | commerce.DECISIONS,
    tallies=commerce.TALLIES,
    due={**members.DUE, **timebank.DUE, **alliance.DUE, **commerce.DUE},
)
