"""Seats as calls of SeatRegistry: by the operator, codes as the chain holds them, behind the registration."""

from __future__ import annotations

import pytest

from chain.errors import FormatError
from chain.evm.rule_calls import encode_grant_seat, encode_release_seat, encode_renew_seat
from chain.types import Address
from gateway.ledger.drafts import AccountKind, Custody, GrantSeat, RegisterAccount, ReleaseSeat, RenewSeat
from gateway.members.chain_calls import RegisterPlanner
from gateway.members.seat_calls import plan_seat

CHAPTER = 31_010_007
SHOP = Address(b"\x09" * 20)
CERTIFICATE, ORDER = b"\xce" * 32, b"\x0d" * 32
BAKERY = b"bakery".ljust(32, b"\0")


def test_each_change_of_a_seat_is_a_call_of_the_operator() -> None:
    planner = RegisterPlanner(31_337, b"\x07" * 32)
    registered = RegisterAccount(SHOP, CHAPTER, AccountKind.MERCHANT, Custody.OPERATOR, b"\x01" * 32)
    calls = planner.plan(
        [
            ("E1", registered),
            ("E2", GrantSeat(CHAPTER, "bakery", SHOP, CERTIFICATE, 1_800_000_000)),
            ("E3", RenewSeat(CHAPTER, "bakery", CERTIFICATE, 1_900_000_000)),
            ("E4", ReleaseSeat(CHAPTER, "bakery", "bottom_score", ORDER)),
        ]
    )
    assert [(reference, call.kind, call.target, call.signer) for reference, call in calls] == [
        ("E1", "register", "Membership", "operator"),
        ("E2", "grant", "SeatRegistry", "operator"),
        ("E3", "renew", "SeatRegistry", "operator"),
        ("E4", "release", "SeatRegistry", "operator"),
    ]
    assert [call.calldata for _, call in calls[1:]] == [
        encode_grant_seat(CHAPTER, BAKERY, SHOP, CERTIFICATE, 1_800_000_000),
        encode_renew_seat(CHAPTER, BAKERY, CERTIFICATE, 1_900_000_000),
        encode_release_seat(CHAPTER, BAKERY, b"bottom_score".ljust(32, b"\0"), ORDER),
    ]


def test_a_code_the_chain_does_not_take() -> None:
    with pytest.raises(FormatError) as caught:
        plan_seat(ReleaseSeat(CHAPTER, "Bakery", "exit", ORDER))
    assert caught.value.where == "code"
