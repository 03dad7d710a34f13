"""Answers about commerce: a chapter's figures of a month, its awards, contributions and gates."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from gateway.response_schemas.base import Answer, Coins, Count, SignedCoins
from gateway.schemas import Account, ChapterName, Code, EntryName

MonthName = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]
Day = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Fen = Annotated[str, StringConstraints(pattern=r"^(0|[1-9][0-9]*)$"), Field(description="Fen.")]
SignedFen = Annotated[str, StringConstraints(pattern=r"^(0|-?[1-9][0-9]*)$"), Field(description="Fen.")]
BasisPoints = Annotated[int, Field(ge=0, le=10_000)]


class ComputedAward(Answer):
    """One place of an award, computed of the log's first ``size`` entries.

    ``entry`` granted it, null while nothing did; ``agrees`` says whether that entry says the same.
    """

    award: Code
    rank: int
    winner: Account
    tally: Count
    prize: Fen
    coins: Coins
    size: Count
    entry: EntryName | None
    agrees: bool | None


class AwardList(Answer):
    """A month's awards by the version of the terms in force; ``over`` says whether the month is."""

    chapter: ChapterName
    month: MonthName
    over: bool
    version: Count
    awards: list[ComputedAward]


class EquityPart(Answer):
    """An account's parts of a pool; ``account`` null: nobody of the pool has contributed."""

    pool: Code
    account: Account | None
    parts: Count


class AccountContribution(Answer):
    """What an account brought: capital and share of cross-store sales in fen, members referred who bought."""

    account: Account
    capital: Fen
    referred: Count
    split: Fen


class EquityStatement(Answer):
    """Contributions until the end of a month; the parts of all rows sum to ``whole``. Not transferable.

    ``committee`` are the accounts in office at the month's end: with the merchants the core pool.
    """

    chapter: ChapterName
    month: MonthName
    size: Count
    version: Count
    committee: list[Account]
    whole: Count
    rows: list[EquityPart]
    contributions: list[AccountContribution]


class ChapterGate(Answer):
    """One gate: what there is, what is needed, in the same unit."""

    name: Code
    have: Count
    need: Count
    passed: bool


class GateList(Answer):
    """A chapter's gates; ``households`` is its parameter, null while not set."""

    chapter: ChapterName
    day: Day
    version: Count
    households: Count | None
    member_households: Count
    gates: list[ChapterGate]
    may_grow: bool
    may_raise: bool


class SalesSum(Answer):
    """Number and sum of the month's sales."""

    count: Count
    amount: Fen


class RefundSum(Answer):
    """The month's refunds, coins and rebates to be returned with them, and coins still owed at its end."""

    count: Count
    amount: Fen
    coins: Coins
    rebate: Coins
    coins_owed: Coins


class RoleSum(Answer):
    """What a role got of splits, gave back by refunds and keeps."""

    role: Code
    amount: Fen
    returned: Fen
    net: SignedFen


class FeeSum(Answer):
    """Fees that were split in the month."""

    count: Count
    amount: Fen
    splits: list[RoleSum]


class CoinSum(Answer):
    """Coins that moved, and what of such came back in the month."""

    count: Count
    amount: Coins
    returned: Coins


class ExitSum(Answer):
    """Coins that merchants burned or paid the platform with."""

    burned: Coins
    fees: Coins
    adverts: Coins


class VoucherSum(Answer):
    """Vouchers by what happened to them in the month; ``cost`` says who bore the discounts."""

    granted: Count
    used: Count
    returned: Count
    expired: Count
    discount: Fen
    cost: list[RoleSum]


class GrantSum(Answer):
    """Money given to the chapter and the coins its subsidy pool got for it."""

    count: Count
    amount: Fen
    coins: Coins


class FundSum(Answer):
    """What a fund got and used in the month; its balance is of all entries until the month's end."""

    fund: Code
    accrued: SignedFen
    used: Fen
    balance: SignedFen


class PoolSum(Answer):
    """What a pool holds at the month's end by accepted operations."""

    name: Code
    account: Account
    balance: SignedCoins


class CoinLines(Answer):
    """Where a chapter's coins are at the month's end: ``issued - burned + elsewhere`` is all other lines."""

    issued: Coins
    burned: Coins
    elsewhere: SignedCoins
    members: SignedCoins
    merchants: SignedCoins
    pools: SignedCoins
    system: SignedCoins


class Concentration(Answer):
    """Gini coefficients of what merchants received in the month, among those who received anything."""

    money_gini_bp: BasisPoints
    money_receivers: Count
    coins_gini_bp: BasisPoints
    coins_receivers: Count


class MonthFigures(Answer):
    """A month of a chapter, added up from the log's first ``size`` entries."""

    chapter: ChapterName
    month: MonthName
    size: Count
    sales: SalesSum
    refunds: RefundSum
    splits: list[RoleSum]
    fees: FeeSum
    rebates: CoinSum
    redemptions: CoinSum
    exits: ExitSum
    vouchers: VoucherSum
    grants: GrantSum
    funds: list[FundSum]
    pools: list[PoolSum]
    coins: CoinLines
    concentration: Concentration
