"""All rules of all use cases in one book: what the sequencer judges entries by."""

from __future__ import annotations

from typing import cast

from gateway.alliance import steps as alliance
from gateway.cases.book import CaseBook, PastReader
from gateway.cases.history import log_size
from gateway.cases.pools import POOL_DECISIONS, POOL_RULES
from gateway.commerce import steps as commerce
from gateway.commerce.successors import load_recoveries
from gateway.members import steps as members
from gateway.members import switches
from gateway.members.expiring import EXPIRED
from gateway.members.surplus import SURPLUS_BURNED
from gateway.timebank import steps as timebank

_PAST: dict[object, PastReader] = {
    switches.load_switches: lambda connection, entry: switches.load_switches(connection, entry.at // 1000),
    switches.load_duty_since: lambda connection, entry: switches.load_duty_since(
        connection, entry.at // 1000
    ),
    load_recoveries: lambda connection, entry: load_recoveries(connection, entry.index),
    # An award says of how many entries it was computed.
    log_size: lambda connection, entry: cast("int", entry.draft.public["size"]),
}

CASE_BOOK = CaseBook(
    {**POOL_RULES, **members.RULES, **timebank.RULES, **alliance.RULES, **commerce.RULES},
    decisions=POOL_DECISIONS
    | members.DECISIONS
    | timebank.DECISIONS
    | alliance.DECISIONS
    | commerce.DECISIONS,
    tallies=commerce.TALLIES,
    ahead=commerce.AHEAD,
    due={**members.DUE, **timebank.DUE, **alliance.DUE, **commerce.DUE},
    # What they burn follows from movements of back then, and no case follows from it.
    caseless={EXPIRED, SURPLUS_BURNED},
    past=_PAST,
)
