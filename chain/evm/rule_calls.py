"""Calldata of every call to ``SeatRegistry`` and ``RuleBook``; eth_abi is the oracle in tests.

Codes (industries, roles, tables, reasons) are 32 bytes of ``chain.rule_kinds.encode_code``, times are Unix
seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from chain.evm.abi_words import address_word, array, hash_word, join_call, word
from chain.hashing import keccak256
from chain.rule_kinds import RuleLine
from chain.types import Address

SIGNATURES: Final = (
    "grant(uint32,bytes32,address,bytes32,uint64)",
    "renew(uint32,bytes32,bytes32,uint64)",
    "release(uint32,bytes32,bytes32,bytes32)",
    "publish(bytes32,uint32,uint8,uint64,(bytes32,uint8,uint64)[],bytes32,bytes32)",
    "announce(uint8,uint8,bytes32)",
    "activate(uint8)",
    "lower(uint8,uint8)",
    "withdraw(uint8)",
)
"""Every function this module encodes."""

_SELECTORS: Final = {text.partition("(")[0]: keccak256(text.encode())[:4] for text in SIGNATURES}


def _call(name: str, head: Sequence[bytes | None], tails: Sequence[bytes] = ()) -> bytes:
    return join_call(_SELECTORS[name], head, tails)


def _seat(chapter: int, industry: bytes) -> tuple[bytes, bytes]:
    return word(chapter, 32, "chapter"), hash_word(industry, "industry")


def encode_grant_seat(
    chapter: int, industry: bytes, merchant: Address, certificate: bytes, until: int
) -> bytes:
    """Return the call that gives a free seat to a merchant before ``until``."""
    term = (hash_word(certificate, "certificate"), word(until, 64, "until"))
    return _call("grant", (*_seat(chapter, industry), address_word(merchant, "merchant"), *term))


def encode_renew_seat(chapter: int, industry: bytes, certificate: bytes, until: int) -> bytes:
    """Return the call that lengthens the term of a held seat."""
    term = (hash_word(certificate, "certificate"), word(until, 64, "until"))
    return _call("renew", (*_seat(chapter, industry), *term))


def encode_release_seat(chapter: int, industry: bytes, reason_code: bytes, order: bytes) -> bytes:
    """Return the call that takes a seat from its holder by the order with this digest."""
    why = (hash_word(reason_code, "reasonCode"), hash_word(order, "order"))
    return _call("release", (*_seat(chapter, industry), *why))


def encode_publish_table(
    table_id: bytes,
    chapter: int,
    kind: int,
    effective_from: int,
    lines: Sequence[RuleLine],
    residual: bytes,
    table_hash: bytes,
) -> bytes:
    """Return the call that publishes the next version of a table; chapter 0 is the network.

    The contract wants the lines in the order of ``sorted_lines``, summing to 10,000 basis points.
    """
    pieces = [
        hash_word(line.role, "lines") + word(line.kind, 8, "lines") + word(line.value, 64, "lines")
        for line in lines
    ]
    head = (
        hash_word(table_id, "tableId"),
        word(chapter, 32, "chapter"),
        word(kind, 8, "kind"),
        word(effective_from, 64, "effectiveFrom"),
        None,
        hash_word(residual, "residual"),
        hash_word(table_hash, "tableHash"),
    )
    return _call("publish", head, (array(pieces, 96, "lines"),))


def encode_announce_raise(gate: int, value: int, opinion: bytes) -> bytes:
    """Return the call that announces the approved raise of a gate; ``opinion`` is the opinion's digest."""
    head = (word(gate, 8, "gate"), word(value, 8, "value"), hash_word(opinion, "opinion"))
    return _call("announce", head)


def encode_activate_raise(gate: int) -> bytes:
    """Return the call that puts an announced raise in force once its delay is over."""
    return _call("activate", (word(gate, 8, "gate"),))


def encode_lower_gate(gate: int, value: int) -> bytes:
    """Return the call that lowers a gate at once."""
    return _call("lower", (word(gate, 8, "gate"), word(value, 8, "value")))


def encode_withdraw_raise(gate: int) -> bytes:
    """Return the call that drops an announced raise."""
    return _call("withdraw", (word(gate, 8, "gate"),))
