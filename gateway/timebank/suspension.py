"""A provider who is suspended after he was sent: what he served before counts, what comes after does not.

He is neither sent nor booked nor checked in while it lasts. A service that is going on ends with the
suspension, for whoever confirms or decides: later minutes are not paid, restored or not. What was served
before is paid as was agreed.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.cases.world import World
from gateway.errors import Refusal
from gateway.members.register import SUSPENDED, find_membership
from gateway.rules.booking_table import BookingState
from gateway.timebank.records import BOOKING


def require_providing(world: World, provider: str) -> None:
    """Pass unless a provider is suspended. Raises Refusal ``service.provider_suspended``."""
    standing, membership = world.standing(provider), find_membership(world, provider)
    is_frozen = standing is not None and not standing.may_send
    if is_frozen or (membership is not None and membership.state == SUSPENDED):
        raise Refusal("service.provider_suspended")


def stop_services(world: World, account: str) -> None:
    """End what a provider is about to serve, or is serving, at the moment of the step that suspends him.

    Who has checked in and is still alone has not served: he checks in again once he is restored.
    """
    for state in (BookingState.BOOKED, BookingState.CHECKED_IN):
        for case in world.list(BOOKING, state=state.value):
            if case.document["provider"] != account or case.document.get("stopped") is not None:
                continue
            if state is BookingState.BOOKED:
                ended = {**case.document, "provider_in": None}
            else:
                ended = {**case.document, "stopped": world.now // 1000}
            world.put(replace(case, document=ended))
