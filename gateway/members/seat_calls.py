"""What the chain must be told of seats: grants, renewals and releases as calls of ``SeatRegistry``.

Sent by the operator's key, as registrations are, so nonce order puts them behind the merchant's own.
"""

from __future__ import annotations

from chain.evm.rule_calls import encode_grant_seat, encode_release_seat, encode_renew_seat
from chain.rule_kinds import encode_code
from gateway.ledger.drafts import GrantSeat, RenewSeat, SeatEffect
from gateway.outbox.calls import ChainCall

SEAT_GAS = 300_000
"""Gas of one of these calls at most, with a lapsed seat to clear and a chain of recoveries to follow."""


def plan_seat(effect: SeatEffect) -> ChainCall:
    """Return the call that tells the chain of a seat. Raises FormatError for a code it does not take."""
    industry = encode_code(effect.industry)
    if isinstance(effect, GrantSeat):
        kind = "grant"
        data = encode_grant_seat(effect.chapter, industry, effect.merchant, effect.certificate, effect.until)
    elif isinstance(effect, RenewSeat):
        kind = "renew"
        data = encode_renew_seat(effect.chapter, industry, effect.certificate, effect.until)
    else:
        kind = "release"
        data = encode_release_seat(effect.chapter, industry, encode_code(effect.reason), effect.order)
    return ChainCall(kind, "SeatRegistry", data, SEAT_GAS, "operator")
