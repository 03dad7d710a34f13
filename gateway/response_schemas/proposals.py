"""Answers about operations proposed to officers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from gateway.response_schemas.base import Answer, Count, HexAddress, Time
from gateway.response_schemas.entries import EntryOperation
from gateway.schemas import ChapterName, EntryName, Hex32

Officer = Literal[
    "hq", "city_node", "president", "secretary", "issuer", "operator", "freezer", "recoverer", "custodian",
    "trustee", "auditor", "witness", "regulator",
]  # fmt: skip


class Needed(Answer):
    """Officers of ``count`` different kinds of these must approve."""

    count: Annotated[int, Field(ge=2)]
    kinds: list[Officer]


class SeenApproval(Answer):
    """One officer's approval on chain; it counts once its block is final."""

    kind: Officer
    approver: HexAddress
    block: Count
    final: bool


class Proposal(Answer):
    """A proposed operation and what officers need to check and approve it.

    ``digest`` is keccak-256 of the operands with ``op_salt``; an officer of the chapter sends ``calldata`` to
    ``contract``.
    """

    id: EntryName
    kind: Literal["cancel", "reverse"]
    chapter: ChapterName
    chapter_number: Count
    state: Literal["open", "used", "expired"]
    operation: EntryOperation
    op_salt: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
    digest: Hex32
    policy: Hex32
    chain_id: Count
    contract: HexAddress
    calldata: Annotated[str, StringConstraints(pattern=r"^0x([0-9a-f]{2})+$")]
    needed: Needed
    approvals: list[SeenApproval]
    approved: bool
    created_at: Time
    expires_at: Time
    entry: EntryName | None
