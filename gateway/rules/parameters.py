"""Parameters as rule tables: one value a version, each in force from a business date on. Pure.

The papers differ and laws leave things open, so no parameter is a constant of code, and "not set" (None) is a
value a version may have. A :class:`Parameter` is picked, written and digested as every rule table
(``gateway.rules.versions``); entries name its id and version, so anybody recomputes with what was in force.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Generic, TypeVar

from chain.errors import FormatError
from gateway.rules.versions import pick_table

T = TypeVar("T")

SINCE_EVER = date(1970, 1, 1)
"""First business date of what the product ships with."""


@dataclass(frozen=True, slots=True)
class Parameter(Generic[T]):
    """One version of a parameter; ``source`` names its paper, city or rule, None as ``value``: not set."""

    id: str
    version: int
    effective_from: date
    source: str
    value: T


def ship(table_id: str, value: T, source: str) -> tuple[Parameter[T], ...]:
    """Return the one version the product ships with."""
    return (Parameter(table_id, 1, SINCE_EVER, source, value),)


def amend(
    versions: tuple[Parameter[T], ...], value: T, effective_from: date, source: str
) -> tuple[Parameter[T], ...]:
    """Return the versions and one more; what was in force before ``effective_from`` stays as it was.

    Raises FormatError unless ``effective_from`` is later than that of every version before.
    """
    last = versions[-1]
    if effective_from <= max(version.effective_from for version in versions):
        raise FormatError("effective_from", "not after the version before")
    return (*versions, Parameter(last.id, last.version + 1, effective_from, source, value))


def value_on(versions: tuple[Parameter[T], ...], day: date) -> T:
    """Return the value in force on a business date. Raises RuleRefusal ``rule.not_in_force``."""
    return pick_table(versions, versions[0].id, day).value


def check_share(basis_points: int, where: str) -> None:
    """Check that a share is an int of 0 to 10,000 basis points. Raises FormatError."""
    if type(basis_points) is not int or not 0 <= basis_points <= 10_000:
        raise FormatError(where, "not 0 to 10000 basis points")
