"""The main job from end to end, on real retail data; ``scripts/demo`` installs what it needs and starts it.

1. an embedded chain, the contracts and a gateway; 2. baskets as entries, with rebates, redemptions and gifts,
and generated odd cases; 3. what happened; 4. random members' proof files, verified without a network, then
refused with one bit flipped; 5. a clean stop, a restart, and the mirror rebuilt from block 0 and compared.

Exit 0: every step did what it must. Progress goes to stderr, results to stdout.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from chain.evm.client import EvmClient
from scripts.retail import odd_cases, report
from scripts.retail.baskets import ASSUMPTIONS, DataSet, load_baskets
from scripts.retail.client import Client, UnexpectedAnswer
from scripts.retail.offline import (
    Checked,
    VerifierFailure,
    choose_records,
    flip_all,
    verify_offline,
    write_proofs,
)
from scripts.retail.service import Addresses, Service, ServiceError
from scripts.retail.settling import Books, NotSettled, read_books, wait_until_settled
from scripts.retail.town import Town, join_all, open_chapters, plan_town, rebates_by_chapter
from scripts.retail.traffic import Tally, send_traffic

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".tongyi" / "demo"
BASKETS = 24_000
LEAST_BASKETS = 20_000
LEAST_REDEMPTIONS = 1_000
SAMPLE = 100
SEED = 20170101


class StoryFailed(Exception):
    """A step did not do what it must; ``reason`` says which and how."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


FAILURES = (StoryFailed, VerifierFailure, ServiceError, NotSettled, UnexpectedAnswer, RuntimeError)
"""What ends the story with a sentence and exit code 1."""


@dataclass(slots=True)
class Run:
    """One run: its options, its console, and how long each step took."""

    folder: Path
    baskets: int
    sample: int
    console: Console
    seconds: dict[str, float] = field(default_factory=dict)
    checks: dict[str, bool] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step and say that it begins."""
        self.console.print(f"[bold]▶ {name}[/bold]")
        started = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - started, 1)
        self.console.print(f"  {self.seconds[name]:.1f} s", style="dim")

    @contextmanager
    def progress(self, what: str, total: int) -> Iterator[Progress]:
        """A bar on stderr."""
        columns = (TextColumn(f"  {what}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self.console, disable=not self.console.is_terminal) as bar:
            bar.add_task(what, total=total)
            yield bar

    def require(self, name: str, holds: bool, reason: str) -> None:
        """Note a check; raises StoryFailed with the reason where it does not hold."""
        self.checks[name] = holds
        if not holds:
            raise StoryFailed(f"{name}: {reason}")


def tell(text: str) -> None:
    """Results go to stdout."""
    print(text, flush=True)


def load_story(run: Run, client: Client, data: DataSet) -> tuple[Town, Tally]:
    """Step 2: the town joins, the baskets are sent."""
    town = plan_town(data.baskets)
    name = f"demo-{SEED}"
    with run.step("chapters, pools, members and merchants"):
        open_chapters(client, town, rebates_by_chapter(town, data.baskets), name)
        total = len(town.chapter_of_household) + len(town.chapter_of_store)
        with run.progress("accounts", total) as bar:
            join_all(client, town, name, lambda: bar.advance(bar.task_ids[0]))
    with run.step("purchases, rebates, redemptions and gifts"):
        started = time.monotonic()
        with run.progress("entries", 2 * len(data.baskets)) as bar:
            tally = send_traffic(client, town, data.baskets, name, lambda n: bar.advance(bar.task_ids[0], n))
        tally.seconds = time.monotonic() - started
    return town, tally


def show_odd_cases(
    run: Run, client: Client, town: Town, data: DataSet, tally: Tally, addresses: Addresses
) -> str:
    """Step 2, second half: generated cases the data set does not have; returns the reversal's entry."""
    name = f"demo-{SEED}"
    with run.step("generated cases (not in the data set)"):
        chapter = town.chapters[0]
        homes = town.chapter_of_household
        neighbours = [town.members[house] for house in sorted(homes) if homes[house] == chapter]
        giver, receiver, frozen = neighbours[:3]
        gift = {"chapter": chapter, "from": town.pools[chapter], "to": giver, "amount": "500"}
        client.post("/v1/credits/transfer", gift, f"{name}-seed-1").require("coins for the odd cases")
        gift["to"] = frozen
        client.post("/v1/credits/transfer", gift, f"{name}-seed-2").require("coins for the odd cases")
        refunded = list(zip(data.baskets, tally.purchases, strict=False))[: odd_cases.REFUNDS]
        key_file = run.folder / "platform_key"
        store = min(town.merchants)
        shown = [
            *odd_cases.show_refused(client, town, giver, receiver, name),
            *odd_cases.show_frozen(client, town, frozen, receiver, name),
            *odd_cases.show_refunds(client, town, refunded, name),
            *odd_cases.show_import(run.folder, town, addresses.gateway, key_file, giver, store),
        ]
        tell(report.format_odd_cases(shown))
        wrong = [case for case in shown if not case.as_expected]
        run.require("odd cases", not wrong, "; ".join(f"{c.what}: {c.got}, not {c.want}" for c in wrong))
        return odd_cases.send_reversal(client, town, name)


