"""What a consortium must stand, played on real validators: ``scripts/consortium --selftest``.

1. validators start and seal; 2. the contracts are deployed and a gateway serves; 3. real baskets are
recorded; 4. anchors are final after the stated depth; 5. every kind of proof file passes without a network,
forged seals do not; 6. a validator is killed and comes back; 7. a reorganisation; 8. the books agree.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from chain.errors import NotaryError
from chain.evm.client import EvmClient
from scripts.clique import reorganisation, sealed
from scripts.clique.network import Network, NetworkError, Settings, block_of, height
from scripts.clique.node import NodeFailed, wait_until
from scripts.clique.report import CheckFailed, Report
from scripts.retail.baskets import load_baskets
from scripts.retail.client import Client, UnexpectedAnswer
from scripts.retail.offline import VerifierFailure
from scripts.retail.service import Addresses, Service, ServiceError
from scripts.retail.settling import NotSettled, number, read_books, wait_until_settled
from scripts.retail.town import Town, join_all, open_chapters, plan_town, rebates_by_chapter
from scripts.retail.traffic import Tally, send_traffic

BASKETS = 150
CHAPTERS = 2
RUN = "consortium"
PATIENCE = 120.0
_FAILURES = (
    CheckFailed, NodeFailed, NetworkError, NotaryError, NotSettled, ServiceError, TimeoutError,
    UnexpectedAnswer, VerifierFailure,
)  # fmt: skip


@dataclass(slots=True)
class Story:
    """One run: the network, the gateway on it, and what was recorded."""

    report: Report
    network: Network
    service: Service
    addresses: Addresses
    client: Client
    node: EvmClient
    town: Town = field(default_factory=lambda: Town({}, {}))
    tally: Tally = field(default_factory=Tally)
    sent: list[str] = field(default_factory=list)

    @property
    def depth(self) -> int:
        """Following blocks after which a block is final here."""
        return len(self.network.validators)

    def post(self, path: str, body: dict[str, object]) -> str:
        """Record one entry that must be taken; returns its id."""
        made = self.client.post(path, body, f"{RUN}-{len(self.sent)}").require(path)
        self.sent.append(str(made["id"]))
        return self.sent[-1]

    def settle(self) -> None:
        """Wait until everything recorded is settled and final."""
        wait_until_settled(self.client, lambda done, of: None)


def load_town(story: Story) -> None:
    """Step 3: members, merchants and baskets of the retail data set."""
    baskets = load_baskets(BASKETS).baskets
    town = story.town = plan_town(baskets, CHAPTERS)
    open_chapters(story.client, town, rebates_by_chapter(town, baskets), RUN)
    join_all(story.client, town, RUN, lambda: None)
    story.tally = send_traffic(story.client, town, baskets, RUN, lambda count: None)
    story.settle()
    status = story.client.status()
    report = story.report
    report.counts["entries"] = number(status, "entries")
    report.counts["operations"] = story.tally.operations
    report.require(
        "a few hundred entries are settled", number(status, "settled_index") >= 2 * BASKETS, f"{status}"
    )
    # Some customers of the data set redeem more than their rebates here have brought them.
    codes = {code for _, code in story.tally.refused}
    report.require("nothing but too low balances was refused", codes <= {"balance.insufficient"}, f"{codes}")


def pair(story: Story) -> tuple[str, str, str]:
    """A chapter and two of its members."""
    homes = story.town.chapter_of_household
    chapter = max(story.town.chapters, key=list(homes.values()).count)
    one, two = [story.town.members[house] for house in sorted(homes) if homes[house] == chapter][:2]
    return chapter, one, two


def send_kinds(story: Story) -> sealed.Sample:
    """Record one entry of every kind that a proof file can be about."""
    chapter, one, two = pair(story)
    pool, merchant = story.town.pools[chapter], story.town.merchants[min(story.town.merchants)]
    grant: dict[str, object] = {"chapter": chapter, "from": pool, "to": one, "amount": "5000"}
    entries = {"purchase": story.tally.purchases[0], "transfer": story.post("/v1/credits/transfer", grant)}
    leaf = story.client.get(f"/v1/entries/{entries['transfer']}").require("entry")["leaf_hash"]
    issue = {"chapter": chapter, "to": pool, "amount": "1000"}
    entries["issue"] = story.post("/v1/credits/issue", {**issue})
    move = {"kind": "transfer", "from": one, "to": two, "amount": "300"}
    entries["gift"] = story.post("/v1/entries", {"type": "gift.sent", "chapter": chapter, "op": move})
    redeem = {"chapter": chapter, "from": one, "to": merchant, "amount": "200"}
    entries["redemption"] = story.post("/v1/credits/redeem", {**redeem})
    lock = {"chapter": chapter, "from": one, "to": one, "amount": "700"}
    entries["lock"] = story.post("/v1/credits/lock", {**lock})
    # Nobody approves it: the contract refuses, and that it did is proven like anything else.
    back = {"chapter": chapter, "from": one, "to": pool, "amount": "100", "ref": leaf}
    entries["refused"] = story.post("/v1/credits/reverse", {**back})
    story.settle()
    ended = story.client.get(f"/v1/entries/{entries['refused']}").require("entry")["outcome"]
    state = ended.get("reason") if isinstance(ended, dict) else None
    story.report.require("an unapproved reversal is refused on chain", state == "not_approved", f"{ended}")
    return sealed.Sample(entries, one)


def check_depth(story: Story) -> None:
    """Step 4: an entry counts as final when enough blocks follow its own, and not before."""
    chapter, one, two = pair(story)
    move = {"kind": "transfer", "from": two, "to": one, "amount": "10"}
    entry = story.post("/v1/entries", {"type": "gift.sent", "chapter": chapter, "op": move})
    reply = story.client.get(f"/v1/entries/{entry}/proof")
    story.report.require("no proof file before its time", reply.code == "proof.pending", reply.code)

    def is_final() -> bool:
        return story.client.get(f"/v1/entries/{entry}").require("entry")["state"] == "final"

    wait_until("the entry is final", is_final, PATIENCE)
    file = story.service.data.parent / "depth.proof.json"
    file.write_bytes(story.client.get_proof(entry))
    head, block = story.node.block_number(), sealed.anchor_block(file)
    followed = head - block
    story.report.require(f"final after {story.depth} blocks", followed >= story.depth, f"only {followed}")


def check_proofs(story: Story, folder: Path) -> None:
    """Step 5."""
    pinned = folder.parent / "pinned-trust-root.json"
    shutil.copyfile(story.addresses.trust_root, pinned)
    files = sealed.fetch_kinds(story.client, send_kinds(story), folder)
    story.report.counts["proof_files"] = len(files)
    sealed.check_kinds(story.report, files, pinned, story.addresses.gateway, story.depth)
    sealed.check_forgeries(story.report, files["transfer"], pinned)


def gifts(story: Story, count: int) -> None:
    """Record gifts between two members."""
    chapter, one, two = pair(story)
    for _ in range(count):
        move = {"kind": "transfer", "from": one, "to": two, "amount": "1"}
        story.post("/v1/entries", {"type": "gift.sent", "chapter": chapter, "op": move})


def lose_a_validator(story: Story) -> None:
    """Step 6: one validator is killed; the chain goes on; it comes back, catches up and seals again."""
    network, report = story.network, story.report
    victim, others = network.validators[-1], network.validators[:-1]
    victim.kill()
    at = height(others[0])
    gifts(story, 5)
    wait_until("blocks without it", lambda: height(others[0]) >= at + 2 * story.depth, PATIENCE)
    story.settle()
    report.require("the chain goes on with a validator away", True)
    network.restart(victim)
    wait_until("it catches up", lambda: abs(height(victim) - height(others[0])) <= 1, PATIENCE)
    back = height(others[0])
    own = bytes.fromhex(victim.plan.address[2:])

    def seals_again() -> bool:
        headers = story.node.headers(back, story.node.block_number() + 1)
        return own in sealed.signers_of([header.raw for header in headers])

    wait_until("it seals again", seals_again, PATIENCE, pause=0.5)
    same = block_of(victim, back)["hash"] == block_of(others[0], back)["hash"]
    report.require("it catches up with the same chain and seals again", same)


def reorganise(story: Story) -> None:
    """Step 7: the member's blocks of a minority are replaced by the majority's."""
    status = story.client.status()
    contracts = status["contracts"]
    anchor = str(contracts["LogAnchor"]) if isinstance(contracts, dict) else ""
    before = len(stepped_back(story.service.log))
    reorganisation.play(story.report, story.network, story.service.data, anchor, lambda: gifts(story, 10))
    story.settle()
    back = stepped_back(story.service.log)[before:]
    story.report.require("the mirror stepped back", bool(back), "its log says nothing of it")
    story.report.counts["mirror_steps_back"] = len(back)


def stepped_back(log: Path) -> list[str]:
    """Lines of the gateway's log that say so."""
    return [line for line in log.read_text(errors="replace").splitlines() if '"mirror stepped back"' in line]


