"""Who lives in the chapter: members, merchants and their habits, all from one seed.

Fitted to what was measured on payments of a real community currency: receipts pile up at popular merchants
(Gini 0.90 over all receivers), 17.8% of payments between members repeat an earlier one to the hundredth, 6.5%
fall on another date in Shanghai than in UTC. `scripts.year.fit` holds the year to these.
"""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass, field

from scripts.year.stage import CHAPTER, Stage

FUNDS = 40_000_000
"""Hundredths of a coin issued to the chapter's pool each month."""
FAME = 1.1
"""Exponent by which merchants' fame falls with their rank."""
LIKED = 1.6
"""Shape of the Pareto distribution of how often members are given something: a few are liked by many."""


@dataclass(slots=True)
class Town:
    """Accounts by role, and how likely each is to buy, sell or give.

    Who is ``kept`` has an office, an offer or a ward and stays as he is; ``wards`` pay by their guardians'
    limits alone; ``kin_only``: gifts go to kin for now; ``newcomers`` have not bought
    anything yet. Who is ``away`` is suspended, closed or gone;
    ``moved`` leads from a lost account to the one that goes on; ``accounts`` are all there ever were.
    """

    pool: str
    pools: dict[str, str] = field(default_factory=dict)
    members: list[str] = field(default_factory=list)
    elders: set[str] = field(default_factory=set)
    merchants: list[str] = field(default_factory=list)
    eagerness: list[float] = field(default_factory=list)
    fame: list[float] = field(default_factory=list)
    liked: list[float] = field(default_factory=list)
    gifts: dict[str, tuple[str, int]] = field(default_factory=dict)
    coins: dict[str, int] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)
    wards: set[str] = field(default_factory=set)
    kin_only: bool = False
    newcomers: list[str] = field(default_factory=list)
    away: set[str] = field(default_factory=set)
    moved: dict[str, str] = field(default_factory=dict)
    accounts: list[str] = field(default_factory=list)
    stale: set[str] = field(default_factory=set)

    def holds(self, stage: Stage, account: str) -> int:
        """What somebody has to spend, in hundredths; read anew where it is ``stale``."""
        if account in self.stale:
            self.stale.discard(account)
            self.coins[account] = stage.available(account)
        return self.coins[account]

    def current(self, account: str) -> str:
        """The account that goes on for one that was lost."""
        while account in self.moved:
            account = self.moved[account]
        return account

    def ordinary(self, rng: random.Random, busy: Collection[str] = ()) -> str | None:
        """Somebody without an office, here and not ``busy``; None where there is nobody."""
        found = [one for one in self.members if not (one in self.kept or one in self.away or one in busy)]
        return rng.choice(found) if found else None

    def leave(self, account: str) -> None:
        """Somebody takes no part any more: buys, sells and receives nothing."""
        self.away.add(account)
        self._weigh(account, 0.0)

    def come_back(self, account: str, weight: float) -> None:
        """Somebody takes part again, as eagerly as before."""
        self.away.discard(account)
        self._weigh(account, weight)

    def weight(self, account: str) -> float:
        """How likely somebody is to buy or sell."""
        if account in self.merchants:
            return self.fame[self.merchants.index(account)]
        return self.eagerness[self.members.index(account)]

    def _weigh(self, account: str, weight: float) -> None:
        if account in self.merchants:
            self.fame[self.merchants.index(account)] = weight
        else:
            self.eagerness[self.members.index(account)] = weight

    def replace(self, old: str, new: str) -> None:
        """A member goes on with a new account."""
        self.moved[old] = new
        self.accounts.append(new)
        self.members[self.members.index(old)] = new
        self.coins[new] = self.coins.pop(old)
        if old in self.stale:
            self.stale.add(new)
        if old in self.elders:
            self.elders.add(new)
        self.gifts.pop(old, None)

    def welcome(self, stage: Stage) -> str:
        """Register one more member."""
        account = join(stage, "member")
        self.members.append(account)
        self.accounts.append(account)
        self.eagerness.append(stage.rng.paretovariate(1.6))
        self.liked.append(stage.rng.paretovariate(LIKED))
        self.coins[account] = 0
        return account

    def open_shop(self, stage: Stage) -> str:
        """Register one more merchant."""
        account = join(stage, "merchant")
        self.merchants.append(account)
        self.accounts.append(account)
        self.fame.append(1.0 / len(self.merchants) ** FAME)
        return account

    def open_pool(self, stage: Stage, name: str) -> None:
        """Give the chapter one of its named pools."""
        account = join(stage, "pool")
        self.pools[name] = account
        self.accounts.append(account)
        stage.step("pool.opened", {"name": name, "account": account})


def open_town(stage: Stage, members: int, merchants: int) -> Town:
    """Open the chapter and register everybody."""
    opened = stage.client.post("/v1/chapters", {"code": CHAPTER}, stage.next_key()).require("chapter")
    town = Town(str(opened["pool"]))
    town.accounts.append(town.pool)
    for _ in range(members):
        town.welcome(stage)
    for _ in range(merchants):
        town.open_shop(stage)
    return town


def join(stage: Stage, kind: str) -> str:
    """Register one account."""
    body = {"chapter": CHAPTER, "kind": kind}
    return str(stage.client.post("/v1/members", body, stage.next_key()).require("join")["account"])


def fund_month(stage: Stage, town: Town) -> None:
    """Set the month's quota and issue it to the pool."""
    period = stage.today.year * 100 + stage.today.month
    quota = {"period": period, "amount": str(FUNDS)}
    stage.client.post(f"/v1/chapters/{CHAPTER}/quotas", quota, stage.next_key()).require("quota")
    issue = {"chapter": CHAPTER, "to": town.pool, "amount": str(FUNDS // 2)}
    stage.client.post("/v1/credits/issue", issue, stage.next_key()).require("issue")
    stage.count("issued", FUNDS // 2)


def pick_several(rng: random.Random, people: list[str], weights: list[float], count: int) -> list[str]:
    """People by weight, some more than once."""
    return rng.choices(people, weights, k=count)
