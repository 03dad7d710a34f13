"""The independent checker: decides from what clients wrote down, SQL, tiles and chain whether all is true.

Shares no code with the product (a row of tests/architecture/test_imports.py holds it to that) and asks the
gateway nothing. Run it on a gateway that has come to rest. Oracles are those of the fault catalogue:

O1 every accepted entry is there, at its index, with its leaf and a receipt that holds; O2 at most one entry
a key, none of a refused key, none of nobody; O3 each operation happened exactly once on chain, nonces have
no gap, the outbox is empty; O4 events, balances, supply and SQL agree; O5 checkpoints only grow and are all
of one tree; O6 anchors are of that tree and grow; O7 mirrored blocks and events are the chain's; O8 nothing
called final is otherwise now, no proof shown is false; O9 tiles, checkpoint and SQL give one root; O10 no
answer was one that no client should get.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.faults import onchain
from scripts.faults.derived import find_repeated_windows, find_without_right, read_registers, sum_movements
from scripts.faults.journals import read_journals
from scripts.faults.onchain import Chain
from scripts.faults.published import read_bundles, read_tiles
from scripts.faults.shown import find_false_proofs, find_false_verdicts, find_gaps
from scripts.faults.stored import Stored
from scripts.faults.told import find_untrue
from scripts.faults.tree import Checkpoint, NoCheckpoint, leaf_hash, open_checkpoint, receipt_holds, roots_at


@dataclass(frozen=True, slots=True)
class Place:
    """Where the evidence is: SQL, log folder, node, contracts by name, the log's vkey, the clients' files.

    ``former`` are keys that the log had before.
    """

    database: str
    log: Path
    rpc: str
    contracts: Mapping[str, str]
    vkey: str
    journals: Path
    former: Sequence[str] = ()

    @property
    def log_id(self) -> bytes:
        """The log's name on chain."""
        return hashlib.sha256(self.vkey.partition("+")[0].encode()).digest()


