"""From the bodies of the cold routes to drafts. Pure but for the random bytes it is given.

Which accounts, amounts and rights may be is the ledger's business; here a body becomes the one entry that
records it.
"""

from __future__ import annotations

from collections.abc import Callable

from chain.canonical import JsonValue, canonicalize
from chain.entry_types import check_draft
from chain.errors import FormatError
from chain.hashing import sha256
from chain.operation import (
    ZERO_ADDRESS,
    ZERO_REF,
    Operation,
    OperationKind,
    account_address,
    account_id,
    chapter_number,
    check_operation,
    parse_amount,
)
from chain.types import AccountId, Address, ChapterCode, EntryId
from gateway.api.instruction import field_refusal
from gateway.errors import Refusal
from gateway.ledger.drafts import (
    APPROVED_KINDS,
    AccountKind,
    Authorization,
    Custody,
    Draft,
    OpenChapter,
    RecoverAccount,
    RegisterAccount,
    SetCaps,
    SetQuota,
    SetRights,
)
from gateway.schemas import (
    ChapterCapsIn,
    ChapterIn,
    ChapterQuotaIn,
    CreditIn,
    MemberIn,
    RecoveryIn,
    RightsIn,
)

Entropy = Callable[[int], bytes]
SALT_FIELD = "commitment_salt"
"""Private field that opens the on-chain commitment of a member's private fields."""

CREDIT_TYPES = {
    OperationKind.ISSUE: "credit.issued",
    OperationKind.TRANSFER: "credit.transferred",
    OperationKind.REDEEM: "credit.redeemed",
    OperationKind.BURN: "credit.burned",
    OperationKind.LOCK: "credit.locked",
    OperationKind.RELEASE: "credit.released",
    OperationKind.CANCEL: "credit.cancelled",
    OperationKind.REVERSE: "credit.reversed",
    OperationKind.RECOVER: "credit.recovered",
}
"""Entry type that records each kind of operation."""


def draft_chapter(body: ChapterIn, entropy: Entropy) -> Draft:
    """Return the entry that opens a chapter with its pool; a pool's address is random and nobody has its
    key."""
    number = chapter_number(ChapterCode(body.code))
    pool = _address(body.pool, entropy)
    commitment = sha256(entropy(32) + canonicalize({"pool": body.code}))
    return Draft(
        "chapter.opened",
        ChapterCode(body.code),
        None,
        (account_id(pool),),
        public={"pool": account_id(pool)},
        effects=(
            OpenChapter(number, pool),
            RegisterAccount(pool, number, AccountKind.POOL, Custody.OPERATOR, commitment),
        ),
    )


def draft_quota(code: str, body: ChapterQuotaIn) -> Draft:
    """Return the entry that sets a chapter's issuance quota of one month."""
    chapter = ChapterCode(code)
    effect = SetQuota(chapter_number(chapter), body.period, int(body.amount))
    public: dict[str, JsonValue] = {"period": str(body.period), "amount": body.amount}
    return Draft("quota.set", chapter, None, (), public=public, effects=(effect,))


def draft_caps(code: str, body: ChapterCapsIn) -> Draft:
    """Return the entry that sets one cap of a chapter.

    Raises:
        Refusal: the body names both caps or none: one entry says one thing.
    """
    if (body.daily is None) == (body.holding is None):
        raise Refusal("entry.bad_field", field="body", reason="name exactly one of daily and holding")
    chapter = ChapterCode(code)
    cap, amount = ("daily", body.daily) if body.daily is not None else ("holding", body.holding or "0")
    effect = SetCaps(
        chapter_number(chapter),
        None if body.daily is None else int(body.daily),
        None if body.holding is None else int(body.holding),
    )
    return Draft("cap.set", chapter, None, (), public={"cap": cap, "amount": amount}, effects=(effect,))


def draft_member(body: MemberIn, entropy: Entropy) -> Draft:
    """Return the entry by which an account joins. On chain stands only a salted commitment of the private
    fields.

    Raises:
        Refusal: self-custody without an address.
    """
    if body.custody == "self" and body.account is None:
        raise Refusal("entry.bad_field", field="account", reason="self-custody names its address")
    chapter = ChapterCode(body.chapter)
    address = _address(body.account, entropy)
    salt = entropy(32)
    private: dict[str, JsonValue] = {**body.private, SALT_FIELD: salt.hex()}
    commitment = sha256(salt + canonicalize(dict(body.private)))
    public: dict[str, JsonValue] = {
        "account": account_id(address),
        "kind": body.kind,
        "custody": body.custody,
        "commitment": commitment.hex(),
    }
    for name, value in (("industry", body.industry), ("tier", body.tier)):
        if value is not None:
            public[name] = value
    effect = RegisterAccount(
        address,
        chapter_number(chapter),
        AccountKind[body.kind.upper()],
        Custody[body.custody.upper()],
        commitment,
    )
    return Draft(
        "member.joined",
        chapter,
        None,
        (account_id(address),),
        public=public,
        private=private,
        effects=(effect,),
    )


