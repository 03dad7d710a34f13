"""Answers about entries: what a write gives, what reads give, anchors and the feed of outcomes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from gateway.response_schemas.base import (
    Answer,
    ClosedAnswer,
    Coins,
    Count,
    Cursor,
    Time,
    TransactionHash,
)
from gateway.schemas import Account, ChapterName, Code, EntryName, Hex32

Kind = Literal["issue", "transfer", "redeem", "burn", "lock", "release", "cancel", "reverse", "recover"]
State = Literal["accepted", "logged", "cosigned", "anchored", "settled", "final"]
PrivateDigest = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]


class Receipt(ClosedAnswer):
    """The log's signed promise to hold this leaf at this index."""

    v: Literal[1]
    origin: str
    index: Count
    leaf_hash: Hex32
    at: Time
    signature: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{86}==$")]


class Accepted(Answer):
    """Recorded durably; the same again for a repeat under the same key."""

    id: EntryName
    index: Count
    leaf_hash: Hex32
    state: Literal["accepted"]
    receipt: Receipt


class AcceptedLine(Accepted):
    """Answer to one line of a batch that was recorded."""

    replayed: bool = False


class SubjectLink(ClosedAnswer):
    """Where the entry stands in one account's own chain."""

    seq: Annotated[int, Field(ge=1)]
    prev: Hex32


class EntryOperation(ClosedAnswer):
    """The one operation an entry orders."""

    kind: Kind
    sender: Account | None = Field(alias="from")
    to: Account | None
    amount: Coins
    valid_until: Count
    ref: Hex32


class Entry(ClosedAnswer):
    """An entry as it is recorded, canonical in its bytes; private fields are digests (``_sd``)."""

    v: Literal[1]
    id: EntryName
    type: Code
    chapter: ChapterName
    at: Time
    actor: Account | None
    authority: Literal["operator", "device", "countersigned"]
    subjects: dict[Account, SubjectLink]
    op: EntryOperation | None
    public: dict[str, object]
    refs: list[EntryName]
    rule: Code | None
    sd: list[PrivateDigest] = Field(alias="_sd")
    sd_alg: Literal["sha-256"] = Field(alias="_sd_alg")


class EntryView(Answer):
    """One entry of a listing; ``entry`` is null once erased."""

    id: EntryName
    index: Count
    leaf_hash: Hex32
    entry: Entry | None


class Outcome(Answer):
    """What the contract did with the operation; ``moved`` in hundredths."""

    status: Literal["done", "refused"]
    reason: str
    moved: Coins
    block: Count


class EntryDetail(EntryView):
    """One entry with how far it has come, its outcome, the settling transaction and its receipt."""

    state: State
    outcome: Outcome | None
    tx_hash: TransactionHash | None
    receipt: Receipt


class EntryPage(Answer):
    """Entries in order; ``next`` is the cursor of the next page, null at the end."""

    entries: list[EntryView]
    next: Count | None


class Anchor(Answer):
    """One checkpoint that the anchor contract took."""

    size: Count
    root: Hex32
    previous_size: Count
    block: Count
    tx_hash: TransactionHash


class AnchorPage(Answer):
    """Anchors in order of size; ``next`` is the cursor of the next page, null at the end."""

    anchors: list[Anchor]
    next: Count | None


class Event(Answer):
    """The outcome of one operation in a final block, with its place in the chain of its stream.

    ``seq`` counts the stream's events from 1 without a gap; ``prev`` is the hash of the one before: see
    chain/FORMATS.md.
    """

    cursor: Cursor
    type: Literal["operation.done", "operation.refused"]
    entry: EntryName
    index: Count
    kind: str
    outcome: Outcome
    stream: str
    seq: Annotated[int, Field(ge=1)]
    prev: Hex32


class EventPage(Answer):
    """Outcomes in chain order; ``next`` is where the next page goes on, also where there is none yet."""

    events: list[Event]
    next: Cursor