@dataclass(frozen=True, slots=True)
class Failure:
    """An oracle that does not hold, by its name, and what shows it."""

    oracle: str
    what: str

    def __str__(self) -> str:
        return f"{self.oracle}: {self.what}"


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored leaf with what its body says."""

    index: int
    entry_id: str
    leaf: bytes
    mark: str | None
    body: Mapping[str, Any]
    whole: bool

    @property
    def has_operation(self) -> bool:
        """Whether it orders something of the chain."""
        return self.body["op"] is not None


def read_entries(stored: Stored) -> list[Entry]:
    """Return all leaves in order, each held against its body and salt."""
    found = []
    rows = stored.rows("SELECT log_index, entry_id, salt, body, leaf_data FROM entries ORDER BY log_index")
    for index, entry_id, salt, body, data in rows:
        said = json.loads(bytes(body))
        whole = hashlib.sha256(bytes(salt) + bytes(body)).digest() == bytes(data)[1:33]
        whole = whole and said["id"] == entry_id
        public = said["public"]
        mark = public.get("case") or public.get("receipt")
        found.append(Entry(index, entry_id, leaf_hash(bytes(data)), mark, said, whole))
    return found


class Checker:
    """One look at everything; `failures` are the oracles that do not hold."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._stored = Stored(place.database)
        self._chain = Chain(place.rpc)
        self._told = read_journals(place.journals)
        self._entries = read_entries(self._stored)
        credit = place.contracts["TimeCredit"]
        self._outcomes = self._chain.outcomes(credit, place.log_id)

    def failures(self) -> list[Failure]:
        """Return every oracle that does not hold, with what shows it."""
        checks = (
            self._accepted, self._effects, self._exactly_once, self._outbox, self._balances,
            self._checkpoints, self._anchors, self._mirror, self._final, self._told_events, self._published,
            self._shown, self._derived,
        )  # fmt: skip
        return [failure for check in checks for failure in check()]

    def _accepted(self) -> Iterator[Failure]:
        entries = self._entries
        for key, answer in self._told.accepted.items():
            index = answer["index"]
            if index >= len(entries) or entries[index].index != index:
                yield Failure("O1 lost", f"{key}: accepted at {index}, the log has {len(entries)}")
                continue
            entry = entries[index]
            if (entry.entry_id, entry.leaf.hex()) != (answer["id"], answer["leaf_hash"]):
                yield Failure("O1 changed", f"{key}: accepted as {answer['id']}, stored is {entry.entry_id}")
            receipt = answer["receipt"]
            if (receipt["index"], receipt["leaf_hash"]) != (index, answer["leaf_hash"]):
                yield Failure("O1 receipt", f"{key}: receipt of {receipt['index']}, answer says {index}")
            elif not receipt_holds(receipt, self._place.vkey):
                yield Failure("O1 receipt", f"{key}: its signature does not hold")
        for entry in entries:
            if not entry.whole:
                yield Failure("O1 body", f"entry {entry.index} is not the body and salt of its leaf")

    def _effects(self) -> Iterator[Failure]:
        marks = Counter(entry.mark for entry in self._entries if entry.mark)
        by_mark = {asked["order"]: key for key, asked in self._told.asked.items()}
        for asked in self._told.twice:
            yield Failure("O2 double", f"{asked}: accepted as two entries")
        for mark, count in marks.items():
            if (key := by_mark.get(mark)) is None:
                yield Failure("O2 phantom", f"an entry marked {mark} that nobody asked for")
            elif count > 1:
                yield Failure("O2 double", f"{key}: {count} entries")
            elif key in self._told.refused:
                yield Failure("O2 phantom", f"{key}: refused ({self._told.refused[key]}) and recorded")
        for asked in self._told.accepted:
            if marks[self._told.asked[asked]["order"]] == 0:
                yield Failure("O1 lost", f"{asked}: accepted, no entry has its mark")
        for place, entry in enumerate(self._entries):
            if entry.index != place:
                yield Failure("O1 gap", f"entry {place} is missing")
                return

    def _exactly_once(self) -> Iterator[Failure]:
        times = Counter(outcome.index for outcome in self._outcomes)
        by_index = {entry.index: entry for entry in self._entries}
        for index, count in times.items():
            if count != 1:
                yield Failure("O3 double", f"operation of leaf {index} happened {count} times on chain")
        for entry in self._entries:
            if entry.has_operation and not times[entry.index]:
                yield Failure("O3 undone", f"operation of leaf {entry.index} never happened on chain")
        for outcome in self._outcomes:
            found = by_index.get(outcome.index)
            if found is None or not found.has_operation or found.leaf != outcome.leaf_hash:
                yield Failure("O3 foreign", f"the chain executed a leaf {outcome.index} that the log has not")

    def _outbox(self) -> Iterator[Failure]:
        waiting = self._stored.rows(
            "SELECT state, count(*) FROM chain_transactions WHERE state IN ('queued', 'signed', 'sent') "
            "GROUP BY state"
        )
        for state, count in waiting:
            yield Failure("O3 stuck", f"{count} calls are still {state}")
        for address, signer, following in self._stored.rows(
            "SELECT address, signer, next_nonce FROM chain_signers"
        ):
            mined = self._chain.transaction_count(bytes(address))
            if mined != following:
                yield Failure("O3 nonce", f"{signer}: next nonce here {following}, on chain {mined}")

    def _balances(self) -> Iterator[Failure]:
        sums = sum_movements(self._outcomes)
        credit = self._place.contracts["TimeCredit"]
        mirrored = {
            bytes(address): int(balance)
            for address, balance in self._stored.rows("SELECT address, balance FROM mirror_accounts")
        }
        accounts = sorted(set(mirrored) | set(sums))
        for account, held in zip(accounts, self._chain.balances(credit, accounts), strict=True):
            name = account.hex()
            if held != sums.get(account, 0):
                yield Failure("O4 events", f"{name} holds {held}, its events give {sums.get(account, 0)}")
            if account in mirrored and mirrored[account] != held:
                yield Failure("O4 mirror", f"{name} holds {held}, the mirror says {mirrored[account]}")
            if account not in mirrored and held:
                yield Failure("O4 mirror", f"{name} holds {held} and is not mirrored")
        supply = self._chain.view(credit, "totalSupply()")
        if supply != sum(sums.values()):
            yield Failure("O4 supply", f"supply is {supply}, all events give {sum(sums.values())}")

    def _checkpoints(self) -> Iterator[Failure]:
        seen: list[Checkpoint] = []
        for note in self._told.seen:
            try:
                seen.append(open_checkpoint(note.encode(), self._place.vkey, *self._place.former))
            except NoCheckpoint as error:
                yield Failure("O5 note", f"a checkpoint was shown that is none: {error}")
        yield from self._of_one_tree("O5", [(one.size, one.root) for one in seen])
        for before, after in itertools.pairwise(seen):
            if after.size < before.size:
                yield Failure("O5 shrunk", f"a checkpoint of {after.size} was shown after {before.size}")
        rows = self._stored.rows("SELECT size, root, note FROM checkpoints ORDER BY size")
        yield from self._of_one_tree("O5", [(size, bytes(root)) for size, root, _ in rows])
        signed = {size for size, _, _ in rows}
        for one in seen:
            if one.size not in signed:
                yield Failure("O8 forgotten", f"a checkpoint of {one.size} was shown and is not stored")

    def _of_one_tree(self, oracle: str, trees: Sequence[tuple[int, bytes]]) -> Iterator[Failure]:
        leaves = [entry.leaf for entry in self._entries]
        roots = roots_at(leaves, [size for size, _ in trees])
        for size, root in trees:
            if size > len(leaves):
                yield Failure(
                    f"{oracle} ahead", f"a tree of {size} was signed, {len(leaves)} leaves are here"
                )
            elif roots[size] != root:
                yield Failure(f"{oracle} root", f"another root was signed for size {size}")

    def _anchors(self) -> Iterator[Failure]:
        anchors = self._chain.anchors(self._place.contracts["LogAnchor"], self._place.log_id)
        yield from self._of_one_tree("O6", [(one.size, one.root) for one in anchors])
        for before, after in itertools.pairwise(anchors):
            if after.size <= before.size:
                yield Failure("O6 shrunk", f"anchor {after.size} after {before.size}")

    def _mirror(self) -> Iterator[Failure]:
        blocks = self._stored.rows("SELECT number, hash, parent_hash FROM mirror_blocks ORDER BY number")
        for (number, block_hash, _), (following, _, parent) in itertools.pairwise(blocks):
            if following != number + 1 or bytes(parent) != bytes(block_hash):
                yield Failure("O7 blocks", f"mirrored block {following} does not follow {number}")
        if not blocks:
            yield Failure("O7 blocks", "nothing is mirrored")
            return
        last = blocks[-1][0]
        there = self._chain.call("eth_getBlockByNumber", hex(last), False)
        if there is None or there["hash"] != "0x" + bytes(blocks[-1][1]).hex():
            yield Failure("O7 blocks", f"mirrored block {last} is not the chain's")
        mirrored = [
            (block, index, bytes(tx), bytes(address), bytes(topics), bytes(data))
            for block, index, tx, address, topics, data in self._stored.rows(
                "SELECT block_number, log_index, tx_hash, address, topics, data FROM mirror_logs "
                "ORDER BY block_number, log_index"
            )
        ]
        scanned = [row for row in self._scan(blocks[0][0]) if row[0] <= last]
        missing, false = set(scanned) - set(mirrored), set(mirrored) - set(scanned)
        if missing or false or len(mirrored) != len(scanned):
            shown = sorted(missing | false)[:1]
            yield Failure(
                "O7 events",
                f"{len(missing)} events are not mirrored, {len(false)} are no events: {shown}",
            )

    def _scan(self, first: int) -> Iterator[tuple[int, int, bytes, bytes, bytes, bytes]]:
        # Roles are read from the contract itself; the mirror does not follow them.
        followed = [address for name, address in self._place.contracts.items() if name != "RoleManager"]
        for log in self._chain.logs(followed):
            number = int(log["blockNumber"], 16)
            if log["topics"][0] == onchain.TRANSFER or number < first:
                continue
            yield (
                number, int(log["logIndex"], 16), bytes.fromhex(log["transactionHash"][2:]),
                bytes.fromhex(log["address"][2:]), bytes.fromhex("".join(one[2:] for one in log["topics"])),
                bytes.fromhex(log["data"][2:]),
            )  # fmt: skip

    def _final(self) -> Iterator[Failure]:
        by_id = {entry.entry_id: entry.index for entry in self._entries}
        outcomes = {outcome.index: outcome for outcome in self._outcomes}
        for told in self._told.final:
            index = by_id.get(told["id"])
            if index is None or index != told["index"]:
                yield Failure("O8 taken back", f"{told['id']} was called final and is not at {told['index']}")
                continue
            said, outcome = told.get("outcome"), outcomes.get(index)
            if said is None:
                continue
            if outcome is None or (said["status"] == "done") != outcome.done:
                yield Failure("O8 taken back", f"{told['id']} was called {said['status']} for good")
            elif told.get("tx_hash") not in (None, outcome.tx_hash):
                yield Failure("O8 taken back", f"{told['id']} was final in another transaction")

    def _told_events(self) -> Iterator[Failure]:
        operations = [entry.index for entry in self._entries if entry.has_operation]
        yield from (Failure("O2 told", what) for what in find_untrue(self._stored, operations))

    def _published(self) -> Iterator[Failure]:
        note = (self._place.log / "checkpoint").read_bytes()
        try:
            shown = open_checkpoint(note, self._place.vkey)
        except NoCheckpoint as error:
            yield Failure("O9 checkpoint", str(error))
            return
        if shown.size != len(self._entries):
            yield Failure("O9 checkpoint", f"shows {shown.size} of {len(self._entries)} entries")
        signed = self._stored.rows("SELECT size, root FROM log_trees")
        if [(size, bytes(root)) for size, root in signed] != [(shown.size, shown.root)]:
            yield Failure("O9 checkpoint", "is not what was signed last")
        leaves = [entry.leaf for entry in self._entries][: shown.size]
        if read_tiles(self._place.log, shown.size) != leaves:
            yield Failure("O9 tiles", "the lowest tiles are not the leaves of SQL")
        elif [leaf_hash(data) for data in read_bundles(self._place.log, shown.size)] != leaves:
            yield Failure("O9 bundles", "the bundles of entries are not the leaves of SQL")
        elif roots_at(leaves, [shown.size]).get(shown.size) != shown.root:
            yield Failure("O9 root", f"the leaves do not give the root of {shown.size}")

    def _shown(self) -> Iterator[Failure]:
        told, leaves = self._told, [entry.leaf for entry in self._entries]
        vkeys = (self._place.vkey, *self._place.former)
        yield from (Failure("O8 proof", what) for what in find_false_proofs(told.proofs, leaves, vkeys))
        yield from (Failure("O8 verdict", what) for what in find_false_verdicts(told.verdicts))
        operations = sum(entry.has_operation for entry in self._entries)
        yield from (Failure("O2 heard", what) for what in find_gaps(told.heard, operations))
        for key, code in told.refused.items():
            # Clients never give one key to two things.
            if code == "idempotency.key_reused":
                yield Failure("O2 key", f"{key}: refused as used for something else")

    def _derived(self) -> Iterator[Failure]:
        bodies = [entry.body for entry in self._entries]
        yield from (Failure("O2 frozen", what) for what in find_without_right(bodies))
        yield from (Failure("O3 window", what) for what in find_repeated_windows(self._stored))
        sums = sum_movements(self._outcomes)
        for account, held in read_registers(self._stored).items():
            if held != sums.get(account, 0):
                yield Failure(
                    "O4 registers", f"{account.hex()} holds {sums.get(account, 0)}, registers {held}"
                )


def check(place: Place) -> list[Failure]:
    """Return every oracle that does not hold. Raises OSError or NoAnswer where evidence cannot be read."""
    return Checker(place).failures()