def draft_rights(account: AccountId, chapter: ChapterCode, body: RightsIn) -> Draft:
    """Return the entry that freezes or unfreezes an account."""
    public: dict[str, JsonValue] = {
        "account": account,
        "may_send": body.may_send,
        "may_receive": body.may_receive,
        "order": body.order,
    }
    if body.reason is not None:
        public["reason"] = body.reason
    name = "member.unfrozen" if body.may_send and body.may_receive else "member.frozen"
    effect = SetRights(account_address(account), body.may_send, body.may_receive, bytes.fromhex(body.order))
    return Draft(name, chapter, None, (account,), public=public, effects=(effect,))


def draft_recovery(
    account: AccountId, chapter: ChapterCode, custody: str, body: RecoveryIn, entropy: Entropy
) -> Draft:
    """Return the entry that moves an account's rights to a new one in the same ``custody``.

    Raises:
        Refusal: a self-custody account without the address that takes its place.
    """
    if custody == "self" and body.to is None:
        raise Refusal("entry.bad_field", field="to", reason="self-custody names its address")
    new = _address(body.to, entropy)
    effect = RecoverAccount(account_address(account), new, bytes.fromhex(body.order))
    public: dict[str, JsonValue] = {"from": account, "to": account_id(new), "order": body.order}
    subjects = (account, account_id(new))
    return Draft("account.recovered", chapter, None, subjects, public=public, effects=(effect,))


def draft_recovered_credits(account: AccountId, chapter: ChapterCode, new: Address) -> Draft:
    """Return the entry that moves everything the old account holds."""
    operation = Operation(OperationKind.RECOVER, account_address(account), new, 0, 0, ZERO_REF)
    return Draft("credit.recovered", chapter, None, (account, account_id(new)), operation)


def draft_credit(kind: OperationKind, body: CreditIn) -> Draft:
    """Return the entry of one credit operation.

    Raises:
        Refusal: operands that do not fit the kind, public fields the type has not, approvers or a proposal
            of a kind that needs none, or both.
    """
    if body.approvers and kind not in APPROVED_KINDS:
        raise Refusal("entry.bad_field", field="approvers", reason=f"{kind.label} needs no approval")
    if body.proposal is not None and kind not in APPROVED_KINDS:
        raise Refusal("entry.bad_field", field="proposal", reason=f"{kind.label} needs no approval")
    if body.proposal is not None and body.approvers:
        raise Refusal("entry.bad_field", field="approvers", reason="have approved the proposal")
    if len(set(body.approvers)) != len(body.approvers):
        raise Refusal("entry.bad_field", field="approvers", reason="names one twice")
    try:
        amount = parse_amount(body.amount, "amount", zero_allowed=kind is OperationKind.RECOVER)
        operation = Operation(
            kind,
            ZERO_ADDRESS if body.sender is None else account_address(AccountId(body.sender)),
            ZERO_ADDRESS if body.to is None else account_address(AccountId(body.to)),
            amount,
            body.valid_until,
            ZERO_REF if body.ref is None else bytes.fromhex(body.ref),
        )
        check_operation(operation)
        check_draft(CREDIT_TYPES[kind], body.public, operation)
    except FormatError as error:
        raise field_refusal(error) from None
    parties = dict.fromkeys(AccountId(party) for party in (body.sender, body.to) if party is not None)
    return Draft(
        CREDIT_TYPES[kind],
        ChapterCode(body.chapter),
        None if body.actor is None else AccountId(body.actor),
        tuple(parties),
        operation,
        public=dict(body.public),
        private=dict(body.private),
        refs=tuple(map(EntryId, body.refs)),
        rule=body.rule,
        authorization=_authorization(body),
        approvers=tuple(body.approvers),
        proposal=body.proposal,
    )


def _authorization(body: CreditIn) -> Authorization | None:
    given = body.authorization
    if given is None:
        return None
    try:
        signature = bytes.fromhex(given.signature)
    except ValueError:
        raise Refusal("signature.malformed") from None
    return Authorization(bytes.fromhex(given.nonce), signature)


def _address(given: str | None, entropy: Entropy) -> Address:
    address = Address(entropy(20)) if given is None else account_address(AccountId(given))
    if address == ZERO_ADDRESS:
        raise Refusal("entry.bad_field", field="account", reason="is the zero address")
    return address
