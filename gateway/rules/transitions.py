"""State machines as tables: (state, event) to the next state and who may cause it. Pure.

A machine is the table and nothing else: what is not in it is refused, a state without rows is final.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from gateway.rules.refusals import RuleRefusal

S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)
A = TypeVar("A", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Machine(Generic[S, E, A]):
    """``rows``: (state, event) -> (next state, the actors who may cause it)."""

    name: str
    rows: Mapping[tuple[S, E], tuple[S, frozenset[A]]]

    def step(self, state: S, event: E, actor: A) -> S:
        """Return the next state.

        Raises RuleRefusal ``<name>.wrong_state`` when the state has no such event and ``<name>.wrong_actor``
        when this actor may not cause it.
        """
        row = self.rows.get((state, event))
        if row is None:
            raise RuleRefusal(f"{self.name}.wrong_state", state=state.value, step=event.value)
        if actor not in row[1]:
            raise RuleRefusal(f"{self.name}.wrong_actor", step=event.value)
        return row[0]

    def events(self, state: S) -> frozenset[E]:
        """Return the events a state has; none for a final state."""
        return frozenset(event for at, event in self.rows if at == state)
