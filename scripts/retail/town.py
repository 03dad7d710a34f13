"""Who takes part: chapters with their pools, households as members, stores as merchants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime

from gateway.rules.calendar import business_month
from gateway.rules.rebate import compute_rebate
from scripts.retail.baskets import Basket
from scripts.retail.client import Client

CITY = "3101"
CHAPTERS = 8
REBATE_BASIS_POINTS = 500
QUOTA_HEADROOM = 2
"""The quota is this many times what is issued, so that a later issue still has room."""
POOL_STEP = 100_000
"""Pools are filled in whole thousands of coins."""
CONNECTIONS = 16


@dataclass(slots=True)
class Town:
    """Accounts: ``pools`` by chapter, ``members`` by household, ``merchants`` by store."""

    chapter_of_store: dict[int, str]
    chapter_of_household: dict[int, str]
    pools: dict[str, str] = field(default_factory=dict)
    members: dict[int, str] = field(default_factory=dict)
    merchants: dict[int, str] = field(default_factory=dict)
    issued: dict[str, int] = field(default_factory=dict)

    @property
    def chapters(self) -> list[str]:
        """Codes, ascending."""
        return sorted(set(self.chapter_of_store.values()))


def plan_town(baskets: Iterable[Basket], chapters: int = CHAPTERS) -> Town:
    """Spread stores over chapters in turn, busiest first; a household belongs where it buys most."""
    sales = Counter[int]()
    visits = Counter[tuple[int, int]]()
    for basket in baskets:
        sales[basket.store] += 1
        visits[basket.household, basket.store] += 1
    by_size = sorted(sales, key=lambda store: (-sales[store], store))
    chapter_of_store = {store: f"{CITY}-{place % chapters + 1:04d}" for place, store in enumerate(by_size)}
    favourite: dict[int, tuple[int, int]] = {}
    for (household, store), count in visits.items():
        favourite[household] = min(favourite.get(household, (0, 0)), (-count, store))
    homes = {household: chapter_of_store[store] for household, (_, store) in favourite.items()}
    return Town(chapter_of_store, homes)


def rebates_by_chapter(town: Town, baskets: Iterable[Basket]) -> dict[str, int]:
    """What each chapter's pool will pay, in hundredths of a coin."""
    owed = dict.fromkeys(town.chapters, 0)
    for basket in baskets:
        rebate = compute_rebate(basket.amount, REBATE_BASIS_POINTS)
        owed[town.chapter_of_store[basket.store]] += rebate.amount
    return owed


def open_chapters(client: Client, town: Town, owed: dict[str, int], run: str) -> None:
    """Open each chapter, give it its quota of this month and fill its pool within it.

    All quotas come first: on chain, one behind an issue would wait until that issue is settled.
    """
    period = business_month(int(datetime.now(UTC).timestamp()))
    amounts = {code: (owed[code] // POOL_STEP + 1) * POOL_STEP for code in town.chapters}
    for code, amount in amounts.items():
        opened = client.post("/v1/chapters", {"code": code}, f"{run}-open-{code}").require(f"open {code}")
        town.pools[code] = str(opened["pool"])
        quota = {"period": period, "amount": str(amount * QUOTA_HEADROOM)}
        client.post(f"/v1/chapters/{code}/quotas", quota, f"{run}-quota-{code}").require(f"quota {code}")
    for code, amount in amounts.items():
        issue = {"chapter": code, "to": town.pools[code], "amount": str(amount)}
        client.post("/v1/credits/issue", issue, f"{run}-issue-{code}").require(f"fill pool {code}")
        town.issued[code] = amount


def join_all(client: Client, town: Town, run: str, on_progress: Callable[[], None]) -> None:
    """Register every household as a member and every store as a merchant, over several connections."""

    def join(kind: str, number: int, chapter: str) -> str:
        private = {"household" if kind == "member" else "store": number}
        body: dict[str, object] = {"chapter": chapter, "kind": kind, "private": private}
        answer = client.post("/v1/members", body, f"{run}-{kind}-{number}").require(f"join {kind}")
        on_progress()
        return str(answer["account"])

    with ThreadPoolExecutor(CONNECTIONS) as workers:
        households = sorted(town.chapter_of_household)
        stores = sorted(town.chapter_of_store)
        homes = [town.chapter_of_household[household] for household in households]
        places = [town.chapter_of_store[store] for store in stores]
        merchants = workers.map(join, ["merchant"] * len(stores), stores, places)
        members = workers.map(join, ["member"] * len(households), households, homes)
        town.merchants = dict(zip(stores, merchants, strict=True))
        town.members = dict(zip(households, members, strict=True))
