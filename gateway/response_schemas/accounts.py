"""Answers about chapters, members, their accounts, and API keys."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from gateway.response_schemas.base import Answer, Coins, Count, SignedCoins, Time
from gateway.response_schemas.entries import Accepted, Entry
from gateway.schemas import Account, ChapterName, Code, EntryName, Period

KeyName = Annotated[str, StringConstraints(pattern=r"^key_[0-9a-f]{16}$")]


class ChapterOpened(Accepted):
    """The chapter is open and has its pool."""

    chapter: ChapterName
    pool: Account


class ChapterChanged(Accepted):
    """The chapter's quota or cap is set."""

    chapter: ChapterName


class Quota(Answer):
    """What a chapter may issue in one month (yyyymm, UTC+8) and what of it is used."""

    period: Period
    amount: Coins
    used: Coins


class Chapter(Answer):
    """One chapter: pool, caps (``"0"`` is none), accounts and what they hold by the chain, quotas."""

    chapter: ChapterName
    pool: Account
    daily_cap: Coins
    holding_cap: Coins
    accounts: Count
    balance: Coins
    locked: Coins
    quotas: list[Quota]


class ChapterList(Answer):
    """The chapters this key sees."""

    chapters: list[Chapter]


class MemberJoined(Accepted):
    """The account is registered."""

    account: Account


class MemberRecovered(Accepted):
    """The account's rights are moved to ``account``; ``credits`` is the entry that moves what it holds."""

    account: Account
    credits: EntryName


class Member(Answer):
    """One account; ``index`` is the entry by which it joined, ``recovered_to`` what took its place."""

    account: Account
    chapter: ChapterName
    kind: Literal["member", "merchant", "pool", "system"]
    custody: Literal["operator", "self"]
    may_send: bool
    may_receive: bool
    recovered_to: Account | None
    index: Count


class MemberPage(Answer):
    """Accounts in order of joining; ``next`` is the cursor of the next page, null at the end."""

    members: list[Member]
    next: Count | None


class Balance(Answer):
    """What the account holds by the chain at ``block``, and what accepted operations leave to spend.

    ``available`` is below zero where the chain refused what a later operation had spent.
    """

    account: Account
    balance: Coins
    locked: Coins
    available: SignedCoins
    block: Count | None


class StatementLine(Answer):
    """One entry of an account by its sequence; ``entry`` is null once erased."""

    seq: Annotated[int, Field(ge=1)]
    index: Count
    id: EntryName
    entry: Entry | None


class Statement(Answer):
    """The account's entries by sequence, without gaps; ``next`` is the next cursor, null at the end."""

    account: Account
    entries: list[StatementLine]
    next: Count | None


class KeyMade(Answer):
    """A new API key, by the entry that says so; its secret is shown this once."""

    id: KeyName
    entry: EntryName
    secret: Annotated[str, StringConstraints(pattern=r"^ty_live_[a-z2-7]{32}$")]


class KeyRotated(KeyMade):
    """The key that follows another; the old one ends at ``ends_at``, at once where that is null."""

    replaces: KeyName
    ends_at: Time | None


class Key(Answer):
    """What is kept of a key: ``scopes`` joined by spaces, ``chapter`` null for every chapter.

    ``revoked_at`` says when it was ended, ``ends_at`` when it ends after a rotation, ``replaces`` what it
    follows.
    """

    id: KeyName
    name: Code
    scopes: str
    chapter: ChapterName | None
    created_at: Time
    revoked_at: Time | None
    ends_at: Time | None
    replaces: KeyName | None


class KeyList(Answer):
    """The keys this one may manage."""

    keys: list[Key]
