"""Turn verified logs into the rows they mean. No database: what must be looked up comes in as `Lookups`.

Raw rows and derived rows of one batch of blocks are made together, so one transaction can hold both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from chain.errors import FatalChainError
from chain.events import (
    TOPICS,
    AccountRecovered,
    AccountRegistered,
    Anchored,
    Approved,
    DailyCapSet,
    Event,
    HoldingCapSet,
    LeafPassed,
    LogRegistered,
    LogSucceeded,
    OperationDone,
    OperationRefused,
    PolicyRegistered,
    QuotaSet,
    RawLog,
    RightsChanged,
    Settled,
    SignersSet,
    decode,
)
from chain.operation import OperationKind
from gateway.db import Row
from gateway.mirror.movements import Movements, quota_period
from gateway.mirror.operation_rows import DONE, REFUSED, Operands, read_operation
from gateway.mirror.rule_rows import rule_row
from gateway.mirror.tables import OUT_OF_RANGE

_MAX = 2**63 - 1
_ISSUE, _LOCK, _RECOVER = int(OperationKind.ISSUE), int(OperationKind.LOCK), int(OperationKind.RECOVER)
_PLAIN = frozenset({int(OperationKind.TRANSFER), int(OperationKind.REDEEM), int(OperationKind.BURN)})
_TRANSFER = next(topic for topic, rule in TOPICS.items() if rule.signature.startswith("Transfer("))
_ENDING = frozenset({int(OperationKind.RELEASE), int(OperationKind.CANCEL)})


@dataclass(frozen=True, slots=True)
class Lookups:
    """What derivation must know of rows mirrored before: an account's chapter, locked amount and rights."""

    chapter: Callable[[bytes], int]
    locked: Callable[[bytes], int]
    rights: Callable[[bytes], tuple[bool, bool]]


