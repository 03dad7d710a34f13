"""What each of the contracts' events says, as frozen values. Pure; decoded by ``chain.events``.

Field order is that of the event. Solidity's ``from`` and ``to`` are ``sender`` and ``receiver`` here.
"""

from __future__ import annotations

from dataclasses import dataclass

from chain.rule_kinds import RuleLine
from chain.types import Address, BlockNumber, Digest, LeafHash, LeafIndex, NodeHash, TreeSize


@dataclass(frozen=True, slots=True)
class RawLog:
    """One log as a node serves it; ``log_index`` counts within the block, ``topics`` are 32 bytes each."""

    block_number: BlockNumber
    block_hash: Digest
    tx_hash: Digest
    tx_index: int
    log_index: int
    address: Address
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class AccountRegistered:
    """``Membership`` holds a new account of ``chapter``."""

    account: Address
    chapter: int
    kind: int
    custody: int
    home_log: Digest
    commitment: Digest


@dataclass(frozen=True, slots=True)
class RightsChanged:
    """An account's send and receive rights were set by the order with this digest."""

    account: Address
    may_send: bool
    may_receive: bool
    order: Digest


@dataclass(frozen=True, slots=True)
class AccountRecovered:
    """The rights of ``old`` moved to ``new``; balance and locks follow through ``settle``."""

    old: Address
    new: Address
    order: Digest


@dataclass(frozen=True, slots=True)
class OperationDone:
    """One operation of the ledger was executed; ``moved`` may be below ``amount`` for a reversal."""

    log_id: Digest
    index: LeafIndex
    leaf_hash: LeafHash
    kind: int
    sender: Address
    receiver: Address
    amount: int
    valid_until: int
    ref: Digest
    op_salt: bytes
    moved: int


@dataclass(frozen=True, slots=True)
class OperationRefused:
    """One operation of the ledger was passed over for ``reason`` (1 to 18); nothing moved."""

    log_id: Digest
    index: LeafIndex
    leaf_hash: LeafHash
    kind: int
    sender: Address
    receiver: Address
    amount: int
    valid_until: int
    ref: Digest
    op_salt: bytes
    reason: int


@dataclass(frozen=True, slots=True)
class Settled:
    """The window ``[start, end)`` of a log was executed against its anchored size."""

    log_id: Digest
    start: LeafIndex
    end: LeafIndex
    anchored_size: TreeSize


@dataclass(frozen=True, slots=True)
class LeafPassed:
    """A leaf that cannot be opened any more was passed under co-signature."""

    log_id: Digest
    index: LeafIndex
    leaf_hash: LeafHash


@dataclass(frozen=True, slots=True)
class QuotaSet:
    """A chapter's issue quota of a period (yyyymm, UTC+8) in hundredths of a coin."""

    chapter: int
    period: int
    amount: int


@dataclass(frozen=True, slots=True)
class DailyCapSet:
    """A chapter's cap on what one custodial account sends a day; 0 = none."""

    chapter: int
    amount: int


@dataclass(frozen=True, slots=True)
class HoldingCapSet:
    """A chapter's cap on what one account holds; 0 = none."""

    chapter: int
    amount: int


@dataclass(frozen=True, slots=True)
class Transfer:
    """ERC-20 view of a movement; the zero address stands for issue and burn."""

    sender: Address
    receiver: Address
    value: int


@dataclass(frozen=True, slots=True)
class LogRegistered:
    """A log begins at size 1 with this root."""

    log_id: Digest
    genesis_root: NodeHash
    max_growth: int


@dataclass(frozen=True, slots=True)
class SignersSet:
    """The signers of a log's anchors, ``threshold`` of which must sign."""

    log_id: Digest
    signers: tuple[Address, ...]
    threshold: int


@dataclass(frozen=True, slots=True)
class Anchored:
    """A log's root at ``size`` is on chain."""

    log_id: Digest
    size: TreeSize
    root: NodeHash
    previous_size: TreeSize


@dataclass(frozen=True, slots=True)
class LogSucceeded:
    """``new_log`` goes on where ``old_log`` ended, for good."""

    old_log: Digest
    new_log: Digest


@dataclass(frozen=True, slots=True)
class PolicyRegistered:
    """A policy needs approvals by holders of ``threshold`` different role kinds of ``kinds``."""

    policy: Digest
    kinds: tuple[int, ...]
    threshold: int


@dataclass(frozen=True, slots=True)
class Approved:
    """``approver`` approved ``digest`` under ``policy`` as holder of role ``kind`` for ``chapter``."""

    policy: Digest
    digest: Digest
    approver: Address
    chapter: int
    kind: int


@dataclass(frozen=True, slots=True)
class SeatGranted:
    """``merchant`` holds the seat of an industry in a chapter before ``until`` (Unix seconds)."""

    chapter: int
    industry: Digest
    merchant: Address
    certificate: Digest
    until: int
    term: int


@dataclass(frozen=True, slots=True)
class SeatRenewed:
    """A held seat's term was lengthened; ``merchant`` is the holder after recoveries."""

    chapter: int
    industry: Digest
    merchant: Address
    certificate: Digest
    until: int
    term: int


@dataclass(frozen=True, slots=True)
class SeatReleased:
    """A seat was taken from ``merchant``, its holder after recoveries, by the order with this digest."""

    chapter: int
    industry: Digest
    merchant: Address
    reason_code: Digest
    order: Digest


@dataclass(frozen=True, slots=True)
class SeatLapsed:
    """A seat whose term had ended at ``until`` was cleared for a new grant."""

    chapter: int
    industry: Digest
    merchant: Address
    until: int


@dataclass(frozen=True, slots=True)
class TablePublished:
    """A version of a split table; chapter 0 is the network, versions count from 1."""

    table_id: Digest
    chapter: int
    version: int
    kind: int
    effective_from: int
    residual: Digest
    table_hash: Digest
    lines: tuple[RuleLine, ...]


@dataclass(frozen=True, slots=True)
class ReferralAnnounced:
    """A raise of a gate may be activated from ``ready_at`` (Unix seconds) on."""

    gate: int
    value: int
    opinion: Digest
    ready_at: int


@dataclass(frozen=True, slots=True)
class ReferralActivated:
    """The announced raise of a gate is in force."""

    gate: int
    value: int
    opinion: Digest


@dataclass(frozen=True, slots=True)
class ReferralLowered:
    """A gate was lowered at once; what was announced for it is dropped."""

    gate: int
    value: int
    was: int


@dataclass(frozen=True, slots=True)
class ReferralWithdrawn:
    """An announced raise of a gate was dropped."""

    gate: int
    value: int


Event = (
    AccountRegistered
    | RightsChanged
    | AccountRecovered
    | OperationDone
    | OperationRefused
    | Settled
    | LeafPassed
    | QuotaSet
    | DailyCapSet
    | HoldingCapSet
    | Transfer
    | LogRegistered
    | SignersSet
    | Anchored
    | LogSucceeded
    | PolicyRegistered
    | Approved
    | SeatGranted
    | SeatRenewed
    | SeatReleased
    | SeatLapsed
    | TablePublished
    | ReferralAnnounced
    | ReferralActivated
    | ReferralLowered
    | ReferralWithdrawn
)
"""Any decoded event."""
