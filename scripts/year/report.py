"""The twelve months as a table, and the one line that sums them up."""

from __future__ import annotations

import json
from collections import Counter

from rich.console import Console
from rich.table import Table

from scripts.year.stage import Stage

MONEY = ("sales", "refunds", "issued", "rebates", "redeemed", "gifts")
"""Sums of a month in hundredths (fen, or hundredths of a coin)."""


def print_months(stage: Stage) -> None:
    """Print what happened, month by month: entries by type, sums, refusals by code."""
    console = Console(stderr=True, width=170)
    table = Table(
        "month / 月份", "entries / 条目", *MONEY, "refused / 拒绝", title="One chapter's year / 分会的一年"
    )
    for month, counted in sorted(stage.accepted.items()):
        sums = stage.sums.get(month, Counter())
        table.add_row(
            month,
            f"{sum(counted.values()):,}",
            *(f"{sums[name] / 100:,.2f}" for name in MONEY),
            f"{sum(stage.refused.get(month, Counter()).values()):,}",
        )
    console.print(table)
    months = sorted(stage.accepted)
    figures = Table("figure / 指标", *months, title="Figures by month / 每月指标")
    for name in sorted({name for sums in stage.sums.values() for name in sums} - set(MONEY)):
        figures.add_row(name, *(f"{stage.sums.get(month, Counter())[name]:,}" for month in months))
    console.print(figures)
    kinds = Table("entry type / 条目类型", *months, title="Entries by type / 按类型")
    for name in sorted({name for counted in stage.accepted.values() for name in counted}):
        kinds.add_row(name, *(f"{stage.accepted[month][name]:,}" for month in months))
    console.print(kinds)


def summary(stage: Stage, root: str, size: int, seconds: float) -> str:
    """One line of JSON: the ledger's root and the counts."""
    counts = Counter[str]()
    refused = Counter[str]()
    for counted in stage.accepted.values():
        counts.update(counted)
    for codes in stage.refused.values():
        refused.update(codes)
    document = {
        "root": root,
        "entries": size,
        "seconds": round(seconds, 1),
        "counts": dict(sorted(counts.items())),
        "refused": dict(sorted(refused.items())),
    }
    return json.dumps(document, separators=(",", ":"))
