"""Cases the data set does not have, generated and labelled as such: refunds, negative and over-precise sums,
amounts beyond a balance or a quota, strangers, wrong units. Each shows the code it is answered with."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.rules.rebate import compute_rebate
from scripts.retail.baskets import Basket
from scripts.retail.client import Client, Line
from scripts.retail.town import REBATE_BASIS_POINTS, Town

LABEL = "generated"
REFUNDS = 20
IMPORTED = 40
OVER_PRECISE = ("10.005", "0.333333", "7.12345678901234567", "99.999999", "3.1", "25", "0.014999", "1.2350")
"""Decimal sums as partners send them: up to 17 decimals."""
IMPORT_COLUMNS = (
    *("type", "chapter", "subjects", "public.amount:coins", "public.rounded_from", "public.rounding"),
    *("public.currency", "public.source", "public.order_id", "public.receipt:digest"),
)
STRANGER = "acct_" + "5a" * 20


@dataclass(frozen=True, slots=True)
class Shown:
    """One generated case: what was tried, the code it must get, and the one it got."""

    what: str
    want: str
    got: str

    @property
    def as_expected(self) -> bool:
        """Whether the gateway answered as documented."""
        return self.want == self.got


@dataclass(frozen=True, slots=True)
class Case:
    """A refused instruction: changes to a good gift, as a function of nothing but the town."""

    what: str
    want: str
    change: Mapping[str, object]


def gift(town: Town, giver: str, receiver: str, amount: object) -> Line:
    """A good instruction for the cases to spoil."""
    return {
        "type": "gift.sent",
        "chapter": town.chapters[0],
        "op": {"kind": "transfer", "from": giver, "to": receiver, "amount": amount},
        "public": {"source": LABEL},
    }


def list_refused(town: Town, giver: str, receiver: str) -> list[Case]:
    """Every instruction that must be refused before anything is recorded."""

    def op(**change: object) -> Mapping[str, object]:
        return {"op": {"kind": "transfer", "from": giver, "to": receiver, "amount": "1", **change}}

    return [
        Case("a negative amount", "amount.negative", op(amount="-500")),
        Case("an amount as a float", "amount.malformed", op(amount=5.25)),
        Case("an over-precise amount", "amount.malformed", op(amount="5.255")),
        Case("an amount of 0", "amount.malformed", op(amount="0")),
        Case("an amount of 2^63", "amount.too_large", op(amount=str(2**63))),
        Case("another unit", "unit.unknown", op(unit="yuan")),
        Case("more than the balance", "balance.insufficient", op(amount=str(10**15))),
        Case("to an account nobody registered", "member.unknown", op(to=STRANGER)),
        Case("a type that does not exist", "entry.unknown_type", {"type": "lottery.won"}),
        Case("a chapter that is not open", "chapter.unknown", {"chapter": "9999-0001"}),
        Case("words in a public field", "entry.bad_field", {"public": {"reason": "because I say so"}}),
    ]


def show_refused(client: Client, town: Town, giver: str, receiver: str, run: str) -> list[Shown]:
    """Try every refused instruction and note its code."""
    shown = []
    for number, case in enumerate(list_refused(town, giver, receiver)):
        body = {**gift(town, giver, receiver, "1"), **case.change}
        reply = client.post("/v1/entries", body, f"{run}-odd-{number}")
        shown.append(Shown(case.what, case.want, reply.code))
    first = client.post("/v1/entries", gift(town, giver, receiver, "1"), f"{run}-twice")
    again = client.post("/v1/entries", gift(town, giver, receiver, "1"), f"{run}-twice")
    same = "the first answer" if first.body.get("id") == again.body.get("id") and first.ok else again.code
    shown.append(Shown("the same request twice", "the first answer", same))
    other = client.post("/v1/entries", gift(town, giver, receiver, "2"), f"{run}-twice")
    shown.append(Shown("another body under a used key", "idempotency.key_reused", other.code))
    malformed = client.post_raw("/v1/entries", b'{"type":"gift.sent","type":"gift.sent"}', f"{run}-json")
    shown.append(Shown("a JSON object with a key twice", "json.duplicate_key", malformed.code))
    chapter = town.chapters[0]
    issue = {"chapter": chapter, "to": town.pools[chapter], "amount": str(10**14)}
    over = client.post("/v1/credits/issue", issue, f"{run}-over-quota")
    shown.append(Shown("an issue beyond the month's quota", "quota.exceeded", over.code))
    return shown


def show_frozen(client: Client, town: Town, member: str, other: str, run: str) -> list[Shown]:
    """Freeze a member, see that it cannot send, and lift the freeze."""
    order = {"order": "f0" * 32, "reason": LABEL}
    rights = {**order, "may_send": False, "may_receive": False}
    client.post(f"/v1/members/{member}/rights", rights, f"{run}-freeze").require("freeze")
    tried = client.post("/v1/entries", gift(town, member, other, "1"), f"{run}-while-frozen")
    rights = {**order, "may_send": True, "may_receive": True}
    client.post(f"/v1/members/{member}/rights", rights, f"{run}-unfreeze").require("unfreeze")
    after = client.post("/v1/entries", gift(town, member, other, "1"), f"{run}-after-freeze")
    return [
        Shown("a frozen member sends", "member.frozen", tried.code),
        Shown("the same after the freeze is lifted", "accepted", after.code),
    ]


def refund_lines(town: Town, basket: Basket, purchase: str, run: str) -> Line:
    """A refund of a whole purchase, as a correction that points at it."""
    merchant = town.merchants[basket.store]
    return {
        "type": "purchase.refunded",
        "chapter": town.chapter_of_store[basket.store],
        "actor": merchant,
        "subjects": [town.members[basket.household], merchant],
        "public": {
            "amount": str(basket.amount),
            "currency": "CNY",
            "purchase": purchase,
            "reason": "goods.returned",
            "source": LABEL,
        },
        "refs": [purchase],
        "idempotency_key": f"{run}-refund-{basket.basket_id}",
    }


def clawback_line(town: Town, basket: Basket, purchase: str, run: str) -> Line | None:
    """The rebate of a refunded purchase goes back to the pool; None where there was none."""
    if compute_rebate(basket.amount, REBATE_BASIS_POINTS).amount == 0:
        return None
    return {
        "type": "sale.rebate_returned",
        "chapter": town.chapter_of_household[basket.household],
        "public": {"about": purchase},
        "idempotency_key": f"{run}-clawback-{basket.basket_id}",
    }


def show_refunds(client: Client, town: Town, refunded: Sequence[tuple[Basket, str]], run: str) -> list[Shown]:
    """Refund purchases (basket, entry id); their rebates go back where the member still has them.

    The gateway's clock takes them too: what it was first with has nothing due any more.
    """
    lines = [refund_lines(town, basket, purchase, run) for basket, purchase in refunded]
    refunds = [str(answer.get("id", "")) for answer in client.send_batch(lines)]
    back = [
        line
        for (basket, purchase), refund in zip(refunded, refunds, strict=True)
        if refund and (line := clawback_line(town, basket, purchase, run)) is not None
    ]
    codes = [str(answer.get("code", "accepted")) for answer in client.send_batch(back)]
    recorded = sum(bool(refund) for refund in refunds)
    returned = codes.count("accepted")
    settled = codes.count("sale.nothing_due")
    return [
        Shown("refunds recorded as corrections", f"{len(refunded)} accepted", f"{recorded} accepted"),
        Shown(
            f"rebates taken back ({returned}), or by the clock already ({settled})",
            f"{len(back)} answered",
            f"{returned + settled} answered",
        ),
    ]


def send_reversal(client: Client, town: Town, run: str) -> str:
    """Ask for a reversal that no second officer approves; returns its entry. The chain must refuse it."""
    chapter = town.chapters[0]
    homes = town.chapter_of_household
    member = next(town.members[house] for house in sorted(homes) if homes[house] == chapter)
    parties = {"chapter": chapter, "amount": "100", "public": {"source": LABEL}}
    grant = {**parties, "from": town.pools[chapter], "to": member}
    given = client.post("/v1/credits/transfer", grant, f"{run}-reversed").require("a transfer to reverse")
    back = {**parties, "from": member, "to": town.pools[chapter], "ref": given["leaf_hash"]}
    asked = client.post("/v1/credits/reverse", back, f"{run}-reversal").require("a reversal")
    return str(asked["id"])


def show_reversal(client: Client, entry: str) -> Shown:
    """How the chain ended the reversal. Requires it to be settled."""
    outcome = client.get(f"/v1/entries/{entry}").require("the reversal")["outcome"]
    reason = str(outcome["reason"]) if isinstance(outcome, dict) else "no outcome"
    return Shown("on the chain: a reversal without a second approver", "not_approved", reason)


def write_over_precise(path: Path, town: Town, member: str, store: int) -> None:
    """A partner's CSV file whose sums have up to 17 decimals."""
    merchant = town.merchants[store]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(IMPORT_COLUMNS)
        for number in range(IMPORTED):
            text = OVER_PRECISE[number % len(OVER_PRECISE)]
            who = ("purchase.recorded", town.chapter_of_store[store], f"{member} {merchant}")
            writer.writerow([*who, text, text, "half-up", "CNY", LABEL, *[f"partner-{number}"] * 2])


