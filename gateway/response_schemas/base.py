"""What all answers are made of: their base and the texts that recur in them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Count = Annotated[int, Field(ge=0)]
"""A size, an index, a height or a number of things."""
Coins = Annotated[str, StringConstraints(pattern=r"^(0|[1-9][0-9]*)$"), Field(description="Hundredths.")]
SignedCoins = Annotated[
    str, StringConstraints(pattern=r"^(0|-?[1-9][0-9]*)$"), Field(description="Hundredths.")
]
Time = Annotated[
    str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$")
]
"""RFC 3339, UTC, three decimals."""
HexAddress = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-f]{40}$")]
TransactionHash = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-f]{64}$")]
Hex = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{2})*$")]
Cursor = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,15}:[0-9]{1,9}$")]
"""``block:log_index`` of an event."""


class Answer(BaseModel):
    """Base of every answer; members may be added to it."""

    model_config = ConfigDict(frozen=True)


class ClosedAnswer(BaseModel):
    """Base of a format that has exactly its members."""

    model_config = ConfigDict(frozen=True, extra="forbid")