def check_books(story: Story) -> None:
    """Step 8: no entry is lost, balances are the supply."""
    report = story.report
    states = [story.client.get(f"/v1/entries/{entry}").require("entry")["state"] for entry in story.sent]
    report.require("no entry is lost and all are final", set(states) == {"final"}, f"{set(states)}")
    status = story.client.status()
    contracts = status["contracts"]
    token = str(contracts["TimeCredit"]) if isinstance(contracts, dict) else ""
    books = read_books(story.client, story.node, story.town, token)
    report.require("balances are the supply", books.balanced, f"{books.total} is not {books.supply}")
    report.counts["entries"] = number(status, "entries")
    report.counts["blocks"] = story.node.block_number()
    report.counts["supply"] = books.supply


def check_stopped(report: Report, network: Network, data: Path) -> None:
    """Step 8 with the gateway stopped: mirror against contract, the bytes, and a mirror built anew."""
    tongyi = [str(Path(sys.executable).parent / "tongyi")]
    place, rpc = ["--data", str(data)], ["--chain-url", network.url]
    rebuilt = f"sqlite:///{data.parent / 'rebuilt.sqlite3'}"
    commands = {
        "reconciled with 0 mismatches": [*tongyi, "reconcile", *place, *rpc, "--json"],
        "the ledger's bytes are whole": [*tongyi, "fsck", *place, "--json"],
        "a mirror built anew is equal": [
            *tongyi,
            "mirror",
            "rebuild",
            *place,
            *rpc,
            "--into",
            rebuilt,
            "--json",
        ],
    }
    for name, argv in commands.items():
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        report.require(name, done.returncode == 0, (done.stderr + done.stdout)[-600:])


