"""What a failpoint case does beside the common load, so that its step is reached, and what must hold then.

A companion prepares the stopped gateway, asks or does something beside the load, waits for its own end, and
says in the end what is not as it should be. Most steps need none of it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping

from chain.evm.local import CHAIN_ID
from chain.evm.signers.base import LocalKey
from chain.evm.transactions import TransactionFields
from scripts.faults.failpoint_cases import CASES, Drive, Point
from scripts.faults.onchain import Chain
from scripts.faults.running import ROTATE_SIGNER, SIGNER
from scripts.faults.stored import Stored
from scripts.faults.world import Case

PATIENCE = 40.0
"""Seconds in which something that is waited for must have come."""
COMMAND_SECONDS = 60.0
_HUGE_GAS = 700_000_000_000
"""More than any block has."""


class Companion:
    """A case with nothing beside the load; the others change what they need."""

    earlier: str | None = None
    """The step at which a gateway is crashed under load first, so that something is left to `prepare`."""
    comes_to_rest = True
    """Whether all goes on after the fault, so that the checker can decide."""

    def __init__(self, case: Case, point: Point) -> None:
        self.case = case
        self.point = point
        self.stored = Stored(case.database)

    def prepare(self) -> None:
        """Change the stopped gateway's data or chain, before the armed start."""

    def finish_command(self) -> None:
        """Do what an operator does after the armed command, before the gateway is started."""

    def start(self, target: object) -> None:
        """Begin what is done beside the load."""

    def finish(self) -> list[str]:
        """Wait for the end of it, while the gateway runs; return what is wrong."""
        return []

    def verify(self) -> list[str]:
        """Return what is wrong in the stopped gateway's data."""
        return []

    def close(self) -> None:
        """End whatever still runs."""


class Changed(Companion):
    """Something in the stopped gateway's database is otherwise than a gateway leaves it."""

    def prepare(self) -> None:
        """Change it."""
        self.stored.change(_CHANGES[CASES[self.point.name]])


_CHANGES: Mapping[Drive, str] = {
    # As before the outbox first saw it: its nonces begin where the chain has them.
    Drive.FRESH_KEY: "DELETE FROM chain_signers WHERE signer = 'freezer'",
    Drive.GAP: "UPDATE chain_signers SET next_nonce = next_nonce + 2 WHERE signer = 'operator'",
    Drive.UNPROVEN: (
        "INSERT INTO mirror_unproven (chain_id, number, hash) "
        "SELECT chain_id, number, hash FROM mirror_blocks ORDER BY number DESC LIMIT 1"
    ),
}


class Unproven(Changed):
    """A block is noted as one that is still to be proven."""

    def finish(self) -> list[str]:
        """Wait until none is."""
        return wait_for(lambda: self.stored.one("SELECT count(*) FROM mirror_unproven") == 0, "is not proven")


class Foreign(Companion):
    """Somebody else uses a nonce whose bytes the gateway signed and had not sent when it was killed."""

    earlier = "outbox.send:crash-before:1"

    def prepare(self) -> None:
        """Use it."""
        key = LocalKey(bytes.fromhex(self.case.settings["TORTURE_OPERATOR"].removeprefix("0x")))
        nonce = self.stored.one(
            "SELECT min(nonce) FROM chain_transactions WHERE state = 'signed' AND signer = 'operator'"
        )
        fields = TransactionFields(chain_id=CHAIN_ID, nonce=nonce, gas=21_000, to=key.address, data=b"")
        chain = Chain(self.case.rpc)
        chain.call("eth_sendRawTransaction", "0x" + key.sign_transaction(fields).hex())
        failures = wait_for(lambda: chain.transaction_count(bytes(key.address)) > nonce, "is not mined")
        assert not failures, failures  # noqa: S101

    def verify(self) -> list[str]:
        """One call must have lost its nonce, and only one."""
        count = self.stored.one("SELECT count(*) FROM chain_transactions WHERE state = 'replaced'")
        return [] if count == 1 else [f"O3 replaced: {count} calls lost their nonce to another, not 1"]


