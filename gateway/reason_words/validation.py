"""Reasons for what pydantic refuses, by its error type: our own words, the same whatever its version.

They are English like every reason; their Chinese stands with the other words.
"""

from __future__ import annotations

from collections.abc import Mapping

NOT_ACCEPTED = "not accepted"
"""What is said of an error type without words."""

VALIDATION_REASONS: dict[str, str] = {
    "missing": "missing",
    "string_type": "not a text",
    "string_too_short": "shorter than {min_length} characters",
    "string_too_long": "longer than {max_length} characters",
    "string_pattern_mismatch": "not in the form wanted",
    "string_unicode": "lone surrogate",
    "int_type": "not an integer",
    "int_parsing": "not an integer",
    "int_from_float": "not an integer",
    "int_parsing_size": "out of range",
    "float_type": "not a number",
    "float_parsing": "not a number",
    "finite_number": "number is not finite",
    "bool_type": "not true or false",
    "bool_parsing": "not true or false",
    "list_type": "not a list",
    "too_long": "more than {max_length} items",
    "too_short": "fewer than {min_length} items",
    "dict_type": "not an object",
    "model_type": "not an object",
    "model_attributes_type": "not an object",
    "literal_error": "not one of {expected}",
    "enum": "not one of {expected}",
    "greater_than_equal": "less than {ge}",
    "less_than_equal": "more than {le}",
    "greater_than": "not more than {gt}",
    "less_than": "not less than {lt}",
    "json_invalid": "not JSON",
    "datetime_type": "not a time such as 2027-01-01T00:00:00Z",
    "datetime_parsing": "not a time such as 2027-01-01T00:00:00Z",
    "datetime_from_date_parsing": "not a time such as 2027-01-01T00:00:00Z",
}
"""Error type to reason; a part in braces is a member of the error's context."""

PATTERN_REASONS: dict[str, str] = {
    r"^acct_[0-9a-f]{40}$": "not an account",
    r"^[0-9]{4}-[0-9]{4}$": "not NNNN-NNNN",
    r"^[0-7][0-9A-HJKMNP-TV-Z]{25}$": "not an entry id",
    r"^[0-9a-f]{64}$": "not 64 lower-case hex digits",
    r"^[A-Za-z0-9._:-]{1,64}$": "not a code",
    r"^[a-z][a-z0-9_]{0,63}$": "a name is not lower-case letters, digits and _",
    r"^([0-9]{1,15}:[0-9]{1,9})?$": "not a cursor as an earlier answer gave it",
}
"""What a text must be, in words, by the expression that tells: an expression is no sentence."""


def validation_reason(kind: str, context: Mapping[str, object]) -> str:
    """Return the reason of one error of type ``kind``; ``NOT_ACCEPTED`` where none is known for it."""
    words = VALIDATION_REASONS.get(kind, NOT_ACCEPTED)
    if kind == "string_pattern_mismatch":
        return PATTERN_REASONS.get(str(context.get("pattern")), words)
    try:
        return words.format_map({name: _shown(value) for name, value in context.items()})
    except KeyError:
        return NOT_ACCEPTED


def _shown(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).replace("'", "")
