"""Parts of a booking's coins: whose, in which role, how much; as documents and entries say them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from chain.canonical import JsonValue
from gateway.cases.case import Case

PROVIDER, MEMBER, POOL = "provider", "member", "subsidy"


@dataclass(frozen=True, slots=True)
class Part:
    """Coins that are held: whose they are, in which role, hundredths."""

    role: str
    account: str
    amount: int


def read_parts(case: Case, name: str = "parts") -> tuple[Part, ...]:
    """Return whose coins a booking holds, or what is still to be paid out (``legs``)."""
    rows = cast("list[dict[str, JsonValue]]", case.document[name])
    return tuple(Part(str(row["role"]), str(row["account"]), cast("int", row["amount"])) for row in rows)


def write_parts(parts: Sequence[Part]) -> list[JsonValue]:
    """Return parts as a document keeps them. Inverse: `read_parts`."""
    return [{"role": part.role, "account": part.account, "amount": part.amount} for part in parts]


def tell_parts(parts: Sequence[Part]) -> list[JsonValue]:
    """Return parts as an entry says them."""
    return [{"role": part.role, "account": part.account, "amount": str(part.amount)} for part in parts]
