"""Play one chapter for a year from a seed, through the HTTP API of a gateway with a simulated clock.

The same seed gives the same ledger, down to its root. Progress and the twelve months go to stderr; the last
line on stdout is JSON with ``--json``, else the root in words.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

from chain.checkpoint import open_checkpoint
from chain.evm.client import EvmClient
from gateway.rules.awards import AwardKind
from scripts.retail.client import Client
from scripts.retail.service import Addresses, Service
from scripts.year.alliance import Alliance
from scripts.year.membership import Memberships
from scripts.year.report import print_months, summary
from scripts.year.services import Services
from scripts.year.shopping import Bought, Shopping, give
from scripts.year.stage import Stage, days_of, line
from scripts.year.town import Town, fund_month, open_town
from scripts.year.vouchers import Vouchers

START = date(2027, 1, 1)
ORIGIN = "tongyi.example/chapter-year"
DAYS = 365
AWARDS = tuple((kind, 3 if kind is AwardKind.REFERRAL else 1) for kind in AwardKind)
"""Each month's awards and their places."""


def settings(seed: str) -> dict[str, str]:
    """Environment of the simulated gateway."""
    return {
        "TONGYI_SIMULATION_SEED": seed,
        "TONGYI_SIMULATION_START": f"{START - timedelta(1)}T00:00:00Z",
        "TONGYI_ORIGIN": ORIGIN,
        "TONGYI_BLOCK_TIME": "0.5",
    }


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def quarter_before(day: date) -> str:
    """The quarter that ended the day before the first of a month, as YYYY-Qn."""
    last = day - timedelta(1)
    return f"{last.year}-Q{(last.month + 2) // 3}"


def grant_awards(stage: Stage, month: str) -> None:
    """Grant the past month's awards, as the rules compute them; places nobody won are refused."""
    lines = [
        line("award.granted", {"award": kind.value, "month": month, "rank": rank})
        for kind, ranks in AWARDS
        for rank in range(1, ranks + 1)
    ]
    granted = stage.record(lines, may_fail=True)
    stage.count("awards", sum(entry is not None for entry in granted))


def play(stage: Stage, options: argparse.Namespace) -> Town:
    """Play all days. Raises UnexpectedAnswer where the gateway refuses what the year needs."""
    stage.open_day(START, 6)
    town = open_town(stage, options.members, options.merchants)
    shopping, services = Shopping(), Services()
    services.open(stage, town)
    memberships, alliance, vouchers = Memberships(), Alliance(), Vouchers()
    memberships.open(stage, town)
    alliance.open(stage, town)

    def then(stage: Stage, bought: list[Bought]) -> None:
        vouchers.run_day(stage, town.merchants, bought)
        memberships.reward(stage, bought)

    month = ""
    for day in days_of(START, options.days):
        if day.day == 15:
            stage.open_day(day, 7)
            alliance.complain(stage, town)
            if day.month % 3 == 2:
                alliance.rate(stage, town)
        if f"{day:%Y-%m}" != month:
            # The chain counts quotas by its own month: nothing of the old one may still be on its way.
            stage.settle()
            month = f"{day:%Y-%m}"
            stage.open_day(day, 7)
            fund_month(stage, town)
            if day > START:
                grant_awards(stage, f"{day - timedelta(1):%Y-%m}")
            if day > START and day.month % 3 == 1:
                alliance.close_quarter(stage, quarter_before(day))
            services.fund(stage, town, options.sales * 10_000)
            say(f"{month}: {sum(sum(c.values()) for c in stage.accepted.values()):,} entries so far")
        stage.open_day(day, 8)
        services.serve_day(stage, town)
        stage.due()
        alliance.drop_released(stage)
        stage.open_day(day, 18)
        shopping.run_day(stage, town, options.sales, then)
        give(stage, town, options.sales // 6)
        services.book_evening(stage, town, options.sales // 6)
    stage.settle()
    return town


def check_books(stage: Stage, town: Town, addresses: Addresses) -> None:
    """All balances together are the chain's supply. Raises SystemExit where they are not."""
    total = sum(
        int(str(stage.client.get(f"/v1/accounts/{account}/balance").require("balance")["balance"]))
        for account in [town.pool, *town.pools.values(), *town.members, *town.merchants]
    )
    contracts = stage.client.status()["contracts"]
    token = contracts["TimeCredit"] if isinstance(contracts, dict) else ""
    node = EvmClient(addresses.rpc)
    supply = int(str(node.call("eth_call", {"to": token, "data": "0x18160ddd"}, "latest")), 16)
    node.close()
    if total != supply:
        raise SystemExit(f"balances sum to {total}, the supply is {supply}")
    say(f"all balances together are the supply: {supply / 100:,.2f} coins")


def run(options: argparse.Namespace) -> str:
    """Play the year on a gateway of its own; return the summary."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        service = Service(Path(folder) / "data", settings=settings(options.seed))
        with service as addresses, Client(addresses.gateway, addresses.platform_key) as client:
            # Chance that must repeat, not secrets.
            stage = Stage(client, random.Random(options.seed), START)  # noqa: S311
            town = play(stage, options)
            check_books(stage, town, addresses)
            note = client.get_bytes("/log/checkpoint")
            checkpoint = open_checkpoint(note, [addresses.vkey])
            print_months(stage)
            return summary(stage, checkpoint.root.hex(), checkpoint.size, time.perf_counter() - started)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="scripts/chapter_year", description=__doc__)
    parser.add_argument("--seed", default="tongyi", help="text that everything follows from (tongyi)")
    parser.add_argument("--members", type=int, default=1_000)
    parser.add_argument("--merchants", type=int, default=30)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--sales", type=int, default=185, help="sales a day (185)")
    parser.add_argument(
        "--short", action="store_true", help="60 members, 8 merchants, 40 days, 12 sales a day"
    )
    parser.add_argument("--json", action="store_true", help="end with one line of JSON on stdout")
    options = parser.parse_args(argv)
    if options.short:
        options.members, options.merchants, options.days, options.sales = 60, 8, 40, 12
    line = run(options)
    print(line if options.json else f"root {line.split(chr(34))[3]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
