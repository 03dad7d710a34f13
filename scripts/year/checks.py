"""What must balance at the end of the year, theme by theme: entries against cases, balances and the chain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from gateway.rules.fees import FEES
from scripts.year.ledger import DONATED, FREE, PAYING, PROVIDER, Ledger
from scripts.year.limits import EARNED, Limits
from scripts.year.stage import CHAPTER, Stage
from scripts.year.tables import REWARD, Tables
from scripts.year.town import Town

INCLUDED = max(terms.free_services or 0 for terms in FEES)
"""Free services of a membership year."""
FUND_LEGS = (
    ("sale.recorded", 1), ("membership.fee_split", 1), ("sale.refunded", -1), ("membership.refunded", -1),
)  # fmt: skip
"""What brings a fund its legs, and what takes them back."""
ENDED_SEATS = ("seat.released", "seat.expired", "exit.completed")


@dataclass(frozen=True, slots=True)
class Check:
    """Two figures that must be equal."""

    name: str
    left: int
    right: int

    @property
    def holds(self) -> bool:
        """Whether they are."""
        return self.left == self.right


@dataclass(frozen=True, slots=True)
class Closing:
    """The year at its end: who took part, what the log says, and the token contract's own total."""

    stage: Stage
    town: Town
    ledger: Ledger
    tables: Tables
    limits: Limits
    supply: int
    _cases: dict[str, list[Mapping[str, object]]] = field(default_factory=dict)

    def cases(self, kind: str) -> list[Mapping[str, object]]:
        """All cases of a kind, read once, without those that moved on to another account."""
        if kind not in self._cases:
            found = self.stage.list_cases(kind)
            self._cases[kind] = [case for case in found if case["state"] != "moved"]
        return self._cases[kind]

    def states(self, kind: str) -> Counter[str]:
        """Cases of a kind by state."""
        return Counter(str(case["state"]) for case in self.cases(kind))

    def documents(self, kind: str) -> list[tuple[str, Mapping[str, object]]]:
        """State and document of every case of a kind."""
        return [
            (str(case["state"]), document)
            for case in self.cases(kind)
            if isinstance(document := case["document"], dict)
        ]


def check_all(closing: Closing) -> list[Check]:
    """Every conservation figure of the year."""
    return [
        *_check_coins(closing),
        *_check_deposits(closing),
        *_check_counts(closing),
        *_check_conduct(closing),
        *_check_services(closing),
        *_check_free_services(closing),
        *_check_money(closing),
        *_check_equity(closing),
        *_check_tables(closing),
        *check_limits(closing),
    ]


def _check_coins(closing: Closing) -> Iterator[Check]:
    ledger = closing.ledger
    balances = {
        account: int(str(closing.stage.client.get(f"/v1/accounts/{account}/balance").require("b")["balance"]))
        for account in closing.town.accounts
    }
    yield Check("balances: their sum = the supply on chain", sum(balances.values()), closing.supply)
    yield Check(
        "balances: issued - burned = the supply on chain", ledger.issued - ledger.burned, closing.supply
    )
    differing = sum(ledger.flows[account] != held for account, held in balances.items())
    yield Check("balances: accounts that differ from their entries", differing, 0)
    strangers = {account for account, held in ledger.flows.items() if held} - set(balances)
    yield Check("balances: coins on accounts nobody knows", len(strangers), 0)
    yield Check("balances: below zero", sum(held < 0 for held in balances.values()), 0)


def _check_deposits(closing: Closing) -> Iterator[Check]:
    sums, legs = closing.ledger.sums, closing.ledger.legs
    lodged = sums["deposit.lodged", "amount"] + sums["deposit.topped_up", "amount"]
    forfeited = sums["deposit.forfeited", "amount"]
    forfeited += sum(sums[name, "forfeited"] for name in (*ENDED_SEATS, "seat.release_decided"))
    gone = sums["deposit.refunded", "amount"] + legs["deposit.compensated", "bond"] + forfeited
    gone -= legs["deposit.restored", "bond"]
    held = sum(_number(document, "balance") for _, document in closing.documents("deposit"))
    yield Check("deposits: lodged - refunded - forfeited - compensated = held", lodged - gone, held)