def show_figures(run: Run, client: Client, node: EvmClient, town: Town, data: DataSet, tally: Tally) -> Books:
    """Step 3: wait for the chain, then show what happened."""
    with run.step("anchored, settled and mirrored"):
        started = time.monotonic()
        with run.progress("leaves settled", 1) as bar:
            status = wait_until_settled(
                client, lambda done, all_: bar.update(bar.task_ids[0], completed=done, total=all_)
            )
        settling = time.monotonic() - started
    with run.step("figures"):
        contracts = status["contracts"]
        token = str(contracts["TimeCredit"]) if isinstance(contracts, dict) else ""
        books = read_books(client, node, town, token)
        outcomes = report.read_outcomes(client)
        tell(report.format_figures(data, tally, status, outcomes, settling))
        tell(report.format_books(books, town))
    redeemed = tally.accepted["redemption.recorded"]
    bought = tally.accepted["purchase.recorded"]
    run.require("baskets", bought >= min(LEAST_BASKETS, run.baskets), f"only {bought} baskets")
    if run.baskets >= LEAST_BASKETS:
        run.require("redemptions", redeemed >= LEAST_REDEMPTIONS, f"only {redeemed} redemptions")
    run.require("balances are the supply", books.balanced, f"{books.total} is not {books.supply}")
    return books


def check_offline(run: Run, client: Client, tally: Tally, addresses: Addresses) -> tuple[Checked, Checked]:
    """Step 4: proof files of random members, verified offline, then with a flipped bit."""
    chosen = choose_records(tally.records, run.sample, SEED)
    pinned = run.folder.parent / f"{run.folder.name}-trust-root.json"
    shutil.copyfile(addresses.trust_root, pinned)
    with run.step(f"{len(chosen)} members' proof files"), run.progress("proofs", len(chosen)) as bar:
        files = write_proofs(client, chosen, run.folder / "proofs", lambda: bar.advance(bar.task_ids[0]))
    with run.step("verified without a network"):
        good = verify_offline(files, pinned, addresses.gateway)
        tell(report.format_checked("as they are", good))
        passed = good.outcomes["pass"] == len(files) and good.exit_code == 0
        run.require("proof files verify", passed, f"{dict(good.outcomes)} {dict(good.failed_steps)}")
    with run.step("verified again, one bit flipped in each"):
        bad = verify_offline(flip_all(files, run.folder / "flipped", SEED), pinned, addresses.gateway)
        tell(report.format_checked("one bit flipped", bad))
        refused = bad.outcomes["mismatch"] == len(files) and sum(bad.failed_steps.values()) == len(files)
        run.require("flipped bits are refused", refused and bad.exit_code == 1, f"{dict(bad.outcomes)}")
    return good, bad