@contextmanager
def gateway_on(report: Report, network: Network, folder: Path, settings: dict[str, str]) -> Iterator[Story]:
    """Step 2: deploy with the command line, then serve."""
    data = folder / "gateway"
    with report.step("contracts and gateway", "部署合约并启动网关"):
        argv = [str(Path(sys.executable).parent / "tongyi"), "deploy", "--data", str(data), "--json"]
        done = subprocess.run(
            argv, env={**os.environ, **settings}, capture_output=True, text=True, check=False
        )
        report.require("the contracts are deployed", done.returncode == 0, done.stderr[-600:])
        service = Service(data, settings=settings)
        addresses = service.start()
    try:
        node = EvmClient(addresses.rpc, expected_chain_id=addresses.chain_id)
        with Client(addresses.gateway, addresses.platform_key) as client:
            yield Story(report, network, service, addresses, client, node)
        node.close()
    finally:
        with report.step("gateway stopped", "停止网关"):
            service.stop(check=sys.exc_info()[0] is None)


def tell(report: Report, network: Network, folder: Path, settings: dict[str, str]) -> None:
    """All steps on a network that runs."""
    with gateway_on(report, network, folder, settings) as story:
        steps: list[tuple[str, str, Callable[[], None]]] = [
            ("real baskets recorded and settled", "录入真实购物篮并结算", lambda: load_town(story)),
            ("final after the stated depth", "达到约定深度后终局", lambda: check_depth(story)),
            (
                "proof files, seals and forgeries",
                "证明文件、签封与伪造",
                lambda: check_proofs(story, folder / "proofs"),
            ),
            ("a validator killed and restarted", "终止并重启一个验证节点", lambda: lose_a_validator(story)),
            ("a reorganisation", "链重组", lambda: reorganise(story)),
            ("the books", "核对账目", lambda: check_books(story)),
        ]
        for name, chinese, step in steps:
            with report.step(name, chinese):
                step()
    with report.step("the gateway's data, stopped", "停机后核对数据"):
        check_stopped(report, network, folder / "gateway")


def run_selftest(geth: Path, folder: Path, settings: Settings, *, as_json: bool) -> int:
    """Play everything; returns 0 where all of it held. The last line on stdout sums up."""
    report, failure = Report(), ""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        network = Network(geth, folder, settings, report.say)
        data = folder.parent / f"{folder.name}-selftest"
        shutil.rmtree(data, ignore_errors=True)
        try:
            with report.step("validators", "启动验证节点"):
                network.start()
            report.counts["validators"] = len(network.validators)
            tell(report, network, data, network.settings())
        finally:
            with report.step("validators stopped", "停止验证节点"):
                network.stop()
        report.require("every process has ended", all(node.pid is None for node in network.nodes))
    except _FAILURES as error:
        failure = str(error)
    except KeyboardInterrupt:
        failure = "interrupted"
    result = report.result(failure)
    if as_json:
        print(json.dumps(result, ensure_ascii=False), flush=True)
    else:
        held, total = sum(report.checks.values()), result["total_seconds"]
        print(
            f"✗ {failure}" if failure else f"✓ {held} checks held  全部 {held} 项通过  {total} s", flush=True
        )
    return 1 if failure else 0


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt
