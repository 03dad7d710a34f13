"""Answers about the gateway itself: health, public figures, what its refusal codes mean."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, RootModel

from gateway.response_schemas.base import Answer, Count, HexAddress
from gateway.schemas import Hex32

Seconds = Annotated[float, Field(ge=0)]


class Alive(Answer):
    """The process answers."""

    status: Literal["ok"]


class Checks(Answer):
    """What must hold for requests to be served as they should be."""

    schema_: bool = Field(alias="schema")
    chain: bool
    mirror: bool
    ledger: bool
    witnesses: bool
    recursion_limit: bool


class Ready(Answer):
    """Every check holds; where one does not, the answer is a problem that names it."""

    status: Literal["ok"]
    checks: Checks


class Status(Answer):
    """Public figures: sizes count leaves, heights and lags blocks; null is not known at present."""

    origin: str
    chain_id: Annotated[int, Field(ge=1)]
    entries: Count
    checkpoint_size: Count
    witnesses_behind: Count
    witnesses_behind_seconds: Seconds
    anchored_size: Count
    evidence_size: Count
    settled_index: Count
    chain_head: Count | None
    mirror_block: Count | None
    mirror_lag_blocks: Count | None
    mirror_halted: bool
    mirror_unproven: Count
    outbox_waiting: Count
    outbox_oldest_seconds: Seconds
    anchor_age_seconds: Seconds
    reconcile_mismatch: Count
    settle_waits_at: Count | None
    settle_wait_seconds: Seconds
    calls_wait_at: Count | None
    calls_wait_seconds: Seconds
    vkey: str
    contracts: dict[str, HexAddress]
    genesis_hash: Hex32
    trust_root: Hex32
    trust_root_name: str
    finality_depth: Count


class ProblemKind(Answer):
    """What one refusal code means; ``detail`` has places in braces that a refusal fills."""

    code: str
    status: Annotated[int, Field(ge=400, le=599)]
    title: str
    title_zh: str
    detail: str
    detail_zh: str
    retryable: bool


class ProblemKinds(RootModel[list[ProblemKind]]):
    """Every code."""