def rebuild_mirror(run: Run, service: Service) -> None:
    """Step 5: restart, rebuild the mirror from block 0 into an empty database, compare row for row."""
    with run.step("restarted"):
        addresses = service.start()
    try:
        with run.step("mirror rebuilt from block 0 and compared"):
            argv = [str(Path(sys.executable).parent / "tongyi"), "mirror", "rebuild", "--json"]
            argv += ["--data", str(run.folder), "--chain-url", addresses.rpc]
            argv += ["--into", f"sqlite:///{run.folder.parent / (run.folder.name + '-rebuilt.sqlite3')}"]
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
            run.require("mirror rebuilds equal", done.returncode == 0, (done.stderr + done.stdout)[-2000:])
            tell(report.format_rebuild(json.loads(done.stdout)))
    finally:
        with run.step("stopped"):
            service.stop()


def tell_story(run: Run, service: Service, serve: bool) -> None:
    """All five steps in order. Raises StoryFailed."""
    with run.step("the data set"):
        data = load_baskets(run.baskets)
        tell(report.format_data_set(data, ASSUMPTIONS))
    with run.step("embedded chain, contracts, gateway"):
        addresses = service.start()
    try:
        node = EvmClient(addresses.rpc, expected_chain_id=addresses.chain_id)
        with Client(addresses.gateway, addresses.platform_key) as client:
            town, tally = load_story(run, client, data)
            reversal = show_odd_cases(run, client, town, data, tally, addresses)
            show_figures(run, client, node, town, data, tally)
            refused = odd_cases.show_reversal(client, reversal)
            tell(report.format_odd_cases([refused]))
            run.require("an unapproved reversal", refused.as_expected, f"ended as {refused.got}")
            check_offline(run, client, tally, addresses)
        node.close()
        if serve:
            keep_serving(addresses)
    finally:
        with run.step("stopped"):
            service.stop(check=sys.exc_info()[0] is None)
    if not serve:
        rebuild_mirror(run, service)


def keep_serving(addresses: Addresses) -> None:
    """Print the addresses and wait for Ctrl-C or SIGTERM."""
    tell(report.format_addresses(addresses))
    ended = False

    def end(number: int, frame: object) -> None:
        nonlocal ended
        ended = True

    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, end)
    while not ended:
        signal.pause()


def remove_traces(folder: Path) -> None:
    """A run begins with nothing of an earlier one."""
    for path in (folder, *folder.parent.glob(f"{folder.name}-*"), folder.parent / f"{folder.name}.log"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="scripts/demo", description="The main job from end to end.")
    parser.add_argument(
        "--serve", action="store_true", help="keep the gateway running and print its addresses"
    )
    parser.add_argument("--json", action="store_true", help="print a last line with the results as JSON")
    parser.add_argument("--data", type=Path, default=FOLDER, help="data folder, emptied first")
    parser.add_argument("--baskets", type=int, default=BASKETS, help="how many baskets (default %(default)s)")
    parser.add_argument("--sample", type=int, default=SAMPLE, help="how many members' proofs")
    options = parser.parse_args(argv)
    folder = options.data.resolve()
    run = Run(folder, options.baskets, options.sample, Console(stderr=True))
    remove_traces(folder)
    started = time.monotonic()
    failure = ""
    try:
        tell_story(run, Service(folder), options.serve)
    except FAILURES as error:
        failure = str(error) or type(error).__name__
    total = time.monotonic() - started
    tell(report.format_end(run.seconds, total, failure))
    if options.json:
        result = {"ok": not failure, "failure": failure, "seconds": run.seconds, "checks": run.checks}
        print(json.dumps({**result, "total_seconds": round(total, 1), "cpus": os.cpu_count()}))
    return 1 if failure else 0


if __name__ == "__main__":
    sys.exit(main())
