"""Bodies of the cold routes, as pydantic models: exact members, strict types, no free text outside
``private``.

The hot routes (entries, batch) are read by hand in ``gateway/api/instruction.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import PydanticCustomError

from chain.errors import FormatError
from chain.operation import FieldError, parse_amount
from gateway.auth import Scope

Account = Annotated[str, StringConstraints(pattern=r"^acct_[0-9a-f]{40}$")]
ChapterName = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{4}$")]
EntryName = Annotated[str, StringConstraints(pattern=r"^[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
Hex32 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,64}$")]
KeyReason = Literal["scheduled", "compromised", "custody", "retired"]
"""Why a key is changed, as for every other key: on time, feared known, with a new keeper, given up."""
MAX_OVERLAP_SECONDS = 30 * 86_400
"""How long a rotated API key may count beside the one that follows it."""
Period = Annotated[int, Field(ge=202001, le=209912)]
PrivateName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Private = Annotated[dict[PrivateName, str | int | bool | None], Field(max_length=32)]


def _amount(value: object) -> str:
    try:
        return str(parse_amount(value, "amount"))
    except FieldError as error:
        raise PydanticCustomError(error.code, "amount is not accepted") from None


def _amount_or_zero(value: object) -> str:
    return "0" if value == "0" else _amount(value)


# Before pydantic asks for a string, so that a float is refused as an amount like everywhere else.
Amount = Annotated[str, BeforeValidator(_amount)]
"""Hundredths of a coin, 1 to 2^63 - 1, as a string of digits."""
AmountOrZero = Annotated[str, BeforeValidator(_amount_or_zero)]


class Body(BaseModel):
    """Base of every body: exact members, strict types; ``idempotencyKey`` is an alias of the header."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    idempotencyKey: str | None = None


class KeyIn(Body):
    """Make an API key; without a chapter it acts for all."""

    name: Code
    # Not strict: JSON has only text for them.
    scopes: Annotated[list[Annotated[Scope, Field(strict=False)]], Field(min_length=1, max_length=16)]
    chapter: ChapterName | None = None


class KeyRotationIn(Body):
    """Replace an API key: the old one ends at once, or after ``overlap_seconds``."""

    reason: KeyReason = "scheduled"
    overlap_seconds: Annotated[int, Field(ge=0, le=MAX_OVERLAP_SECONDS)] = 0


class WebhookIn(Body):
    """Subscribe to events: ``from`` is the first one's number, without it the next there is."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=True)

    url: str = Field(min_length=1, max_length=2_048)
    start: Annotated[int, Field(ge=1, lt=2**53)] | None = Field(default=None, alias="from")


class ReplayIn(Body):
    """Send events again: from a number on, or the dead letters."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=True)

    start: Annotated[int, Field(ge=1, lt=2**53)] | None = Field(default=None, alias="from")


class ChapterIn(Body):
    """Open a chapter: its pool account is made unless one is given."""

    code: ChapterName
    pool: Account | None = None


class ChapterQuotaIn(Body):
    """Set a chapter's issuance quota of one month (yyyymm, UTC+8)."""

    period: Period
    amount: AmountOrZero


class ChapterCapsIn(Body):
    """Set a chapter's caps; an absent one stays, ``"0"`` lifts it."""

    daily: AmountOrZero | None = None
    holding: AmountOrZero | None = None


class MemberIn(Body):
    """Register an account; a self-custody one names the address its holder has the key of."""

    chapter: ChapterName
    kind: Literal["member", "merchant", "pool", "system"] = "member"
    custody: Literal["operator", "self"] = "operator"
    account: Account | None = None
    industry: Code | None = None
    tier: Code | None = None
    private: Private = Field(default_factory=dict)


def check_member(body: Mapping[str, object]) -> None:
    """Check the form of a registration. Raises FormatError naming the member, never its value."""
    try:
        MemberIn.model_validate(dict(body))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "row"
        raise FormatError(where, "is not what a registration takes") from None


class ClockIn(Body):
    """Where a simulated clock shall stand, RFC 3339 UTC with three decimals."""

    to: str = Field(max_length=24)


class RightsIn(Body):
    """Freeze or unfreeze: what the account may do from now on, and the order's commitment."""

    may_send: bool
    may_receive: bool
    order: Hex32
    reason: Code | None = None


class RecoveryIn(Body):
    """Move an account's rights and holdings to a new account of the same holder, in the same custody."""

    to: Account | None = None
    order: Hex32


class AuthorizationIn(BaseModel):
    """A self-custody holder's EIP-712 authorization."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    nonce: Hex32
    signature: str


class ProposalIn(Body):
    """One credit operation that officers approve on chain before it is recorded (cancel and reverse)."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=True)

    chapter: ChapterName
    sender: Account | None = Field(default=None, alias="from")
    to: Account | None = None
    amount: AmountOrZero = "0"
    valid_until: Annotated[int, Field(ge=0, lt=2**53)] = 0
    ref: Hex32 | None = None
    actor: Account | None = None
    public: dict[Code, str | int | bool] = Field(default_factory=dict)
    private: Private = Field(default_factory=dict)
    refs: Annotated[list[EntryName], Field(max_length=16)] = Field(default_factory=list)
    rule: Code | None = None


class CreditIn(ProposalIn):
    """One credit operation; the kind stands in the path, ``from`` and ``to`` as the kind asks for.

    The chain refuses cancel and reverse without its two officers. ``proposal`` names the proposal they have
    approved; then whatever else is given must be as proposed, and what is not given is taken from there.
    ``approvers`` (scope ``credits:approve``) are officers whose keys this gateway has.
    """

    authorization: AuthorizationIn | None = None
    proposal: EntryName | None = None
    approvers: Annotated[list[Literal["president", "secretary"]], Field(max_length=2)] = Field(
        default_factory=list
    )


class CorePayIn(Body):
    """A purchase in fen with coins towards it, one hundredth of a coin for one fen."""

    chapter: ChapterName
    buyer: Account
    merchant: Account
    amount: Amount
    coins: AmountOrZero = "0"
    rebate: bool = True
    receipt: Hex32
    order_id: Code | None = None


class CoreReferralIn(Body):
    """Reward the referrer of a completed order's buyer out of its margin (fen)."""

    chapter: ChapterName
    sale: EntryName
    margin: AmountOrZero
