"""The twelve months as a table, and the one line that sums them up."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from scripts.year.checks import Check
from scripts.year.fit import Fit
from scripts.year.ledger import Ledger
from scripts.year.stage import Stage
from scripts.year.themes import ENTRIES, FIGURES, REFUSALS, count_themes

MONEY = ("sales", "refunds", "issued", "rebates", "redeemed", "gifts")
"""Sums of a month in hundredths (fen, or hundredths of a coin)."""


def print_months(stage: Stage, ledger: Ledger, checks: Sequence[Check], fits: Sequence[Fit]) -> None:
    """Print what happened, month by month: sums, themes, figures, entries by type, and what balances."""
    console = Console(stderr=True, width=200)
    table = Table(
        "month / 月份", "entries / 条目", *MONEY, "refused / 拒绝", title="One chapter's year / 分会的一年"
    )
    months = sorted(stage.accepted)
    for month in months:
        counted = ledger.types[month]
        sums = stage.sums.get(month, Counter())
        table.add_row(
            month,
            f"{sum(counted.values()):,}",
            *(f"{sums[name] / 100:,.2f}" for name in MONEY),
            f"{sum(stage.refused.get(month, Counter()).values()):,}",
        )
    console.print(table)
    _print_counts(console, "theme / 主题", {month: _themes(stage, ledger, month) for month in months})
    figures = {month: _figures(stage, ledger, month) for month in months}
    for sums in figures.values():
        for name in MONEY:
            del sums[name]
    _print_counts(console, "figure / 指标", figures)
    _print_counts(console, "entry type / 条目类型", {month: ledger.types[month] for month in months})
    _print_counts(console, "refused / 拒绝", stage.refused)
    balance = Table("conservation / 守恒", "", "", "", title="At the end / 年末")
    for check in checks:
        balance.add_row(check.name, f"{check.left:,}", f"{check.right:,}", "=" if check.holds else "DIFFERS")
    console.print(balance)
    likeness = Table("like real payments / 与真实支付相比", "here", "real", "within", "of", "")
    for fit in fits:
        shares = (f"{value / 100:.2f}%" for value in (fit.measured, fit.real, fit.tolerance))
        likeness.add_row(fit.name, *shares, f"{fit.samples:,}", "yes" if fit.holds else "DIFFERS")
    console.print(likeness)


def _themes(stage: Stage, ledger: Ledger, month: str) -> Counter[str]:
    """A month's entries by theme: of all its types together, whether or not each of them occurred."""
    counted = ledger.types[month]
    found = Counter({theme: sum(counted[name] for name in types) for theme, types in ENTRIES.items()})
    for theme, code in REFUSALS.items():
        found[theme] = stage.refused.get(month, Counter())[code]
    for theme in FIGURES:
        found[theme] = _figures(stage, ledger, month)[theme]
    return found


def _figures(stage: Stage, ledger: Ledger, month: str) -> Counter[str]:
    """A month's figures: what the generator saw, and what the entries say."""
    return stage.sums.get(month, Counter()) + ledger.noted.get(month, Counter())


def _print_counts(console: Console, title: str, months: Mapping[str, Counter[str]]) -> None:
    names = sorted(months)
    table = Table(title, *names)
    for row in sorted({name for counted in months.values() for name in counted}):
        table.add_row(row, *(f"{months[month][row]:,}" for month in names))
    console.print(table)


def summary(stage: Stage, ledger: Ledger, fits: Sequence[Fit], root: str, size: int, seconds: float) -> str:
    """One line of JSON: the ledger's root, the counts, the themes, the likeness to real payments."""
    counts = ledger.counts()
    refused = Counter[str]()
    for codes in stage.refused.values():
        refused.update(codes)
    figures = Counter[str]()
    for month in stage.accepted:
        figures.update(_figures(stage, ledger, month))
    document = {
        "root": root,
        "entries": size,
        "seconds": round(seconds, 1),
        "counts": dict(sorted(counts.items())),
        "refused": dict(sorted(refused.items())),
        "themes": count_themes(counts, refused, figures),
        "figures": dict(sorted(figures.items())),
        "fit": {fit.name: [fit.measured, fit.real, fit.tolerance, fit.samples] for fit in fits},
    }
    return json.dumps(document, separators=(",", ":"))
