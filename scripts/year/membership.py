"""Memberships and referrals of the year: fees, elders, who brought whom, and rewards on real orders."""

from __future__ import annotations

from dataclasses import dataclass, field

from scripts.retail.client import Line
from scripts.year.alliance import digest
from scripts.year.services import COMPOUNDS
from scripts.year.shopping import Bought
from scripts.year.stage import Stage, line
from scripts.year.town import Town

KINDS = (("ordinary", 70), ("trial", 10), ("co_creation", 15), ("refundable", 5))
ELDERS = 0.2
REFERRED = 0.3
REWARD_MARGIN = 2_000
"""Fen of an order's margin that a reward may come from."""


@dataclass(slots=True)
class Memberships:
    """``referred`` are members whose first order may pay a reward, once."""

    referred: set[str] = field(default_factory=set)

    def open(self, stage: Stage, town: Town) -> None:
        """Everybody pays the first year; a fifth are elders; some were referred by a member or a shop."""
        rng = stage.rng
        lines: list[Line] = []
        for number, member in enumerate(town.members):
            kind = rng.choices([name for name, _ in KINDS], [share for _, share in KINDS])[0]
            public: dict[str, object] = {
                "kind": kind,
                "receipt": digest(f"fee {member}"),
                "household": digest(f"household {number // 2}"),
                "compound": COMPOUNDS[number % len(COMPOUNDS)],
            }
            if rng.random() < ELDERS:
                town.elders.add(member)
                public |= {"elder": True, "evidence": digest(f"age {member}")}
            lines.append(line("membership.opened", public, [member]))
        for merchant in town.merchants:
            public = {"kind": "merchant", "receipt": digest(f"fee {merchant}")}
            lines.append(line("membership.opened", public, [merchant]))
        stage.record(lines)
        stage.count("memberships", len(lines))
        self._refer(stage, town)

    def _refer(self, stage: Stage, town: Town) -> None:
        rng = stage.rng
        lines: list[Line] = []
        named: list[str] = []
        for number, member in enumerate(town.members[10:], 10):
            if rng.random() >= REFERRED:
                continue
            # Nobody refers who joined later, so no cycle; households of two share a number.
            by_shop = rng.random() < 0.3
            referrer = rng.choice(town.merchants) if by_shop else town.members[rng.randrange(number - 2)]
            lines.append(line("referral.declared", {"referrer": referrer}, [member]))
            named.append(member)
        stage.record(lines)
        self.referred.update(named)
        stage.count("referrals", len(named))

    def reward(self, stage: Stage, bought: list[Bought]) -> None:
        """A referred member's first order pays its referrer from its margin, where the guard lets it."""
        lines: list[Line] = []
        for sale in bought:
            if sale.buyer in self.referred and sale.amount >= 5 * REWARD_MARGIN:
                lines.append(
                    line("referral.rewarded", {"about": sale.entry, "margin": str(sale.amount // 4)})
                )
            self.referred.discard(sale.buyer)
        found = stage.record(lines, may_fail=True)
        stage.count("rewards", sum(entry is not None for entry in found))
