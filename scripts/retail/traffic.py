"""Baskets as entries: a purchase, its rebate from the chapter's pool, the redemption of its coupon, at times
a gift. What belongs together is joined by ``refs``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from gateway.rules.rebate import ROUNDING_RULE, compute_rebate
from scripts.retail.baskets import Basket
from scripts.retail.client import Client, Line
from scripts.retail.town import REBATE_BASIS_POINTS, Town

ROUND = 4_000
"""Baskets sent before what refers to them is sent."""
GIFT_EVERY = 50
"""Every so many rebates the member gives half of one on."""
SOURCE = "completejourney"
REBATE_RULE = "rebate.silver.v1"


@dataclass(slots=True)
class Tally:
    """What was sent and what came back: ``accepted`` by type, ``refused`` by type and code."""

    accepted: Counter[str] = field(default_factory=Counter)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    operations: int = 0
    zero_rebates: int = 0
    records: list[tuple[str, str]] = field(default_factory=list)
    """(member's account, entry id) of every accepted purchase, rebate and redemption."""
    purchases: list[str] = field(default_factory=list)
    """Entry id of each basket's purchase, in the order of the baskets; empty where refused."""
    seconds: float = 0.0


def purchase_line(town: Town, basket: Basket, run: str) -> Line:
    """The purchase itself: no credits move. The household's number is private, the rest is public codes."""
    rebate = compute_rebate(basket.amount, REBATE_BASIS_POINTS)
    merchant = town.merchants[basket.store]
    public: dict[str, object] = {
        "amount": str(basket.amount),
        "currency": "CNY",
        "merchant": merchant,
        "store": f"store-{basket.store}",
        "basket": str(basket.basket_id),
        # The data set names baskets and has no receipts: provider and reference stand for one.
        "receipt": sha256(f"{SOURCE} {run} {basket.basket_id}".encode()).hexdigest(),
        "item_count": basket.lines,
        "rebate": str(rebate.amount),
        "occurred_at": basket.occurred_at,
        "source": SOURCE,
    }
    if basket.coupon:
        public["coupon"] = str(basket.coupon)
    return {
        "type": "purchase.recorded",
        "chapter": town.chapter_of_store[basket.store],
        "actor": merchant,
        "subjects": [town.members[basket.household], merchant],
        "public": public,
        "private": {"household": basket.household},
        "idempotency_key": f"{run}-purchase-{basket.basket_id}",
    }


def rebate_line(town: Town, basket: Basket, purchase: str, run: str) -> Line | None:
    """The 5% rebate; None where rounding down leaves nothing to pay."""
    rebate = compute_rebate(basket.amount, REBATE_BASIS_POINTS)
    if rebate.amount == 0:
        return None
    chapter = town.chapter_of_store[basket.store]
    public = {
        "rebate_basis_points": REBATE_BASIS_POINTS,
        "rounding": ROUNDING_RULE,
        "remainder": rebate.remainder,
        "purchase": purchase,
    }
    return {
        "type": "rebate.granted",
        "chapter": chapter,
        "op": _operation("transfer", town.pools[chapter], town.members[basket.household], rebate.amount),
        "public": public,
        "refs": [purchase],
        "rule": REBATE_RULE,
        "idempotency_key": f"{run}-rebate-{basket.basket_id}",
    }


def redemption_line(town: Town, basket: Basket, purchase: str, run: str) -> Line:
    """The member pays the coupon's amount with coins, which move to the merchant."""
    member, merchant = town.members[basket.household], town.merchants[basket.store]
    return {
        "type": "redemption.recorded",
        # Whoever pays, it is the payer's chapter that records it.
        "chapter": town.chapter_of_household[basket.household],
        "actor": member,
        "op": _operation("redeem", member, merchant, basket.coupon),
        "public": {"purchase": purchase, "store": f"store-{basket.store}"},
        "refs": [purchase],
        "idempotency_key": f"{run}-redeem-{basket.basket_id}",
    }


def gift_line(town: Town, giver: Basket, receiver: Basket, amount: int, run: str) -> Line:
    """Coins from one member to another."""
    sender, getter = town.members[giver.household], town.members[receiver.household]
    return {
        "type": "gift.sent",
        "chapter": town.chapter_of_household[giver.household],
        "actor": sender,
        "op": _operation("transfer", sender, getter, amount),
        "public": {"source": "generated"},
        "idempotency_key": f"{run}-gift-{giver.basket_id}",
    }


def _operation(kind: str, sender: str, receiver: str, amount: int) -> Line:
    return {"kind": kind, "from": sender, "to": receiver, "amount": str(amount)}


def send_traffic(
    client: Client, town: Town, baskets: Sequence[Basket], run: str, on_progress: Callable[[int], None]
) -> Tally:
    """Send all baskets in rounds: their purchases first, then what refers to them, in order of time."""
    tally = Tally()
    for start in range(0, len(baskets), ROUND):
        part = baskets[start : start + ROUND]
        purchases = [purchase_line(town, basket, run) for basket in part]
        answers = list(client.send_batch(purchases))
        on_progress(len(purchases))
        count(tally, purchases, answers)
        tally.purchases += [str(answer.get("id", "")) for answer in answers]
        following = _following_lines(town, part, answers, tally, run)
        count(tally, following, list(client.send_batch(following)))
        on_progress(len(following))
    return tally


def _following_lines(
    town: Town, part: Sequence[Basket], answers: Sequence[Mapping[str, object]], tally: Tally, run: str
) -> list[Line]:
    lines: list[Line] = []
    previous: Basket | None = None
    for place, (basket, answer) in enumerate(zip(part, answers, strict=True)):
        purchase = str(answer.get("id", ""))
        if not purchase:
            continue
        rebate = rebate_line(town, basket, purchase, run)
        if rebate is None:
            tally.zero_rebates += 1
        else:
            lines.append(rebate)
        if basket.coupon:
            lines.append(redemption_line(town, basket, purchase, run))
        if previous is not None and place % GIFT_EVERY == 0 and rebate is not None:
            half = compute_rebate(basket.amount, REBATE_BASIS_POINTS).amount // 2
            if half and previous.household != basket.household:
                lines.append(gift_line(town, basket, previous, half, run))
        previous = basket
    return lines


def count(tally: Tally, lines: Sequence[Line], answers: Sequence[Mapping[str, object]]) -> None:
    """Add one batch's answers to the tally."""
    for line, answer in zip(lines, answers, strict=True):
        name = str(line["type"])
        if "id" not in answer:
            tally.refused[name, str(answer.get("code"))] += 1
            continue
        tally.accepted[name] += 1
        tally.operations += "op" in line
        owner = _member_of(line)
        if owner is not None:
            tally.records.append((owner, str(answer["id"])))


def _member_of(line: Line) -> str | None:
    """The member whose record a line is: the buyer, or who gets the rebate, or who redeems."""
    operation = line.get("op")
    if line["type"] == "purchase.recorded":
        subjects = line["subjects"]
        return str(subjects[0]) if isinstance(subjects, list) else None
    if isinstance(operation, dict):
        return str(operation["to"] if line["type"] == "rebate.granted" else operation["from"])
    return None