def run_import(path: Path, gateway: str, key_file: Path, rounding: str) -> Mapping[str, object]:
    """``tongyi import`` of one file; returns its totals."""
    argv = [str(Path(sys.executable).parent / "tongyi"), "import", str(path), "--gateway", gateway]
    argv += ["--key-file", str(key_file), "--rounding", rounding, "--json"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"tongyi import ended with {done.returncode}: {done.stderr}")
    totals = json.loads(done.stdout)
    if not isinstance(totals, dict):
        raise RuntimeError("tongyi import printed no totals")
    return totals


def show_import(
    folder: Path, town: Town, gateway: str, key_file: Path, member: str, store: int
) -> list[Shown]:
    """Import over-precise sums twice: refusing them, and rounding them with the dust counted."""
    strict, rounded = folder / "partner-strict.csv", folder / "partner-rounded.csv"
    for path in (strict, rounded):
        write_over_precise(path, town, member, store)
    too_fine = sum(len(text.partition(".")[2].rstrip("0")) > 2 for text in OVER_PRECISE)
    too_fine_rows = IMPORTED * too_fine // len(OVER_PRECISE)
    refused = run_import(strict, gateway, key_file, "refuse")
    taken = run_import(rounded, gateway, key_file, "half-up")
    return [
        Shown(
            "over-precise sums imported with --rounding refuse",
            f"{too_fine_rows} × import.bad_record",
            f"{refused['refused']} × {', '.join(map(str, refused['codes'] or ()))}",  # type: ignore[call-overload]
        ),
        Shown(
            f"the same with --rounding half-up: dust {taken['dust']} coins in all",
            f"{IMPORTED} recorded",
            f"{int(str(taken['accepted'])) + int(str(taken['replayed']))} recorded",
        ),
    ]
