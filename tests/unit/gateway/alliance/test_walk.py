"""Random lives of seats and deposits: money conserved, one holder a seat, and nothing the chain would refuse.

The walk asks the rules themselves, without log and signatures; a refusal must leave everything as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from chain.canonical import JsonValue
from chain.types import AccountId
from gateway.alliance.bonds import read_bond
from gateway.case_rules import CASE_BOOK
from gateway.cases.case import Case
from gateway.cases.world import SELECT_CASES, read_case
from gateway.db import Database, fetch_all, migrate, sqlite_url
from gateway.errors import Refusal
from gateway.ledger.drafts import AccountKind, Draft, GrantSeat, ReleaseSeat, RenewSeat
from gateway.ledger.registers import Account, Chapter, Registers
from gateway.ledger.steps import Step
from gateway.rules.deposits import DepositState
from gateway.rules.seat_life import SeatState
from tests.unit.gateway.alliance.kit import DAY, EVIDENCE, RECEIPT, account, step
from tests.unit.gateway.ledger.worlds import CHAPTER, NOON, address

MERCHANTS = ("m", "n", "o")
INDUSTRIES = ("bakery", "florist")
OFFICERS = ("secretary", "chair", "committee", "president", "treasurer")
REVIEWERS = {
    "applied": ("credentials", "secretary"),
    "credentials_reviewed": ("reputation", "chair"),
    "reputation_reviewed": ("referral_ability", "committee"),
    "referral_reviewed": ("grant", "president"),
}

merchants = st.sampled_from(MERCHANTS)
industries = st.sampled_from(INDUSTRIES)
results = st.sampled_from(("upheld", "dismissed"))
sums = st.sampled_from((1, 60_000, 250_001, 500_000))
picks = st.integers(0, 5)
parts = st.integers(1, 3)


@dataclass
class Registry:
    """SeatRegistry as the contract has it: who holds which seat until when. Raises where it would revert."""

    held: dict[str, tuple[str, int]] = field(default_factory=dict)

    def tell(self, effect: object, now: int) -> None:
        """Carry out an effect at ``now``, Unix seconds."""
        if isinstance(effect, GrantSeat):
            shop = AccountId("acct_" + bytes(effect.merchant).hex())
            assert self.holder(effect.industry, now) is None, "SeatTaken"
            assert all(self.holder(other, now) != shop for other in self.held), "MerchantHasSeat"
            assert effect.until > now, "UntilNotInFuture"
            self.held[effect.industry] = (shop, effect.until)
        elif isinstance(effect, RenewSeat):
            shop_until = self.held[effect.industry]
            assert self.holder(effect.industry, now) is not None, "SeatExpired"
            assert effect.until > shop_until[1], "TermNotLonger"
            self.held[effect.industry] = (shop_until[0], effect.until)
        elif isinstance(effect, ReleaseSeat):
            assert self.holder(effect.industry, now) is not None, "SeatVacant"
            del self.held[effect.industry]

    def holder(self, industry: str, now: int) -> str | None:
        """Return who holds a seat at ``now``."""
        shop, until = self.held.get(industry, (None, 0))
        return shop if now < until else None


class Lives(RuleBasedStateMachine):
    """Three merchants, two seats, five officers and a member who complains."""

    database: ClassVar[Database]

    def __init__(self) -> None:
        super().__init__()
        self.connection = self.database.engine.connect()
        self.transaction = self.connection.begin()
        self.registers = Registers()
        self.now = NOON
        self.numbers = count(1)
        self.registry = Registry()
        self.money = dict.fromkeys(MERCHANTS, 0)
        self.owed: dict[str, int] = {}
        pool = address("pool")
        self.registers.chapters[CHAPTER] = Chapter(CHAPTER, pool, 0, 0, 0)
        for name in (*MERCHANTS, *OFFICERS, "a"):
            kind = AccountKind.MERCHANT if name in MERCHANTS else AccountKind.MEMBER
            self.registers.accounts[address(name)] = Account(address(name), CHAPTER, kind, 1, b"\x01" * 32)

    def teardown(self) -> None:
        self.transaction.rollback()
        self.connection.close()

    # --- taking steps ------------------------------------------------------------------------------------

    def take(self, draft: Draft) -> dict[str, JsonValue] | None:
        """Take a step; return its public fields, None where the rules refuse it and nothing has changed."""
        number = next(self.numbers)
        entry_id = f"01J{number:023d}"
        before = self.cases()
        session = CASE_BOOK.open(self.connection, self.registers)
        try:
            completed = session.complete(Step(entry_id, self.now, draft))
        except Refusal:
            session.store()
            assert self.cases() == before
            return None
        session.keep(number)
        session.store()
        for effect in completed.effects:
            self.registry.tell(effect, self.now // 1000)
        self.count_money(completed)
        return dict(completed.public)

    def count_money(self, draft: Draft) -> None:
        """Follow the fen of each deposit by what the entries alone say."""
        public = draft.public
        who = next((name for name in MERCHANTS if account(name) == public.get("merchant")), "")
        if draft.type in ("deposit.lodged", "deposit.topped_up"):
            self.money[who] += int(str(public["amount"]))
        elif draft.type in ("deposit.refunded", "deposit.forfeited"):
            self.money[who] -= int(str(public["amount"]))
        elif "forfeited" in public:
            self.money[who] -= int(str(public["forfeited"]))
            assert int(str(public["refund"])) == self.money[who]
        elif draft.type == "deposit.compensated":
            legs = {leg["role"]: int(leg["amount"]) for leg in public["legs"]}  # type: ignore[index,union-attr,call-overload,arg-type]
            assert sum(legs.values()) == int(str(public["amount"]))
            self.money[who] -= legs.get("bond", 0)
        elif draft.type == "deposit.restored":
            legs = {leg["role"]: int(leg["amount"]) for leg in public["legs"]}  # type: ignore[index,union-attr,call-overload,arg-type]
            assert sum(legs.values()) == int(str(public["amount"])) > 0
            self.money[who] += legs.get("bond", 0)

    def cases(self, kind: str | None = None) -> list[Case]:
        rows = fetch_all(self.connection, f"{SELECT_CASES} ORDER BY kind, key")
        return [case for case in map(read_case, rows) if kind in (None, case.kind)]

    def last(self, kind: str, merchant: str) -> Case | None:
        found = [case for case in self.cases(kind) if case.holder == account(merchant)]
        return found[-1] if found else None

    def pick(self, kind: str, number: int, *states: str) -> Case | None:
        """Return one of the cases of a kind in some states."""
        found = [case for case in self.cases(kind) if case.state in states]
        return found[number % len(found)] if found else None

    # --- seats -------------------------------------------------------------------------------------------

    @initialize(merchant=merchants, industry=industries)
    def begin_with_a_seat(self, merchant: str, industry: str) -> None:
        self.earn(merchant, industry)
        assert self.registry.holder(industry, self.now // 1000) == account(merchant)

    @rule(merchant=merchants, industry=industries)
    def apply(self, merchant: str, industry: str) -> None:
        self.take(step("seat.applied", merchant=merchant, industry=industry))

    @rule(merchant=merchants, industry=industries)
    def earn(self, merchant: str, industry: str) -> None:
        """Go the whole way to a seat, as far as the rules let it."""
        deposit = self.last("deposit", merchant)
        fen = 500_000 if deposit is None else 500_000 - deposit.number("balance")
        for name in ("deposit.lodged", "deposit.topped_up"):
            if fen:
                self.take(step(name, merchant=merchant, amount=str(fen), receipt=RECEIPT))
        self.apply(merchant, industry)
        for _ in range(3):
            self.review(merchant, True)
        self.grant(merchant)

    @rule(merchant=merchants, passed=st.booleans())
    def review(self, merchant: str, passed: bool) -> None:
        case = self.last("seat_application", merchant)
        stage, by = REVIEWERS.get(case.state if case else "", ("credentials", "secretary"))
        result = "passed" if passed else "failed"
        key = case.key if case else "none"
        public = {"about": key, "stage": stage, "result": result, "evidence": EVIDENCE, "reason": "x"}
        self.take(step("seat.reviewed", by=by, **public))

    @rule(merchant=merchants)
    def grant(self, merchant: str) -> None:
        case = self.last("seat_application", merchant)
        if case is not None:
            public = {"about": case.key, "certificate": "ce" * 32}
            self.take(step("seat.granted", by="president", **public))

    @rule(industry=industries)
    def renew(self, industry: str) -> None:
        self.take(step("seat.renewed", by="president", industry=industry, certificate="cf" * 32))

    @rule(industry=industries, name=st.sampled_from(("exit.noticed", "exit.withdrawn", "exit.completed")))
    def leave(self, industry: str, name: str) -> None:
        self.take(step(name, industry=industry))

    @rule(industry=industries, reason=st.sampled_from(("promises", "complaints")))
    def propose(self, industry: str, reason: str) -> None:
        public = {"industry": industry, "reason": reason, "evidence": EVIDENCE}
        self.take(step("seat.release_proposed", by="chair", **public))

    @rule(industry=industries, result=results)
    def contest(self, industry: str, result: str) -> None:
        self.take(step("seat.release_appealed", industry=industry, reason="kept"))
        public = {"industry": industry, "result": result, "evidence": EVIDENCE}
        self.take(step("seat.release_decided", by="president", **public))

    @rule(days=st.sampled_from((1, 15, 90, 365)), carried=st.booleans())
    def wait(self, days: int, carried: bool) -> None:
        self.now += days * DAY
        if carried:
            for _, draft in CASE_BOOK.due_steps(self.connection, self.now, 100):
                assert self.take(draft) is not None, draft

    # --- deposits ----------------------------------------------------------------------------------------

    @rule(merchant=merchants, fen=sums)
    def lodge(self, merchant: str, fen: int) -> None:
        self.take(step("deposit.lodged", merchant=merchant, amount=str(fen), receipt=RECEIPT))

    @rule(merchant=merchants, fen=sums)
    def top_up(self, merchant: str, fen: int) -> None:
        self.take(step("deposit.topped_up", merchant=merchant, amount=str(fen), receipt=RECEIPT))

    @rule(merchant=merchants, days=st.sampled_from((0, 90)))
    def go(self, merchant: str, days: int) -> None:
        """Leave at the end of the notice, and be refunded where nothing is open."""
        seat = self.last("seat", merchant)
        if seat is not None:
            self.take(step("exit.noticed", industry=seat.text("industry")))
            self.wait(days, True)
            self.refund(merchant)

    @rule(merchant=merchants)
    def forfeit(self, merchant: str) -> None:
        """List a merchant, and forfeit once that is final; a second time while it stands must not pass."""
        public = {"merchant": merchant, "reason": "promise_broken", "evidence": EVIDENCE}
        self.take(step("list.entered", by="committee", **public))
        self.wait(15, True)
        self.take(step("deposit.forfeited", by="president", **public))
        assert self.take(step("deposit.forfeited", by="president", **public)) is None

    @rule(merchant=merchants)
    def refund(self, merchant: str) -> None:
        self.take(step("deposit.refunded", merchant=merchant, receipt=RECEIPT))

    @rule(merchant=merchants, fen=sums)
    def complain(self, merchant: str, fen: int) -> None:
        public = {"merchant": merchant, "complainant": "a", "amount": str(fen), "reason": "spoiled"}
        filed = self.take(step("complaint.filed", **public))
        assert filed is not None

    @rule(pick=picks, part=parts, right=st.booleans(), paid=st.booleans())
    def decide(self, pick: int, part: int, right: bool, paid: bool) -> None:
        case = self.pick("complaint", pick, "filed", "assigned", "verified")
        if case is None:
            return
        self.take(step("complaint.assigned", by="chair", about=case.key, owner="committee"))
        public: dict[str, JsonValue] = {"about": case.key, "evidence": EVIDENCE}
        if not right:
            self.take(step("complaint.rejected", by="committee", reason="unfounded", **public))
            return
        award = str(max(1, case.number("asked") * part // 3))
        self.take(step("complaint.verified", by="committee", amount=award, **public))
        if paid:
            public = {"about": case.key, "receipt": RECEIPT}
            self.take(step("deposit.compensated", by="treasurer", **public))

    @rule(pick=picks)
    def withdraw(self, pick: int) -> None:
        case = self.pick("complaint", pick, "filed", "assigned")
        if case is not None:
            self.take(step("complaint.withdrawn", about=case.key))

    @rule(pick=picks, result=results, fen=sums)
    def dispute(self, pick: int, result: str, fen: int) -> None:
        case = self.pick("complaint", pick, "dismissed", "compensated")
        if case is not None:
            self.take(step("complaint.appealed", about=case.key, reason="mistaken"))
            public = {"about": case.key, "result": result, "evidence": EVIDENCE, "amount": str(fen)}
            self.take(step("complaint.decided", by="president", **public))

    @rule(pick=picks)
    def bring_back(self, pick: int) -> None:
        case = self.pick("complaint", pick, "owed_back")
        if case is not None:
            self.take(step("deposit.restored", by="treasurer", about=case.key, receipt=RECEIPT))

    # --- what always holds -------------------------------------------------------------------------------

    @invariant()
    def money_is_conserved(self) -> None:
        for case in self.cases("deposit"):
            bond = read_bond(case)
            name = next(name for name in MERCHANTS if account(name) == case.holder)
            assert bond.balance == self.money[name]
            assert 0 <= bond.held <= bond.balance <= bond.terms.required
            if bond.state is DepositState.SUSPENDED:
                assert bond.balance < bond.terms.floor
            if bond.state is DepositState.ACTIVE:
                assert bond.balance >= bond.terms.floor
            if bond.state is DepositState.CLOSED:
                assert bond.balance == 0

    @invariant()
    def open_claims_are_those_of_open_complaints(self) -> None:
        claims = {claim for case in self.cases("deposit") for claim in read_bond(case).claims}
        waiting = {
            case.key for case in self.cases("complaint") if case.state in ("filed", "assigned", "verified")
        }
        assert claims == waiting

    @invariant()
    def nobody_has_two_seats_and_the_chain_agrees(self) -> None:
        held = [case for case in self.cases("seat") if case.state != SeatState.ENDED]
        holders = [case.holder for case in held]
        assert len(set(holders)) == len(holders)
        now = self.now // 1000
        in_ledger = {case.text("industry"): case.holder for case in held}
        for industry in INDUSTRIES:
            on_chain = self.registry.holder(industry, now)
            assert on_chain in (None, in_ledger.get(industry))


def test_random_lives_keep_money_and_seats(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "walk.sqlite3"))
    migrate(database)
    try:
        Lives.database = database
        run_state_machine_as_test(  # type: ignore[no-untyped-call]
            Lives,
            settings=settings(
                max_examples=100,
                stateful_step_count=50,
                deadline=None,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
            ),
        )
    finally:
        database.close()