def _check_counts(closing: Closing) -> Iterator[Check]:
    """What was opened is in one of its states."""
    ledger = closing.ledger
    opened = (
        ("vouchers: granted = open + used + expired + void", "voucher.granted", "voucher",
         ("open", "used", "expired", "void")),
        ("payment codes: issued = used + expired + open", "paycode.issued", "paycode",
         ("used", "expired", "open")),
        ("complaints: filed = closed + open", "complaint.filed", "complaint",
         ("closed", "filed", "assigned", "verified", "dismissed", "compensated", "appealed",
          "owed_back")),
        ("lists: entered = standing + lifted + expired", "list.entered", "listing",
         ("listed", "appealed", "lifted", "expired")),
        ("claims: recorded = settled + withdrawn + waiting", "claim.recorded", "claim",
         ("settled", "withdrawn", "recorded")),
        ("memberships: opened = active + suspended + lapsed + refunded + closed", "membership.opened",
         "membership", ("active", "suspended", "lapsed", "refunded", "closed")),
        ("closings: begun = closed + emptying", "account.closing", "closing", ("closed", "emptying")),
        ("grants: booked = kept", "grant.booked", "grant", ("booked",)),
        ("fund uses: recorded = kept", "fund.used", "fund_use", ("booked",)),
        ("awards: granted = kept", "award.granted", "award", ("granted",)),
    )  # fmt: skip
    for name, entry_type, kind, states in opened:
        counted = closing.states(kind)
        yield Check(name, ledger.total(entry_type), sum(counted[state] for state in states))
    used = ledger.total("voucher.used") - ledger.total("voucher.returned")
    discounted = sum(bool(document["used_order"]) for _, document in closing.documents("voucher"))
    yield Check("vouchers: used - returned = with a discount", used, discounted)
    scanned = closing.states("paycode")
    yield Check("payment codes: paid once each", ledger.total("paycode.used"), scanned["used"])
    yield Check("payment codes: ended by the clock", ledger.total("paycode.expired"), scanned["expired"])
    yield Check("accounts: closed entries = closed cases", ledger.total("account.closed"),
                closing.states("closing")["closed"])  # fmt: skip
    yield Check("accounts: recovered = moved", ledger.total("account.recovered"), len(closing.town.moved))


def _check_conduct(closing: Closing) -> Iterator[Check]:
    ledger = closing.ledger
    penalties = closing.documents("penalty")
    yield Check("penalties: ordered = kept", ledger.total("penalty.ordered"), len(penalties))
    burned, owed = ledger.sums["penalty.executed", "coins"], ledger.sums["penalty.executed", "owed"]
    other = sum(_number(document, "coins") for state, document in penalties if state != "executed")
    ordered = ledger.sums["penalty.ordered", "coins"]
    yield Check("penalties: ordered coins = burned + owed + lifted + waiting", ordered, burned + owed + other)
    seats = closing.states("seat")
    ended = sum(ledger.total(name) for name in ENDED_SEATS)
    ended += ledger.results["seat.release_decided", "dismissed"]
    standing = seats.total() - seats["ended"]
    yield Check("seats: granted - ended = standing", ledger.total("seat.granted") - ended, standing)
    noticed = ledger.total("exit.noticed") - ledger.total("exit.withdrawn") - ledger.total("exit.completed")
    leaving = sum(
        bool(document["leaves_on"]) for state, document in closing.documents("seat") if state != "ended"
    )
    released = closing.stage.total("released after notice")
    yield Check("exits: noticed = completed + withdrawn + leaving", noticed, leaving + released)
    appeals = closing.states("appeal")
    decided = sum(
        ledger.total(name)
        for name in (
            "penalty.appeal_decided",
            "list.decided",
            "seat.release_decided",
            "seat.rejection_decided",
        )
    )
    yield Check("appeals: decided = upheld + dismissed", decided, appeals["upheld"] + appeals["dismissed"])


def _check_services(closing: Closing) -> Iterator[Check]:
    ledger = closing.ledger
    bookings = closing.documents("booking")
    yield Check("services: requested = kept", ledger.total("service.requested"), len(bookings))
    held = sum(_parts(document, "parts") + _parts(document, "legs") for _, document in bookings)
    parked = sum(_number(document, "parked") for _, document in closing.documents("membership"))
    holding = ledger.flows[closing.town.pools["holding"]]
    yield Check("services: held for bookings + parked = the pool holding", held + parked, holding)
    moved = ledger.sums["membership.suspended", "amount"] - ledger.sums["membership.restored", "amount"]
    yield Check("suspensions: parked - restored = still parked", moved, parked)
    paid = sum(_number(document, "paid") for _, document in bookings)
    issued = sum(_number(document, "issued") for _, document in bookings)
    earned = sum(ledger.legs[name, role] for name in PAYING for role in (PROVIDER, DONATED))
    yield Check("services: paid + issued = earned + donated", paid + issued, earned)