class Derived:
    """The rows of one batch of blocks, as tuples in the column order of their tables."""

    def __init__(self, chain_id: int, timestamps: Mapping[int, int], lookups: Lookups) -> None:
        self.chain_id = chain_id
        self.rows: dict[str, list[Row]] = {}
        self.log_counts: dict[int, int] = {}
        self.movements = Movements()
        self.quotas: dict[tuple[int, int], int] = {}
        self.rights: dict[bytes, tuple[bool, bool]] = {}
        self.recovered: list[tuple[bytes, bytes]] = []
        self.ended: dict[bytes, int] = {}
        self._chapters: dict[bytes, int] = {}
        self._timestamps = timestamps
        self._lookups = lookups
        self._logs: list[Row] = self.rows.setdefault("mirror_logs", [])
        self._operations: list[Row] = self.rows.setdefault("mirror_operations", [])

    def add(self, logs: Iterable[RawLog]) -> None:
        """Add logs in chain order.

        Raises:
            FatalChainError: a log of our contracts is no event we know, or contradicts what is mirrored.
        """
        chain_id, raw_rows, counts = self.chain_id, self._logs, self.log_counts
        for log in logs:
            topic, block = log.topics[0], log.block_number
            if topic == _TRANSFER:
                # Restates the `moved` of the operation that caused it.
                continue
            counts[block] = counts.get(block, 0) + 1
            raw_rows.append(
                (
                    chain_id,
                    block,
                    log.log_index,
                    log.tx_hash,
                    log.tx_index,
                    log.address,
                    b"".join(log.topics),
                    log.data,
                )
            )
            if topic == DONE or topic == REFUSED:
                self._operation(log, is_done=topic == DONE)
            else:
                self._other(decode(log), log)

    def _operation(self, log: RawLog, *, is_done: bool) -> None:
        operands = read_operation(log) or _read_slowly(log)
        index, kind, sender, receiver, amount, valid_until, ref, op_salt, last = operands
        block, locked = log.block_number, 0
        if is_done:
            if kind not in _PLAIN:
                locked = self._special(kind, sender, receiver, ref, last, log)
            self.movements.add(kind, sender, receiver, last, locked)
        self._operations.append(
            (
                self.chain_id,
                log.topics[1],
                index,
                log.topics[3],
                kind,
                sender,
                receiver,
                amount,
                valid_until,
                ref,
                op_salt,
                last if is_done else 0,
                locked,
                0 if is_done else last,
                block,
                log.log_index,
            )
        )

    def _special(self, kind: int, sender: bytes, receiver: bytes, ref: bytes, moved: int, log: RawLog) -> int:
        """Note what a done operation means beyond balances; return the locked amount that moves with it."""
        if kind == _RECOVER:
            return self._lookups.locked(sender) + self.movements.locked_change(sender)
        if kind == _LOCK:
            self._row("mirror_locks", log.topics[3], sender, moved, ref, 0, log.block_number)
        elif kind in _ENDING:
            self.ended[ref] = self.ended.get(ref, 0) + moved
        elif kind == _ISSUE:
            key = (self._chapter(receiver), quota_period(self._timestamps[log.block_number]))
            self.quotas[key] = self.quotas.get(key, 0) + moved
        return 0

    def _chapter(self, address: bytes) -> int:
        chapter = self._chapters.get(address)
        if chapter is None:
            chapter = self._chapters[address] = self._lookups.chapter(address)
        return chapter

    def _row(self, table: str, *values: object) -> None:
        self.rows.setdefault(table, []).append((self.chain_id, *values))

    def _other(self, event: Event, log: RawLog) -> None:
        at = (log.block_number, log.log_index)
        match event:
            case Settled():
                window = (event.log_id, event.start, event.end, event.anchored_size)
                self._row("mirror_settlements", *window, log.tx_hash, *at)
            case Anchored():
                anchored = (event.log_id, event.size, event.root, event.previous_size)
                self._row("mirror_anchors", *anchored, log.tx_hash, *at)
            case AccountRegistered():
                self._registered(event, at)
            case RightsChanged():
                self._rights(event.account, event.may_send, event.may_receive, event.order, at)
            case AccountRecovered():
                self._recovered(event, at)
            case QuotaSet():
                self._row("mirror_limits", *at, "quota", event.chapter, event.period, _bounded(event.amount))
            case DailyCapSet():
                self._row("mirror_limits", *at, "daily_cap", event.chapter, 0, _bounded(event.amount))
            case HoldingCapSet():
                self._row("mirror_limits", *at, "holding_cap", event.chapter, 0, _bounded(event.amount))
            case LeafPassed():
                self._row("mirror_passed", event.log_id, event.index, event.leaf_hash, *at)
            case LogRegistered():
                growth = _bounded(event.max_growth)
                self._row("mirror_registry", event.log_id, event.genesis_root, growth, *at)
            case SignersSet():
                self._row("mirror_log_signers", *at, event.log_id, b"".join(event.signers), event.threshold)
            case LogSucceeded():
                self._row("mirror_successions", *at, event.old_log, event.new_log)
            case PolicyRegistered():
                self._row("mirror_policies", *at, event.policy, bytes(event.kinds), event.threshold)
            case Approved():
                approval = (event.policy, event.digest, event.approver, event.chapter, event.kind)
                self._row("mirror_approvals", *at, *approval)
            case _:
                self._rule(event, at)

    def _rule(self, event: Event, at: tuple[int, int]) -> None:
        found = rule_row(event, at)
        if found is None:
            raise FatalChainError(f"event {type(event).__name__} has no rows")
        table, row = found
        self._row(table, *row)

    def _rights(
        self, address: bytes, may_send: bool, may_receive: bool, order: bytes, at: tuple[int, int]
    ) -> None:
        self.rights[address] = (may_send, may_receive)
        self._row("mirror_rights", *at, address, may_send, may_receive, order)

    def _recovered(self, event: AccountRecovered, at: tuple[int, int]) -> None:
        """The new account has the rights the old one had; the old one has none any more."""
        rights = self.rights.get(event.old)
        may_send, may_receive = self._lookups.rights(event.old) if rights is None else rights
        self._rights(event.new, may_send, may_receive, event.order, at)
        self._rights(event.old, False, False, event.order, at)
        self.recovered.append((event.old, event.new))
        self._row("mirror_recoveries", *at, event.old, event.new, event.order)

    def _registered(self, event: AccountRegistered, at: tuple[int, int]) -> None:
        self._chapters[event.account] = event.chapter
        self._row(
            "mirror_accounts",
            event.account,
            event.chapter,
            event.kind,
            event.custody,
            event.home_log,
            event.commitment,
            True,
            True,
            None,
            0,
            0,
            *at,
        )


def _read_slowly(log: RawLog) -> Operands:
    """Return the operands of an outcome event with values out of range marked as such."""
    event = decode(log)
    if isinstance(event, OperationDone):
        last = event.moved
    elif isinstance(event, OperationRefused):
        last = event.reason
    else:
        raise FatalChainError(f"event {type(event).__name__} is no outcome")
    if last > _MAX:
        raise FatalChainError(f"leaf {event.index}: more moved than can exist")
    amount, valid_until = _bounded(event.amount), _bounded(event.valid_until)
    parties = (event.sender, event.receiver)
    return (event.index, event.kind, *parties, amount, valid_until, event.ref, event.op_salt, last)


def _bounded(amount: int) -> int:
    return amount if amount <= _MAX else OUT_OF_RANGE


FOLLOWED: tuple[bytes, ...] = tuple(topic for topic in TOPICS if topic != _TRANSFER)
"""First topics that the mirror asks a node for."""
