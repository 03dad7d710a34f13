"""The gates one chapter passes before it grows or raises money. Pure.

Paper [B]: 15% of households; 1,000 paying members and 30 paying merchants. Gates compare exact integers;
basis points are for display and rounded down.
"""

from __future__ import annotations

from dataclasses import dataclass

from chain.errors import FormatError
from gateway.rules.parameters import check_share, ship
from gateway.rules.refusals import check_amount

WHOLE = 10_000


@dataclass(frozen=True, slots=True)
class GateTerms:
    """What a chapter proves first."""

    household_bp: int = 1_500
    paying_members: int = 1_000
    paying_merchants: int = 30

    def __post_init__(self) -> None:
        check_share(self.household_bp, "household_bp")
        check_amount(self.paying_members, "paying_members")
        check_amount(self.paying_merchants, "paying_merchants")


GATE_TERMS = ship("gate_terms", GateTerms(), "[B] 15% of households, 1000 members, 30 merchants")


@dataclass(frozen=True, slots=True)
class ChapterCounts:
    """Counts of one chapter on one day; a household counts once however many members it has."""

    households: int
    member_households: int
    paying_members: int
    paying_merchants: int

    def __post_init__(self) -> None:
        for count in (self.households, self.paying_members, self.paying_merchants):
            check_amount(count, "counts")
        if not 0 <= self.member_households <= self.households:
            raise FormatError("member_households", "not 0 to the number of households")


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate: what there is, what is needed (in the same unit), and whether it is passed."""

    name: str
    have: int
    need: int
    passed: bool


@dataclass(frozen=True, slots=True)
class GateReport:
    """All gates; ``may_grow`` needs the households, ``may_raise`` members and merchants too."""

    gates: tuple[Gate, ...]

    @property
    def may_grow(self) -> bool:
        """Whether a further chapter may be opened after this one."""
        return self.gates[0].passed

    @property
    def may_raise(self) -> bool:
        """Whether money may be asked for."""
        return all(gate.passed for gate in self.gates)


def penetration_bp(counts: ChapterCounts) -> int:
    """Return households with a member in basis points of all, rounded down; 0 without households."""
    return counts.member_households * WHOLE // counts.households if counts.households else 0


def judge_gates(counts: ChapterCounts, terms: GateTerms) -> GateReport:
    """Return the three gates. A chapter without households passes none by them."""
    reached = counts.member_households * WHOLE >= counts.households * terms.household_bp
    members, merchants = counts.paying_members, counts.paying_merchants
    return GateReport(
        (
            Gate(
                "household_bp", penetration_bp(counts), terms.household_bp, reached and counts.households > 0
            ),
            Gate("paying_members", members, terms.paying_members, members >= terms.paying_members),
            Gate("paying_merchants", merchants, terms.paying_merchants, merchants >= terms.paying_merchants),
        )
    )
