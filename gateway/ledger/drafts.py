"""What is handed to the sequencer and what comes back: values only.

A draft says what shall be recorded; the sequencer alone gives it id, time, index and places in the accounts'
chains.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from chain.canonical import JsonValue
from chain.hashing import sha256
from chain.operation import Operation, OperationKind
from chain.types import AccountId, Address, ChapterCode, EntryId, LeafHash, LeafIndex
from gateway.errors import Refusal
from gateway.outbox.calls import ChainCall


class AccountKind(IntEnum):
    """What an account is for; the contract's numbers."""

    MEMBER = 1
    MERCHANT = 2
    POOL = 3
    SYSTEM = 4


class Custody(IntEnum):
    """Who authorises an account's operations; the contract's numbers."""

    OPERATOR = 1
    SELF = 2


@dataclass(frozen=True, slots=True)
class RegisterAccount:
    """The account is registered with the entry; ``commitment`` is the salted one of the person, 32 bytes."""

    account: Address
    chapter: int
    kind: AccountKind
    custody: Custody
    commitment: bytes


@dataclass(frozen=True, slots=True)
class OpenChapter:
    """The chapter is open from the entry on; ``pool`` is registered by a `RegisterAccount` of the same
    draft.
    """

    chapter: int
    pool: Address


@dataclass(frozen=True, slots=True)
class SetRights:
    """The account's rights change; ``order`` is the digest of the written order, 32 bytes, not zero."""

    account: Address
    may_send: bool
    may_receive: bool
    order: bytes


@dataclass(frozen=True, slots=True)
class RecoverAccount:
    """Standing of ``old`` moves to ``new``, no account before; a `recover` operation moves the credits."""

    old: Address
    new: Address
    order: bytes


@dataclass(frozen=True, slots=True)
class SetQuota:
    """The chapter may issue ``amount`` (hundredths of a coin) in ``period`` (yyyymm at UTC+8)."""

    chapter: int
    period: int
    amount: int


@dataclass(frozen=True, slots=True)
class SetCaps:
    """Caps of the chapter's accounts in hundredths of a coin; None leaves one as it is, 0 lifts it."""

    chapter: int
    daily: int | None
    holding: int | None


@dataclass(frozen=True, slots=True)
class GrantSeat:
    """The merchant holds an industry's seat (a code) before ``until``, Unix seconds; see SeatRegistry."""

    chapter: int
    industry: str
    merchant: Address
    certificate: bytes
    until: int


@dataclass(frozen=True, slots=True)
class RenewSeat:
    """The term of a held seat is lengthened to ``until`` (Unix seconds) under a new certificate."""

    chapter: int
    industry: str
    certificate: bytes
    until: int


@dataclass(frozen=True, slots=True)
class ReleaseSeat:
    """The seat is taken from its holder; ``reason`` is a code, ``order`` the digest of what was acted on."""

    chapter: int
    industry: str
    reason: str
    order: bytes


@dataclass(frozen=True, slots=True)
class PublishTable:
    """A chapter uses a version of a split table from ``effective_from`` (Unix seconds) on; see RuleBook.

    ``lines`` are (role code, 1 for basis points or 2 for fen, value), ``digest`` SHA-256 of the table's text.
    """

    chapter: int
    table: str
    kind: int
    effective_from: int
    lines: tuple[tuple[str, int, int], ...]
    residual: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class ApproveOperation:
    """Officers approve one operation on chain: ``digest`` is its operation digest, ``chapter`` its sender's.

    Made by the sequencer, which alone knows the digest beforehand; see ``Draft.approvers``.
    """

    kind: OperationKind
    chapter: int
    digest: bytes
    approvers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IssueKey:
    """An API key counts from its entry on: the SHA-256 of its secret, never the secret.

    ``scopes`` are sorted and joined by spaces, ``chapter`` None is every chapter. ``request`` is the digest
    of who asked under which idempotency key, ``replaces`` the id of the key it follows.
    """

    id: str
    digest: bytes
    name: str
    scopes: str
    chapter: str | None
    request: bytes | None = None
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class EndKey:
    """An API key ends: with its entry, or at ``ends_at`` (RFC 3339), which may lie ahead."""

    id: str
    ends_at: str | None = None


KeyEffect = IssueKey | EndKey
"""A change of who may call; the chain knows nothing of it."""

SeatEffect = GrantSeat | RenewSeat | ReleaseSeat
"""What the chain is told of seats; the registers know nothing of them."""

Effect = (
    RegisterAccount
    | OpenChapter
    | SetRights
    | RecoverAccount
    | SetQuota
    | SetCaps
    | SeatEffect
    | PublishTable
    | KeyEffect
)
"""A change that commits with its entry; the outbox tells the chain of those that the chain knows."""

ToldEffect = Effect | ApproveOperation
"""What the outbox tells the chain for an entry."""

APPROVED_KINDS = frozenset({OperationKind.CANCEL, OperationKind.REVERSE})
"""Kinds that the chain carries out only with the approval of several officers."""


@dataclass(frozen=True, slots=True)
class Authorization:
    """A self-custody holder's EIP-712 authorization: 32-byte nonce and 65-byte signature r, s, v."""

    nonce: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Draft:
    """What shall be recorded. Requires ``type`` and ``public`` checked by `chain.entry.check_draft`.

    ``subjects`` are the accounts whose chains the entry joins, in the order given; the parties of the
    operation are added. Private fields belong to the first of them and are sealed with its key.
    """

    type: str
    chapter: ChapterCode
    actor: AccountId | None
    subjects: tuple[AccountId, ...]
    operation: Operation | None = None
    public: Mapping[str, JsonValue] = field(default_factory=dict)
    private: Mapping[str, JsonValue] = field(default_factory=dict)
    refs: tuple[EntryId, ...] = ()
    rule: str | None = None
    authority: str = "operator"
    authorization: Authorization | None = None
    effects: tuple[Effect, ...] = ()
    calls: tuple[ChainCall, ...] = ()
    # Roles whose keys approve the operation on chain before it is settled; only for `APPROVED_KINDS`.
    approvers: tuple[str, ...] = ()
    # The proposal this entry carries out: its operation gets the salt that officers approved.
    proposal: str | None = None


@dataclass(frozen=True, slots=True)
class Submission:
    """A draft with who asks and under which key: same (principal, key) and fingerprint give the first answer
    again.

    ``fingerprint`` is SHA-256 of the canonical request. An empty key is never looked up nor stored.
    """

    principal: str
    idempotency_key: str
    fingerprint: bytes
    draft: Draft


def key_digest(submission: Submission) -> bytes:
    """Return SHA-256 over principal and idempotency key, empty for a submission without a key."""
    if not submission.idempotency_key:
        return b""
    return sha256(f"{submission.principal}\x00{submission.idempotency_key}".encode())


@dataclass(frozen=True, slots=True)
class Accepted:
    """The entry is durable. ``receipt`` is the log's signed promise (FORMATS.md section 7) as JSON bytes."""

    entry_id: EntryId
    index: LeafIndex
    leaf_hash: LeafHash
    at: str
    receipt: bytes
    replayed: bool


Answer = Accepted | Refusal
"""What a submission comes to; a refusal has changed nothing."""
