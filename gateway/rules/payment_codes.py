"""One-time payment codes: bound to payee, amount and purpose, open for a short time, used once. Pure.

Rule 19. The code shown to the payer is a random token; only its digest is kept, so a stolen table
pays nothing. Two phones may scan at once: both steps start from the open record, and the store keeps the one
it writes first (compare and set on the state); the other is refused from the used record.
Must not make randomness or read a clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from chain.errors import FormatError
from chain.hashing import sha256
from chain.types import Digest
from gateway.rules.parameters import ship
from gateway.rules.refusals import RuleRefusal, check_amount

TOKEN_BYTES = 16
"""Least length of a token: 128 random bits."""

_DOMAIN = b"tongyi.payment-code.v1\x00"


class CodeState(StrEnum):
    """Where a payment code stands; used and expired are final."""

    OPEN = "open"
    USED = "used"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class CodeTerms:
    """``lifetime_s`` seconds; ``max_amount`` in hundredths, None where not set (rule 20)."""

    lifetime_s: int = 120
    max_amount: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.lifetime_s <= 3_600:
            raise FormatError("lifetime_s", "not 1 to 3600")
        if self.max_amount is not None:
            check_amount(self.max_amount, "max_amount")


CODE_TERMS = ship("payment_code_terms", CodeTerms(), "rule 19")


@dataclass(frozen=True, slots=True)
class PaymentCode:
    """What is stored of a code. Times in Unix seconds, half-open: from ``expires_at`` on it is worthless."""

    digest: Digest
    payee: str
    amount: int
    purpose: str
    issued_at: int
    expires_at: int
    state: CodeState = CodeState.OPEN
    payer: str | None = None
    ended_at: int | None = None


@dataclass(frozen=True, slots=True)
class Scan:
    """What the payer's device presents: token, and the payment as shown to the payer and agreed to."""

    token: bytes
    payer: str
    payee: str
    amount: int
    purpose: str
    at: int


def digest_token(token: bytes) -> Digest:
    """Return the digest a token is stored and found by. Raises FormatError under 16 bytes."""
    if len(token) < TOKEN_BYTES:
        raise FormatError("token", f"shorter than {TOKEN_BYTES} bytes")
    return sha256(_DOMAIN + token)


def open_digest(
    digest: Digest, payee: str, amount: int, purpose: str, at: int, terms: CodeTerms
) -> PaymentCode:
    """Return a new open code for the digest of a token that is known to the payee's device alone.

    Raises RuleRefusal ``payment_code.too_large``, FormatError for an amount that is not positive or an empty
    purpose.
    """
    check_amount(amount, "amount")
    if amount == 0 or not payee or not purpose:
        raise FormatError("payment_code", "amount, payee or purpose is empty")
    if terms.max_amount is not None and amount > terms.max_amount:
        raise RuleRefusal("payment_code.too_large", limit=terms.max_amount)
    return PaymentCode(digest, payee, amount, purpose, at, at + terms.lifetime_s)


def use_code(code: PaymentCode, scan: Scan) -> PaymentCode:
    """Return the code as used by ``scan.payer``, or raise RuleRefusal and leave it as it is.

    In order: the token is this code's (``payment_code.unknown``); it is neither used (``.used``) nor expired
    (``.expired``); payee, amount and purpose are those it is bound to (``.other_payee``, ``.other_amount``,
    ``.other_purpose``); payer and payee differ (``.self_payment``).
    """
    if digest_token(scan.token) != code.digest:
        raise RuleRefusal("payment_code.unknown")
    if code.state is CodeState.USED:
        raise RuleRefusal("payment_code.used")
    if code.state is CodeState.EXPIRED or not code.issued_at <= scan.at < code.expires_at:
        raise RuleRefusal("payment_code.expired")
    if scan.payee != code.payee:
        raise RuleRefusal("payment_code.other_payee")
    if scan.amount != code.amount:
        raise RuleRefusal("payment_code.other_amount")
    if scan.purpose != code.purpose:
        raise RuleRefusal("payment_code.other_purpose")
    if scan.payer == code.payee:
        raise RuleRefusal("payment_code.self_payment")
    return replace(code, state=CodeState.USED, payer=scan.payer, ended_at=scan.at)


def expire_code(code: PaymentCode, at: int) -> PaymentCode:
    """Return the code as expired. Raises RuleRefusal ``payment_code.used`` or ``payment_code.still_open``."""
    if code.state is CodeState.USED:
        raise RuleRefusal("payment_code.used")
    if code.state is CodeState.EXPIRED:
        return code
    if at < code.expires_at:
        raise RuleRefusal("payment_code.still_open")
    return replace(code, state=CodeState.EXPIRED, ended_at=code.expires_at)
