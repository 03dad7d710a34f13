"""Changes of the registers that drafts order: accounts, chapters, rights, recoveries, quotas, caps.

Checked before anything of the draft changes, applied together with its entry.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from gateway.errors import Refusal
from gateway.ledger.drafts import (
    Draft,
    Effect,
    KeyEffect,
    OpenChapter,
    RecoverAccount,
    RegisterAccount,
    SetCaps,
    SetQuota,
    SetRights,
)
from gateway.ledger.registers import Account, Chapter, Registers


def accounts_named(effects: Sequence[Effect]) -> list[bytes]:
    """Return the accounts that effects speak of."""
    named: list[bytes] = []
    for effect in effects:
        if isinstance(effect, RegisterAccount | SetRights):
            named.append(effect.account)
        elif isinstance(effect, RecoverAccount):
            named += (effect.old, effect.new)
    return named


def needs_chapter(draft: Draft) -> bool:
    """Say whether the draft's chapter must be open: not where it opens it, nor for an entry about a key."""
    return not any(isinstance(effect, OpenChapter | KeyEffect) for effect in draft.effects)


def check_effects(
    connection: Connection, registers: Registers, draft: Draft, chapter: int
) -> dict[bytes, Account]:
    """Return the accounts the draft would register, not yet in the registers. Raises Refusal."""
    opened = {effect.chapter for effect in draft.effects if isinstance(effect, OpenChapter)}
    if any(registers.chapter(connection, number) is not None for number in opened):
        raise Refusal("chapter.exists")
    new: dict[bytes, Account] = {}
    for effect in draft.effects:
        if isinstance(effect, OpenChapter | KeyEffect):
            continue
        if isinstance(effect, RegisterAccount):
            _check_new(registers, new, effect.account)
            new[effect.account] = Account(
                effect.account, effect.chapter, effect.kind, effect.custody, effect.commitment
            )
        elif isinstance(effect, SetRights):
            _own(registers, effect.account, chapter)
        elif isinstance(effect, RecoverAccount):
            old = _own(registers, effect.old, chapter)
            _check_new(registers, new, effect.new)
            new[effect.new] = _successor(old, effect.new)
        elif effect.chapter not in opened and registers.chapter(connection, effect.chapter) is None:
            raise Refusal("chapter.unknown", field="chapter")
    return new


def _check_new(registers: Registers, new: dict[bytes, Account], address: bytes) -> None:
    if address in registers.accounts or address in new:
        raise Refusal("member.exists")


def _own(registers: Registers, address: bytes, chapter: int) -> Account:
    account = registers.accounts.get(address)
    if account is None:
        raise Refusal("member.unknown", field="account")
    if account.chapter != chapter:
        raise Refusal("chapter.wrong", field="account")
    if account.recovered_to is not None:
        raise Refusal("entry.bad_field", field="account", reason="was replaced by another account")
    return account


def _successor(old: Account, address: bytes) -> Account:
    account = Account(address, old.chapter, old.kind, old.custody, old.commitment)
    account.may_send, account.may_receive = old.may_send, old.may_receive
    # Nobody spends a day's limit twice by losing his account in between (rule 27).
    account.day, account.spent = old.day, old.spent
    return account


def apply_effects(
    connection: Connection,
    registers: Registers,
    effects: Sequence[Effect],
    new: dict[bytes, Account],
    index: int,
) -> None:
    """Change the registers as checked; ``new`` is what `check_effects` returned, ``index`` the entry's."""
    for address, account in new.items():
        account.log_index = index
        registers.accounts[address] = account
        registers.touched_accounts.add(address)
    for effect in effects:
        if isinstance(effect, OpenChapter):
            registers.chapters[effect.chapter] = Chapter(effect.chapter, effect.pool, 0, 0, index)
            registers.touched_chapters.add(effect.chapter)
        elif isinstance(effect, SetRights):
            account = registers.accounts[effect.account]
            account.may_send, account.may_receive = effect.may_send, effect.may_receive
            registers.touched_accounts.add(effect.account)
        elif isinstance(effect, RecoverAccount):
            old = registers.accounts[effect.old]
            old.recovered_to = effect.new
            old.may_send = old.may_receive = False
            registers.touched_accounts.add(effect.old)
        elif isinstance(effect, SetQuota):
            registers.quota(connection, effect.chapter, effect.period).amount = effect.amount
            registers.touched_quotas.add((effect.chapter, effect.period))
        elif isinstance(effect, SetCaps):
            _set_caps(connection, registers, effect)


def _set_caps(connection: Connection, registers: Registers, effect: SetCaps) -> None:
    chapter = registers.chapter(connection, effect.chapter)
    if chapter is not None:
        chapter.daily_cap = chapter.daily_cap if effect.daily is None else effect.daily
        chapter.holding_cap = chapter.holding_cap if effect.holding is None else effect.holding
        registers.touched_chapters.add(effect.chapter)