class Refused(Companion):
    """A queued call asks for more gas than any node takes."""

    earlier = "outbox.sign:crash-before:1"

    def prepare(self) -> None:
        """Have it ask for that."""
        first = "(SELECT min(id) FROM chain_transactions WHERE state = 'queued')"
        self.stored.change(f"UPDATE chain_transactions SET gas = {_HUGE_GAS} WHERE id = {first}")  # noqa: S608

    def verify(self) -> list[str]:
        """Its nonce must have been filled, once."""
        count = self.stored.one("SELECT count(*) FROM chain_transactions WHERE refused_hash IS NOT NULL")
        return [] if count == 1 else [f"O3 filled: {count} calls were refused, not 1"]


class Withdrawn(Companion):
    """The first of several windows of settlement has failed, and those behind it have no nonce yet."""

    earlier = "settle.queue:crash-after:1"

    def __init__(self, case: Case, point: Point) -> None:
        super().__init__(case, point)
        # One window an entry, and many entries before the first window.
        case.settings |= {"TONGYI_WINDOW_LEAVES": "1", "TONGYI_INTEGRATE_INTERVAL": "0.5"}

    def prepare(self) -> None:
        """Fail it."""
        count, first = self.stored.rows(
            "SELECT count(*), min(id) FROM chain_transactions WHERE kind = 'settle' AND state = 'queued'"
        )[0]
        assert count > 1, f"{count} windows are queued"  # noqa: S101
        self.stored.change(f"UPDATE chain_transactions SET state = 'failed' WHERE id = {first}")  # noqa: S608

    def verify(self) -> list[str]:
        """Those behind it must have been withdrawn; where that failed, they may have been sent meanwhile."""
        count = self.stored.one("SELECT count(*) FROM chain_transactions WHERE error LIKE 'withdrawn:%'")
        return [] if count or not self.point.is_done else ["O3 withdrawn: no window was"]


class Halted(Companion):
    """The chain takes back what is final: the mirror keeps the evidence and stops, and writing ends."""

    comes_to_rest = False

    def __init__(self, case: Case, point: Point) -> None:
        super().__init__(case, point)
        self._mirrored = 0

    def start(self, target: object) -> None:
        """Keep where the mirror stands before."""
        self._mirrored = self.stored.one("SELECT count(*) FROM mirror_logs")

    def finish(self) -> list[str]:
        """Wait for the evidence."""
        return wait_for(lambda: self.stored.one("SELECT count(*) FROM mirror_halts") > 0, "kept no evidence")

    def verify(self) -> list[str]:
        """One contradiction, once; what was mirrored stays."""
        failures = []
        if (count := self.stored.one("SELECT count(*) FROM mirror_halts")) != 1:
            failures.append(f"O9 evidence: {count} rows of one contradiction")
        if (now := self.stored.one("SELECT count(*) FROM mirror_logs")) < self._mirrored:
            failures.append(f"O9 overwritten: {now} events are mirrored, {self._mirrored} were")
        return failures


class ApiKey(Companion):
    """The command gives the platform's key a follower; the old one holds for a day yet."""

    def verify(self) -> list[str]:
        """There is one where the commit happened, else none."""
        count = self.stored.one("SELECT count(*) FROM api_keys WHERE replaces IS NOT NULL")
        want = int(self.point.is_done)
        return [] if count == want else [f"O8 key: {count} keys follow another, not {want}"]


class SignerKey(Companion):
    """The command gives a role another key on chain; run again, it finishes what it began."""

    def __init__(self, case: Case, point: Point) -> None:
        super().__init__(case, point)
        # Follows from the case, so that a case that is repeated is the same one.
        secret = Chain(case.rpc).call("web3_sha3", "0x" + point.seed.encode().hex())
        case.settings[f"TORTURE_{SIGNER.upper()}"] = str(secret)

    def finish_command(self) -> None:
        """Run it again."""
        process = self.case.process(ROTATE_SIGNER)
        process.start()
        process.wait_end(COMMAND_SECONDS)
        if process.exit_code != 0:
            raise AssertionError(f"run again it ended with {process.exit_code}: {process.log()[-600:]}")

    def verify(self) -> list[str]:
        """One entry names the new key."""
        bodies = self.stored.rows("SELECT body FROM entries")
        count = sum(json.loads(bytes(body))["type"] == "key.rotated" for (body,) in bodies)
        return [] if count == 1 else [f"O2 key: {count} entries name a new key, not 1"]


def wait_for(holds: Callable[[], bool], what: str) -> list[str]:
    """Wait until something holds; return that it does not where it takes too long."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            return [f"O10 {what}"]
        time.sleep(0.03)
    return []
