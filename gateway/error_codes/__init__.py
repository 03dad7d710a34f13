"""The catalogue of every refusal the gateway can give: part of the public contract, so codes never change.

One row per code: HTTP status, titles and sentences in English and Chinese, whether the same request may
succeed later. Sentences name fields and limits by placeholders and never carry a value a person gave.
"""

from __future__ import annotations

from gateway.error_codes.alliance import ALLIANCE_CODES
from gateway.error_codes.cases import CASE_CODES
from gateway.error_codes.commerce import COMMERCE_CODES
from gateway.error_codes.delivery import DELIVERY_CODES
from gateway.error_codes.ledger import LEDGER_CODES
from gateway.error_codes.members import MEMBER_CODES
from gateway.error_codes.request import REQUEST_CODES
from gateway.error_codes.rule import CodeRule
from gateway.error_codes.timebank import TIMEBANK_CODES
from gateway.rules.refusal_texts import RULE_TEXTS

__all__ = ["CODES", "CodeRule"]

CODES: dict[str, CodeRule] = {
    **REQUEST_CODES,
    **LEDGER_CODES,
    **CASE_CODES,
    **COMMERCE_CODES,
    **MEMBER_CODES,
    **ALLIANCE_CODES,
    **TIMEBANK_CODES,
    **DELIVERY_CODES,
    # The rules keep their sentences themselves.
    **{code: CodeRule(*texts) for code, texts in RULE_TEXTS.items()},
}
"""Every code, by name."""
