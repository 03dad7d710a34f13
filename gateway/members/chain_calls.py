"""What the chain must be told of members, chapters and limits: effects of entries as contract calls.

Registrations of a group travel together. They are sent by the key that settles, so nonce order puts them
before any window that uses the account; every other call goes out by the key of its role.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chain.evm.calldata import (
    Registration,
    encode_approve,
    encode_recover,
    encode_register,
    encode_set_daily_cap,
    encode_set_holding_cap,
    encode_set_quota,
    encode_set_rights,
)
from chain.evm.rule_calls import encode_publish_table
from chain.rule_kinds import RuleLine, encode_code, sorted_lines
from gateway.ledger.drafts import (
    ApproveOperation,
    GrantSeat,
    KeyEffect,
    OpenChapter,
    PublishTable,
    RecoverAccount,
    RegisterAccount,
    ReleaseSeat,
    RenewSeat,
    SeatEffect,
    SetCaps,
    SetQuota,
    SetRights,
    ToldEffect,
)
from gateway.ledger.proposals import POLICIES
from gateway.members.seat_calls import plan_seat
from gateway.outbox.calls import ChainCall

REGISTRATIONS = 50
"""Accounts of one `register` call at most."""

BASE_GAS = 150_000
"""Gas of any of these calls beside what it does per account."""

ACCOUNT_GAS = 150_000
"""Gas of one registration at most, with the first account of a chapter's home log."""


LINE_GAS = 60_000
"""Gas of one line of a published table at most."""


@dataclass(frozen=True, slots=True)
class RegisterPlanner:
    """Plans the calls of one log's effects on one chain; every account's home log is that log."""

    chain_id: int
    log_id: bytes

    def plan(self, effects: Sequence[tuple[str, ToldEffect]]) -> list[tuple[str, ChainCall]]:
        """Return (entry id, call) pairs in sending order: a registration never after what names its account.

        Calls carry the id of the first entry they serve.
        """
        calls: list[tuple[str, ChainCall]] = []
        waiting: list[tuple[str, RegisterAccount]] = []
        for entry_id, effect in effects:
            if isinstance(effect, RegisterAccount):
                waiting.append((entry_id, effect))
                if len(waiting) == REGISTRATIONS:
                    calls.append(self._register(waiting))
                    waiting = []
            elif not isinstance(effect, OpenChapter | KeyEffect):
                if waiting and isinstance(effect, SetRights | RecoverAccount | GrantSeat):
                    calls.append(self._register(waiting))
                    waiting = []
                calls += [(entry_id, call) for call in _calls(effect)]
        if waiting:
            calls.append(self._register(waiting))
        return calls

    def _register(self, waiting: Sequence[tuple[str, RegisterAccount]]) -> tuple[str, ChainCall]:
        data = encode_register(
            [
                Registration(
                    effect.account,
                    effect.chapter,
                    effect.kind,
                    effect.custody,
                    self.log_id,
                    effect.commitment,
                )
                for _, effect in waiting
            ]
        )
        gas = BASE_GAS + ACCOUNT_GAS * len(waiting)
        return waiting[0][0], ChainCall("register", "Membership", data, gas, "operator")


def _plan_table(effect: PublishTable) -> ChainCall:
    lines = tuple(RuleLine(encode_code(role), kind, value) for role, kind, value in effect.lines)
    data = encode_publish_table(
        encode_code(effect.table), effect.chapter, effect.kind, effect.effective_from,
        sorted_lines(lines), encode_code(effect.residual), effect.digest,
    )  # fmt: skip
    return ChainCall("publish", "RuleBook", data, BASE_GAS + LINE_GAS * (len(lines) + 4), "hq")


def _calls(
    effect: SetRights | RecoverAccount | SetQuota | SetCaps | SeatEffect | PublishTable | ApproveOperation,
) -> list[ChainCall]:
    if isinstance(effect, GrantSeat | RenewSeat | ReleaseSeat):
        return [plan_seat(effect)]
    if isinstance(effect, PublishTable):
        return [_plan_table(effect)]
    if isinstance(effect, ApproveOperation):
        data = encode_approve(POLICIES[effect.kind], effect.chapter, effect.digest)
        return [ChainCall("approve", "CoSignature", data, BASE_GAS, role) for role in effect.approvers]
    if isinstance(effect, SetRights):
        data = encode_set_rights(effect.account, effect.may_send, effect.may_receive, effect.order)
        return [ChainCall("setRights", "Membership", data, BASE_GAS, "freezer")]
    if isinstance(effect, RecoverAccount):
        data = encode_recover(effect.old, effect.new, effect.order)
        return [ChainCall("recover", "Membership", data, BASE_GAS + ACCOUNT_GAS, "recoverer")]
    if isinstance(effect, SetQuota):
        data = encode_set_quota(effect.chapter, effect.period, effect.amount)
        return [ChainCall("setQuota", "TimeCredit", data, BASE_GAS, "issuer")]
    calls: list[ChainCall] = []
    if effect.daily is not None:
        data = encode_set_daily_cap(effect.chapter, effect.daily)
        calls.append(ChainCall("setDailyCap", "TimeCredit", data, BASE_GAS, "hq"))
    if effect.holding is not None:
        data = encode_set_holding_cap(effect.chapter, effect.holding)
        calls.append(ChainCall("setHoldingCap", "TimeCredit", data, BASE_GAS, "hq"))
    return calls
