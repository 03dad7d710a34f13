"""What a rule says no with: a stable code and fields, without knowing of HTTP. Pure.

A use case turns it into the gateway's own refusal, code and fields unchanged; the sentences of every code are
in ``gateway.rules.refusal_texts`` and through it in the one catalogue of ``gateway.error_codes``. Wrong
arguments (a float, a negative sum) are no refusals but FormatError, as everywhere in this room.
"""

from __future__ import annotations

from chain.errors import FormatError, NotaryError
from gateway.rules.refusal_texts import RULE_TEXTS

MAX_AMOUNT = 2**63 - 1
"""Largest amount in the smallest unit (fen, or hundredths of a coin)."""


class RuleRefusal(NotaryError):
    """A rule refuses with a stable ``code`` and ``fields`` for its sentences.

    Fields name tables, roles, states, limits and dates, never a person. Raises KeyError for a code without
    sentences.
    """

    def __init__(self, code: str, /, **fields: str | int) -> None:
        self.status = RULE_TEXTS[code][0]
        super().__init__(code)
        self.code = code
        self.fields: dict[str, str | int] = fields

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RuleRefusal) and (self.code, self.fields) == (other.code, other.fields)

    def __hash__(self) -> int:
        return hash(self.code)

    def __repr__(self) -> str:
        shown = "".join(f", {name}={value!r}" for name, value in self.fields.items())
        return f"RuleRefusal({self.code!r}{shown})"


def check_amount(amount: int, where: str, *, least: int = 0) -> None:
    """Check that an amount is an int (no bool, no float) from ``least`` to 2^63 - 1. Raises FormatError.

    Rule 29: integers of one smallest unit only.
    """
    if type(amount) is not int:
        raise FormatError(where, "not an integer")
    if not least <= amount <= MAX_AMOUNT:
        raise FormatError(where, f"not {least} to 2^63 - 1")
