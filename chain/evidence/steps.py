"""The numbered steps of a verification and what they add up to. Pure; decides nothing about evidence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Literal

from chain.errors import FormatError, NotaryError

Status = Literal["passed", "failed", "not_present"]
Outcome = Literal["pass", "pending", "cannot_check", "mismatch"]

SEVERITY: Final[tuple[Outcome, ...]] = ("pass", "pending", "cannot_check", "mismatch")
"""Outcomes from best to worst; a verdict is the worst consequence of its steps."""


class StepNumber(IntEnum):
    """The steps in their order. Numbers and names are public: files, tests and people quote them."""

    FORMAT = 1
    TRUST_ROOT = 2
    COMMITMENT = 3
    OPERATION = 4
    DISCLOSURES = 5
    INCLUSION = 6
    CHECKPOINT = 7
    WITNESSES = 8
    ANCHOR = 9
    CONTRACT = 10
    BLOCKS = 11
    SEALS = 12
    OUTCOME = 13
    STATE = 14
    LOCK = 15

    @property
    def label(self) -> str:
        """The name used in output."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Step:
    """How one step ended.

    ``code`` is a stable word for why, ``detail`` a short text in English with the values that matter, and
    ``consequence`` the best outcome a verdict can still have with this step.
    """

    number: int
    name: str
    status: Status
    detail: str
    code: str
    consequence: Outcome


@dataclass(frozen=True, slots=True)
class Facts:
    """What the evidence says; each member holds only where its step passed, and is None or empty elsewhere.

    Times are Unix seconds. ``recorded_at`` is the entry's own claim, proved by nothing. ``cosigned_at`` is
    when the quorum of witnesses had signed, ``block_time`` the time of the anchor's block; ``sealed`` says
    by how many of how many validators, None where nobody sealed. ``contracts`` are name, address and code
    hash of each contract that the evidence is of. ``lock`` is open, ended or unknown (to the contract).
    """

    trust_root: str = ""
    entry_id: str = ""
    entry_type: str = ""
    recorded_at: str = ""
    authority: str = ""
    operation: str = ""
    origin: str = ""
    index: int | None = None
    size: int | None = None
    leaf_hash: str = ""
    disclosed: tuple[str, ...] = ()
    witnesses: tuple[str, ...] = ()
    independent_witnesses: tuple[str, ...] = ()
    cosigned_at: int | None = None
    chain_id: int | None = None
    block: int | None = None
    block_time: int | None = None
    depth: int | None = None
    seal_kind: str = ""
    sealed: tuple[int, int] | None = None
    contracts: tuple[str, ...] = ()
    outcome: str = ""
    refused: int | None = None
    account: str = ""
    balance: int | None = None
    locked: int | None = None
    sequence: int | None = None
    state_block: int | None = None
    lock: str = ""
    lock_holder: str = ""
    lock_rest: int | None = None
    lock_block: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The steps in order, all fifteen of them, and the outcome they add up to."""

    steps: tuple[Step, ...]
    outcome: Outcome
    facts: Facts

    @property
    def failed_step(self) -> Step | None:
        """The first step that failed."""
        return next((step for step in self.steps if step.status == "failed"), None)


def passed(number: StepNumber, detail: str = "", code: str = "ok") -> Step:
    """Return a step whose evidence is there and holds."""
    return Step(number, number.label, "passed", detail, code, "pass")


def failed(number: StepNumber, error: NotaryError | str, code: str = "mismatch") -> Step:
    """Return a step whose evidence is there and does not hold."""
    if isinstance(error, FormatError):
        code = "malformed" if code == "mismatch" else code
    return Step(number, number.label, "failed", str(error), code, "mismatch")


def not_present(number: StepNumber, code: str, detail: str, consequence: Outcome = "pass") -> Step:
    """Return a step whose evidence is not there; ``consequence`` says whether the trust root can do
    without.
    """
    return Step(number, number.label, "not_present", detail, code, consequence)


def build_verdict(steps: dict[StepNumber, Step], facts: Facts, *, reason: str) -> Verdict:
    """Return the verdict of ``steps``; every step that is missing is added as not reached, because of
    ``reason``.
    """
    ordered = tuple(
        steps.get(number) or not_present(number, "not_reached", reason, "pass") for number in StepNumber
    )
    worst = max(SEVERITY.index(step.consequence) for step in ordered)
    return Verdict(ordered, SEVERITY[worst], facts)
