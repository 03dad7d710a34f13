"""Payment codes of the year: shown by a payee, scanned by a payer; two may scan, one pays; some expire."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from gateway.rules.payment_codes import digest_token
from scripts.retail.client import Line
from scripts.year.stage import Stage, line
from scripts.year.town import Town, pick_several

LEFT, CONTESTED = 0.1, 0.15
"""Share of codes nobody scans, and of those that two scan at once."""


@dataclass(frozen=True, slots=True)
class Code:
    """One code and who scans it, in order."""

    proof: str
    payee: str
    amount: int
    payers: tuple[str, ...]


@dataclass(slots=True)
class PaymentCodes:
    """``issued`` numbers the secrets."""

    issued: int = 0

    def run_hour(self, stage: Stage, town: Town, count: int) -> None:
        """Issue an hour's codes, scan most of them; what nobody scans the clock ends."""
        codes = [code for code in (self._draw(stage, town) for _ in range(count)) if code is not None]
        stage.record([_issue(code) for code in codes])
        scans = [(code, payer) for code in codes for payer in code.payers]
        found = stage.record([_scan(code, payer) for code, payer in scans], may_fail=True)
        for (code, payer), entry in zip(scans, found, strict=True):
            if entry is None:
                town.coins[payer] += code.amount
                stage.count("codes scanned too late")
                continue
            stage.count("codes used")
            if code.payee in town.coins:
                town.coins[code.payee] += code.amount

    def _draw(self, stage: Stage, town: Town) -> Code | None:
        """Draw payee, amount and payers; None where the payers drawn cannot pay."""
        rng = stage.rng
        self.issued += 1
        amount = rng.randint(1, 10) * 50
        (payee,) = pick_several(rng, town.merchants, town.fame, 1)
        if rng.random() < 0.3:
            (payee,) = pick_several(rng, town.members, town.eagerness, 1)
        payers = [
            one
            for one in pick_several(rng, town.members, town.eagerness, 6)
            if one != payee and one not in town.wards and town.holds(stage, one) >= amount
        ]
        distinct = list(dict.fromkeys(payers))
        share = rng.random()
        # The first ones show every way, whatever chance says.
        wanted = (
            self.issued % 3 if self.issued <= 12 else 0 if share < LEFT else 1 + (share < LEFT + CONTESTED)
        )
        if len(distinct) < wanted:
            return None
        proof = sha256(f"secret {self.issued}".encode()).hexdigest()
        for payer in distinct[:wanted]:
            # Set aside until the scan is answered.
            town.coins[payer] -= amount
        return Code(proof, payee, amount, tuple(distinct[:wanted]))


def _issue(code: Code) -> Line:
    public = {
        "code": digest_token(bytes.fromhex(code.proof)).hex(),
        "payee": code.payee,
        "amount": str(code.amount),
        "purpose": "goods",
    }
    return line("paycode.issued", public)


def _scan(code: Code, payer: str) -> Line:
    public = {
        "proof": code.proof,
        "payer": payer,
        "payee": code.payee,
        "amount": str(code.amount),
        "purpose": "goods",
    }
    return line("paycode.used", public)
