"""The year as its entries say it: read back page by page, added up by month, type and account.

Nothing here is what the generator meant to do: only what the log holds counts in the conservation figures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from gateway.rules.calendar import business_date, parse_timestamp
from scripts.retail.client import Client

PAGE = 200
Document = Mapping[str, object]
PAYMENTS = frozenset({"sale.paid", "paycode.used", "gift.sent"})
"""What moves coins from one person to another at once."""

FREE = "free services taken"
PROVIDER, DONATED = "provider", "public_benefit"
"""Roles of a service's legs: who did it, and where what is over a limit goes."""
PAYING = (
    "service.confirmed", "service.part_done", "service.decided", "service.cancelled", "service.no_show",
)  # fmt: skip
"""What ends a service and says all of its legs."""
COUNTED = (
    "amount", "coins", "price", "remainder", "owed", "forfeited", "fee", "discount", "rebate", "withheld",
)  # fmt: skip
"""Public sums and counts that are added up by type."""


@dataclass(slots=True)
class Ledger:
    """``types`` counts entries by month; ``sums`` adds (type, field), ``legs`` (type, role); ``results``
    counts verdicts by (type, result); ``noted`` are figures of a month; ``used`` adds the uses of funds.

    ``receipts`` are the coins that payments of one person to another gave each receiver, ``payments`` the
    same by (payer, payee, amount), ``dated`` sales and payments by whether UTC has the "same" or an "other"
    date; ``flows`` is what operations moved into each account, less what they moved out; ``grants`` are fen
    times 100 less coins times price less remainder, 0 where all are exact. ``uneven`` are entries whose
    legs do not sum to the amount, ``tables`` the versions used by (type, table, business date); ``earned`` is
    what services gave by (account, business date), ``expired`` hundredths by business date.
    """

    types: dict[str, Counter[str]] = field(default_factory=dict)
    sums: Counter[tuple[str, str]] = field(default_factory=Counter)
    legs: Counter[tuple[str, str]] = field(default_factory=Counter)
    noted: dict[str, Counter[str]] = field(default_factory=dict)
    results: Counter[tuple[str, str]] = field(default_factory=Counter)
    used: Counter[str] = field(default_factory=Counter)
    flows: Counter[str] = field(default_factory=Counter)
    receipts: Counter[str] = field(default_factory=Counter)
    payments: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    dated: Counter[str] = field(default_factory=Counter)
    tables: Counter[tuple[str, str, str, int]] = field(default_factory=Counter)
    earned: Counter[tuple[str, str]] = field(default_factory=Counter)
    expired: Counter[str] = field(default_factory=Counter)
    issued: int = 0
    burned: int = 0
    grants: int = 0
    uneven: int = 0
    entries: int = 0

    def total(self, name: str) -> int:
        """How many entries of a type there are."""
        return sum(counted[name] for counted in self.types.values())

    def counts(self) -> Counter[str]:
        """Entries by type."""
        return sum(self.types.values(), Counter[str]())

    def take(self, entry: Document) -> None:
        """Add one entry."""
        name, public = str(entry["type"]), _members(entry.get("public"))
        second = parse_timestamp(str(entry["at"])) // 1000
        day = business_date(second)
        self.types.setdefault(f"{day:%Y-%m}", Counter())[name] += 1
        self.entries += 1
        for one in COUNTED:
            value = public.get(one)
            if isinstance(value, str | int) and not isinstance(value, bool) and str(value).isdigit():
                self.sums[name, one] += int(value)
        legs = self._take_legs(name, public)
        if name in ("sale.recorded", "sale.refunded", "fund.used") and legs != int(str(public["amount"])):
            self.uneven += 1
        if name in PAYING:
            self._take_earnings(public, day.isoformat())
        if name == "credits.expired":
            self.expired[day.isoformat()] += int(str(public["amount"]))
        if "result" in public:
            self.results[name, str(public["result"])] += 1
        if name == "fund.used":
            self.used[str(public["fund"])] += int(str(public["amount"]))
        if name == "grant.booked":
            coins, price, rest = (int(str(public[one])) for one in ("coins", "price", "remainder"))
            self.grants += int(str(public["amount"])) * 100 - coins * price - rest
        if "table" in public and "version" in public:
            self.tables[name, str(public["table"]), day.isoformat(), int(str(public["version"]))] += 1
        if name == "service.requested":
            self._note_request(self.noted.setdefault(f"{day:%Y-%m}", Counter()), public)
        self._move(_members(entry.get("op")))
        if name in PAYMENTS or name == "sale.recorded":
            utc = datetime.fromtimestamp(second, UTC).date()
            self.dated["same" if utc == day else "other"] += 1
        if name in PAYMENTS:
            self._pay(_members(entry.get("op")))

    @staticmethod
    def _note_request(noted: Counter[str], public: Document) -> None:
        """Count what a membership's free services were asked for, and what was asked for after the last."""
        if "free_left" in public:
            noted["services paid for after the free ones" if public["funding"] == "member" else FREE] += 1

    def _take_earnings(self, public: Document, day: str) -> None:
        """Note who earned by a service, and what of it went to the public benefit."""
        legs = public.get("legs")
        for leg in legs if isinstance(legs, list) else []:
            if leg["role"] == PROVIDER:
                self.earned[str(leg["account"]), day] += int(leg["amount"])
            if leg["role"] == DONATED:
                self.noted.setdefault(day[:7], Counter())["earnings donated"] += int(leg["amount"])

    def _take_legs(self, name: str, public: Document) -> int:
        total = 0
        legs = public.get("legs")
        for leg in legs if isinstance(legs, list) else []:
            self.legs[name, str(leg["role"])] += int(leg["amount"])
            total += int(leg["amount"])
        return total

    def _pay(self, operation: Document) -> None:
        """Note one payment of a person to another."""
        amount, receiver = int(str(operation["amount"])), str(operation["to"])
        self.receipts[receiver] += amount
        self.payments[str(operation["from"]), receiver, amount] += 1

    def _move(self, operation: Document) -> None:
        """Add what an operation moves."""
        if not operation:
            return
        kind, amount = str(operation["kind"]), int(str(operation.get("amount", 0)))
        sender, receiver = operation.get("from"), operation.get("to")
        if kind == "recover":
            amount = self.flows[str(sender)]
        if kind == "issue":
            self.issued += amount
        if kind == "burn":
            self.burned += amount
        if isinstance(sender, str):
            self.flows[sender] -= amount
        if isinstance(receiver, str):
            self.flows[receiver] += amount


def _members(value: object) -> Document:
    return value if isinstance(value, Mapping) else {}


def read_entries(client: Client) -> Iterator[Document]:
    """Read every entry of the log in order. Raises UnexpectedAnswer."""
    after = -1
    while True:
        page = client.get("/v1/entries", after=after, limit=PAGE).require("entries")
        entries = page["entries"]
        for view in entries if isinstance(entries, list) else []:
            if isinstance(view["entry"], dict):
                yield view["entry"]
        following = page["next"]
        if not isinstance(following, int):
            return
        after = following


def read_ledger(client: Client) -> Ledger:
    """Read the log back and add it up."""
    ledger = Ledger()
    for entry in read_entries(client):
        ledger.take(entry)
    return ledger
