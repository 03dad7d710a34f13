"""One-time payment codes: shown by the payee, scanned by the payer, each paying once (rule 19).

The payee's device draws a random ``secret`` and shows it as a picture with payee, amount and purpose. Only
hashes of it are ever sent: ``code = digest_token(proof)`` when it is issued, ``proof = SHA-256(secret)`` when
it is used. So the log holds the code from the start and the proof from the payment on, by which everybody can
check that the payer had scanned it; the secret stays with the two devices, and a used proof pays nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from chain.canonical import JsonValue
from chain.operation import OperationKind, chapter_code
from chain.types import AccountId, ChapterCode, Digest
from gateway.alliance.standing import require_not_suspended
from gateway.cases.case import Case
from gateway.cases.filling import concern, fill, order, read_sum, read_text
from gateway.cases.world import World
from gateway.errors import Refusal
from gateway.ledger.drafts import AccountKind, Draft
from gateway.members.family import check_kin, check_ward
from gateway.rules.calendar import business_date, format_timestamp
from gateway.rules.parameters import value_on
from gateway.rules.payment_codes import (
    CODE_TERMS,
    CodeState,
    PaymentCode,
    Scan,
    digest_token,
    expire_code,
    open_digest,
    use_code,
)
from gateway.timebank.elders import is_guardian
from gateway.timebank.records import concerning

PAYCODE = "paycode"


def read_code(case: Case) -> PaymentCode:
    """Return the payment code of a case. Inverse: `_document`."""
    return PaymentCode(
        Digest(bytes.fromhex(case.key)),
        str(case.holder),
        case.number("amount"),
        case.text("purpose"),
        case.number("issued"),
        case.number("expires"),
        CodeState(case.state),
        cast("str | None", case.document["payer"]),
        cast("int | None", case.document["ended"]),
    )


def _document(code: PaymentCode) -> dict[str, JsonValue]:
    return {
        "amount": code.amount,
        "purpose": code.purpose,
        "issued": code.issued_at,
        "expires": code.expires_at,
        "payer": code.payer,
        "ended": code.ended_at,
    }


def issue_code(world: World) -> Draft:
    """Open a code for one payment to a member or merchant of the chapter, for a short time.

    Raises:
        Refusal: ``member.unknown``, ``payment_code.*``, ``case.exists`` for a code used before.
    """
    draft = world.draft
    payee = world.own(read_text(draft, "payee"), "public.payee")
    if payee.kind not in (AccountKind.MEMBER, AccountKind.MERCHANT):
        raise Refusal("entry.bad_field", field="public.payee", reason="is neither member nor merchant")
    if draft.actor not in (None, payee.account):
        raise Refusal("payment_code.other_payee")
    digest = Digest(bytes.fromhex(read_text(draft, "code")))
    now = world.now // 1000
    terms = value_on(CODE_TERMS, business_date(now))
    amount, purpose = read_sum(draft, "amount", least=1), read_text(draft, "purpose")
    code = open_digest(digest, payee.account, amount, purpose, now, terms)
    due = code.expires_at * 1000
    key = digest.hex()
    case = Case(PAYCODE, key, world.chapter, code.state.value, payee.account, due, _document(code))
    world.open(PAYCODE, key, case)
    return concerning(fill(draft, expires_at=format_timestamp(due)), [payee.account])


def use(world: World) -> Draft:
    """Pay what a code stands for: the first who scans it in time pays, and nobody else does.

    A payer of another chapter may use it: knowing the secret is what lets him see it.

    Raises:
        Refusal: ``payment_code.*`` in the order of `use_code`; ``member.unknown``; ``guardian.*`` for more
            than a ward may pay alone; ``merchant.suspended``.
        RuleRefusal: ``member.kin_not_allowed`` to whom the chapter lets no member give coins.
    """
    draft = world.draft
    payer = world.own(read_text(draft, "payer"), "public.payer")
    if draft.actor not in (None, payer.account) and not is_guardian(world, str(draft.actor), payer.account):
        raise Refusal("payment_code.other_payer")
    proof = bytes.fromhex(read_text(draft, "proof"))
    case = world.find(PAYCODE, digest_token(proof).hex())
    if case is None:
        raise Refusal("payment_code.unknown")
    scan = Scan(
        proof,
        payer.account,
        read_text(draft, "payee"),
        read_sum(draft, "amount"),
        read_text(draft, "purpose"),
        world.now // 1000,
    )
    code = use_code(read_code(case), scan)
    check_kin(world, payer.account, code.payee)
    check_ward(world, payer.account, code.amount)
    world.put(replace(case, state=code.state.value, due_at=None, document=_document(code)))
    payee = world.standing(code.payee)
    is_merchant = payee is not None and payee.kind == AccountKind.MERCHANT
    if is_merchant:
        require_not_suspended(world, code.payee)
    kind = OperationKind.REDEEM if is_merchant else OperationKind.TRANSFER
    completed = order(fill(draft, code=case.key), kind, payer.account, code.payee, code.amount)
    return concerning(completed, [payer.account, code.payee])


def expire(world: World) -> Draft:
    """Close a code whose time has passed.

    Raises:
        Refusal: ``case.*``; ``payment_code.still_open`` before.
    """
    case = world.require(PAYCODE, read_text(world.draft, "code"), "public.code", CodeState.OPEN.value)
    code = expire_code(read_code(case), world.now // 1000)
    world.put(replace(case, state=code.state.value, due_at=None, document=_document(code)))
    return concern(world.draft, [code.payee])


def code_due(case: Case) -> Draft:
    """Return the end of a code that nobody has scanned."""
    holder = AccountId(str(case.holder))
    chapter = ChapterCode(chapter_code(case.chapter))
    return Draft("paycode.expired", chapter, None, (holder,), public={"code": case.key})


PAYCODE_RULES = {"paycode.issued": issue_code, "paycode.used": use, "paycode.expired": expire}
PAYCODE_DUE = {PAYCODE: code_due}
