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


JOINING, LEAVING = 0.01, 0.002
"""Share of the members who join in a month, and of those who upgrade, renew early or leave; one at least."""


@dataclass(slots=True)
class Memberships:
    """``referred`` are members whose first order may pay a reward, once; ``kinds`` by member."""

    referred: set[str] = field(default_factory=set)
    kinds: dict[str, str] = field(default_factory=dict)
    paid_ahead: set[str] = field(default_factory=set)

    def open(self, stage: Stage, town: Town) -> None:
        """Everybody pays the first year; a fifth are elders; some were referred by a member or a shop."""
        lines = [self._join(stage, town, number) for number in range(len(town.members))]
        for merchant in town.merchants:
            public = {"kind": "merchant", "receipt": digest(f"fee {merchant}")}
            lines.append(line("membership.opened", public, [merchant]))
        stage.record(lines)
        stage.count("memberships", len(lines))
        self._refer(stage, town, range(10, len(town.members)))

    def _join(self, stage: Stage, town: Town, number: int) -> Line:
        """Open the membership of the member of a number; the first of each kind shows it."""
        rng, member = stage.rng, town.members[number]
        names = [name for name, _ in KINDS]
        kind = rng.choices(names, [share for _, share in KINDS])[0]
        if 10 <= number < 10 + 3 * len(names):
            kind = names[number % len(names)]
        self.kinds[member] = kind
        public: dict[str, object] = {
            "kind": kind,
            "receipt": digest(f"fee {member}"),
            "household": digest(f"household {number // 2}"),
            "compound": COMPOUNDS[number % len(COMPOUNDS)],
        }
        if rng.random() < ELDERS:
            town.elders.add(member)
            public |= {"elder": True, "evidence": digest(f"age {member}")}
        return line("membership.opened", public, [member])

    def pick_ordinary(self, town: Town) -> str:
        """Somebody whose membership includes free services, and who keeps it all year."""
        found = next(
            one
            for one in town.members[10:]
            if self.kinds[one] == "ordinary" and one not in town.elders and one not in town.kept
        )
        town.kept.add(found)
        return found

    def run_month(self, stage: Stage, town: Town, busy: set[str]) -> None:
        """Some join, some upgrade, some renew early, and some who may leave with their fee."""
        first = len(town.members)
        joining = max(1, round(first * JOINING))
        for _ in range(joining):
            town.welcome(stage)
        stage.record([self._join(stage, town, number) for number in range(first, first + joining)])
        stage.count("memberships", joining)
        self._refer(stage, town, range(first, first + joining), certain=True)
        town.newcomers += town.members[first:]
        for _ in range(max(1, round(first * LEAVING))):
            self._upgrade(stage, town, busy)
            self._renew(stage, town, busy)
            self._refund(stage, town, busy)
        self._ask_for_waiver(stage, town, busy)
        self._confirm_elder(stage, town, busy)
        for officer in town.members[:3]:
            stage.record([line("tier.set", {}, [officer])], may_fail=True)

    def _one_of(self, stage: Stage, town: Town, busy: set[str], *kinds: str) -> str | None:
        """Somebody without an office whose membership is of one of these kinds."""
        others = {one for one in town.members if self.kinds.get(one) not in kinds}
        return town.ordinary(stage.rng, busy | others | self.paid_ahead)

    def _upgrade(self, stage: Stage, town: Town, busy: set[str]) -> None:
        member = self._one_of(stage, town, busy, "ordinary", "trial")
        if member is None:
            return
        public = {"kind": "co_creation", "receipt": digest(f"upgrade {member}")}
        stage.record([line("membership.upgraded", public, [member])])
        self.kinds[member] = "co_creation"

    def _renew(self, stage: Stage, town: Town, busy: set[str]) -> None:
        member = self._one_of(stage, town, busy, "ordinary", "co_creation")
        if member is None:
            return
        stage.record([line("membership.renewed", {"receipt": digest(f"renewal {member}")}, [member])])
        self.paid_ahead.add(member)

    def _refund(self, stage: Stage, town: Town, busy: set[str]) -> None:
        """The fee that a custodian holds comes back, and the membership ends."""
        member = self._one_of(stage, town, busy, "refundable")
        if member is None:
            return
        receipt = {"receipt": digest(f"refund {member}")}
        stage.record([line("membership.refunded", receipt, [member])])
        del self.kinds[member]
        town.leave(member)

    def _ask_for_waiver(self, stage: Stage, town: Town, busy: set[str]) -> None:
        """Three referrals waive no year while the chain's gate is closed: refused."""
        member = self._one_of(stage, town, busy, "ordinary")
        if member is not None:
            stage.record([line("membership.renewed", {"waived": True}, [member])], may_fail=True)

    def _confirm_elder(self, stage: Stage, town: Town, busy: set[str]) -> None:
        """Somebody has turned sixty."""
        member = self._one_of(stage, town, busy | town.elders, *(name for name, _ in KINDS))
        if member is None:
            return
        evidence = {"evidence": digest(f"age {member}")}
        stage.record([line("membership.elder_confirmed", evidence, [member])])
        town.elders.add(member)

    def note_recovered(self, town: Town) -> None:
        """What is known of members who lost their accounts is known of the new ones."""
        self.kinds = {town.current(one): kind for one, kind in self.kinds.items()}
        self.referred = {town.current(one) for one in self.referred}
        self.paid_ahead = {town.current(one) for one in self.paid_ahead}

    def _refer(self, stage: Stage, town: Town, numbers: range, *, certain: bool = False) -> None:
        """Say who brought some of the members of these numbers; ``certain``: all of them."""
        rng = stage.rng
        lines: list[Line] = []
        named: list[str] = []
        for number in numbers:
            member = town.members[number]
            if not certain and rng.random() >= REFERRED:
                continue
            # Nobody refers who joined later, so no cycle; households of two share a number.
            by_shop = rng.random() < 0.3
            here = [one for one in town.members[: number - 2] if one not in town.away]
            referrer = rng.choice(town.merchants) if by_shop else rng.choice(here)
            lines.append(line("referral.declared", {"referrer": referrer}, [member]))
            named.append(member)
        stage.record(lines)
        self.referred.update(named)
        stage.count("referrals", len(named))

    def reward(self, stage: Stage, bought: list[Bought]) -> None:
        """A referred member's first order pays its referrer from its margin, where the guard lets it."""
        lines: list[Line] = []
        first: list[Bought] = []
        for sale in bought:
            if sale.buyer in self.referred and sale.amount >= 5 * REWARD_MARGIN:
                lines.append(
                    line("referral.rewarded", {"about": sale.entry, "margin": str(sale.amount // 4)})
                )
                first.append(sale)
            self.referred.discard(sale.buyer)
        found = stage.record(lines, may_fail=True)
        for sale, entry in zip(first, found, strict=True):
            sale.rewarded = entry is not None
        stage.count("rewards", sum(entry is not None for entry in found))