def _check_free_services(closing: Closing) -> Iterator[Check]:
    """Nobody has more free services done in a membership year than it includes."""
    taken = Counter[tuple[str, str]]()
    done = Counter[tuple[str, str]]()
    for case in closing.cases("booking"):
        document = case["document"]
        if not isinstance(document, dict) or document["free_year"] is None:
            continue
        holder = (str(case["holder"]), str(document["free_year"]))
        taken[holder] += 1
        done[holder] += document["issued"] > 0
    said = sum(noted[FREE] for noted in closing.ledger.noted.values())
    yield Check("free services: said in requests = kept", said, taken.total())
    above = sum(count > INCLUDED for count in done.values())
    yield Check("free services: members who had more than theirs", above, 0)


def _check_money(closing: Closing) -> Iterator[Check]:
    ledger = closing.ledger
    yield Check("sales: entries whose legs do not sum to the amount", ledger.uneven, 0)
    sales = closing.documents("sale")
    sold = sum(_number(document, "amount") for _, document in sales)
    back = sum(_number(document, "refunded") for _, document in sales)
    yield Check("sales: recorded = kept", ledger.sums["sale.recorded", "amount"], sold)
    yield Check("sales: refunded = kept", ledger.sums["sale.refunded", "amount"], back)
    yield Check("grants: coins at the price and the remainder = the money", ledger.grants, 0)
    month = max(ledger.types)
    page = closing.stage.client.get("/v1/figures", month=month, chapter=CHAPTER).require("figures")
    rows = page["funds"]
    for row in rows if isinstance(rows, list) else []:
        name = str(row["fund"])
        accrued = sum(sign * ledger.legs[entry_type, name] for entry_type, sign in FUND_LEGS)
        yield Check(
            f"funds: {name} accrued - used = balance", accrued - ledger.used[name], int(row["balance"])
        )
        yield Check(f"funds: {name} overdrawn", min(0, int(row["balance"])), 0)


def _check_equity(closing: Closing) -> Iterator[Check]:
    """The parts of all who contributed are the whole, and the committee is who joined and did not leave."""
    month = max(closing.ledger.types)
    page = closing.stage.client.get("/v1/equity", month=month, chapter=CHAPTER).require("equity")
    rows, committee = page["rows"], page["committee"]
    parts = sum(row["parts"] for row in rows) if isinstance(rows, list) else 0
    yield Check("equity: all parts = the whole", parts, int(str(page["whole"])))
    joined = closing.ledger.total("committee.joined") - closing.ledger.total("committee.left")
    yield Check(
        "committee: joined - left = serving", joined, len(committee) if isinstance(committee, list) else 0
    )


def _check_tables(closing: Closing) -> Iterator[Check]:
    """Rewards follow the version in force on their day, before and after the switch."""
    ledger, tables = closing.ledger, closing.tables
    used = {key: count for key, count in ledger.tables.items() if key[:2] == ("referral.rewarded", REWARD)}
    wrong = sum(count for (_, _, day, version), count in used.items() if version != tables.version_on(day))
    yield Check("tables: rewards by another version than the one in force", wrong, 0)
    paid = ledger.sums["referral.rewarded", "amount"] - ledger.sums["referral.clawed_back", "amount"]
    kept = sum(
        sum(int(row["amount"]) for row in rows) - _number(document, "returned")
        for _, document in closing.documents("referral_reward")
        if isinstance(rows := document["rewards"], list)
    )
    yield Check("rewards: paid - clawed back = kept", paid, kept)


def check_limits(closing: Closing) -> Iterator[Check]:
    """What a chapter's parameters limit is limited while they are set, and nothing is burned while not."""
    ledger, limits = closing.ledger, closing.limits
    first, over = limits.limited
    above = sum(amount > EARNED for (_, day), amount in ledger.earned.items() if first <= day < over)
    yield Check("limits: members who earned more than a day's limit", above, 0)
    first, over = limits.expiring
    outside = sum(amount for day, amount in ledger.expired.items() if not first <= day < over)
    yield Check("expiry: burned while not set", outside, 0)
    said = closing.stage.total("coins expired")
    yield Check("expiry: coins burned = said to their holders", sum(ledger.expired.values()), said)
    looked = closing.stage.total("plain calls")
    right = closing.stage.total("plain calls that add up")
    yield Check("plain calls: credits after paying = before - coins + rebate", looked, right)


def _parts(document: Mapping[str, object], name: str) -> int:
    """What a booking holds, or has still to pay out."""
    rows = document[name]
    return sum(int(row["amount"]) for row in rows) if isinstance(rows, list) else 0


def _number(document: Mapping[str, object], name: str) -> int:
    value = document.get(name)
    return value if isinstance(value, int) else 0
