"""What the demo prints: plain text, every figure with its unit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gateway.rules.amounts import format_hundredths
from gateway.rules.rebate import compute_rebate
from scripts.retail.baskets import DataSet
from scripts.retail.client import Client
from scripts.retail.odd_cases import Shown
from scripts.retail.offline import Checked
from scripts.retail.service import Addresses
from scripts.retail.settling import Books, number
from scripts.retail.town import REBATE_BASIS_POINTS, Town
from scripts.retail.traffic import Tally

DONE = "none"
"""The reason of an operation that was done."""
PAGE = 200


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Operations as the chain ended them: done, and refused by reason."""

    done: int
    refused: Mapping[str, int]
    blocks: int
    anchors: int


def format_data_set(data: DataSet, assumptions: Sequence[str]) -> str:
    """What was loaded, and what had to be assumed."""
    first, last = data.baskets[0].at.date(), data.baskets[-1].at.date()
    coupons = sum(basket.coupon > 0 for basket in data.baskets)
    uneven = sum(compute_rebate(b.amount, REBATE_BASIS_POINTS).remainder != 0 for b in data.baskets)
    share = 100 * uneven / len(data.baskets)
    return "\n".join(
        [
            f"completejourney: {len(data.baskets):,} baskets of {len(data.households):,} households in "
            f"{len(data.stores)} stores, {first} to {last}",
            f"  {coupons:,} baskets used a coupon; the set's own table lists {data.listed_redemptions} "
            "redemptions of targeted coupons in that time",
            *(f"  assumed: {assumption}" for assumption in assumptions),
            f"  rebate {REBATE_BASIS_POINTS / 100:.0f}%, rounded down to 0.01 coin, the remainder noted "
            f"in the entry ({share:.0f}% of rebates need rounding)",
        ]
    )


def format_odd_cases(shown: Sequence[Shown]) -> str:
    """Each generated case with the code it got."""
    width = max(len(case.what) for case in shown)
    lines = ["generated cases, each with the answer it got:"]
    for case in shown:
        mark = "✓" if case.as_expected else f"✗ wanted {case.want}"
        lines.append(f"  {case.what:<{width}}  {case.got}  {mark}")
    return "\n".join(lines)


def read_outcomes(client: Client) -> Outcomes:
    """Count outcomes from the gateway's events, page by page."""
    reasons = Counter(
        str(event["outcome"]["reason"]) for event in read_pages(client, "/v1/events", "events", "0:0")
    )
    anchors = sum(1 for _ in read_pages(client, "/v1/anchors", "anchors", "0"))
    done = reasons.pop(DONE, 0)
    return Outcomes(done, reasons, number(client.status(), "mirror_block"), anchors)


def read_pages(client: Client, path: str, name: str, first: str) -> Iterator[dict[str, dict[str, object]]]:
    """Everything a paged route holds, in order."""
    after: object = first
    while True:
        page = client.get(path, after=str(after), limit=PAGE).require(name)
        items = page[name]
        yield from items if isinstance(items, list) else ()
        after = page["next"]
        if after is None or not isinstance(items, list) or len(items) < PAGE:
            return


def format_figures(
    data: DataSet, tally: Tally, status: Mapping[str, object], outcomes: Outcomes, settling: float
) -> str:
    """Entries, operations, blocks, anchors, rates."""
    entries = number(status, "entries")
    sent = sum(tally.accepted.values())
    lines = [
        f"entries in the log: {entries:,} (checkpoint {number(status, 'checkpoint_size'):,}, "
        f"anchored {number(status, 'anchored_size'):,}, settled {number(status, 'settled_index'):,})",
        *(f"  {name:<22} {count:>8,}" for name, count in sorted(tally.accepted.items())),
        *(f"  {name:<22} {n:>8,} refused: {code}" for (name, code), n in sorted(tally.refused.items())),
        f"  {tally.zero_rebates} baskets under 0.20 get no rebate: 5% rounds down to nothing",
        f"operations on the chain: {outcomes.done:,} done, {sum(outcomes.refused.values()):,} refused "
        f"{dict(outcomes.refused) or ''}",
        f"blocks: {outcomes.blocks:,}; anchors: {outcomes.anchors:,}",
        f"rates: {sent / tally.seconds:,.0f} entries/s over HTTP; the last one was settled, mirrored and "
        f"final {settling:.1f} s after the last request",
    ]
    return "\n".join(lines)


def format_books(books: Books, town: Town) -> str:
    """Balances per chapter, and their sum against the supply."""
    kinds = ("pool", "members", "merchants")
    lines = ["balances in coins:", f"  {'chapter':<10}" + "".join(f"{kind:>14}" for kind in kinds)]
    for chapter in town.chapters:
        cells = "".join(f"{format_hundredths(books.by_chapter.get((chapter, k), 0)):>14}" for k in kinds)
        lines.append(f"  {chapter:<10}{cells}")
    mark = "=" if books.balanced else "≠"
    lines.append(
        f"  Σ balances {format_hundredths(books.total)} {mark} supply {format_hundredths(books.supply)}"
        f"; negative balances: {books.negative}"
    )
    return "\n".join(lines)


def format_checked(what: str, checked: Checked) -> str:
    """What the isolated verifier said."""
    outcomes = ", ".join(f"{count} {name}" for name, count in sorted(checked.outcomes.items()))
    lines = [f"{what}: {outcomes} (process without a network: {checked.isolation})"]
    if checked.failed_steps:
        steps = sorted(checked.failed_steps.items(), key=lambda item: int(item[0].split()[0]))
        lines += [f"  refused at step {name}: {count}" for name, count in steps]
    return "\n".join(lines)


def format_rebuild(result: Mapping[str, object]) -> str:
    """Rows per table of the rebuilt mirror."""
    tables = result.get("tables")
    rows = tables if isinstance(tables, dict) else {}
    counts = ", ".join(f"{name} {count:,}" for name, count in sorted(rows.items()))
    return f"rebuilt from block 0 and equal, row for row: {counts}"


def format_addresses(addresses: Addresses) -> str:
    """Where everything is while it keeps running."""
    return "\n".join(
        [
            "still running; Ctrl-C stops it",
            f"  gateway     {addresses.gateway}   (public page /, API /v1, log /log/checkpoint)",
            f"  chain RPC   {addresses.rpc}   (chain id {addresses.chain_id})",
            f"  log vkey    {addresses.vkey}",
            f"  API key     {addresses.platform_key}",
            f"  trust root  {addresses.trust_root}",
        ]
    )


def format_end(seconds: Mapping[str, float], total: float, failure: str) -> str:
    """How long each step took, and whether all of it holds."""
    width = max(map(len, seconds), default=0)
    lines = [f"  {name:<{width}} {spent:8.1f} s" for name, spent in seconds.items()]
    verdict = f"✗ {failure}" if failure else "✓ everything above holds"
    return "\n".join(["", *lines, f"{verdict} ({total:.1f} s)"])
